"""What the studio's tests run: real services whose generator and checks obey words in the prompt.

"slow" waits for `go`, "broken" fails, "spoiled" makes the second picture gory and "doubtful" the third a little so,
"all spoiled" every one, and "unreadable" makes all impossible to judge; "unspeakable" is refused for a reason that
the policy does not disclose, and "rotten" is asked about.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from generator.at_once import Cancelled
from generator.contract import GeneratedImage, GenerationCancelled, GenerationFailed, PictureRequest
from policies.signals import Category, Signal
from safety.normalize import NormalizedPrompt
from tests.fakes import FakeGenerator, FakePromptCheck, fake_picture_checks
from tests.houses import Parts

CALM, GORY, DOUBTFUL, UNREADABLE = (90, 160, 120), (200, 20, 20), (200, 200, 20), (20, 30, 40)


@dataclass
class Studio:
    """The parts, and the signal that lets slow drawings go on."""

    go: threading.Event = field(default_factory=threading.Event)

    @property
    def parts(self) -> Parts:
        """Fresh parts that obey the words."""
        checks = fake_picture_checks()
        checks[0].on_picture = _concepts
        return Parts(
            FakeGenerator(on_draw=self._draw, batch_size=9, begins_at=0.25),
            FakePromptCheck("prompt_classifier", on_check=_classified),
            checks,
        )

    def _draw(self, requests: Sequence[PictureRequest], cancelled: Cancelled) -> list[GeneratedImage]:
        while "slow" in requests[0].prompt and not self.go.is_set():
            if cancelled():
                raise GenerationCancelled
            time.sleep(0.01)
        if "broken" in requests[0].prompt:
            raise GenerationFailed("as told")
        return [_painted(request, place) for place, request in enumerate(requests)]


def _painted(request: PictureRequest, place: int) -> GeneratedImage:
    colour = CALM
    if "all spoiled" in request.prompt or ("spoiled" in request.prompt and place == 1):
        colour = GORY
    elif "doubtful" in request.prompt and place == 2:
        colour = DOUBTFUL
    elif "unreadable" in request.prompt:
        colour = UNREADABLE
    width, height = (int(side) for side in request.size.split("x"))
    pixels = torch.tensor(colour, dtype=torch.uint8).reshape(3, 1, 1).expand(3, height, width)
    return GeneratedImage(pixels.contiguous(), request.seed)


def _concepts(pixels: Tensor) -> list[Signal]:
    colour = tuple(pixels.float().mean((1, 2)).round().int().tolist())  # of a flat picture with a watermark
    if colour == UNREADABLE:
        raise RuntimeError("as told")
    score = {GORY: 0.95, DOUBTFUL: 0.6}.get(colour, 0.0)
    return [Signal("image_concepts", c, score if c is Category.GORE else 0.0) for c in Category]


def _classified(prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
    return [[_signal(category, prompt.original) for category in Category] for prompt in prompts]


def _signal(category: Category, text: str) -> Signal:
    seen = category is Category.SEXUAL_MINORS and "unspeakable" in text
    asked = category is Category.SHOCKING and "rotten" in text
    return Signal("prompt_classifier", category, 0.65 if asked else float(seen))
