"""Scores labelled pictures as the gate would, and measures each subject's scores against what the pictures show."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.signals import Category, Descriptor
from safety.concept_banks import ConceptBank
from safety.concept_scorer import BankScores
from safety.evaluation.picture_rows import LabelledPictures
from safety.evaluation.statistics import (
    Estimate,
    Flags,
    Floats,
    Reliability,
    areas,
    exact_share,
    reliability,
    threshold_at,
)
from safety.pictures import PictureBatch, PictureEmbedder

AT_ONCE = 64  # pictures per forward
RATE = 0.01  # of false positives at which recall is told
FEWEST = 5  # pictures on either side: with fewer there is no row


@dataclass(frozen=True, slots=True)
class SubjectScores:
    """One subject's scores (n,) of the pictures of which it is known whether they show it."""

    scores: Floats
    unsafe: Flags

    @property
    def benign(self) -> Flags:
        """The pictures that do not show it."""
        return ~self.unsafe


@dataclass(frozen=True, slots=True)
class Reached:
    """What a threshold does: the shares of pictures that reach it, with exact intervals."""

    threshold: float
    recall: Estimate
    false_positives: Estimate


@dataclass(frozen=True, slots=True)
class SubjectCard:
    """A subject's figures on one set. flag, block: at the thresholds of its calibration, None without one."""

    subject: str
    shown: int
    benign: int
    auroc: Estimate
    at_one_percent: Reached
    flag: Reached | None
    block: Reached | None
    calibration: Reliability | None


def embed_in_parts(
    embedder: PictureEmbedder, pictures: Sequence[Tensor], done: Callable[[int], None] = lambda _: None
) -> Iterator[PictureBatch]:
    """The pictures' embeddings, AT_ONCE at a time. done: told how many each time."""
    for start in range(0, len(pictures), AT_ONCE):
        batch = embedder.embed([pictures[at] for at in range(start, min(start + AT_ONCE, len(pictures)))])
        done(len(batch.pixels))
        yield batch


def embed_all(
    embedder: PictureEmbedder, pictures: Sequence[Tensor], done: Callable[[int], None] = lambda _: None
) -> Tensor:
    """float32 (n, views, d)."""
    return torch.cat([batch.embeddings for batch in embed_in_parts(embedder, pictures, done)])


def score_all(
    embedder: PictureEmbedder,
    banks: Mapping[str, ConceptBank],
    pictures: Sequence[Tensor],
    done: Callable[[int], None] = lambda _: None,
) -> dict[str, Floats]:
    """Scores (n,) by subject, as the checks report them; only subjects that this model scores."""
    scorer = BankScores(embedder, banks, [*Category, *Descriptor])
    columns: dict[str, list[float]] = {str(subject): [] for subject in scorer.subjects}
    for batch in embed_in_parts(embedder, pictures, done):
        for signals in scorer.signals("evaluation", batch):
            for signal in signals:
                columns[str(signal.subject)].append(signal.score)
    return {subject: np.array(column) for subject, column in columns.items()}


def known_scores(scores: Mapping[str, Floats], pictures: LabelledPictures) -> dict[str, SubjectScores]:
    """For each subject that can be measured here: at least FEWEST pictures show it, and as many do not."""
    found = {}
    for subject, column in scores.items():
        answers = pictures.answers[subject]
        known = ~np.isnan(answers)
        told = SubjectScores(column[known], answers[known] == 1)
        if min(told.unsafe.sum(), told.benign.sum()) >= FEWEST:
            found[subject] = told
    return found


def measure(
    told: Mapping[str, SubjectScores], banks: Mapping[str, ConceptBank], checkpoint: str
) -> tuple[SubjectCard, ...]:
    """A card per subject. checkpoint: the sha256 of the model whose calibrations count."""
    return tuple(_card(subject, scores, banks[subject], checkpoint) for subject, scores in told.items())


def reached(told: SubjectScores, threshold: float) -> Reached:
    """What a threshold does to these scores, which hold pictures of both kinds."""
    recall, false_positives = (
        exact_share(int((told.scores[chosen] >= threshold).sum()), int(chosen.sum()))
        for chosen in (told.unsafe, told.benign)
    )
    if recall is None or false_positives is None:
        raise ValueError("no pictures of one of the two kinds")
    return Reached(threshold, recall, false_positives)


def _card(subject: str, told: SubjectScores, bank: ConceptBank, checkpoint: str) -> SubjectCard:
    shown, benign = told.scores[told.unsafe], told.scores[told.benign]
    fitted = bank.calibration_for(checkpoint)
    return SubjectCard(
        subject,
        len(shown),
        len(benign),
        areas(shown, benign)[0],
        reached(told, threshold_at(benign, RATE)),
        reached(told, fitted.flag) if fitted else None,
        reached(told, fitted.block) if fitted else None,
        reliability(told.scores, told.unsafe) if fitted else None,
    )
