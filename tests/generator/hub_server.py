"""A hub on this machine with tiny random weights: the released repositories, the API's answers, byte ranges, faults."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tests.generator import tiny

PINNED = "e93a26e7707683d349bf5d5c41c5b0ef69b677a9"


def repositories(folder: Path) -> dict[str, dict[str, bytes]]:
    """Name -> path -> bytes, as released; folder is scratch."""
    tiny.write_configs(folder)
    tiny.write_msgpack(tiny.scanned(tiny.flax_transformer(tiny.transformer())), folder / "text.msgpack")
    tiny.write_msgpack(tiny.flax_vqgan(tiny.vqgan()), folder / "vqgan.msgpack")
    network = {
        "config.json": (folder / "config.json").read_bytes(),
        "flax_model.msgpack": (folder / "text.msgpack").read_bytes(),
        "tokenizer.json": (folder / "tokenizer.json").read_bytes(),
        "README.md": b"# the model card\n",
    }
    return {
        "dalle-mini/dalle-mini": network | {"enwiki-words-frequency.txt": b"the 9\ncat 5\nmoon 3\n"},
        "dalle-mini/dalle-mega": network,
        "dalle-mini/vqgan_imagenet_f16_16384": {
            "config.json": (folder / "vqgan_config.json").read_bytes(),
            "flax_model.msgpack": (folder / "vqgan.msgpack").read_bytes(),
        },
    }


@dataclass
class Hub:
    """What it serves, what was asked, and what it does wrong."""

    repositories: dict[str, dict[str, bytes]]
    asked: list[str] = field(default_factory=list)  # "PATH" or "PATH bytes=N-"
    cut: dict[str, int] = field(default_factory=dict)  # path of a file -> bytes after which the line drops, each time
    tampered: set[str] = field(default_factory=set)  # paths whose bytes are not those that the list promises
    knows_ranges: bool = True
    sends_away: str | None = None  # the address that files are said to be at
    main: str = "a" * 40
    address: str = ""

    def revision(self, name: str) -> str:
        return self.main if name == "main" else name

    def entries(self, repository: str) -> list[dict[str, Any]]:
        return [self._entry(path, content) for path, content in self.repositories[repository].items()]

    def _entry(self, path: str, content: bytes) -> dict[str, Any]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        entry: dict[str, Any] = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if path.endswith(".msgpack"):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
        return entry


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        """The three addresses that a pull asks."""
        wanted = self.headers.get("Range")
        self.hub.asked.append(self.path + (f" {wanted}" if wanted else ""))
        parts = self.path.strip("/").split("/")
        if parts[0] == "api":
            repository = "/".join(parts[2:4])
            if repository not in self.hub.repositories:
                return self.send_error(404)
            told = {"sha": self.hub.revision(parts[5])} if parts[4] == "revision" else self.hub.entries(repository)
            return self._answer(200, json.dumps(told).encode())
        return self._file("/".join(parts[:2]), "/".join(parts[4:]), wanted)

    def _file(self, repository: str, path: str, wanted: str | None) -> None:
        if self.hub.sends_away:
            self.send_response(302)
            self.send_header("Location", self.hub.sends_away)
            self.end_headers()
            return
        content = self.hub.repositories[repository][path]
        if path in self.hub.tampered:
            content = content[:-1] + bytes([content[-1] ^ 1])
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.hub.knows_ranges else 0
        self._answer(206 if start else 200, content[start:], self.hub.cut.get(path))

    def _answer(self, status: int, body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = True


@contextmanager
def serving(folder: Path) -> Iterator[Hub]:
    """On a free port of the loopback."""
    hub = Hub(repositories(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
