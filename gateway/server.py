"""Listen: uvicorn, with patience for slow clients that ends."""

import asyncio
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.app import create_app
from gateway.assembly import House
from gateway.settings import Settings

MAX_HEAD_BYTES = 32 << 10  # 32 KiB of request line and headers


def protocol_with_patience(seconds: float) -> type[H11Protocol]:
    """uvicorn's own protocol, which waits for ever for a request's head, told to hang up after so many seconds."""

    class PatientProtocol(H11Protocol):
        _hang_up: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._wait()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.cycle is not None and not self.cycle.response_complete:
                self._stop_waiting()
            elif self._hang_up is None:
                self._wait()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self._stop_waiting()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def _wait(self) -> None:
            self._hang_up = self.loop.call_later(seconds, self.transport.close)

        def _stop_waiting(self) -> None:
            if self._hang_up is not None:
                self._hang_up.cancel()
                self._hang_up = None

    return PatientProtocol


def serve(house: House, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then drain."""
    config = uvicorn.Config(
        create_app(house),
        host=settings.host,
        port=settings.port,
        http=protocol_with_patience(settings.head_seconds),
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=round(settings.drain_seconds),
        access_log=False,  # an access log would keep addresses; the book and the metrics say what happened
        log_level="warning",
        server_header=False,
    )
    uvicorn.Server(config).run()
