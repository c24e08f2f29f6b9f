"""One life of a worker, seen from the service: its process, what it says, what it weighs, its last words."""

import logging
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from multiprocessing import Pipe
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import IO, Any, cast

import torch

from generator.channel import Channel, Garbled, Recipe
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    Order,
    Orders,
    Outcome,
    Refusal,
)
from generator.processes import start
from policies.identity import ModelIdentity
from policies.signals import Category

TICK_S = 0.05  # how soon a cancellation, or a picture that comes while others are drawn, is passed on
START_LIMIT_S = 600.0  # the largest model from a slow disk
SILENCE_LIMIT_S = 30.0  # it says that it is alive every second, unless it hangs inside a library
CANCEL_LIMIT_S = 60.0  # the longest step, with the decoding of the pictures after the last one
STOP_S = 2.0  # for a process that hung up to be gone, and for what it printed to be read
KEPT_LINES, LONGEST_LINE = 40, 400
PLACES_OF_A_CRASH = re.compile(  # as faulthandler writes them
    r'Fatal Python error: .*|Stack \(most recent call first\):|  File "[^"]+", line \d+ in \S+'
)

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a generator says of itself when it is made."""

    identity: ModelIdentity
    sizes: tuple[str, ...]
    batch_size: int
    continuous: bool


class WorkerEnded(Exception):
    """A worker's life is over. reason: crashed, hung, memory or refused."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class WorkerRefused(WorkerEnded):
    """The generator could not be made. error: the name of what its making raised."""

    def __init__(self, error: str, message: str) -> None:
        super().__init__("refused", message)
        self.error = error


@dataclass(slots=True)
class _Picture:
    """What the worker draws: since when, and since when nobody wants it any more."""

    order: Order
    began: float
    left: float | None = None


