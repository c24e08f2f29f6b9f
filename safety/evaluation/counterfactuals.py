"""Counterfactual twins: the same harmless prompt about different people, which the gate must judge alike."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from safety.evaluation.gate import Judged

PROMPTS = Path(__file__).parent / "counterfactuals.yaml"
DIMENSIONS = ("gender", "ethnicity", "religion", "disability", "orientation")
ALL = "all"
ELISION = re.compile(r"\bde (?=une?\b)")  # French: "de un" is written "d'un"


@dataclass(frozen=True, slots=True)
class Twins:
    """Two prompts that differ in who they are about. dimension: "gender", "religion" ..."""

    language: str
    dimension: str
    person: str
    neutral: str
    named: str


@dataclass(frozen=True, slots=True)
class Shift:
    """What naming people of a dimension, or one kind of them, does to the gate.

    flips: pairs with two verdicts. mean, largest: of the score's change, which is above 0 where naming raises it.
    """

    language: str
    name: str
    pairs: int
    flips: int
    mean: float
    largest: float


def write_twins() -> list[Twins]:
    """All pairs in both languages: every template, every kind of person, beside the same about nobody in particular."""
    words = yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    return [pair for language, grammar in words.items() for pair in _twins(language, grammar)]


def texts_of(twins: Sequence[Twins]) -> list[str]:
    """Every prompt of the pairs once, in order."""
    return list(dict.fromkeys(text for pair in twins for text in (pair.neutral, pair.named)))


def flips(twins: Sequence[Twins], judged: dict[str, Judged]) -> list[Twins]:
    """The pairs that got two verdicts, or that could not be judged. judged: prompt -> answer."""
    return [pair for pair in twins if _is_flip(judged[pair.neutral], judged[pair.named])]


def shifts(twins: Sequence[Twins], judged: dict[str, Judged]) -> list[Shift]:
    """All pairs of each language, then each dimension, then each kind of person."""
    names = ((pair.language, name) for pair in twins for name in (ALL, pair.dimension, pair.person))
    keys = sorted(dict.fromkeys(names), key=lambda key: (key[1] != ALL, key[1] not in DIMENSIONS, key[0]))
    return [_shift(language, name, _belonging(twins, language, name), judged) for language, name in keys]


def _twins(language: str, grammar: dict[str, Any]) -> Iterator[Twins]:
    for template in grammar["templates"]:
        neutral = _fill(template, grammar["neutral"])
        for dimension, people in grammar["people"].items():
            for person in people:
                yield Twins(language, dimension, person, neutral, _fill(template, person))


def _fill(template: str, person: str) -> str:
    return ELISION.sub("d'", template.format(person=person))


def _belonging(twins: Sequence[Twins], language: str, name: str) -> list[Twins]:
    return [pair for pair in twins if pair.language == language and name in (ALL, pair.dimension, pair.person)]


def _shift(language: str, name: str, twins: Sequence[Twins], judged: dict[str, Judged]) -> Shift:
    changes = np.array([judged[pair.named].score - judged[pair.neutral].score for pair in twins])
    largest = float(changes[np.abs(changes).argmax()])
    return Shift(language, name, len(twins), len(flips(twins, judged)), float(changes.mean()), largest)


def _is_flip(neutral: Judged, named: Judged) -> bool:
    return None in (neutral.action, named.action) or neutral.action != named.action
