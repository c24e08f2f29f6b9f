import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from policies.signals import Category, Descriptor, Signal
from safety.checks.image_concepts import ImageConcepts
from safety.checks.realism import PersonPresence, Realism
from safety.concept_banks import load_banks
from safety.pictures import PictureBatch, PictureEmbedder, load_embedder
from tests.safety.pictures_drawn_here import cat, drawing_of_house, knife, photograph_like, skull


@pytest.fixture(scope="module")
def embedder() -> PictureEmbedder:
    return load_embedder()


@pytest.fixture(scope="module")
def concepts(embedder: PictureEmbedder) -> ImageConcepts:
    return ImageConcepts(embedder, load_banks())


def score(signals: list[Signal], subject: Category | Descriptor) -> float:
    return next(signal.score for signal in signals if signal.subject == subject)


def test_every_picture_gets_a_signal_for_every_category_that_is_reported(
    embedder: PictureEmbedder, concepts: ImageConcepts
) -> None:
    found = concepts.check(embedder.embed([knife(), cat()]))

    assert {Category.WEAPONS, Category.GORE, Category.SEXUAL, Category.VIOLENCE} <= concepts.reports
    for signals in found:
        assert {signal.subject for signal in signals} == concepts.reports
        assert len(signals) == len(concepts.reports)
        assert all(0 <= signal.score <= 1 and signal.calibrated for signal in signals)
        assert {signal.source for signal in signals} == {"image_concepts"}


def test_what_the_nano_model_cannot_see_is_not_reported(concepts: ImageConcepts) -> None:
    assert not concepts.reports & {Category.PRIVACY, Category.DECEPTION, Category.HARASSMENT, Category.HATE}


def test_a_knife_scores_above_a_cat_for_weapons(embedder: PictureEmbedder, concepts: ImageConcepts) -> None:
    of_knife, of_cat = concepts.check(embedder.embed([knife(), cat()]))
    assert score(of_knife, Category.WEAPONS) > 3 * score(of_cat, Category.WEAPONS)


def test_a_skull_scores_above_a_cat_for_shocking(embedder: PictureEmbedder, concepts: ImageConcepts) -> None:
    of_skull, of_cat = concepts.check(embedder.embed([skull(), cat()]))
    assert score(of_skull, Category.SHOCKING) > score(of_cat, Category.SHOCKING)


def test_a_photograph_scores_above_a_drawing_and_above_mush_for_photorealism(
    embedder: PictureEmbedder,
) -> None:
    coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    mush = (torch.nn.functional.interpolate(coarse, size=256, mode="bilinear")[0] * 255).to(torch.uint8)
    pictures = [photograph_like(), drawing_of_house(), cat(), mush]

    found = Realism(embedder, load_banks()).check(embedder.embed(pictures))

    photograph, *others = (score(signals, Descriptor.PHOTOREALISM) for signals in found)
    assert photograph > max(others)


@pytest.mark.parametrize("build", [ImageConcepts, Realism, PersonPresence])
def test_a_picture_that_could_not_be_embedded_gets_nan_from_every_check(
    embedder: PictureEmbedder, build: Callable[..., ImageConcepts | Realism | PersonPresence]
) -> None:
    check = build(embedder, load_banks())
    fine = embedder.embed([cat()])
    unusable: Tensor = torch.full_like(fine.embeddings, torch.nan)

    (signals,) = check.check(PictureBatch(fine.pixels, unusable))

    assert {signal.subject for signal in signals} == check.reports
    assert signals
    assert all(math.isnan(signal.score) for signal in signals)


def test_the_same_picture_is_judged_the_same_alone_and_in_a_batch(
    embedder: PictureEmbedder, concepts: ImageConcepts
) -> None:
    alone = concepts.check(embedder.embed([knife()]))[0]
    in_batch = concepts.check(embedder.embed([cat(), knife(), skull()]))[1]
    for one, other in zip(alone, in_batch, strict=True):
        assert one.subject == other.subject
        assert one.score == pytest.approx(other.score, abs=1e-3)
