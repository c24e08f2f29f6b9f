"""Scenes: what is drawn where, on the grid of codes, so that the same thing gives the same codes again."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generator.training import backgrounds
from generator.training.backgrounds import CELL
from generator.training.concepts import Concept

_UNPLACED_KINDS = ("nature", "faces")
WEIGHTS = (32, 16, 28, 16, 8)
"""How often one thing alone, before a colour, in a place; two different things; several of one."""

# Where things stand: left, top and size of each, counted in cells.
_ALONE = ((0, 0, 12),)
_IN_FRONT = ((2, 2, 8),)
_ON_THE_GROUND = ((2, 3, 8),)
_PAIR = ((0, 3, 6), (6, 3, 6))
_PAIR_ON_THE_GROUND = ((0, 5, 6), (6, 5, 6))
_THREE = ((3, 0, 6), (0, 6, 6), (6, 6, 6))


class Drawings(Protocol):
    """Where the pictures of single things come from (generator.training.artwork)."""

    def render(self, emoji: str, size: int) -> NDArray[np.float32]:
        """(size, size, 4) in 0..1, straight alpha."""
        ...


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn thing."""

    concept: Concept
    emoji: str


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture to be. background: a colour or a place of generator.training.backgrounds."""

    things: tuple[Thing, ...]
    boxes: tuple[tuple[int, int, int], ...]
    background: str

    @property
    def place(self) -> str | None:
        """The place, when the background is one."""
        return self.background if self.background in backgrounds.PLACES else None


@cache
def _canvas(background: str) -> NDArray[np.float32]:
    drawn = backgrounds.place if background in backgrounds.PLACES else backgrounds.plain
    return drawn(background)


def render(scene: Scene, drawings: Drawings) -> NDArray[np.float32]:
    """(SIDE, SIDE, 3) in 0..1."""
    picture = _canvas(scene.background).copy()
    for thing, (left, top, size) in zip(scene.things, scene.boxes, strict=True):
        drawing = drawings.render(thing.emoji, size * CELL)
        area = picture[top * CELL : (top + size) * CELL, left * CELL : (left + size) * CELL]
        area += drawing[..., 3:] * (drawing[..., :3] - area)
    return picture


class SceneMaker:
    """Makes up scenes: mostly one thing, sometimes before a colour or in a place, sometimes two or three."""

    def __init__(self, concepts: Sequence[Concept], seed: int, weights: Sequence[int] = WEIGHTS) -> None:
        self._weights = weights
        self._rng = random.Random(seed)  # noqa: S311 - training data
        self._concepts = list(concepts)
        self._placed = [concept for concept in concepts if concept.kind not in _UNPLACED_KINDS]
        self._countable = [concept for concept in concepts if concept.plurals]
        self._colours = [name for name in backgrounds.COLOURS if name != "white"]

    def _thing(self, concept: Concept) -> Thing:
        return Thing(concept, self._rng.choice(concept.emoji))

    def alone(self) -> Scene:
        """One thing, as large as the picture, on white."""
        return Scene((self._thing(self._rng.choice(self._concepts)),), _ALONE, "white")

    def alone_each(self, concept: Concept) -> list[Scene]:
        """Every drawing of one thing, as large as the picture, on white."""
        return [Scene((Thing(concept, emoji),), _ALONE, "white") for emoji in concept.emoji]

    def coloured(self) -> Scene:
        """One thing in front of a colour."""
        thing = self._thing(self._rng.choice(self._concepts))
        return Scene((thing,), _IN_FRONT, self._rng.choice(self._colours))

    def placed(self) -> Scene:
        """One thing in a place."""
        thing = self._thing(self._rng.choice(self._placed))
        return Scene((thing,), _ON_THE_GROUND, self._rng.choice(list(backgrounds.PLACES)))

    def pair(self) -> Scene:
        """Two different things side by side, now and then in a place."""
        things = tuple(self._thing(concept) for concept in self._rng.sample(self._placed, 2))
        if self._rng.random() < 0.25:
            return Scene(things, _PAIR_ON_THE_GROUND, self._rng.choice(list(backgrounds.PLACES)))
        return Scene(things, _PAIR, "white")

    def several(self) -> Scene:
        """Two or three of the same thing."""
        thing = self._thing(self._rng.choice(self._countable))
        boxes = self._rng.choice((_PAIR, _THREE))
        return Scene((thing,) * len(boxes), boxes, "white")

    def any(self) -> Scene:
        """One of the above, as often as the weights say."""
        kinds = (self.alone, self.coloured, self.placed, self.pair, self.several)
        make = self._rng.choices(kinds, weights=self._weights)[0]
        return make()
