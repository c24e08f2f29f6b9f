"""A generator for workers under test: draws flat pictures, or does to its process what a prompt's first word says."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from generator.at_once import Cancelled, PartlyDrawn, Progress
from generator.channel import Recipe
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    Order,
    Orders,
    Outcome,
    PictureRequest,
    Refusal,
)
from policies.identity import IntegrityFailure, ModelIdentity
from policies.signals import Category

if TYPE_CHECKING:
    import torch

STEPS, STEP_S = 200, 0.02  # of the prompt "slow"
BOARD_STEPS = 40
LEAKED_BYTES = 1 << 25  # 32 MiB at a time


class Hostile:
    identity = ModelIdentity("hostile", "e" * 64)
    sizes = ("64x64", "128x128")
    batch_size = 3
    continuous = False

    def draw(self, orders: Orders) -> None:
        taken = orders.take(self.batch_size)

        def progress(share: float) -> None:
            for order in taken:
                order.advance(share)

        requests = [order.request for order in taken]
        outcomes = self._outcomes(requests, progress, lambda: not any(order.wanted for order in taken))
        for order, outcome in zip(taken, outcomes, strict=False):
            order.end(outcome)

    def _outcomes(
        self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled
    ) -> Sequence[Outcome]:
        words = [request.prompt.split()[0] for request in requests]
        deed = next((DEEDS[word] for word in words if word in DEEDS), None)
        try:
            other = deed(requests, progress, cancelled) if deed else None
        except PartlyDrawn as partly:
            return partly.outcomes
        return [_flat(r) for r in requests] if other is None else cast("Sequence[Outcome]", other)


class Board:
    """Draws two side by side, a step of all every STEP_S. A picture's colours say before which step it began and after
    which one it was finished. "bad" fails at its first step.
    """

    identity = ModelIdentity("board", "b" * 64)
    sizes = ("64x64",)
    batch_size = 2
    continuous = True

    def __init__(self) -> None:
        self._step = 0

    def draw(self, orders: Orders) -> None:
        began: dict[Order, int] = {}
        while began := began | dict.fromkeys(orders.take(self.batch_size - len(began)), self._step):
            time.sleep(STEP_S)
            self._step += 1
            began = {order: step for order, step in began.items() if not self._is_over(order, step)}

    def _is_over(self, order: Order, began: int) -> bool:
        word = order.request.prompt.split()[0]
        if not order.wanted:
            order.end(GenerationCancelled())
        elif word in DEEDS:
            DEEDS[word]([order.request], order.advance, lambda: False)
        elif word == "bad":
            order.end(GenerationFailed("a bad prompt"))
        elif self._step - began == BOARD_STEPS:
            order.end(_painted(order.request, began, self._step))
        else:
            order.advance((self._step - began) / BOARD_STEPS)
            return False
        return True


def board_recipe() -> Recipe:
    """How a worker makes a Board."""
    return Recipe("tests.generator.hostile:Board", ())


def recipe(deed_while_made: str = "", note: str = "") -> Recipe:
    """How a worker makes it. deed_while_made: what goes wrong before it is ready; note: a file that it leaves."""
    return Recipe("tests.generator.hostile:make", (deed_while_made, note))


def make(deed: str, note: str) -> Hostile:
    """What the recipe names. "once": the second worker that finds the note makes another model of it."""
    made = Hostile()
    if deed == "once":
        if Path(note).exists():
            made.identity = ModelIdentity("hostile", "d" * 64)
        Path(note).write_text("was here")
    elif deed == "broken later":
        if Path(note).exists():
            raise IntegrityFailure("weights.safetensors is not what it was")
        Path(note).write_text("was here")
    elif deed == "print":
        sys.stdout.write("loading the weights\n")
    elif deed:
        DEEDS[deed]([], lambda _: None, lambda: False)
    return made


class _Flat:
    """A flat picture that a worker takes for a tensor: importing torch would make every new worker wait for seconds."""

    dtype, ndim = "torch.uint8", 3

    def __init__(self, request: PictureRequest, colour: tuple[int, int, int]) -> None:
        width, height = (int(side) for side in request.size.split("x"))
        self.shape = (3, height, width)
        self._planes = colour

    def contiguous(self) -> "_Flat":
        return self

    cpu = numpy = contiguous

    def tobytes(self) -> bytes:
        return b"".join(bytes([value]) * self.shape[1] * self.shape[2] for value in self._planes)


def _flat(request: PictureRequest) -> GeneratedImage:
    return _painted(request, 64 + request.seed % 128, 100)


def _painted(request: PictureRequest, red: int, green: int) -> GeneratedImage:
    return GeneratedImage(cast("torch.Tensor", _Flat(request, (red, green, 200))), request.seed)


def _crash(*_: object) -> None:
    ctypes.string_at(0)


def _grow(*_: object) -> None:
    held = []
    while True:
        held.append(b"x" * LEAKED_BYTES)
        time.sleep(0.001)


def _stall(*_: object) -> None:
    ctypes.CDLL(None).sleep(1000)


def _freeze(*_: object) -> None:
    ctypes.PyDLL(None).sleep(1000)  # keeps the interpreter to itself: no other thread runs


def _raise(requests: Sequence[PictureRequest], *_: object) -> None:
    raise KeyError(requests[0].prompt)


def _fail(*_: object) -> None:
    raise GenerationFailed("the network failed")


def _draw_in_part(requests: Sequence[PictureRequest], *_: object) -> None:
    refusal = Refusal(ModelIdentity("upstream", "f" * 64), (Category.GORE, Category.WEAPONS))
    raise PartlyDrawn([_flat(requests[0]), refusal, GenerationFailed("the network failed")])


def _speak(requests: Sequence[PictureRequest], *_: object) -> None:
    sys.stdout.write(f"drawing {requests[0].prompt}\n" * 10_000)
    sys.stderr.write(requests[0].prompt * 10_000)
    sys.stdout.flush()


def _speak_and_crash(requests: Sequence[PictureRequest], *_: object) -> None:
    _speak(requests)
    ctypes.string_at(0)


def _break_device(*_: object) -> None:
    """A CUDA device as it is after an illegal access: every later call fails."""
    torch = import_module("torch")

    def refuse() -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    torch.cuda.is_initialized, torch.cuda.synchronize = lambda: True, refuse
    refuse()


def _go_slowly(_: object, progress: Progress, cancelled: Cancelled) -> None:
    for step in range(STEPS):
        if cancelled():
            raise GenerationCancelled
        progress(step / STEPS)
        time.sleep(STEP_S)


def _leave_a_child(*_: object) -> None:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], close_fds=False, start_new_session=False)
    os._exit(3)


def _not_a_number(requests: Sequence[PictureRequest], *_: object) -> list[GeneratedImage]:
    torch = import_module("torch")
    return [GeneratedImage(torch.full((3, 64, 64), torch.nan), r.seed) for r in requests]


def _grey(requests: Sequence[PictureRequest], *_: object) -> list[GeneratedImage]:
    torch = import_module("torch")
    return [GeneratedImage(torch.zeros(64, 64, dtype=torch.uint8), r.seed) for r in requests]


def _one_too_few(requests: Sequence[PictureRequest], *_: object) -> list[GeneratedImage]:
    return [_flat(r) for r in requests][1:]


def _garble(*_: object) -> None:
    """Writes to the line itself: a length and then nonsense."""
    os.write(int(sys.argv[1]), b"\x00\x00\x00\x04\xff\xff\xff\xff")
    time.sleep(1000)


DEEDS: dict[str, Callable[..., Any]] = {
    "crash": _crash,
    "abort": lambda *_: os.abort(),
    "exit": lambda *_: sys.exit(0),
    "leave": lambda *_: os._exit(7),
    "litter": _leave_a_child,
    "grow": _grow,
    "stall": _stall,
    "freeze": _freeze,
    "garble": _garble,
    "raise": _raise,
    "fail": _fail,
    "part": _draw_in_part,
    "device": _break_device,
    "nan": _not_a_number,
    "grey": _grey,
    "few": _one_too_few,
    "text": lambda *_: "pictures",
    "speak": _speak,
    "last": _speak_and_crash,
    "slow": _go_slowly,
}
