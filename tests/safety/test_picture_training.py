import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from safety.evaluation.statistics import clopper_pearson
from safety.training.calibrate_pictures import choose_block, choose_flag, fit_platt
from safety.training.emoji_artwork import Concept, render, slug
from safety.training.muon import orthogonalise
from safety.training.picture_labels import UNCLEAR, drawing_labels, merge, photograph_labels, subjects
from safety.training.picture_mix import SIZE, Drawings, Mixer, collect_photographs
from safety.training.statistics import auroc, threshold_at

SCORES = st.lists(st.integers(0, 40).map(lambda n: n / 40), min_size=1, max_size=60)


def a_concept(label: str, subgroup: str = "tool") -> Concept:
    return Concept("1f52a", label, label, label, (), (), 7, subgroup, "", 0)


def label_of(concept: Concept, subject: str) -> float:
    return float(drawing_labels([concept])[0, subjects().index(subject)])


def test_labels_say_shown_not_shown_or_unclear() -> None:
    assert label_of(a_concept("kitchen knife"), "weapons") == 1
    assert label_of(a_concept("hammer"), "weapons") == 0
    assert label_of(a_concept("scissors"), "weapons") == UNCLEAR
    assert label_of(a_concept("woman", "person"), "person") == 1


def test_a_weapon_beside_a_person_is_violence_and_neither_is_alone() -> None:
    knife, woman = drawing_labels([a_concept("kitchen knife")]), drawing_labels([a_concept("woman", "person")])
    violence = subjects().index("violence")
    assert knife[0, violence] == UNCLEAR
    assert woman[0, violence] == 0
    assert merge(knife, woman)[0, violence] == 1


def test_photographs_are_photographs_and_drawings_are_not() -> None:
    assert (photograph_labels(["apple", "baby", ""])[:, -1] == 1).all()
    assert drawing_labels([a_concept("hammer")])[0, -1] == 0


def test_names_become_the_file_names_icon_sets_use() -> None:
    assert slug("piñata") == "pinata"
    assert slug("Mrs. Claus") == "mrs-claus"
    assert slug("woman’s boot") == "womans-boot"


def test_a_vector_drawing_becomes_a_sprite_with_transparency() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="4" height="8" fill="red"/></svg>'
    sprite = render(svg, 16)
    assert sprite.shape == (4, 16, 16)
    assert sprite[:, 8, 2].tolist() == [255, 0, 0, 255]
    assert sprite[3, 8, 12] == 0


def a_mixer(seed: int) -> Mixer:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (6, 4, 80, 80), dtype=torch.uint8, generator=random)
    concepts = [a_concept(label) for label in ("kitchen knife", "hammer", "bomb", "key", "skull", "ball")]
    drawings = Drawings(
        pixels, torch.arange(6), drawing_labels(concepts), torch.full((6,), -1), torch.full((6,), -1), torch.ones(6)
    )
    photographs = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8, generator=random)
    return Mixer(drawings, [collect_photographs(photographs, ["apple"] * 4, 6, ["apple"])], 7, seed)


def test_a_batch_holds_pictures_in_range_and_targets_that_sum_to_one_or_nothing() -> None:
    batch = a_mixer(1).batch(64)
    assert batch.pixels.shape == (64, 3, SIZE, SIZE)
    assert batch.pixels.min() >= 0
    assert batch.pixels.max() <= 1
    assert all(total in (0, pytest.approx(1)) for total in batch.targets.sum(1).tolist())
    assert set(batch.labels[:, -1].tolist()) <= {0.0, 1.0, UNCLEAR}


def test_the_same_seed_mixes_the_same_batch() -> None:
    torch.testing.assert_close(a_mixer(3).batch(16).pixels, a_mixer(3).batch(16).pixels)
    assert not torch.equal(a_mixer(3).batch(16).pixels, a_mixer(4).batch(16).pixels)


def test_orthogonal_updates_have_singular_values_near_one() -> None:
    values = torch.linalg.svdvals(orthogonalise(torch.randn(24, 60, generator=torch.Generator().manual_seed(0))))
    assert values.min() > 0.5
    assert values.max() < 1.4


@given(SCORES, SCORES)
def test_auroc_is_the_share_of_pairs_in_the_right_order(positive: list[float], negative: list[float]) -> None:
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    found = auroc(torch.tensor(positive).double(), torch.tensor(negative).double())
    assert found == pytest.approx(wins / len(positive) / len(negative))


@given(SCORES, st.floats(0, 0.5))
def test_a_threshold_lets_at_most_the_allowed_share_through(scores: list[float], rate: float) -> None:
    negative = torch.tensor(scores, dtype=torch.float64)
    assert int((negative >= threshold_at(negative, rate)).sum()) <= rate * len(scores)


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0), (95, 100, 0.8872, 0.9836)],
)
def test_intervals_are_those_of_clopper_and_pearson(hits: int, trials: int, low: float, high: float) -> None:
    assert clopper_pearson(hits, trials) == pytest.approx((low, high), abs=1e-4)


def test_platt_weights_are_never_negative_and_separate_what_can_be_separated() -> None:
    answers = torch.tensor([1.0, 0.0]).repeat(100)
    useful = answers + 0.3 * torch.randn(200, generator=torch.Generator().manual_seed(0))
    weights, intercept = fit_platt(torch.stack([useful, -useful], 1), answers, torch.ones(200))
    scores = (torch.stack([useful, -useful], 1) @ weights + intercept).sigmoid()
    assert (weights >= 0).all()
    assert weights[0] > weights[1]
    assert auroc(scores[answers == 1], scores[answers == 0]) > 0.95


def test_block_keeps_false_positives_surely_below_one_percent_and_flag_is_never_above_it() -> None:
    benign = torch.rand(2000, generator=torch.Generator().manual_seed(0)) * 0.5
    positive = torch.linspace(0.3, 1, 50)
    block = choose_block(benign)
    hits = int((benign >= block).sum())
    assert clopper_pearson(hits, 2000)[1] <= 0.01
    assert choose_flag(positive, benign, block) <= block


def test_nothing_to_compare_has_no_auroc() -> None:
    assert math.isnan(auroc(torch.tensor([]), torch.tensor([0.5])))
