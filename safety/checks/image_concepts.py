"""Which kinds of harm a picture shows, by what its CLIP embedding is near to."""

from collections.abc import Mapping

from policies.signals import Category, Signal, Subject
from safety.concept_banks import ConceptBank
from safety.concept_scorer import BankScores
from safety.pictures import PictureBatch, PictureEmbedder


class ImageConcepts:
    """One score per category of harm that has a concept bank and that the model is able to score.

    A category the model cannot score is not in `reports`: a score without validity would be worse than none.
    """

    name = "image_concepts"

    def __init__(self, embedder: PictureEmbedder, banks: Mapping[str, ConceptBank]) -> None:
        self._scores = BankScores(embedder, banks, list(Category))

    @property
    def reports(self) -> frozenset[Subject]:
        """The categories every picture gets a signal for."""
        return self._scores.subjects

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        """One list per picture with a signal for each category in `reports`."""
        return self._scores.signals(self.name, batch)
