"""A second opinion on pictures: any image classifier of transformers, its labels translated by the operator's file."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import torch
import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForImageClassification

from policies.identity import MANIFEST, IntegrityFailure, ModelIdentity, verify_folder
from policies.signals import Category, Signal, Subject
from safety.canary_pictures import cat, knife
from safety.pictures import PictureBatch, sha256_of_weights

HARMLESS = "harmless"
SAME = 1e-6  # two pictures so nearly alike in every answer were not looked at


class Opinion(BaseModel):
    """Which classifier is asked, and what each of its labels means here.

    name: the source of its signals, as a policy lists it.
    model: a folder (seen from the file's own, if not absolute) or a hub id; revision: of a hub id, a commit pins it.
    calibrated_for: the sha256 of the identity for which the operator has found the scores to be probabilities.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    model: Annotated[str, Field(min_length=1)]
    revision: str | None = None
    labels: dict[str, Category | Literal["harmless"]]
    calibrated_for: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _sees_some_harm(self) -> Self:
        if set(self.labels.values()) <= {HARMLESS}:
            raise ValueError("labels: at least one should mean a category")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Raises ValueError naming the file when it is malformed."""
        try:
            opinion = cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        beside = path.parent / opinion.model
        return opinion.model_copy(update={"model": str(beside)}) if beside.is_dir() else opinion


class SecondOpinion:
    """One signal for each category that a label of the classifier means."""

    def __init__(self, opinion: Opinion) -> None:
        """Load the classifier; only safetensors are read.

        Raises IntegrityFailure when a folder's manifest does not fit, when a label of the classifier has no meaning
        here or a label of the file is unknown to it, and when the classifier answers the same to a knife and a cat.
        """
        folder = Path(opinion.model)
        vouched = verify_folder(folder) if (folder / MANIFEST).is_file() else None
        self._model = AutoModelForImageClassification.from_pretrained(
            opinion.model, revision=opinion.revision, use_safetensors=True
        ).eval()
        processors: Any = AutoImageProcessor  # untyped there
        self._processor = processors.from_pretrained(opinion.model, revision=opinion.revision)
        self._labels = _labels_in_order(opinion, self._model.config.id2label)
        self.name = opinion.name
        self.identity = vouched or ModelIdentity(opinion.model, _sha256(self._model, self._labels))
        self._calibrated = opinion.calibrated_for == self.identity.sha256
        self._meaning = opinion.labels
        one, other = self._probabilities([knife(), cat()])
        if not torch.isfinite(one + other).all() or torch.allclose(one, other, rtol=0, atol=SAME):
            raise IntegrityFailure(
                f"{opinion.model} does not tell a knife from a cat: its weights or settings are broken"
            )

    @property
    def reports(self) -> frozenset[Subject]:
        """The categories its labels mean."""
        return frozenset(Category(meaning) for meaning in self._meaning.values() if meaning != HARMLESS)

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        """One list per picture with a signal for each category in `reports`."""
        return [self._signals(row) for row in self._probabilities(batch.pixels)]

    def _signals(self, probabilities: Tensor) -> list[Signal]:
        columns = {subject: probabilities[self._columns(subject)] for subject in sorted(self.reports)}
        return [
            Signal(self.name, subject, float(self._joined(column)), calibrated=self._calibrated)
            for subject, column in columns.items()
        ]

    def _columns(self, subject: Subject) -> list[int]:
        return [column for column, label in enumerate(self._labels) if self._meaning[label] == subject]

    def _joined(self, probabilities: Tensor) -> Tensor:
        """Labels that exclude each other add up; of those that do not, the surest counts. NaN stays NaN."""
        return probabilities.amax() if self._has_several_answers else probabilities.sum().clamp(max=1)

    @property
    def _has_several_answers(self) -> bool:
        return bool(self._model.config.problem_type == "multi_label_classification")

    @torch.inference_mode()
    def _probabilities(self, pixels: Sequence[Tensor]) -> Tensor:
        """float32 (pictures, labels). Raises ValueError when the classifier answers in another shape."""
        arrays = [picture.numpy() for picture in pixels]
        inputs = self._processor(images=arrays, return_tensors="pt", input_data_format="channels_first")
        logits: Tensor = self._model(**inputs).logits.float()
        if logits.shape != (len(pixels), len(self._labels)):
            raise ValueError(f"{tuple(logits.shape)} answers for {len(pixels)} pictures and {len(self._labels)} labels")
        return logits.sigmoid() if self._has_several_answers else logits.softmax(-1)


def _labels_in_order(opinion: Opinion, id2label: Mapping[int, str]) -> list[str]:
    labels = [id2label[column] for column in sorted(id2label)]
    unexplained, unknown = set(labels) - set(opinion.labels), set(opinion.labels) - set(labels)
    if unexplained or unknown or len(set(labels)) != len(labels):
        raise IntegrityFailure(
            f"{opinion.model} answers {', '.join(labels)}; "
            f"without a meaning: {', '.join(sorted(unexplained)) or 'none'}, "
            f"not among them: {', '.join(sorted(unknown)) or 'none'}"
        )
    return labels


def _sha256(model: torch.nn.Module, labels: Sequence[str]) -> str:
    """Hex sha256 over the weights and the order of the labels, for classifiers that come without a manifest."""
    return hashlib.sha256((sha256_of_weights(model) + json.dumps(labels)).encode()).hexdigest()
