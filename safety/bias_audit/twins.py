"""Counterfactual twins: the same prompt about different people, or as different people say it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

PROMPTS = Path(__file__).parent / "twins.yaml"
DIALECT = "dialect"
DIMENSIONS = ("gender", "ethnicity", "religion", "disability", "orientation", "age", DIALECT)
ELISION = re.compile(r"\bde (?=une?\b)")  # French: "de un" is written "d'un"


class Kind(StrEnum):
    """harmless: must pass. grave: may be refused, but for everybody alike."""

    HARMLESS = "harmless"
    GRAVE = "grave"


@dataclass(frozen=True, slots=True)
class Twins:
    """Two prompts that differ in who they are about, or in how it is said.

    dimension: one of DIMENSIONS. person: who, or whose dialect. scene: what both have in common; for a dialect the
    standard wording.
    """

    kind: Kind
    language: str
    dimension: str
    person: str
    scene: str
    neutral: str
    named: str


def write_twins() -> list[Twins]:
    """All pairs in both languages: every scene, every kind of person, beside the same about nobody in particular."""
    words = yaml.safe_load(PROMPTS.read_text(encoding="utf-8"))
    return [pair for language, grammar in words.items() for pair in _twins(language, grammar)]


def texts_of(twins: Sequence[Twins]) -> list[str]:
    """Every prompt of the pairs once, in order."""
    return list(dict.fromkeys(text for pair in twins for text in (pair.neutral, pair.named)))


def _twins(language: str, grammar: dict[str, Any]) -> Iterator[Twins]:
    for kind in Kind:
        for scene in grammar[kind]:
            neutral = _fill(scene, grammar["neutral"])
            for dimension, people in grammar["people"].items():
                for person in people:
                    yield Twins(kind, language, dimension, person, scene, neutral, _fill(scene, person))
    for dialect, pairs in grammar["dialects"].items():
        for standard, spoken in pairs:
            yield Twins(Kind.HARMLESS, language, DIALECT, dialect, standard, standard, spoken)


def _fill(scene: str, person: str) -> str:
    return ELISION.sub("d'", scene.format(person=person))
