"""What the service and its worker say to each other: frames of msgpack, never pickle, read with suspicion.

    service -> worker                          worker -> service
    make    function, arguments                ready     name, sha256, sizes, batch_size, continuous
                                               refused   error, message
    draw    [[number, prompt, seed, size]]     progress  [[number, share]]
    leave   number                             ended     number, picture, refusal or failure
                                               left      number
                                               failed    [number], error, where, whether it can go on
                                               log       level, words of our own code
                                               alive

A number stands for one picture. What is drawn ends in `ended`, `left` (nobody wanted it any more) or `failed`.
A picture is [seed, height, width, bytes], a refusal [name, sha256, categories], a failure [].
Every message is a list that begins with its kind. A worker ends when the line is cut.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from socket import SHUT_RDWR, socket
from threading import Lock
from typing import Any

import msgpack

MAX_FRAME_BYTES = 1 << 28  # 256 MiB: some twenty pictures of 2048x2048
Plain = str | bytes | int | float | bool | None | Sequence["Plain"] | Mapping[str, "Plain"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a worker makes its generator: a function of ours, "module:function", and plain values to call it with.

    arguments: an upstream's key may be among them, so they are in no repr.
    """

    function: str
    arguments: tuple[Plain, ...] = field(repr=False)


class Garbled(Exception):
    """The other side does not speak as agreed."""


class Channel:
    """One end of the line between the two processes; any thread may send, one receives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sending = Lock()

    def send(self, kind: str, *facts: Plain) -> None:
        """Raises OSError when the line is cut."""
        frame = msgpack.packb([kind, *facts], unicode_errors="surrogatepass")
        with self._sending:
            self._connection.send_bytes(frame)

    def receive(self) -> list[Any]:
        """Wait for the next message. Raises EOFError or OSError when the line is cut, Garbled for no message."""
        frame = self._connection.recv_bytes(MAX_FRAME_BYTES)
        try:
            message = msgpack.unpackb(frame, unicode_errors="surrogatepass")
        except ValueError as error:
            raise Garbled(f"{len(frame)} bytes are no message") from error
        if not isinstance(message, list) or not message or not isinstance(message[0], str):
            raise Garbled("a message is a list that begins with its kind")
        return message

    def cut(self) -> None:
        """Whoever sends or receives, on either side, is told that the line is cut."""
        with suppress(OSError), socket(fileno=os.dup(self._connection.fileno())) as line:
            line.shutdown(SHUT_RDWR)

    def close(self) -> None:
        """Give the descriptor back, once nobody receives any more."""
        with self._sending:
            self._connection.close()
