import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.evaluation.statistics import (
    RESAMPLES,
    Floats,
    areas,
    auroc,
    average_precision,
    curves,
    exact_share,
    fisher_exact,
    holm,
    reliability,
    share,
    share_from,
    threshold_at,
)

Scores = st.lists(st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0]), min_size=1, max_size=30).map(np.array)


def labelled(bad: Floats, good: Floats) -> tuple[Floats, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    return np.concatenate([bad, good]), np.arange(len(bad) + len(good)) < len(bad)


@given(Scores, Scores)
def test_auroc_is_the_chance_that_unsafe_outscores_benign(bad: Floats, good: Floats) -> None:
    pairs = [(a > b) + (a == b) / 2 for a in bad for b in good]
    assert auroc(*labelled(bad, good)) == pytest.approx(np.mean(pairs))


def test_average_precision_of_a_known_ranking() -> None:
    scores, unsafe = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    assert average_precision(scores, unsafe) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(np.ones(4), unsafe) == pytest.approx(0.5)


@given(Scores, Scores)
def test_an_interval_holds_its_figure_and_a_second_run_gives_the_same(bad: Floats, good: Floats) -> None:
    first, again = areas(bad, good), areas(bad, good)
    assert first == again
    for estimate in first:
        assert 0 <= estimate.low <= estimate.high <= 1 + 1e-12
    roc, precision = first
    assert roc.value == auroc(*labelled(bad, good))
    assert precision.value == average_precision(*labelled(bad, good))


def test_intervals_are_those_of_drawing_rows_anew_one_sample_at_a_time() -> None:
    rng = np.random.default_rng(1)
    bad, good = rng.normal(1, 1, 80), rng.normal(0, 1, 120)
    drawn = [
        (auroc(*rows), average_precision(*rows))
        for rows in (labelled(rng.choice(bad, 80), rng.choice(good, 120)) for _ in range(RESAMPLES))
    ]
    for estimate, resampled in zip(areas(bad, good), np.array(drawn).T, strict=True):
        assert estimate.low == pytest.approx(np.quantile(resampled, 0.025), abs=0.015)
        assert estimate.high == pytest.approx(np.quantile(resampled, 0.975), abs=0.015)


def test_many_rows_are_resampled_in_pieces_with_the_same_kind_of_answer() -> None:
    rng = np.random.default_rng(2)
    roc, _ = areas(rng.random(8_000) ** 0.5, rng.random(8_000))
    assert roc.value == pytest.approx(2 / 3, abs=0.01)
    assert 0.01 < roc.high - roc.low < 0.025


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_at_most_the_wanted_share_of_benign_rows_reaches_the_threshold(scores: list[float]) -> None:
    benign = np.array(scores)
    threshold = threshold_at(benign, 0.02)
    assert (benign >= threshold).mean() <= 0.02
    assert (benign >= np.nextafter(threshold, -np.inf)).sum() > 0.02 * len(benign) - 1


def test_the_threshold_of_benign_rows_that_all_score_one_lies_out_of_reach() -> None:
    assert threshold_at(np.ones(500), 0.01) > 1


def test_a_share_has_an_honest_interval_even_when_no_row_or_every_row_counts() -> None:
    none, half, every = (share(np.arange(100) < hits) for hits in (0, 50, 100))
    assert none is not None
    assert half is not None
    assert every is not None
    assert [none.value, none.low, none.high] == pytest.approx([0, 0, 0.0362], abs=1e-4)
    assert [every.value, every.low, every.high] == pytest.approx([1, 0.9638, 1], abs=1e-4)
    assert half.low == pytest.approx(0.40, abs=0.02)
    assert half.high == pytest.approx(0.60, abs=0.02)
    assert share(np.array([], dtype=np.bool_)) is None


def test_share_from_counts_the_threshold_itself() -> None:
    assert share_from(np.array([0.1, 0.5, 0.9]), 0.5) == pytest.approx(2 / 3)
    assert share_from(np.array([]), 0.5) is None


def test_curves_end_where_everything_is_flagged() -> None:
    traced = curves(*labelled(np.array([0.9, 0.4]), np.array([0.4, 0.1])))
    assert traced.recall.tolist() == [0.5, 1, 1]
    assert traced.false_positive_rate.tolist() == [0, 0.5, 1]
    assert traced.precision.tolist() == [1, 2 / 3, 0.5]


def test_a_score_that_is_the_share_of_unsafe_rows_has_no_calibration_error() -> None:
    scores, unsafe = np.repeat([0.25, 0.75], 4), np.array([1, 0, 0, 0, 1, 1, 1, 0], dtype=np.bool_)
    assert reliability(scores, unsafe).error == pytest.approx(0)
    assert reliability(scores, ~unsafe).error == pytest.approx(0.5)
    assert reliability(np.array([1.0]), np.array([True])).rows.tolist() == [1]


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1.0), (95, 100, 0.8872, 0.9836)],
)
def test_exact_intervals_are_those_of_clopper_and_pearson(hits: int, rows: int, low: float, high: float) -> None:
    found = exact_share(hits, rows)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((hits / rows, low, high), abs=1e-4)


def test_no_rows_have_no_share() -> None:
    assert exact_share(0, 0) is None


def test_fishers_test_of_the_lady_tasting_tea() -> None:
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(0.4857, abs=1e-4)
    assert fisher_exact(4, 4, 0, 4) == pytest.approx(2 / 70)


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_fishers_p_is_a_chance_and_does_not_depend_on_the_order(rows: int, others: int, data: st.DataObject) -> None:
    hits, other_hits = data.draw(st.integers(0, rows)), data.draw(st.integers(0, others))
    p = fisher_exact(hits, rows, other_hits, others)
    assert 0 < p <= 1
    assert p == pytest.approx(fisher_exact(other_hits, others, hits, rows))
    if hits * others == other_hits * rows:
        assert p == pytest.approx(1)


def test_holms_correction_of_known_values() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
