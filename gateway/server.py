"""Listen: uvicorn, with patience for slow clients that ends, and our own words for what is no HTTP."""

import asyncio
import signal
import sys
from typing import Any, ClassVar, cast

import h11
import orjson
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway.app import create_app
from gateway.assembly import House
from gateway.errors import GatewayError, HeadTooLarge, MalformedRequest
from gateway.middleware import MAX_HEAD_BYTES


class PatientProtocol(H11Protocol):
    """uvicorn's own protocol, which waits for ever for a request's head, told to hang up after patience_s seconds."""

    patience_s: ClassVar[float]
    _hang_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._hang_up is None:
            self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this while it handles h11's error, which knows which status fits."""
        told = _what_is_wrong(sys.exc_info()[1])
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.write(_whole_answer(self.conn, told))
        self.transport.close()

    def _wait(self) -> None:
        self._hang_up = self.loop.call_later(self.patience_s, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._hang_up is not None:
            self._hang_up.cancel()
            self._hang_up = None


def configuration(house: House) -> uvicorn.Config:
    """How the house is served."""
    settings = house.settings
    protocol = type("Protocol", (PatientProtocol,), {"patience_s": settings.head_seconds})
    return uvicorn.Config(
        create_app(house),
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=round(settings.drain_seconds),
        access_log=False,  # an access log would keep addresses; the book and the metrics say what happened
        log_level="warning",
        server_header=False,
    )


def serve(house: House) -> None:
    """Serve until SIGTERM or Ctrl-C, then drain and return."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn raises the signal once more when it has drained
    uvicorn.Server(configuration(house)).run()


def _what_is_wrong(error: BaseException | None) -> GatewayError:
    if getattr(error, "error_status_hint", 400) == HeadTooLarge.status:
        return HeadTooLarge("The request's headers are too large.")
    return MalformedRequest("This is no valid HTTP/1.1 request.")


def _whole_answer(connection: h11.Connection, told: GatewayError) -> bytes:
    headers = [("content-type", "application/json"), ("connection", "close")]
    parts: tuple[h11.Event, ...] = (
        h11.Response(status_code=told.status, headers=headers),
        h11.Data(data=orjson.dumps(told.envelope)),
        h11.EndOfMessage(),
    )
    return b"".join(connection.send(part) or b"" for part in parts)
