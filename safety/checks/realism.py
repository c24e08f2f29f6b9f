"""Whether a picture passes for a photograph and whether it shows a person: a deepfake does both."""

from collections.abc import Mapping

from policies.signals import Descriptor, Signal, Subject
from safety.concept_banks import ConceptBank
from safety.concept_scorer import BankScores
from safety.pictures import PictureBatch, PictureEmbedder


class Realism:
    """How much a picture looks like a photograph; not whether it is fake: every picture here is generated.

    Antonym pairs ("a photograph" / "a drawing") as in CLIP-IQA (Wang et al., 2023), and a linear head if any.
    """

    name = "realism"

    def __init__(self, embedder: PictureEmbedder, banks: Mapping[str, ConceptBank]) -> None:
        self._scores = BankScores(embedder, banks, [Descriptor.PHOTOREALISM])

    @property
    def reports(self) -> frozenset[Subject]:
        """Photorealism."""
        return self._scores.subjects

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        """One list per picture with the photorealism signal."""
        return self._scores.signals(self.name, batch)


class PersonPresence:
    """Whether a picture shows a person, drawn or photographed. It says nothing about who."""

    name = "person"

    def __init__(self, embedder: PictureEmbedder, banks: Mapping[str, ConceptBank]) -> None:
        self._scores = BankScores(embedder, banks, [Descriptor.PERSON])

    @property
    def reports(self) -> frozenset[Subject]:
        """Person."""
        return self._scores.subjects

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        """One list per picture with the person signal."""
        return self._scores.signals(self.name, batch)
