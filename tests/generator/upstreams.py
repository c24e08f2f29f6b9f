"""An images API on loopback that says what a test wants, honest or hostile, and remembers what it was asked."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image


@dataclass(frozen=True)
class Said:
    """One answer. length: what the header says of it; None says the truth. hangs: the body never ends."""

    status: int = 200
    content: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    hangs: bool = False


@dataclass
class Heard:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class FakeUpstream:
    """`answer` is called for each request, on threads of their own."""

    answer: Callable[[Heard], Said]
    heard: list[Heard] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    port: int = 0

    @property
    def url(self) -> str:
        """What GARDEFOU_UPSTREAM_URL would be."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def drawings(self) -> int:
        """How often a picture was asked for."""
        return sum(heard.path == "/v1/images/generations" for heard in self.heard)


def encoded(width: int = 64, height: int = 64, kind: str = "PNG", colour: Any = (200, 30, 30)) -> bytes:
    """A picture file."""
    file = io.BytesIO()
    Image.new("RGBA" if len(colour) == 4 else "RGB", (width, height), colour).save(file, kind)
    return file.getvalue()


def says(body: Any, status: int = 200, **headers: str) -> Said:
    """JSON."""
    return Said(status, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})


def picture(content: bytes | None = None) -> Said:
    """The answer that is hoped for."""
    return says({"created": 1, "data": [{"b64_json": base64.b64encode(content or encoded()).decode()}]})


def error(status: int, code: str | None = None, message: str = "no", headers: Any = None, **more: Any) -> Said:
    """An error in OpenAI's format."""
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": code, **more}}
    return says(body, status, **(headers or {}))


@contextmanager
def upstream(answer: Callable[[Heard], Said] | Said) -> Iterator[FakeUpstream]:
    """Serves until the test is over."""
    fake = FakeUpstream(answer if callable(answer) else lambda _: answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(Heard(self.path, dict(self.headers), body))

        def do_GET(self) -> None:
            self._answer(Heard(self.path, dict(self.headers), {}))

        def _answer(self, heard: Heard) -> None:
            fake.heard.append(heard)
            said = fake.answer(heard)
            self.send_response(said.status)
            for name, value in said.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(said.content) if said.length is None else said.length))
            self.end_headers()
            self.wfile.write(said.content)
            if said.hangs:
                self.wfile.flush()
                fake.stopped.wait(30)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        fake.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()
