"""The worker: a process of its own that makes one generator and draws what it is told, until the line is cut.

`python -m generator.worker CHANNEL PARENT`: a file descriptor and a process id, given by generator.worker_process.
"""

import ctypes
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Condition, Thread
from time import monotonic, sleep
from typing import Any, cast

from generator.channel import Channel, Garbled, Plain
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Outcome,
    PictureRequest,
    Refusal,
)
from generator.failures import place_of
from generator.processes import settle

HEARTBEAT_S = 1.0
PROGRESS_S = 0.05  # between two words on progress: more often nobody can see
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Desk:
    """The orders of a worker: filled by the thread that listens, emptied by the one that draws."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._arrived: deque[Order] = deque()
        self._changed = Condition()
        self._orders: dict[int, Order] = {}  # that are not over
        self._being_drawn: dict[int, Order] = {}
        self._was_asked = False
        self._shares: dict[int, float] = {}  # not told yet
        self._told = 0.0

    def put(self, asked: Sequence[Sequence[Any]]) -> None:
        """Pictures to draw: they arrive together, so that they may begin together."""
        orders = [Order(number, PictureRequest(*request), self) for number, *request in asked]
        with self._changed:
            self._orders |= {order.number: order for order in orders}
            self._arrived.extend(orders)
            self._changed.notify()

    def leave(self, number: int) -> None:
        """Nobody wants this one any more."""
        if order := self._orders.get(number):
            order.wanted = False

    def wait(self) -> None:
        """Until there is something to draw."""
        self._was_asked = False
        with self._changed:
            self._changed.wait_for(lambda: self._arrived)

    def take(self, most: int) -> list["Order"]:
        self._was_asked = True
        taken: list[Order] = []
        while self._arrived and len(taken) < most:
            order = self._arrived.popleft()
            self._being_drawn[order.number] = order
            if order.wanted:
                taken.append(order)
            else:
                self._over(order.number, "left")
        return taken

    def advance(self, number: int, share: float) -> None:
        """Tell how far all are, not more often than anybody can see."""
        self._shares[number] = float(share)
        now = monotonic()
        if now - self._told >= PROGRESS_S:
            self._told = now
            self._say("progress", [[*told] for told in self._shares.items()])
            self._shares.clear()

    def end(self, number: int, outcome: Outcome) -> None:
        """Hand over what became of one, if anybody wants to know."""
        if not self._orders[number].wanted:
            self._over(number, "left")
            return
        try:
            plain = _outcome_as_plain(outcome)
        except Exception:  # noqa: BLE001 (what is no picture at all fails in its own ways)
            plain = []
        self._over(number, "ended", plain)

    def close(self) -> list[int]:
        """After a call of the generator: the numbers of what was left unfinished though somebody wants it."""
        if not self._was_asked:
            self.take(len(self._arrived))
        for order in [order for order in self._being_drawn.values() if not order.wanted]:
            self._over(order.number, "left")
        unfinished = [*self._being_drawn]
        for number in unfinished:
            self._forget(number)
        return unfinished

    def _over(self, number: int, kind: str, *facts: Plain) -> None:
        if number in self._being_drawn:
            self._forget(number)
            self._say(kind, number, *facts)

    def _forget(self, number: int) -> None:
        del self._being_drawn[number], self._orders[number]
        self._shares.pop(number, None)


@dataclass(slots=True, eq=False)
class Order:
    """A picture to draw, as the generator sees it."""

    number: int
    request: PictureRequest
    _desk: Desk
    wanted: bool = True

    def advance(self, share: float) -> None:
        self._desk.advance(self.number, share)

    def end(self, outcome: Outcome) -> None:
        self._desk.end(self.number, outcome)


class Worker:
    """Listens and beats on threads of their own; makes the generator and draws on the main one."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._recipes: SimpleQueue[list[Any]] = SimpleQueue()
        self._desk = Desk(self._say)

    def run(self) -> None:
        """Make the generator, then draw. Does not return while the service lives."""
        logging.getLogger("gardefou").addHandler(_ServicesLog(self._say))
        for task in (self._listen, self._beat):
            Thread(target=task, daemon=True).start()
        function, arguments = self._recipes.get()
        generator = self._make(function, arguments)
        while True:
            self._desk.wait()
            self._draw(generator)

    def _listen(self) -> None:
        while True:
            try:
                kind, *facts = self._channel.receive()
            except (EOFError, OSError, Garbled):
                os._exit(0)
            match kind, facts:
                case "make", _:
                    self._recipes.put(facts)
                case "draw", [asked]:
                    self._desk.put(asked)
                case "leave", [number]:
                    self._desk.leave(number)

    def _beat(self) -> None:
        while True:
            self._say("alive")
            sleep(HEARTBEAT_S)

    def _say(self, kind: str, *facts: Plain) -> None:
        try:
            self._channel.send(kind, *facts)
        except OSError:
            os._exit(0)

    def _make(self, function: str, arguments: Sequence[Plain]) -> ImageGenerator:
        try:
            module, name = function.split(":")
            generator = cast(ImageGenerator, getattr(import_module(module), name)(*arguments))
            identity = generator.identity
            self._say(
                "ready", identity.name, identity.sha256, generator.sizes, generator.batch_size, generator.continuous
            )
        except Exception as error:  # whatever a library says of its files, the service is told
            self._say("refused", type(error).__name__, str(error))
            raise SystemExit from error
        return generator

    def _draw(self, generator: ImageGenerator) -> None:
        try:
            generator.draw(self._desk)
        except GenerationCancelled:
            self._fail("GenerationCancelled", "", True)
        except Exception as error:  # noqa: BLE001 (whatever a model throws; its words may quote a prompt, its place not)
            self._fail(type(error).__name__, place_of(error), _device_is_sound())
        else:
            self._fail("nothing said of it", "", True)

    def _fail(self, error: str, where: str, is_sound: bool) -> None:
        """Whatever of a call is not ended."""
        unfinished = self._desk.close()
        if unfinished or not is_sound:
            self._say("failed", unfinished, error, where, is_sound)


class _ServicesLog(logging.Handler):
    """What our own code logs, which quotes no prompt, goes into the log of the service."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say("log", record.levelno, record.getMessage())


def _outcome_as_plain(outcome: Outcome) -> list[Plain]:
    match outcome:
        case Refusal(by, categories):
            return [by.name, by.sha256, [*categories]]
        case GenerationFailed() | GenerationCancelled():
            return []
        case _:
            return _as_plain(outcome)


def _as_plain(image: GeneratedImage) -> list[Plain]:
    """[seed, height, width, bytes]. Raises GenerationFailed for what is no 8-bit picture in three colours."""
    pixels = image.pixels
    if str(pixels.dtype) != "torch.uint8" or pixels.ndim != 3 or pixels.shape[0] != 3:
        raise GenerationFailed(f"a picture is {pixels.dtype} {tuple(pixels.shape)}, not 8 bits in three colours")
    return [image.seed, pixels.shape[1], pixels.shape[2], pixels.contiguous().cpu().numpy().tobytes()]


def _device_is_sound() -> bool:
    """After some errors a CUDA device refuses everything until its process ends; after most it goes on."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return True
    try:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
    except RuntimeError:
        return False
    return True


def _end_with(parent: int) -> None:
    """End when the thread that started this process does; not outside Linux, where the cut line does it later."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit


if __name__ == "__main__":
    settle()
    _end_with(parent=int(sys.argv[2]))
    Worker(Channel(Connection(int(sys.argv[1])))).run()
