"""A real receiver of webhooks on loopback that answers as it is told; signatures are checked by another's code."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

HANG, ENDLESS, CUT = "hang", "endless", "cut"


@dataclass(frozen=True)
class Came:
    """One request as it came. path: with its query; headers: in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def type(self) -> str:
        return str(self.told["type"])

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.told["data"])

    def verified(self, secret: str) -> dict[str, Any]:
        """What it tells. Raises WebhookVerificationError unless it is signed with this secret."""
        return dict(Webhook(secret).verify(self.body, self.headers))


@dataclass
class Receiver:
    """answers: an HTTP status, or HANG, ENDLESS, CUT; each in turn, the last one for ever."""

    url: str = ""
    answers: list[int | str] = field(default_factory=lambda: [204])
    came: list[Came] = field(default_factory=list)
    sent: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def types(self) -> list[str]:
        return [one.type for one in self.came]

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        self.came.append(Came(handler.path, headers, body))
        how = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if how == HANG:
            self.over.wait(30)
        elif how == ENDLESS:
            self._answer_for_ever(handler)
        elif isinstance(how, int):
            handler.send_response(how)
            handler.send_header("Location", "/elsewhere")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    def _answer_for_ever(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not self.over.is_set():
            handler.wfile.write(b"x" * 10_000)
            self.sent += 10_000


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            with suppress(OSError):
                receiver.answer(self, body)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook?from=gardefou"
    try:
        yield receiver
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
