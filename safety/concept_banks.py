"""Concept banks: what a subject looks like in words, and how its score was calibrated for which model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

import policies

CONCEPTS = Path(policies.__file__).with_name("concepts")

Phrases = tuple[Annotated[str, Field(min_length=1)], ...]
Share = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measured(_Part):
    """What the calibration set said. Counts of pictures, and both rates at the two thresholds."""

    positives: int
    benign: int
    recall_at_flag: Share
    recall_at_block: Share
    false_positives_at_flag: Share
    false_positives_at_block: Share


class Calibration(_Part):
    """score = sigmoid(head * head_logit + margin * contrast + intercept), fitted for exactly one checkpoint.

    Head logit and contrast are each the highest of the picture's views.
    checkpoint: the sha256 of the model identity.
    head, margin: weights >= 0 of the linear head and of the phrases.
    """

    checkpoint: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    head: Annotated[FiniteFloat, Field(ge=0)]
    margin: Annotated[FiniteFloat, Field(ge=0)]
    intercept: FiniteFloat
    temperature: Annotated[FiniteFloat, Field(gt=0)]
    flag: Share
    block: Share
    measured: Measured


class ConceptBank(_Part):
    """One subject. Either phrases, or the names of other subjects that must all be shown.

    contrast: "sets" weighs all positive against all benign phrases, "pairs" each against its opposite.
    not_scored_by: model name -> why this model says nothing about the subject.
    """

    subject: str
    positive: Phrases = ()
    benign: Phrases = ()
    contrast: Literal["sets", "pairs"] = "sets"
    all_of: tuple[str, ...] = ()
    calibrations: dict[str, Calibration] = {}
    not_scored_by: dict[str, str] = {}

    @model_validator(mode="after")
    def _says_something(self) -> "ConceptBank":
        if bool(self.all_of) == bool(self.positive and self.benign):
            raise ValueError("needs positive and benign phrases, or all_of")
        if self.contrast == "pairs" and len(self.positive) != len(self.benign):
            raise ValueError("pairs need as many benign as positive phrases")
        return self

    def calibration_for(self, checkpoint: str) -> Calibration | None:
        """The calibration fitted for this checkpoint (a model identity's sha256), None when there is none."""
        return next((c for c in self.calibrations.values() if c.checkpoint == checkpoint), None)


class Calibrations(_Part):
    """What `gardefou evaluate pictures --fit` found for one model, in a file of its own: subject -> calibration.

    model: its name, for people; what counts is the checkpoint of each calibration.
    """

    model: Annotated[str, Field(min_length=1)]
    calibrations: Annotated[dict[str, Calibration], Field(min_length=1)]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Raises ValueError naming the file when it is absent or malformed."""
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error

    def write(self, path: Path) -> None:
        """In the form that `read` reads."""
        path.write_text(yaml.safe_dump(self.model_dump(), sort_keys=False), encoding="utf-8")

    def applied_to(self, banks: Mapping[str, ConceptBank]) -> dict[str, ConceptBank]:
        """The banks with these calibrations before their own. Raises ValueError for a subject that has no bank."""
        if strangers := self.calibrations.keys() - banks.keys():
            raise ValueError(f"calibrations for subjects without a bank: {', '.join(sorted(strangers))}")
        return {subject: self._applied(bank) for subject, bank in banks.items()}

    def _applied(self, bank: ConceptBank) -> ConceptBank:
        fitted = self.calibrations.get(bank.subject)
        others = {name: c for name, c in bank.calibrations.items() if name != self.model}
        return bank.model_copy(update={"calibrations": {self.model: fitted, **others}}) if fitted else bank


def load_banks(folder: Path = CONCEPTS) -> dict[str, ConceptBank]:
    """Every bank of a folder by subject. Raises ValueError naming the file when one is malformed."""
    banks: dict[str, ConceptBank] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            bank = ConceptBank.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (yaml.YAMLError, ValueError) as error:
            raise ValueError(f"{path}: {error}") from error
        if bank.subject != path.stem:
            raise ValueError(f"{path}: its subject is {bank.subject!r}, its name says {path.stem!r}")
        banks[bank.subject] = bank
    _check_parts(banks, folder)
    return banks


def _check_parts(banks: dict[str, ConceptBank], folder: Path) -> None:
    for bank in banks.values():
        for part in bank.all_of:
            if part not in banks or banks[part].all_of:
                raise ValueError(f"{folder / bank.subject}.yaml: all_of names {part!r}, which has no phrases")
