"""The 64 prompts of the gallery: made from the list of things by seed, never picked."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from generator.training.captions import LANGUAGES, plain_prompt
from generator.training.compositions import never_seen
from generator.training.concepts import Concept
from generator.training.scenes import Scene, SceneMaker

SEED = 2026  # of the prompts; a picture's own seed is the prompt's number
_ALONE, _COLOURED, _PLACED = 8, 4, 4
_SEEN_PAIRS, _NEW_PAIRS = 8, 8


@dataclass(frozen=True, slots=True)
class GalleryPrompt:
    """number: from 1, also the seed it is drawn with. never_seen: training never showed its two things together."""

    number: int
    language: str
    text: str
    scene: Scene
    never_seen: bool

    @property
    def things(self) -> tuple[Concept, ...]:
        """The one or two things asked for."""
        return tuple(thing.concept for thing in self.scene.things)


def _differing(make: Callable[[], Scene], used: set[Any]) -> Iterator[Scene]:
    """Scenes without end, none of whose things was used in an earlier one."""
    while True:
        scene = make()
        names = {thing.concept.index for thing in scene.things}
        if not names & used:
            used |= names
            yield scene


def _scenes(maker: SceneMaker, used: set[Any]) -> list[Scene]:
    """Sixteen single things, then eight pairs of any kind and eight never seen together."""
    kinds = ((maker.alone, _ALONE), (maker.coloured, _COLOURED), (maker.placed, _PLACED), (maker.pair, _SEEN_PAIRS))
    scenes = [scene for make, count in kinds for scene in itertools.islice(_differing(make, used), count)]
    new = (scene for scene in iter(maker.pair, None) if never_seen(scene))
    return scenes + list(itertools.islice(_differing(new.__next__, used), _NEW_PAIRS))


def gallery_prompts(concepts: Sequence[Concept], seed: int = SEED) -> list[GalleryPrompt]:
    """32 English prompts, then 32 French ones. No thing comes twice in a language."""
    maker = SceneMaker(concepts, seed)
    chosen = [(language, scene) for language in LANGUAGES for scene in _scenes(maker, set())]
    return [
        GalleryPrompt(number, language, plain_prompt(scene, language), scene, never_seen(scene))
        for number, (language, scene) in enumerate(chosen, 1)
    ]
