"""What people say pictures of a run show: the labels that a scorer is measured with, in place of what was asked for.

Two people rate each picture without seeing its prompt; where they differ a third settles it. The pictures come in an
order that follows from the run's plan, so what is labelled at any time is a random part of the run's neutral pictures.
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from safety.bias_audit.probes import CLASSES, NEUTRAL, NO_PERSON, UNCLEAR, Attribute
from safety.bias_audit.runs import Fate, Outcome, Run
from safety.bias_audit.scorer import Calibration, Question
from safety.bias_audit.shares import (
    LEAST_LABELS,
    LEAST_SHARE,
    Confusion,
    Floats,
    Interval,
    ScorerTooWeak,
    corrected_by_labels,
    interval_of,
)

COLUMNS = ("key", "attribute", "answer")
SEED = 2023  # of the draws of prediction-powered shares; any number would do, if it is always the same

Labels = Mapping[Attribute, Mapping[str, str]]  # attribute -> key -> answer


class LabelsUnusable(Exception):
    """A file of labels cannot be used: names the line and what was expected."""


@dataclass(frozen=True, slots=True)
class LabelledShares:
    """An attribute as people's labels have it. people: labelled pictures that show somebody of a class.

    unsure: labelled ones that nobody could tell. shares: over all pictures of people of the run, by prediction-powered
    inference; None with too few labels, and `why` says so.
    """

    attribute: Attribute
    people: int
    unsure: int
    shares: tuple[Interval, ...] | None
    why: str


def answers_of(attribute: Attribute) -> tuple[str, ...]:
    """Everything that a rater may say: a class, "unclear" (cannot tell) or "no_person"."""
    return (*CLASSES[attribute], UNCLEAR, NO_PERSON)


def labelling_order(run: Run) -> list[Outcome]:
    """Released neutral pictures of a finished run, in the order in which they are labelled. Raises RunUnusable."""
    outcomes = run.finished()
    keys = [ask.key for ask in run.asks if ask.arm == NEUTRAL and outcomes[ask.key].fate is Fate.RELEASED]
    salt = f"{run.plan.probe_sha256}|{run.plan.generator_sha256}|{run.plan.series}"
    return [outcomes[key] for key in sorted(keys, key=lambda key: _place(salt, key))]


def _place(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}|{key}".encode()).digest()


def write_labels(labels: Labels, path: Path) -> int:
    """A CSV with a row for each label. Returns how many there are."""
    rows = [(key, attribute, answer) for attribute, told in labels.items() for key, answer in sorted(told.items())]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return len(rows)


def read_labels(path: Path) -> Labels:
    """Raises LabelsUnusable."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, ValueError, csv.Error) as error:
        raise LabelsUnusable(f"{path} cannot be read: {error}") from error
    if not rows or tuple(rows[0]) != COLUMNS:
        raise LabelsUnusable(f"{path}: line 1: expected the columns {', '.join(COLUMNS)}")
    labels: dict[Attribute, dict[str, str]] = {}
    for number, row in enumerate(rows[1:], 2):
        attribute = next((name for name in CLASSES if len(row) == len(COLUMNS) and name == row[1]), None)
        if attribute is None or row[2] not in answers_of(attribute):
            raise LabelsUnusable(f"{path}: line {number}: expected a key, an attribute and one of its answers")
        labels.setdefault(attribute, {})[row[0]] = row[2]
    return labels


def measured_by_people(scorer: Calibration, run: Run, labels: Labels) -> Calibration:
    """The same heads, with the confusion that people's labels show. An attribute without labels stays as it is.

    The heads saw none of these pictures: they are made of weak labels. Raises RunUnusable, LabelsUnusable for a key
    that is no neutral picture of the run.
    """
    pictures = {outcome.key: outcome for outcome in labelling_order(run)}
    if foreign := sorted({key for told in labels.values() for key in told} - pictures.keys()):
        raise LabelsUnusable(f"{foreign[0]} is no released neutral picture of {run.folder}")
    measured = {
        name: replace(question, confusion=_confusion(question, name, labels[name], pictures))
        if labels.get(name)
        else question
        for name, question in scorer.attributes.items()
    }
    return replace(scorer, attributes=measured)


def labelled_shares(scorer: Calibration, run: Run, labels: Labels) -> tuple[LabelledShares, ...]:
    """What the labels say of each attribute, over all neutral pictures of people. Raises as `measured_by_people`."""
    pictures = labelling_order(run)
    read = scorer.read(np.stack([_embedding(outcome) for outcome in pictures])) if pictures else {}
    by_key = {name: dict(zip((one.key for one in pictures), answers, strict=True)) for name, answers in read.items()}
    return tuple(_labelled(name, by_key[name], labels[name]) for name in scorer.attributes if labels.get(name))


def _labelled(attribute: Attribute, read: Mapping[str, str], labels: Mapping[str, str]) -> LabelledShares:
    classes, counts = CLASSES[attribute], Counter(labels.values())
    people = sum(counts[name] for name in classes)
    try:
        shares = _shares(classes, read, labels, people)
    except ScorerTooWeak as weak:
        return LabelledShares(attribute, people, counts[UNCLEAR], None, str(weak))
    return LabelledShares(attribute, people, counts[UNCLEAR], shares, "")


def _shares(
    classes: tuple[str, ...], read: Mapping[str, str], labels: Mapping[str, str], people: int
) -> tuple[Interval, ...]:
    """Shares among the pictures of somebody of a class. Raises ScorerTooWeak.

    Nobody and nobody knows are a class of their own until the end, in labels and readings alike: were pictures left out
    by what the scorer sees, labelled and unlabelled ones would be two populations.
    """
    rest = [_kind(answer, classes) for key, answer in read.items() if key not in labels]
    if people < LEAST_LABELS or len(rest) < 2:
        raise ScorerTooWeak(f"{people} pictures of people are labelled and {len(rest)} are not: 30 and 2 are needed")
    told = corrected_by_labels(
        np.array(rest, np.int64),
        np.array([_kind(read[key], classes) for key in labels], np.int64),
        np.array([_kind(answer, classes) for answer in labels.values()], np.int64),
        len(classes) + 1, len(classes) + 1, np.random.default_rng(SEED),
    )  # fmt: skip
    point, draws = _among(told.point[None])[0], _among(told.draws)
    return tuple(interval_of(float(value), draws[:, row]) for row, value in enumerate(point))


def _kind(answer: str, classes: tuple[str, ...]) -> int:
    return classes.index(answer) if answer in classes else len(classes)


def _among(shares: Floats) -> Floats:
    """(n, K + 1) -> (n, K): of the first K, whatever the last one is. Nothing at all is parity."""
    known = np.maximum(shares[:, :-1], LEAST_SHARE)
    among: Floats = known / known.sum(axis=1, keepdims=True)
    return among


def _confusion(
    question: Question, attribute: Attribute, labels: Mapping[str, str], pictures: Mapping[str, Outcome]
) -> Confusion:
    classes = CLASSES[attribute]
    sure: Sequence[tuple[str, str]] = [(key, answer) for key, answer in labels.items() if answer in classes]
    counts = np.zeros((len(classes), len(question.answers)), np.int64)
    if sure:
        read = question.read(np.stack([_embedding(pictures[key]) for key, _ in sure]))
        rows = [classes.index(answer) for _, answer in sure]
        np.add.at(counts, (rows, [question.answers.index(answer) for answer in read]), 1)
    return Confusion(counts)


def _embedding(outcome: Outcome) -> Floats:
    assert outcome.embedding is not None  # noqa: S101 - narrowing: released pictures have one
    return outcome.embedding
