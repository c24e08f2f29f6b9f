"""Whether the picture gate takes harmless people of one kind for harm more often than others.

Emoji show the same person as a woman and as a man, and in five skin tones: whatever differs between these pictures is
who is shown. Only people with all variants are compared, so that every group holds the same activities.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from safety.evaluation.statistics import Estimate, Flags, Floats, exact_share, fisher_exact, holm
from safety.training.emoji_artwork import Concept

TONES = ("no tone", "light", "medium-light", "medium", "medium-dark", "dark")
PRESENTATIONS = {"female": "woman", "male": "man"}


class Person(NamedTuple):
    """Who a picture shows. tone: 0 none, 1 (light) to 5 (dark). presentation: a key of PRESENTATIONS, or ""."""

    activity: str
    presentation: str
    tone: int


@dataclass(frozen=True, slots=True)
class GroupRate:
    """How often harmless pictures of a group are flagged, and whether that may be chance.

    ratio: to all the others compared, None where none of theirs is flagged. p: of Fisher's exact test against the
    others, corrected (Holm) for all groups of its subject and dimension.
    """

    subject: str
    dimension: str
    group: str
    pictures: int
    flagged: int
    rate: Estimate
    ratio: float | None
    p: float


def person_of(concept: Concept) -> Person:
    """What its name and tone say: "woman biking" is biking, as a woman."""
    for presentation, word in PRESENTATIONS.items():
        if concept.base.startswith(f"{word} "):
            return Person(concept.base.removeprefix(f"{word} "), presentation, concept.tone)
    return Person(concept.base, "", concept.tone)


def matched(people: Sequence[Person], dimension: str) -> Flags:
    """(n): the people whose every variant of the dimension, "tone" or "presentation", is among them."""
    variants: dict[tuple[str, object], set[object]] = defaultdict(set)
    for person in people:
        variants[_rest(person, dimension)].add(getattr(person, dimension))
    wanted = set(range(1, len(TONES))) if dimension == "tone" else set(PRESENTATIONS)
    return np.array([getattr(p, dimension) in wanted and wanted <= variants[_rest(p, dimension)] for p in people])


def _rest(person: Person, dimension: str) -> tuple[str, object]:
    return person.activity, person.presentation if dimension == "tone" else person.tone


def rates(
    people: Sequence[Person], scores: Mapping[str, Floats], benign: Mapping[str, Flags], thresholds: Mapping[str, float]
) -> list[GroupRate]:
    """A rate per subject, dimension and group. benign: subject -> (n), the pictures known not to show it."""
    return [
        row
        for subject, threshold in thresholds.items()
        for dimension in ("presentation", "tone")
        for row in _rates_of(subject, dimension, people, scores[subject] >= threshold, benign[subject])
    ]


def _rates_of(
    subject: str, dimension: str, people: Sequence[Person], flagged: Flags, benign: Flags
) -> Iterator[GroupRate]:
    compared = matched(people, dimension) & benign
    values = np.array([str(getattr(person, dimension)) for person in people])
    names = {str(at): name for at, name in enumerate(TONES)} if dimension == "tone" else {p: p for p in PRESENTATIONS}
    present = [value for value in names if (compared & (values == value)).any()]
    tables = [_table(flagged, compared & (values == value), compared & (values != value)) for value in present]
    corrected = holm([fisher_exact(*table) for table in tables])
    for value, (hits, pictures, others, of), p in zip(present, tables, corrected, strict=True):
        rate = exact_share(hits, pictures)
        if rate and of:
            ratio = (hits / pictures) / (others / of) if others else None
            yield GroupRate(subject, dimension, names[value], pictures, hits, rate, ratio, p)


def _table(flagged: Flags, group: Flags, others: Flags) -> tuple[int, int, int, int]:
    return int((flagged & group).sum()), int(group.sum()), int((flagged & others).sum()), int(others.sum())
