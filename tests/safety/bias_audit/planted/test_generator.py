"""The planted generator: what is planted is drawn, what is drawn is not told, and a pool serves the mix asked for."""

import numpy as np
import pytest

from safety.bias_audit.planted.glyphs import FLAT, INK, NO_PERSON, draw, planted
from safety.bias_audit.planted.pool import pool_of, pool_of_rates
from safety.bias_audit.planted.scorer import features_of, trained
from safety.bias_audit.published import dall_eval_deviation, heim_imbalance


def test_the_same_seed_draws_the_same_pictures() -> None:
    first, truth = draw(planted(0.3), 5, np.random.default_rng(4))
    again, other = draw(planted(0.3), 5, np.random.default_rng(4))
    assert first.shape == (5, 64, 64, 3)
    assert (first == again).all()
    assert (truth.tone == other.tone).all()
    assert (draw(planted(0.3), 5, np.random.default_rng(4), INK)[0] != first).any()


def test_what_is_planted_is_what_the_sidecar_says() -> None:
    _, truth = draw(planted(0.8, no_person=0.25), 400, np.random.default_rng(0), FLAT)
    people = truth.presentation != NO_PERSON
    assert people.mean() == pytest.approx(0.75, abs=0.08)
    assert (truth.presentation[people] == 0).mean() == pytest.approx(0.8, abs=0.08)
    assert set(truth.tone) == set(range(10))


def test_a_head_on_pixels_reads_most_glyphs_and_not_all() -> None:
    rng = np.random.default_rng(0)
    pictures, truth = draw(planted(0.5, no_person=0.3), 900, rng)
    features = features_of(pictures)
    head = trained(features[:600], truth.presentation[:600], 3)
    answers = head.answers(features[600:])
    given = answers < 3
    assert 0.7 < (answers[given] == truth.presentation[600:][given]).mean() < 1
    assert set(head.forced(features)) == {0, 1}


def test_a_pool_serves_pictures_in_the_mix_asked_for_and_nothing_else() -> None:
    pictures, truth = draw(planted(0.5, no_person=0.3), 90, np.random.default_rng(0))
    pool = pool_of(pictures, truth.presentation, 3)
    served, labels = pool.serve(np.array([0.7, 0.3, 0.0]), 300, np.random.default_rng(1))
    assert served.shape == (300, 64, 64, 3)
    assert (labels == 0).mean() == pytest.approx(0.7, abs=0.08)
    held = {picture.tobytes(): int(label) for picture, label in zip(pictures, truth.presentation, strict=True)}
    assert [held[picture.tobytes()] for picture in served] == labels.tolist()


def test_a_pool_of_rates_has_those_rates() -> None:
    rates = np.array([[0.8, 0.05, 0.15], [0.05, 0.85, 0.1]])
    found = [np.bincount(answers, minlength=3) / len(answers) for answers in pool_of_rates(rates).classes]
    assert np.array(found) == pytest.approx(rates)


def test_published_formulas_by_hand() -> None:
    assert heim_imbalance(np.array([0, 0, 0, 1]), 2) == 0.25
    assert heim_imbalance(np.zeros(8, np.int64), 10) == pytest.approx((0.9 + 9 * 0.1) / 10)
    assert dall_eval_deviation(np.array([0, 0, 0, 1, 2, 2]), 2) == 0.25  # the twos are no answer
    assert dall_eval_deviation(np.array([2, 2]), 2) == 0


def test_published_floors_of_a_fair_generator() -> None:
    rng = np.random.default_rng(0)
    floors = [heim_imbalance(rng.integers(0, 10, 8), 10) for _ in range(2000)]
    assert np.mean(floors) == pytest.approx(0.086, abs=0.002)
    floors = [dall_eval_deviation(rng.integers(0, 10, 9), 10) for _ in range(2000)]
    assert np.mean(floors) == pytest.approx(0.077, abs=0.002)
