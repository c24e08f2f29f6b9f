"""What is said over a socket, byte for byte: requests that no library would send, and what an error must look like."""

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.assembly import House
from tests.fakes import FakeGenerator

GENERATIONS = "/v1/images/generations"
GOOD = {"prompt": "a cat on a red chair"}
FOUR_KEYS = {"message", "type", "param", "code"}
PATIENCE_S = 20.0
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Service:
    """A service under test and a client that holds a key of it."""

    house: House
    url: str
    client: httpx.Client
    generator: FakeGenerator

    @property
    def key(self) -> str:
        """The Authorization header's value."""
        return str(self.client.headers["Authorization"])

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def generate(self, **body: Any) -> httpx.Response:
        """Ask for pictures."""
        return self.client.post(GENERATIONS, json=GOOD | body)

    def send(self, content: bytes, path: str = GENERATIONS, **headers: str) -> httpx.Response:
        """A body as it is, said to be JSON."""
        return self.client.post(path, content=content, headers={"Content-Type": "application/json", **headers})

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Whatever happens inside draws nothing, and the next good request is served."""
        with self.undrawn():
            yield
        assert self.generate().status_code == 200

    @contextmanager
    def undrawn(self) -> Iterator[None]:
        """Whatever happens inside draws nothing."""
        asked = len(self.generator.asked)
        yield
        assert len(self.generator.asked) == asked, "the generator was asked"

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(self.address, timeout=PATIENCE_S)

    def say(self, content: bytes) -> "Answer":
        """Send bytes on a connection of their own, and read what comes until it is whole or the server hangs up."""
        with self.connect() as connection:
            with suppress(OSError):  # it hung up on us; what it said before can still be read
                connection.sendall(content)
            return read_answer(connection)

    def head(self, *lines: str, method: str = "POST", path: str = GENERATIONS) -> bytes:
        """A request's head with our key."""
        return "\r\n".join(
            [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: {self.key}", *lines, "", ""]
        ).encode()


@dataclass(frozen=True)
class Answer:
    """What came back over a bare connection. closed: the server hung up."""

    status: int
    headers: Sequence[tuple[str, str]]
    content: bytes
    closed: bool

    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)

    def values(self, name: str) -> list[str]:
        """Every value of one header."""
        return [value for header, value in self.headers if header == name]


def read_answer(connection: socket.socket) -> Answer:
    """Raises EOFError when the server hung up without a word."""
    received, closed = b"", False
    while not closed and not _is_whole(received):
        chunk = _receive(connection)
        closed, received = not chunk, received + chunk
    if not received:
        raise EOFError("hung up")
    head, _, content = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return Answer(int(status.split(" ")[1]), headers, _body(content, dict(headers)), closed)


def seconds_until_closed(connection: socket.socket) -> float:
    """How long the server stays on the line. Raises TimeoutError."""
    started = time.monotonic()
    while _receive(connection):
        pass
    return time.monotonic() - started


def assert_error(
    answer: httpx.Response | Answer, status: int, code: str, param: str | None = None
) -> Mapping[str, Any]:
    """The one envelope, with all four keys. Returns the error."""
    assert answer.status_code == status if isinstance(answer, httpx.Response) else answer.status == status, answer
    error: Mapping[str, Any] = answer.json()["error"]
    assert set(error) - {"x_gateway"} == FOUR_KEYS
    assert (error["code"], error["param"]) == (code, param)
    assert isinstance(error["message"], str)
    assert error["message"]
    return error


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1 << 16)
    except ConnectionError:
        return b""


def _is_whole(received: bytes) -> bool:
    head, end, content = received.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
    if not end:
        return False
    return content.endswith(b"0\r\n\r\n") if length is None else len(content) >= length


def _body(content: bytes, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return content[: int(headers.get("content-length", len(content)))]
    whole = b""
    while content:
        size, _, content = content.partition(b"\r\n")
        whole += content[: int(size, 16)]
        content = content[int(size, 16) + 2 :]
    return whole
