"""Agreement, retrieval and diversity mean what they say: told on pictures whose embeddings are known."""

from collections.abc import Sequence
from typing import cast

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from safety.evaluation.pictures_and_words import agreement, diversity, embed, exact_share, retrieval, vendi
from safety.evaluation.statistics import clopper_pearson, mean
from safety.pictures import VIEWS, PictureBatch, PictureEmbedder

NAMES = ["red", "green", "blue"]


class ColourEmbedder:
    """A picture's embedding is its mean colour; a phrase's is the colour it names first."""

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        colours = torch.stack([picture.float().mean((1, 2)) for picture in pixels])
        return PictureBatch(pixels, functional.normalize(colours, dim=1)[:, None].expand(-1, len(VIEWS), -1))

    def embed_phrases(self, phrases: Sequence[str]) -> Tensor:
        return torch.stack([torch.eye(3)[NAMES.index(phrase.split()[0])] for phrase in phrases])


EMBEDDER = cast(PictureEmbedder, ColourEmbedder())


def painted(*colours: str) -> list[Tensor]:
    return [(torch.eye(3)[NAMES.index(colour)] * 255).byte()[:, None, None].expand(3, 8, 8) for colour in colours]


def test_pictures_of_their_captions_agree_and_prefer_their_own() -> None:
    drawn = embed(EMBEDDER, painted(*NAMES))
    told = agreement(EMBEDDER, drawn, NAMES, ["green", "blue", "red"])
    assert (told.own, told.other) == pytest.approx((1, 0))
    assert (told.difference.value, told.prefers_own.value) == pytest.approx((1, 1))
    assert told.prefers_own.low == pytest.approx(clopper_pearson(3, 3)[0])


def test_pictures_of_other_things_do_not() -> None:
    drawn = embed(EMBEDDER, painted("green", "blue", "red"))
    told = agreement(EMBEDDER, drawn, NAMES, ["green", "blue", "red"])
    assert (told.difference.value, told.prefers_own.value) == pytest.approx((-1, 0))


def test_a_tie_is_no_preference() -> None:
    drawn = embed(EMBEDDER, painted("red"))
    assert agreement(EMBEDDER, drawn, ["green"], ["blue"]).prefers_own.value == 0


def test_retrieval_counts_the_names_that_are_nearer() -> None:
    told = retrieval(EMBEDDER, embed(EMBEDDER, painted("red", "green", "blue", "red")), NAMES, [0, 1, 2, 1])
    first, five, ten = told.shares
    assert (first.value, five.value, ten.value) == (0.75, 1, 1)
    assert (told.pictures, told.chance) == pytest.approx((4, 1 / 3))
    assert first.low == pytest.approx(clopper_pearson(3, 4)[0])


def test_more_pictures_than_are_embedded_at_once_all_come_back_in_order() -> None:
    colours = NAMES * 30
    assert torch.equal(embed(EMBEDDER, painted(*colours)), EMBEDDER.embed_phrases(colours))


def test_alike_pictures_of_a_prompt_have_no_diversity_and_different_prompts_do() -> None:
    told = diversity([painted(*[colour] * 2) for colour in NAMES], EMBEDDER)
    assert (told.prompts, told.seeds) == (3, 2)
    assert told.pixels == pytest.approx((0, (2 / 3) ** 0.5), abs=1e-5)
    assert told.embeddings == pytest.approx((0, 1), abs=1e-5)
    assert told.vendi == pytest.approx((1, 2), abs=1e-5)


def test_pictures_of_a_prompt_that_differ_as_much_as_prompts_do_are_told_so() -> None:
    within, between = diversity([painted("red", "green"), painted("green", "red")], EMBEDDER).embeddings
    assert within == pytest.approx(1, abs=1e-5)
    assert between == pytest.approx(0.5, abs=1e-5)


@given(st.integers(1, 6), st.integers(0, 1000))
def test_a_vendi_score_lies_between_one_and_the_number_of_pictures(count: int, seed: int) -> None:
    vectors = functional.normalize(torch.randn(count, 5, generator=torch.Generator().manual_seed(seed)), dim=1)
    assert 1 - 1e-4 <= vendi(vectors) <= count + 1e-4


@given(st.integers(1, 60).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_an_exact_interval_holds_its_share(counts: tuple[int, int]) -> None:
    told = exact_share(*counts)
    assert 0 <= told.low <= told.value <= told.high <= 1


def test_a_mean_comes_with_an_interval_that_narrows_with_more_rows() -> None:
    few, many = (mean(torch.randn(rows, generator=torch.Generator().manual_seed(0)).numpy()) for rows in (20, 2000))
    assert many.low < 0 < many.high or abs(many.value) < 0.1
    assert many.high - many.low < few.high - few.low