class WorkerProcess:
    """A fresh interpreter, never a fork: torch and CUDA do not survive one.

    One thread keeps an eye on it (`wait`, `require_sound`, `end`), another may ask it to `draw`.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Raises OSError when no process can be started."""
        self.facts: Facts | None = None
        self.has_drawn = False
        self._pictures: dict[int, _Picture] = {}  # by number; not ended yet
        self._numbers = count()
        self._answers: SimpleQueue[list[Any]] = SimpleQueue()
        self._born = self._heard = monotonic()
        self._ended: WorkerEnded | None = None
        self._said_something = Event()
        ours, theirs = Pipe()
        self._channel = Channel(ours)
        self._process = start("generator.worker", [theirs.fileno()], subprocess.PIPE, str(os.getpid()))
        theirs.close()
        self._words = _LastWords(cast(IO[bytes], self._process.stdout))
        self._listening = Thread(target=self._listen, args=[recipe], name="generator's listener", daemon=True)
        self._listening.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def memory_bytes(self) -> int:
        """What it holds of the machine's memory; 0 where the system does not tell (outside Linux)."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def draw(self, first: Sequence[Order], orders: Orders) -> None:
        """As ImageGenerator.draw, with what was taken already. Raises GenerationFailed as well when the worker ends."""
        self._words.may_quote = True
        try:
            self._send(first)
            while self._pictures:
                self._pass_on_leavers()
                self._hear()
                self._send(orders.take(self._places))
        except OSError as error:
            raise GenerationFailed("the worker ended") from error
        finally:
            self._pictures.clear()

    @property
    def _places(self) -> int:
        """How many pictures it could begin with now."""
        if self.facts is None or (self._pictures and not self.facts.continuous):
            return 0
        return self.facts.batch_size - len(self._pictures)

    def _send(self, orders: Sequence[Order]) -> None:
        if orders:
            begun = {next(self._numbers): _Picture(order, monotonic()) for order in orders}
            self._pictures |= begun
            asked = [(number, picture.order.request) for number, picture in begun.items()]
            self._channel.send("draw", [[number, r.prompt, r.seed, r.size] for number, r in asked])

    def _pass_on_leavers(self) -> None:
        for number, picture in self._pictures.items():
            if picture.left is None and not picture.order.wanted:
                picture.left = monotonic()
                self._channel.send("leave", number)

    def _hear(self) -> None:
        """Wait a tick for news, and take in all there are. Raises GenerationFailed when there will be none."""
        has_ended = self.has_ended  # looked at first: what it said last still counts
        with suppress(Empty):
            self._take_answer(self._answers.get(timeout=TICK_S))
            while True:
                self._take_answer(self._answers.get_nowait())
        if has_ended and self._pictures:
            raise GenerationFailed("the worker ended")

    def _take_answer(self, answer: list[Any]) -> None:
        match answer:
            case ["progress", list(shares)]:
                self._advance(shares)
            case ["ended", int(number), outcome]:
                self._end(number, _as_outcome(outcome))
            case ["left", int(number)]:
                self._end(number, GenerationCancelled())
            case ["failed", list(numbers), str(error), str(where), *_]:
                _log.error("the generator failed with %s at:\n%s", error, where)
                for number in numbers:
                    self._end(number, GenerationFailed(f"the generator failed with {error}"))

    def _advance(self, shares: Sequence[Any]) -> None:
        for told in shares:
            match told:
                case [int(number), float(share)] if number in self._pictures:
                    self._pictures[number].order.advance(share)

    def _end(self, number: int, outcome: Outcome) -> None:
        self.has_drawn |= isinstance(outcome, GeneratedImage | Refusal)
        if picture := self._pictures.pop(number, None):
            picture.order.end(outcome)

    def _listen(self, recipe: Recipe) -> None:
        try:
            self._channel.send("make", recipe.function, recipe.arguments)
            while True:
                self._take_in(self._channel.receive())
        except (EOFError, OSError):
            self._ended = self._ended or WorkerEnded("crashed", self._how_it_ended())
        except Garbled as error:
            self._ended = WorkerEnded("crashed", f"it does not speak as agreed: {error}")
        self._said_something.set()

    def _take_in(self, message: list[Any]) -> None:
        self._heard = monotonic()
        match message:
            case ["alive"]:
                pass
            case ["ready", str(name), str(sha256), [*sizes], int(batch_size), bool(continuous)] if (
                sizes and batch_size > 0
            ):
                self.facts = Facts(ModelIdentity(name, sha256), tuple(map(str, sizes)), batch_size, continuous)
                self._said_something.set()
            case ["log", int(level), str(words)]:
                _log.log(level, "%s", _printable(words[:LONGEST_LINE]))
            case ["refused", str(error), str(words)]:
                self._ended = WorkerRefused(error, words)
            case ["progress" | "ended" | "left" | "failed", *facts] if facts:
                if message[0] == "failed" and facts[-1] is not True:
                    self._ended = WorkerEnded("crashed", "its device does nothing more after an error")
                self._answers.put(message)
            case _:
                raise Garbled(f"a {message[0]!r} of {len(message)} parts")

    @property
    def has_ended(self) -> bool:
        """It will draw no more."""
        return self._ended is not None

    def wait(self) -> None:
        """A tick, or until it is made or ends."""
        if self._said_something.wait(TICK_S):
            self._said_something.clear()

    def require_sound(self, time_limit_s: float, memory_limit_bytes: int) -> None:
        """Raises WorkerEnded when it is dead, hangs, or holds too much memory."""
        if self._process.poll() is not None:
            self._listening.join(STOP_S)  # what it said last tells more than its exit code
        if self._ended or self._process.returncode is not None:
            raise self._ended or WorkerEnded("crashed", self._how_it_ended())
        held = self.memory_bytes
        if held > memory_limit_bytes:
            raise WorkerEnded("memory", f"it holds {held >> 20} MB, {memory_limit_bytes >> 20} MB are allowed")
        if overdue := self._overdue(monotonic(), time_limit_s):
            raise WorkerEnded("hung", overdue)

    def _overdue(self, now: float, time_limit_s: float) -> str | None:
        pictures = list(self._pictures.values())
        if self.facts is None:
            return f"no generator after {START_LIMIT_S:g} s" if now - self._born > START_LIMIT_S else None
        if now - self._heard > SILENCE_LIMIT_S:
            return f"no sign of life for {SILENCE_LIMIT_S:g} s"
        if any(now - picture.began > time_limit_s for picture in pictures):
            return f"no picture within {time_limit_s:g} s"
        if any(picture.left and now - picture.left > CANCEL_LIMIT_S for picture in pictures):
            return f"it draws on, {CANCEL_LIMIT_S:g} s after it was told to stop"
        return None

    def end(self) -> list[str]:
        """Stop it and all that it started, whatever state it is in. Returns its last words, none of them a prompt."""
        self._ended = self._ended or WorkerEnded("crashed", "it was stopped")
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        self._channel.cut()
        self._listening.join()
        self._channel.close()
        return self._words.said()

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(STOP_S)
            return f"ended by signal: {signal.strsignal(-code)}" if code < 0 else f"it ended with exit code {code}"
        return "it hung up"


class _LastWords:
    """Keeps the last lines that a process prints, on either stream.

    may_quote: it was given a prompt. From then on only the places of a crash are kept: anything else may quote it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.may_quote = False
        self._stream = stream
        self._lines: deque[str] = deque(maxlen=KEPT_LINES)
        self._reading = Thread(target=self._read, name="worker's words", daemon=True)
        self._reading.start()

    def said(self) -> list[str]:
        """All of it, once the process is gone."""
        self._reading.join(STOP_S)
        return [*self._lines]

    def _read(self) -> None:
        with self._stream:
            while line := self._stream.readline(LONGEST_LINE):
                text = _printable(line.decode(errors="replace").rstrip())
                if text and (not self.may_quote or PLACES_OF_A_CRASH.fullmatch(text)):
                    self._lines.append(text)


def _printable(words: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in words)


def _as_image(seed: int, height: int, width: int, content: bytes) -> GeneratedImage:
    """Raises ValueError or RuntimeError when the bytes are not what they are said to be."""
    pixels = torch.frombuffer(bytearray(content), dtype=torch.uint8).reshape(3, height, width)
    return GeneratedImage(pixels, seed)


def _as_outcome(plain: Any) -> Outcome:
    """GenerationFailed as well for what is none."""
    try:
        match plain:
            case [int(seed), int(height), int(width), bytes(content)]:
                return _as_image(seed, height, width, content)
            case [str(name), str(sha256), list(categories)]:
                return Refusal(ModelIdentity(name, sha256), tuple(Category(category) for category in categories))
    except (ValueError, RuntimeError) as error:
        return GenerationFailed(f"the worker handed over no picture: {error}")
    return GenerationFailed("the generator could not draw this picture")
