"""Metrics, findings and the gate: each does what its formula says, and no more is claimed than was seen."""

import numpy as np
import pytest

from safety.bias_audit import metrics
from safety.bias_audit.diversity import homogenisation, vendi_score
from safety.bias_audit.findings import beyond_margin, discoveries, largest, pooled, stereotype_slope
from safety.bias_audit.gate import Identity, NotComparable, Outcome, compare, pictures_needed, require_comparable
from safety.bias_audit.shares import Confusion, Floats, corrected_by_confusion

EVEN = np.array([0.5, 0.5])


def test_metrics_by_hand() -> None:
    shares = np.array([0.75, 0.25])
    assert metrics.gap(shares) == 0.5
    assert metrics.total_variation(shares, EVEN) == 0.25
    assert metrics.mean_absolute_deviation(shares) == 0.25
    assert metrics.normalised_entropy(shares) == pytest.approx(0.8113, abs=1e-4)
    assert metrics.jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert metrics.jensen_shannon(shares, shares) == 0
    assert metrics.skew(np.array([0.5, 0.5]), np.array([0.25, 0.75]), 0) == pytest.approx(1, abs=0.01)


def test_metrics_of_draws_are_the_metrics_of_each_draw() -> None:
    draws = np.random.default_rng(0).dirichlet(np.ones(3), size=5)
    one_by_one = [metrics.jensen_shannon(row, np.full(3, 1 / 3)) for row in draws]
    assert metrics.jensen_shannon(draws, np.full(3, 1 / 3)) == pytest.approx(one_by_one)


def test_a_fair_generator_is_not_told_that_it_exceeds_anything() -> None:
    rng = np.random.default_rng(1)
    scorer = Confusion(np.array([[180, 20], [10, 190]]))
    answers = rng.multinomial(100, EVEN @ scorer.rates)
    found = metrics.excess(
        corrected_by_confusion(answers, scorer, rng), lambda shares: metrics.total_variation(shares, EVEN), EVEN,
        scorer, rng,
    )  # fmt: skip
    assert found.floor > 0.03
    assert found.above.low < 0 < found.above.high


def test_a_difference_inside_the_margin_is_never_a_finding_however_sure() -> None:
    sure = np.random.default_rng(0).normal(0.58, 0.001, 2000)
    assert beyond_margin(0.58, sure, 0.5, margin=0.1) > 0.99
    assert beyond_margin(0.62, sure + 0.04, 0.5, margin=0.1) < 0.001


def test_benjamini_and_hochberg_by_hand() -> None:
    assert discoveries([0.01, 0.02, 0.03, 0.9], 0.05).tolist() == [True, True, True, False]
    assert discoveries([0.04, 0.9, 0.9, 0.9], 0.05).tolist() == [False] * 4
    assert discoveries([], 0.05).tolist() == []


def test_the_largest_of_thirty_noises_is_no_finding_though_alone_it_would_look_like_one() -> None:
    rng, covered = np.random.default_rng(2), 0
    for _ in range(100):
        points = rng.normal(0, 1, 30)
        found = largest(points, points[:, None] + rng.normal(0, 1, (30, 1000)))
        covered += found.low <= 0 <= found.high
    assert covered >= 90


def test_pooling_narrows_the_interval() -> None:
    draws = np.random.default_rng(0).normal(0.2, 0.1, (25, 2000))
    found = pooled(np.full(25, 0.2), draws)
    assert found.high - found.low == pytest.approx(4 * 0.1 / 5, rel=0.1)


def test_a_generator_that_exaggerates_its_reference_has_a_slope_above_one() -> None:
    rng = np.random.default_rng(0)
    references = np.linspace(0.2, 0.8, 20)
    points = 0.5 + 1.5 * (references - 0.5)
    found = stereotype_slope(points, points[:, None] + rng.normal(0, 0.05, (20, 2000)), references, rng)
    assert found.slope.value == pytest.approx(1.5)
    assert found.slope.low > 1
    assert found.p < 0.001
    unrelated = stereotype_slope(rng.permutation(points), rng.normal(0.5, 0.2, (20, 2000)), references, rng)
    assert unrelated.p > 0.05


def test_a_slope_on_one_reference_for_all_is_refused() -> None:
    with pytest.raises(ValueError, match="references that differ"):
        stereotype_slope(np.ones(3), np.ones((3, 9)), np.full(3, 0.5), np.random.default_rng(0))


@pytest.mark.parametrize(("change", "spread", "expected"), [
    (0.0, 0.01, Outcome.PASS), (0.12, 0.01, Outcome.FAIL), (0.0, 0.1, Outcome.INCONCLUSIVE),
    (0.12, 0.1, Outcome.INCONCLUSIVE), (0.04, 0.004, Outcome.PASS), (0.055, 0.03, Outcome.INCONCLUSIVE),
])  # fmt: skip
def test_the_gate_passes_and_fails_on_evidence_alone(change: float, spread: float, expected: Outcome) -> None:
    rng = np.random.default_rng(0)
    before, after = rng.normal(0.2, spread / 2**0.5, (2, 4000))
    answer = compare(0.2, before, 0.2 + change, after + change, margin=0.05, pictures=3000)
    assert answer.outcome is expected
    assert (answer.more_pictures is not None) == (expected is Outcome.INCONCLUSIVE)


def test_as_many_pictures_as_the_gate_asks_for_decide_it() -> None:
    needed = pictures_needed(0.01, 0.05, 0.05, 1000)
    assert needed is not None
    rng = np.random.default_rng(0)
    spread = 0.05 * (1000 / needed) ** 0.5
    draws = rng.normal(0.2, spread / 2**0.5, (2, 50_000))
    assert compare(0.2, draws[0], 0.21, draws[1] + 0.0095, 0.05, needed).outcome is Outcome.PASS
    assert pictures_needed(0.05, 0.05, 0.05, 1000) is None


def test_exit_codes_of_the_gate() -> None:
    assert [outcome.exit_code for outcome in Outcome] == [0, 1, 2]


def test_audits_with_other_probes_or_scorers_are_not_compared() -> None:
    one = Identity("p", "s", "c", "r")
    require_comparable(one, Identity("p", "s", "c", "r"))
    with pytest.raises(NotComparable, match="scorer_sha256"):
        require_comparable(one, Identity("p", "other", "c", "r"))


def test_vendi_counts_what_differs() -> None:
    assert vendi_score(np.eye(5)) == pytest.approx(5)
    assert vendi_score(np.tile(np.eye(5)[:1], (5, 1))) == pytest.approx(1)


def pictures(spread: float, rng: np.random.Generator) -> Floats:
    around = np.eye(16)[0] + rng.normal(0, spread, (40, 16))
    unit: Floats = around / np.linalg.norm(around, axis=1, keepdims=True)
    return unit


def test_a_group_drawn_more_alike_is_found_out() -> None:
    rng = np.random.default_rng(0)
    apart = homogenisation(pictures(0.1, rng), pictures(0.5, rng), rng)
    assert apart.ratio < 0.8
    assert apart.p < 0.01


def test_two_groups_drawn_alike_are_told_apart_in_no_more_than_5_of_100_cases() -> None:
    rng = np.random.default_rng(0)
    told_apart = sum(
        homogenisation(pictures(0.3, rng), pictures(0.3, rng), rng, permutations=99).p <= 0.05 for _ in range(40)
    )
    assert told_apart <= 6  # 40 tries of 5 %: above 6 in 3 of 1000 runs
