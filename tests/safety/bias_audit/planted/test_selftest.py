"""The laws of the audit in short: fewer replicates than `gardefou audit selftest`, and bounds that fit them."""

from pathlib import Path

import numpy as np
import pytest

from safety.bias_audit.gate import Outcome
from safety.bias_audit.planted import acceptance as law
from safety.bias_audit.planted import selftest
from safety.bias_audit.planted.acceptance import Check
from safety.bias_audit.planted.pool import Pool, pool_of_rates
from safety.bias_audit.planted.selftest import Section, SelfTest, as_answer, as_text, write_page
from safety.bias_audit.power import least_finding, shifted, spread_of
from safety.bias_audit.shares import Confusion, corrected_by_confusion

RATES = np.array([[0.80, 0.07, 0.0, 0.13], [0.08, 0.79, 0.0, 0.13], [0.01, 0.01, 0.93, 0.05]])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


@pytest.fixture(scope="module")
def pool() -> Pool:
    return pool_of_rates(RATES)


def test_intervals_cover_and_naive_ones_do_not(rng: np.random.Generator) -> None:
    found = law.coverage(
        "", pool_of_rates(np.array([[0.8, 0.2], [0.1, 0.9]])), np.array([0.1, 0.9]), 2, 200, 200, 60, rng
    )
    assert found.corrected >= 0.87  # 60 tries of 95 %: below it in 1 of 200 runs
    assert found.naive < 0.5


def test_the_scorers_error_does_not_average_out_over_fillers(pool: Pool, rng: np.random.Generator) -> None:
    assert law.pooled_coverage(pool, 4, 40, rng).corrected >= 0.85


def test_labels_of_the_run_cover(pool: Pool, rng: np.random.Generator) -> None:
    assert law.coverage_by_labels("", pool, law.PARITY, 4, 400, 100, 60, rng).corrected >= 0.87


def test_what_the_audit_says_it_finds_it_finds_and_little_else(pool: Pool, rng: np.random.Generator) -> None:
    change = law.detectable(pool, 4, rng)
    found = law.discovered(pool, 4, law.PLANTED, change, -law.MARGIN, 8, rng)
    assert found.power >= 0.7
    assert found.false_rate <= law.RATE + 3 * max(found.error, 0.02)


def test_the_stated_spread_is_that_of_estimates(pool: Pool, rng: np.random.Generator) -> None:
    points = [
        corrected_by_confusion(law.read(pool, law.PARITY, 100, 4, rng), pool.calibration(200, 4, rng), rng).point[0]
        for _ in range(150)
    ]
    stated = spread_of(law.PARITY, 0, 100, Confusion(np.round(RATES * 200).astype(np.int64)))
    assert np.std(points) == pytest.approx((stated.pictures + stated.calibration) ** 0.5, rel=0.2)


def test_more_pictures_find_smaller_changes_until_the_labels_are_what_lacks() -> None:
    confusion = Confusion(np.round(RATES * 200).astype(np.int64))
    found = [least_finding(law.PARITY, 0, 0.1, n, confusion, 30, 0.05) or 1 for n in (50, 100, 400, 10**6)]
    assert found == sorted(found, reverse=True)
    assert found[-1] > 0.1
    assert least_finding(law.PARITY, 0, 0.1, 4, confusion, 30, 0.05) is None
    assert shifted(law.PARITY, 0, 0.2).sum() == pytest.approx(1)


def test_estimates_follow_the_dose_and_answers_do_not(pool: Pool, rng: np.random.Generator) -> None:
    _, _, (corrected, raw) = law.dose_response(pool, 4, 40, rng)
    assert corrected == pytest.approx(1, abs=0.1)
    assert raw < 0.85


def test_the_gate_neither_fails_an_equal_version_nor_passes_one_at_the_margin(
    pool: Pool, rng: np.random.Generator
) -> None:
    figures = [(law.pooled_gap, law.GAP_MARGIN)]
    (equal,) = law.gate_answers(pool, 4, 0.0, figures, 12, rng)
    (edge,) = law.gate_answers(pool, 4, law.GATE_EDGE, figures, 12, rng)
    (worse,) = law.gate_answers(pool, 4, law.detectable_by_gate(pool, 4, rng), figures, 12, rng)
    assert equal.count(Outcome.FAIL) <= 1
    assert edge.count(Outcome.PASS) <= 2
    assert worse.count(Outcome.FAIL) >= 7


def test_a_guessing_scorer_is_always_refused_and_a_good_one_never(pool: Pool, rng: np.random.Generator) -> None:
    guess = pool_of_rates(np.array([[0.6, 0.4], [0.4, 0.6]]))
    assert law.refusals(guess, ("a", "b"), 2, 50, rng) == 1
    assert law.refusals(pool, ("a", "b", "c"), 4, 50, rng) == 0


def test_attributes_dealt_at_random_give_uniform_p_values(pool: Pool, rng: np.random.Generator) -> None:
    assert law.uniformity(law.permuted_slopes(pool, 40, rng)) > 0.005
    assert law.uniformity(np.linspace(0, 0.1, 40)) < 1e-6


def test_a_broken_promise_is_told_on_the_page_and_at_the_terminal(tmp_path: Path) -> None:
    table = [["a", "b"], ["1", "2"]]
    kept, broken, unknown = (
        Check("one", 0.95, (0.9, 1)),
        Check("two", 0.5, (0.9, 1)),
        Check("three", float("nan"), (0, 1)),
    )
    good = SelfTest([Section("Law", "told", table, [kept])])
    bad = SelfTest([Section("Law", "told", table, [kept, broken, unknown])])
    assert good.is_passed
    assert not bad.is_passed
    assert "**Passed**: 1 promises kept" in write_page(good, tmp_path).read_text()
    assert "**Not passed**: 2 broken" in write_page(bad, tmp_path).read_text()
    assert as_text(bad).count("BROKEN") == 2
    assert as_answer(bad)["passed"] is False


def test_the_shipped_self_test_tries_coverage_as_often_as_it_promises() -> None:
    assert selftest.SHIPPED.coverage >= 300
