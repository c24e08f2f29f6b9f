"""What dalle-nano is asked for when its drawings are measured: every thing alone, and scenes of each kind by seed."""

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from generator.training.captions import plain_prompt
from generator.training.compositions import never_seen, pair_of
from generator.training.concepts import Concept
from generator.training.scenes import Scene, SceneMaker, Thing

ALONE, COLOURED, PLACED = "alone", "before a colour", "in a place"
PAIRS, NEW_PAIRS = "two things", "two things never seen together"
GROUPS = (ALONE, COLOURED, PLACED, PAIRS, NEW_PAIRS)


@dataclass(frozen=True, slots=True)
class Asked:
    """One prompt. other: the prompt of another picture of its group. swapped: one of its two things is another."""

    text: str
    things: tuple[int, ...]
    scene: Scene
    other: str
    swapped: str | None


def _thing(concept: Concept) -> Thing:
    return Thing(concept, concept.emoji[0])


def _swapped(scene: Scene, concepts: Sequence[Concept], rng: random.Random) -> Scene:
    """One of the two things is exchanged for one that is not there."""
    here = pair_of(scene) or frozenset()
    stranger = _thing(rng.choice([concept for concept in concepts if concept.plurals and concept.index not in here]))
    first, second = scene.things
    things = (stranger, second) if rng.random() < 0.5 else (first, stranger)
    return Scene(things, scene.boxes, scene.background)


def _scenes(group: str, concepts: Sequence[Concept], maker: SceneMaker) -> Iterator[Scene]:
    if group == ALONE:
        return (maker.alone_each(concept)[0] for concept in concepts)
    endless: dict[str, Callable[[], Scene]] = {COLOURED: maker.coloured, PLACED: maker.placed}
    made = (scene for scene in iter(endless.get(group, maker.pair), None))
    return (scene for scene in made if never_seen(scene) == (group == NEW_PAIRS))


def asked(group: str, language: str, concepts: Sequence[Concept], count: int, seed: int) -> list[Asked]:
    """count prompts of a group, the same scenes in either language; of ALONE every thing, or the first count."""
    maker, rng = SceneMaker(concepts, seed), random.Random(seed)  # noqa: S311 - no secret
    endless = _scenes(group, concepts, maker)
    scenes = list(itertools.islice(endless, count))
    texts = [plain_prompt(scene, language) for scene in scenes]
    return [
        Asked(
            text,
            tuple(thing.concept.index for thing in scene.things),
            scene,
            texts[(place + 1) % len(texts)],
            plain_prompt(_swapped(scene, concepts, rng), language) if len(scene.things) == 2 else None,
        )
        for place, (scene, text) in enumerate(zip(scenes, texts, strict=True))
    ]
