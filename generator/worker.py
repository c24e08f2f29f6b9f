"""The worker: a process of its own that makes one generator and draws what it is told, until the line is cut.

`python -m generator.worker CHANNEL PARENT`: a file descriptor and a process id, given by generator.worker_process.
"""

import ctypes
import faulthandler
import logging
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, cast

from generator.channel import Channel, Garbled, Plain
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Outcome,
    PartlyDrawn,
    PictureRequest,
    Progress,
    Refusal,
)

HEARTBEAT_S = 1.0
PROGRESS_S = 0.05  # between two words on progress: more often nobody can see
PR_SET_PDEATHSIG = 1  # linux/prctl.h
OOM_SCORE = "500"  # of 1000: the kernel ends this process long before the service


class Worker:
    """Listens and beats on threads of their own; makes the generator and draws on the main one."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._orders: SimpleQueue[list[Any]] = SimpleQueue()
        self._cancelled = Event()

    def run(self) -> None:
        """Make the generator, then draw. Does not return while the service lives."""
        logging.getLogger("gardefou").addHandler(_ServicesLog(self._say))
        for task in (self._listen, self._beat):
            Thread(target=task, daemon=True).start()
        _, function, arguments = self._orders.get()
        generator = self._make(function, arguments)
        while True:
            _, number, asked = self._orders.get()
            self._draw(generator, number, [PictureRequest(*request) for request in asked])

    def _listen(self) -> None:
        while True:
            try:
                order = self._channel.receive()
            except (EOFError, OSError, Garbled):
                os._exit(0)
            if order[0] == "cancel":
                self._cancelled.set()
            else:
                self._cancelled.clear()
                self._orders.put(order)

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
            self._say("ready", identity.name, identity.sha256, generator.sizes, generator.batch_size)
        except Exception as error:  # whatever a library says of its files, the service is told
            self._say("refused", type(error).__name__, str(error))
            raise SystemExit from error
        return generator

    def _draw(self, generator: ImageGenerator, number: int, requests: Sequence[PictureRequest]) -> None:
        try:
            images = generator.draw(requests, self._progress(number), self._cancelled.is_set)
            self._say("drawn", number, [_as_plain(image) for image in images])
        except PartlyDrawn as partly:
            self._say("partly", number, [_outcome_as_plain(outcome) for outcome in partly.outcomes])
        except GenerationCancelled:
            self._say("cancelled", number)
        except Exception as error:  # noqa: BLE001 (whatever a model throws; its words may quote a prompt, its place not)
            where = "".join(traceback.format_tb(error.__traceback__))
            self._say("failed", number, type(error).__name__, where, _device_is_sound())

    def _progress(self, number: int) -> Progress:
        """Tells how far a drawing is, not more often than anybody can see, and its end in any case."""
        told = 0.0

        def tell(share: float) -> None:
            nonlocal told
            now = monotonic()
            if share >= 1 or now - told >= PROGRESS_S:
                told = now
                self._say("progress", number, float(share))

        return tell


class _ServicesLog(logging.Handler):
    """What our own code logs, which quotes no prompt, goes into the log of the service."""

    def __init__(self, say: Callable[..., None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say("log", record.levelno, record.getMessage())


def _outcome_as_plain(outcome: Outcome) -> list[Plain]:
    match outcome:
        case GeneratedImage():
            return _as_plain(outcome)
        case Refusal(by, categories):
            return [by.name, by.sha256, [*categories]]
        case GenerationFailed():
            return []


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


def _settle(parent: int) -> None:
    """Leave stopping to the service, end with it, and before it when memory is short; tell places, dump nothing."""
    faulthandler.enable(all_threads=False)
    for ignored in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    if os.getppid() != parent:
        raise SystemExit


if __name__ == "__main__":
    _settle(parent=int(sys.argv[2]))
    Worker(Channel(Connection(int(sys.argv[1])))).run()
