"""From the views of a picture to a calibrated score: is it more like these phrases than like those?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from safetensors.torch import load_file
from torch import Tensor

from policies.signals import Signal, Subject
from safety.concept_banks import Calibration, ConceptBank
from safety.pictures import PictureBatch, PictureEmbedder


@dataclass(frozen=True, slots=True, eq=False)
class PhraseContrast:
    """The two sides of a bank as embeddings: float32 (n, d) each, L2-normalised."""

    positive: Tensor
    benign: Tensor
    pairs: bool
    temperature: float

    def __call__(self, embeddings: Tensor) -> Tensor:
        """(..., d) -> (...): log-mean-exp cosine over the positive minus over the benign phrases.

        In units of the temperature; for pairs the mean of the differences (CLIP-IQA, Wang et al., 2023).
        """
        positive = embeddings @ self.positive.T / self.temperature
        benign = embeddings @ self.benign.T / self.temperature
        if self.pairs:
            return (positive - benign).mean(-1)
        return _log_mean_exp(positive) - _log_mean_exp(benign)


def _log_mean_exp(values: Tensor) -> Tensor:
    return values.logsumexp(-1) - math.log(values.shape[-1])


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """A logistic regression on the embedding. weight: float32 (d); bias: float32 ()."""

    weight: Tensor
    bias: Tensor

    def __call__(self, embeddings: Tensor) -> Tensor:
        """(..., d) -> (...): the logit."""
        return embeddings @ self.weight + self.bias


def highest_view(values: Tensor) -> Tensor:
    """(..., views) -> (...): what the view says that shows the subject best; NaN when any view is.

    So for every subject, looking like a photograph too: a photograph in a drawn frame passes for one.
    """
    return values.amax(-1)


@dataclass(frozen=True, slots=True, eq=False)
class SubjectScorer:
    """One subject's phrases, head and calibration, for one model."""

    subject: str
    contrast: PhraseContrast
    head: LinearHead | None
    calibration: Calibration | None

    @property
    def calibrated(self) -> bool:
        """Whether the score is a probability fitted for the loaded checkpoint."""
        return self.calibration is not None

    def __call__(self, embeddings: Tensor) -> Tensor:
        """float32 (pictures, views, d) -> (pictures): scores in [0, 1], NaN where the embedding of a view is.

        Contrast and head are each taken from their highest view. Their weights are never negative, so no view's own
        score is above the picture's, and fitting them stays a convex problem.
        """
        contrast = highest_view(self.contrast(embeddings))
        fitted = self.calibration
        if fitted is None:
            return contrast.sigmoid()
        logit = fitted.margin * contrast + fitted.intercept
        if self.head is not None:
            logit = logit + fitted.head * highest_view(self.head(embeddings))
        return logit.sigmoid()


def load_heads(embedder: PictureEmbedder) -> dict[str, LinearHead]:
    """The linear heads that lie beside a model, by subject."""
    if embedder.heads is None:
        return {}
    tensors = {name: tensor.float() for name, tensor in load_file(embedder.heads).items()}
    subjects = {name.removesuffix(".weight") for name in tensors if name.endswith(".weight")}
    return {s: LinearHead(tensors[f"{s}.weight"], tensors[f"{s}.bias"]) for s in sorted(subjects)}


def build_scorer(bank: ConceptBank, embedder: PictureEmbedder, heads: Mapping[str, LinearHead]) -> SubjectScorer:
    """Embed the bank's phrases once. Uncalibrated, the model's own temperature is used.

    Raises ValueError when a calibration relies on a head that is not there.
    """
    calibration = bank.calibration_for(embedder.identity.sha256)
    head = heads.get(bank.subject)
    if calibration is not None and calibration.head > 0 and head is None:
        raise ValueError(f"{bank.subject}: calibrated with a head that {embedder.identity.name} lacks")
    contrast = PhraseContrast(
        positive=embedder.embed_phrases(bank.positive),
        benign=embedder.embed_phrases(bank.benign),
        pairs=bank.contrast == "pairs",
        temperature=calibration.temperature if calibration else 1 / embedder.logit_scale,
    )
    return SubjectScorer(bank.subject, contrast, head, calibration)


def is_scored(bank: ConceptBank, banks: Mapping[str, ConceptBank], embedder: PictureEmbedder) -> bool:
    """Whether this model says anything about the bank's subject (or about all its parts)."""
    parts = [bank, *(banks[part] for part in bank.all_of)]
    return all(embedder.identity.name not in part.not_scored_by for part in parts)


class BankScores:
    """Scores for the given subjects, conjunctions included. NaN stays NaN: it must never read as harmless."""

    def __init__(
        self, embedder: PictureEmbedder, banks: Mapping[str, ConceptBank], subjects: Sequence[Subject]
    ) -> None:
        """subjects: what to score; those without a bank that this model can score are left out."""
        heads = load_heads(embedder)
        wanted = [s for s in subjects if s in banks and is_scored(banks[s], banks, embedder)]
        self._parts = {subject: banks[subject].all_of or (str(subject),) for subject in wanted}
        needed = dict.fromkeys(part for parts in self._parts.values() for part in parts)
        self._scorers = {name: build_scorer(banks[name], embedder, heads) for name in needed}

    @property
    def subjects(self) -> frozenset[Subject]:
        """What is scored."""
        return frozenset(self._parts)

    def signals(self, source: str, batch: PictureBatch) -> list[list[Signal]]:
        """For each picture a signal for every subject. Raises ValueError for embeddings of another shape."""
        if batch.embeddings.ndim != 3:
            raise ValueError(f"expected embeddings of (pictures, views, d), got {tuple(batch.embeddings.shape)}")
        scores = {name: scorer(batch.embeddings) for name, scorer in self._scorers.items()}
        columns = {s: torch.stack([scores[part] for part in parts]).amin(0) for s, parts in self._parts.items()}
        return [
            [self._signal(source, subject, float(column[row])) for subject, column in columns.items()]
            for row in range(len(batch.embeddings))
        ]

    def _signal(self, source: str, subject: Subject, score: float) -> Signal:
        parts = self._parts[subject]
        calibrated = all(self._scorers[part].calibrated for part in parts)
        evidence = " and ".join(parts) if len(parts) > 1 else ""
        return Signal(source, subject, score, evidence=evidence, calibrated=calibrated)
