"""What the tests of banned pictures run: a service that draws a picture with enough detail, in the way a prompt says.

"original" draws it as it is, "recompressed" after JPEG at quality 50, "halved", "mirrored" and "turned" so, "other"
something else, "flat" one without detail. "doubtful" makes whatever is drawn score as doubtful.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from generator.at_once import Cancelled
from generator.contract import GeneratedImage, PictureRequest
from policies.signals import Category, Signal
from tests.fakes import FakeGenerator, fake_picture_checks
from tests.houses import Parts
from tests.look_alikes import CHANGES, detailed, pixels_of


@dataclass
class Easel:
    """The parts of a service, and what its generator draws next. `painting` is the picture of the word "original"."""

    painting: Image.Image = field(default_factory=detailed)

    @property
    def parts(self) -> Parts:
        """Fresh parts that obey the words."""
        checks = fake_picture_checks()
        generator = FakeGenerator(on_draw=self._draw, batch_size=9, sizes=("256x256", "128x128"))
        checks[0].on_picture = lambda _: _concepts(generator.asked[-1].prompt)
        return Parts(generator=generator, pictures=checks)

    def _draw(self, requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
        return [GeneratedImage(pixels_of(self._painted(request)), request.seed) for request in requests]

    def _painted(self, request: PictureRequest) -> Image.Image:
        if "flat" in request.prompt:
            return Image.new("RGB", (256, 256), (90, 160, 120))
        if "other" in request.prompt:
            return detailed(1 + request.seed)
        for word, change in CHANGES.items():
            if word in request.prompt:
                return change(self.painting)
        return self.painting


def _concepts(prompt: str) -> list[Signal]:
    score = 0.6 if "doubtful" in prompt else 0.0
    return [Signal("image_concepts", c, score if c is Category.GORE else 0.0) for c in Category]


def ask(client: Any, prompt: str, count: int = 1, size: str = "256x256") -> Any:
    """What a client is answered."""
    return client.post("/v1/images/generations", json={"prompt": prompt, "n": count, "size": size})
