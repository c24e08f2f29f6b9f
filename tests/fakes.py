"""Fakes with a memory: parts that do what a test says, and remember what they were asked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from generator.at_once import Cancelled, PartlyDrawn
from generator.contract import GeneratedImage, Orders, Outcome, PictureRequest
from policies.identity import ModelIdentity
from policies.signals import Category, Descriptor, Signal, Subject
from safety.canary_pictures import knife
from safety.normalize import NormalizedPrompt
from safety.pictures import PictureBatch
from safety.self_test import UNSAFE

IDENTITY = ModelIdentity("fake", "f" * 64)
KNIFE = knife()


def paint(request: PictureRequest) -> Tensor:
    """A flat picture whose colour follows from the seed."""
    width, height = (int(side) for side in request.size.split("x"))
    colour = torch.tensor([64 + request.seed % 128, 100, 200], dtype=torch.uint8)
    return colour[:, None, None].expand(3, height, width).contiguous()


def same_paint(pixels: Tensor, painted: Tensor) -> bool:
    """Whether these are the pixels of a flat picture, but for the watermark that it got."""
    distance = pixels.float().mean((1, 2)) - painted.float().mean((1, 2))
    return pixels.shape == painted.shape and bool((distance.abs() < 0.5).all())


@dataclass
class FakeGenerator:
    """Paints flat pictures, a batch at a time. `on_draw` runs first and may raise, wait, or return other pictures."""

    on_draw: Callable[[Sequence[PictureRequest], Cancelled], list[GeneratedImage] | None] = lambda *_: None
    batch_size: int = 3
    identity: ModelIdentity = IDENTITY
    sizes: tuple[str, ...] = ("64x64", "128x128")
    asked: list[PictureRequest] = field(default_factory=list)
    begins_at: float = 0.0  # how much of a picture it says is drawn before on_draw runs

    @property
    def continuous(self) -> bool:
        return False

    def draw(self, orders: Orders) -> None:
        taken = orders.take(self.batch_size)
        requests = [order.request for order in taken]
        self.asked += requests
        for order in taken:
            order.advance(self.begins_at)
        outcomes = self._outcomes(requests, lambda: not any(order.wanted for order in taken)) if taken else []
        for order, outcome in zip(taken, outcomes, strict=False):
            order.end(outcome)

    def _outcomes(self, requests: Sequence[PictureRequest], cancelled: Cancelled) -> Sequence[Outcome]:
        try:
            other = self.on_draw(requests, cancelled)
        except PartlyDrawn as partly:
            return partly.outcomes
        return [GeneratedImage(paint(r), r.seed) for r in requests] if other is None else other


@dataclass
class FakePromptCheck:
    """Reports `scores` (0 for the rest) for each prompt. `on_check` runs first and may raise, wait or answer.

    It knows the unsafe prompt of the self-test.
    """

    name: str
    scores: dict[Category, float] = field(default_factory=dict)
    on_check: Callable[[Sequence[NormalizedPrompt]], object] = lambda _: None
    identity: ModelIdentity = IDENTITY
    asked: list[str] = field(default_factory=list)

    @property
    def reports(self) -> frozenset[Subject]:
        return frozenset(Category)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        self.asked += [prompt.original for prompt in prompts]
        answer = self.on_check(prompts)
        if answer is not None:
            return answer  # type: ignore[return-value]  # a fault may answer anything
        return [self._signals({Category.SEXUAL: 0.9} if p.original == UNSAFE else self.scores) for p in prompts]

    def _signals(self, scores: dict[Category, float]) -> list[Signal]:
        return [Signal(self.name, category, scores.get(category, 0.0)) for category in Category]


@dataclass
class FakeEmbedder:
    """Embeds how much the light of a picture changes, and no more: fake picture checks look at the pixels."""

    identity: ModelIdentity = IDENTITY

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        return PictureBatch(list(pixels), torch.stack([picture.float().std()[None] for picture in pixels]))


@dataclass
class FakePictureCheck:
    """Reports `scores` for each picture. `on_picture` may raise or answer for one picture (its pixels are given).

    It knows the unsafe picture of the self-test.
    """

    name: str
    subjects: frozenset[Subject]
    scores: dict[Subject, float] = field(default_factory=dict)
    on_picture: Callable[[Tensor], list[Signal] | None] = lambda _: None

    @property
    def reports(self) -> frozenset[Subject]:
        return self.subjects

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        return [self._signals(pixels) for pixels in batch.pixels]

    def _signals(self, pixels: Tensor) -> list[Signal]:
        other = self.on_picture(pixels)
        if other is not None:
            return other
        scores: dict[Subject, float] = {Category.WEAPONS: 0.9} if torch.equal(pixels, KNIFE) else self.scores
        return [Signal(self.name, subject, scores.get(subject, 0.0)) for subject in sorted(self.subjects)]


def fake_picture_checks() -> list[FakePictureCheck]:
    """The three checks that the shipped policies require, all calm."""
    return [
        FakePictureCheck("image_concepts", frozenset(Category)),
        FakePictureCheck("realism", frozenset({Descriptor.PHOTOREALISM})),
        FakePictureCheck("person", frozenset({Descriptor.PERSON})),
    ]
