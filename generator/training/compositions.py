"""Which pairs of things dalle-nano was shown together. On those it never was, its composition is measured."""

import hashlib
from collections.abc import Iterable
from functools import cache

from generator.training.concepts import load_concepts
from generator.training.scenes import Scene, SceneMaker

Pair = frozenset[int]  # the numbers of two different concepts, in either order

_ONE_IN = 8
_POOL = 14_000
_FIRST_POOLS = tuple((weights, seed) for weights in ((45, 12, 18, 16, 9), (32, 16, 28, 16, 8)) for seed in (0, 1))
"""Kinds of scenes and seeds of the pools that the first training drew from, before pairs were held out by rule."""


def pair_of(scene: Scene) -> Pair | None:
    """The two different things of a scene, if it has two."""
    things = frozenset(thing.concept.index for thing in scene.things)
    return things if len(things) == 2 else None


def held_out(pair: Pair) -> bool:
    """One pair in eight, by a hash of its numbers: training makes no scene of it."""
    named = ",".join(str(number) for number in sorted(pair))
    return hashlib.sha256(named.encode()).digest()[0] % _ONE_IN == 0


def may_be_learnt(scene: Scene) -> bool:
    """Whether training may show a scene."""
    pair = pair_of(scene)
    return pair is None or not held_out(pair)


def _pairs(scenes: Iterable[Scene]) -> set[Pair]:
    return {pair for pair in map(pair_of, scenes) if pair}


@cache
def seen_at_first() -> frozenset[Pair]:
    """The pairs in the first training's pools, which are made again from their seeds."""
    concepts = load_concepts()
    makers = (SceneMaker(concepts, seed, weights) for weights, seed in _FIRST_POOLS)
    return frozenset(_pairs(maker.any() for maker in makers for _ in range(_POOL)))


def never_seen(scene: Scene) -> bool:
    """Whether a scene has two things that no training of the shipped weights has shown together, anywhere."""
    pair = pair_of(scene)
    return pair is not None and held_out(pair) and pair not in seen_at_first()
