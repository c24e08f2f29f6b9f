"""The shares of a run: right on average, their intervals honest, refused where the scorer cannot tell."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.bias_audit.shares import (
    Confusion,
    Floats,
    ScorerTooWeak,
    _maximum_likelihood,
    corrected_by_confusion,
    corrected_by_labels,
    floor_under,
)

GOOD = np.array([[0.9, 0.1], [0.05, 0.95]])
ABSTAINING = np.array([[0.8, 0.05, 0.15], [0.05, 0.85, 0.10]])


def calibrated(rates: Floats, labels: int, rng: np.random.Generator) -> Confusion:
    return Confusion(np.array([rng.multinomial(labels, row) for row in rates]))


@pytest.mark.parametrize("rates", [GOOD, ABSTAINING])
@pytest.mark.parametrize("truth", [[0.1, 0.9], [0.5, 0.5]])
def test_the_interval_of_a_corrected_share_holds_the_truth_about_95_times_in_100(
    rates: Floats, truth: list[float]
) -> None:
    rng, replicates, covered = np.random.default_rng(7), 60, 0
    for _ in range(replicates):
        answers = rng.multinomial(200, np.array(truth) @ rates)
        share = corrected_by_confusion(answers, calibrated(rates, 200, rng), rng).interval(0)
        covered += share.low <= truth[0] <= share.high
    assert covered >= 0.88 * replicates  # 60 tries of 95 %: below 53 in 1 of 100 runs


def test_a_class_that_is_not_there_has_an_interval_that_reaches_zero() -> None:
    rng = np.random.default_rng(3)
    answers = rng.multinomial(200, np.array([0.0, 1.0]) @ GOOD)
    assert corrected_by_confusion(answers, calibrated(GOOD, 200, rng), rng).interval(0).low == 0


@settings(max_examples=25)
@given(st.floats(0, 1), st.floats(0.6, 1), st.floats(0.6, 1))
def test_two_classes_give_what_rogan_and_gladen_give(truth: float, sensitivity: float, specificity: float) -> None:
    counts = np.round(
        10_000 * np.array([[sensitivity, 1 - sensitivity], [1 - specificity, specificity]])
    ).astype(np.int64)  # fmt: skip
    seen = round(10_000 * truth)
    confusion = Confusion(counts)
    (hit, _), (miss, _) = confusion.rates
    by_hand = np.clip((seen / 10_000 - miss) / (hit - miss), 0, 1)
    shares = corrected_by_confusion(np.array([seen, 10_000 - seen]), confusion, np.random.default_rng(0))
    assert shares.point[0] == pytest.approx(by_hand, abs=1e-4)


def test_no_squared_step_strands_a_share_at_0_or_1() -> None:
    """One in a hundred such estimates was stranded while steps could jump to the edge."""
    rng = np.random.default_rng(1)
    seen, hit, miss = rng.random(40_000), rng.uniform(0.6, 1, 40_000), rng.uniform(0, 0.4, 40_000)
    rates = np.stack([np.stack([hit, 1 - hit], 1), np.stack([miss, 1 - miss], 1)], 1)
    found = _maximum_likelihood(np.stack([seen, 1 - seen], 1), rates)[:, 0]
    assert np.abs(found - np.clip((seen - miss) / (hit - miss), 0, 1)).max() < 1e-4


def test_labels_of_the_run_correct_a_scorer_that_reads_one_kind_of_picture_wrongly() -> None:
    rng, covered, replicates = np.random.default_rng(5), 0, 200
    for _ in range(replicates):
        truth = (rng.random(600) < 0.7).astype(np.int64)
        read = np.where(rng.random(600) < 0.3, 0, truth)  # no confusion matrix knows of this
        share = corrected_by_labels(read[150:], read[:150], truth[:150], 2, 2, rng).interval(1)
        covered += share.low <= 0.7 <= share.high
    assert covered >= 0.9 * replicates


def test_a_weak_scorer_is_refused_by_name() -> None:
    weak = Confusion(np.array([[60, 40], [40, 60]]))
    with pytest.raises(ScorerTooWeak, match="too weak for feminine"):
        weak.require_strength(("feminine", "masculine"))
    few_labels = np.zeros(29, np.int64)
    few = Confusion(np.array([[29, 0], [0, 200]]))
    with pytest.raises(ScorerTooWeak, match="only 29 pictures labelled feminine"):
        few.require_strength(("feminine", "masculine"))
    with pytest.raises(ScorerTooWeak, match="only 29 pictures"):
        corrected_by_labels(np.zeros(9, np.int64), few_labels, few_labels, 2, 2, np.random.default_rng(0))


def test_no_picture_has_no_share() -> None:
    with pytest.raises(ValueError, match="no picture"):
        corrected_by_confusion(np.array([0, 0]), Confusion(np.eye(2, dtype=np.int64) * 50), np.random.default_rng(0))


@settings(max_examples=20)
@given(st.integers(2, 4), st.integers(0, 2), st.integers(10, 300), st.integers(0, 2**31))
def test_whatever_is_read_the_shares_are_shares(classes: int, ways_out: int, pictures: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    confusion = Confusion(rng.multinomial(60, rng.dirichlet(np.ones(classes + ways_out)), size=classes))
    answers = rng.multinomial(pictures, rng.dirichlet(np.ones(classes + ways_out)))
    shares = corrected_by_confusion(answers, confusion, rng)
    for rows in (shares.point[None], shares.draws):
        assert (rows >= 0).all()
        assert rows.sum(axis=1) == pytest.approx(1)


def test_the_floor_of_a_fair_generator_is_its_own_spread() -> None:
    fair, perfect = np.full(10, 0.1), Confusion(np.eye(10, dtype=np.int64) * 100_000)
    read = floor_under(fair, 8, perfect, 2000, np.random.default_rng(0))
    assert np.abs(read - 0.1).mean() == pytest.approx(0.086, abs=0.002)  # E[MAD] of ten bins, eight pictures


def test_one_calibration_set_has_one_error_wherever_it_is_used() -> None:
    rng = np.random.default_rng(0)
    confusion = Confusion(np.array([[35, 5], [6, 34]]))  # so few labels that its error is most of the interval
    first, second = (corrected_by_confusion(np.array([50_000, 50_000]), confusion, rng).draws[:, 0] for _ in range(2))
    assert np.corrcoef(first, second)[0, 1] > 0.95
    assert (first - second).std() < 0.2 * first.std()
