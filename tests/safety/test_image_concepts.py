import math
from collections.abc import Callable

import numpy as np
import open_clip
import pytest
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from policies.signals import Category, Descriptor, Signal
from safety.canary_pictures import cat, knife
from safety.checks.image_concepts import ImageConcepts
from safety.checks.realism import PersonPresence, Realism
from safety.concept_banks import CONCEPTS, load_banks
from safety.pictures import SHIPPED, PictureBatch, PictureEmbedder, load_embedder
from safety.self_test import LEAST_APART
from tests.safety.pictures_drawn_here import drawing_of_house, photograph_like, skull

FloatArray = NDArray[np.floating]


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


def test_the_scores_of_the_shipped_model_are_those_of_a_computation_by_hand(embedder: PictureEmbedder) -> None:
    """From open_clip's own embeddings of three crops, in plain numpy, with the figures as they stand in the YAML."""
    bank = yaml.safe_load((CONCEPTS / "weapons.yaml").read_text())
    fitted, heads = bank["calibrations"]["clip-nano"], load_file(SHIPPED / "heads.safetensors")
    picture = knife()
    views = np.stack([by_open_clip(picture), by_open_clip(picture.flip(-1)), by_open_clip(picture[:, 32:224, 32:224])])
    positive, benign = (by_words(bank[side]) for side in ("positive", "benign"))

    def log_mean_exp(cosines: FloatArray) -> FloatArray:
        means: FloatArray = np.log(np.exp(cosines / fitted["temperature"]).mean(-1))
        return means

    margin = (log_mean_exp(views @ positive.T) - log_mean_exp(views @ benign.T)).max()
    head = (views @ heads["weapons.weight"].float().numpy() + heads["weapons.bias"].float().numpy()).max()
    expected = 1 / (1 + np.exp(-(fitted["head"] * head + fitted["margin"] * margin + fitted["intercept"])))

    (signals,) = ImageConcepts(embedder, load_banks()).check(embedder.embed([picture]))
    assert score(signals, Category.WEAPONS) == pytest.approx(expected, abs=0.01)


def by_open_clip(picture: Tensor) -> FloatArray:
    """float32 (d), as open_clip embeds a Pillow image."""
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{SHIPPED}")
    with torch.inference_mode():
        seen = model.eval().encode_image(preprocess(Image.fromarray(picture.permute(1, 2, 0).numpy()))[None])[0]
    return np.asarray(seen / seen.norm())


def by_words(phrases: list[str]) -> FloatArray:
    """float32 (n, d), as open_clip embeds words."""
    name = f"local-dir:{SHIPPED}"
    model = open_clip.create_model(name).eval()
    with torch.inference_mode():
        read = model.encode_text(open_clip.get_tokenizer(name)(phrases))
    return np.asarray(read / read.norm(dim=-1, keepdim=True))


DRIFT = 0.1  # between the scores of bfloat16 and float32: a fifth of the way from sure to unsure


def test_f66_half_the_digits_move_no_score_further_than_the_canaries_stand_apart(embedder: PictureEmbedder) -> None:
    """A stand-in for another device: arithmetic with 8 bits of fraction drifts further than any GPU's float32."""
    checks = [build(embedder, load_banks()) for build in (ImageConcepts, Realism, PersonPresence)]
    pictures = [knife(), cat(), skull(), drawing_of_house(), photograph_like()]
    exact = embedder.embed(pictures)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        drifted = embedder.embed(pictures)

    assert not torch.equal(exact.embeddings, drifted.embeddings)
    for check in checks:
        for one, other in zip(check.check(exact), check.check(drifted), strict=True):
            for before, after in zip(one, other, strict=True):
                assert after.score == pytest.approx(before.score, abs=DRIFT), before.subject
    assert DRIFT <= LEAST_APART


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
