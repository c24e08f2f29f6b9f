"""Agreement figures are those of the published examples, and keep the laws that the measures have."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.evaluation.agreement import (
    LEAST_CASES,
    MISSING,
    Answers,
    alpha_of_cases,
    cohen_kappa,
    kappa_of_cases,
    krippendorff_alpha,
)

_ = MISSING
PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60)
QUICK = settings(max_examples=60, deadline=None)


def told(*rows: list[int]) -> Answers:
    """(units, people) from a row for each person."""
    return np.array(rows, np.int64).T


def from_table(table: list[list[int]]) -> tuple[Answers, Answers]:
    pairs = [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]
    first, second = np.array(pairs, np.int64).T
    return first, second


class TestPublishedExamples:
    """Krippendorff (2011), examples A to C; Fleiss, Statistical Methods for Rates and Proportions, table 13.1."""

    def test_two_observers_of_ten_units_with_two_values(self) -> None:
        one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
        assert krippendorff_alpha(told(one, other)) == pytest.approx(0.095, abs=5e-4)

    def test_two_observers_of_twelve_units_with_five_values(self) -> None:
        letters = "abcde"
        one, other = ([letters.index(letter) for letter in said] for said in ("aabbdcccedda", "babbbcccedd" + "d"))
        assert krippendorff_alpha(told(one, other)) == pytest.approx(0.692, abs=5e-4)

    def test_four_observers_of_twelve_units_of_which_some_are_missing(self) -> None:
        observers = told(
            [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
            [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
        )
        assert krippendorff_alpha(observers) == pytest.approx(0.743, abs=5e-4)

    def test_a_hundred_patients_and_three_diagnoses(self) -> None:
        assert cohen_kappa(*from_table([[75, 1, 4], [5, 4, 1], [0, 0, 10]])) == pytest.approx(0.676, abs=5e-4)

    def test_fifty_proposals(self) -> None:
        assert cohen_kappa(*from_table([[20, 5], [10, 15]])) == pytest.approx(0.4)


class TestWhatIsNotDefined:
    def test_one_answer_to_everything_is_no_perfect_agreement(self) -> None:
        same = np.zeros(50, np.int64)
        assert cohen_kappa(same, same) is None
        assert krippendorff_alpha(np.stack([same, same], axis=1)) is None
        assert kappa_of_cases(same, same, np.arange(50)) is None

    def test_nobody_answered_what_somebody_else_did(self) -> None:
        assert krippendorff_alpha(told([0, _, 1], [_, 1, _])) is None
        assert krippendorff_alpha(np.empty((0, 2), np.int64)) is None
        assert cohen_kappa(np.empty(0, np.int64), np.empty(0, np.int64)) is None

    def test_below_so_many_cases_there_is_no_figure_however_many_pictures_they_hold(self) -> None:
        answers = np.tile([0, 1], 9 * (LEAST_CASES - 1)).reshape(-1, 1).repeat(2, axis=1)
        cases = np.repeat(np.arange(LEAST_CASES - 1), len(answers) // (LEAST_CASES - 1))
        assert kappa_of_cases(answers[:, 0], answers[:, 1], cases) is None
        assert alpha_of_cases(answers, cases) is None
        enough = np.arange(len(answers)) % LEAST_CASES
        assert alpha_of_cases(answers, enough)


class TestLaws:
    @given(PAIRS)
    @QUICK
    def test_kappa_does_not_care_who_is_first_nor_what_the_answers_are_called(
        self, pairs: list[tuple[int, int]]
    ) -> None:
        first, second = np.array(pairs, np.int64).T
        renamed = np.array([2, 0, 3, 1])
        assert cohen_kappa(first, second) == pytest.approx(cohen_kappa(second, first), abs=1e-12, nan_ok=True)
        assert cohen_kappa(first, second) == pytest.approx(cohen_kappa(renamed[first], renamed[second]), abs=1e-12)

    @given(PAIRS)
    @QUICK
    def test_both_are_one_for_the_same_answers_and_never_more(self, pairs: list[tuple[int, int]]) -> None:
        first, second = np.array(pairs, np.int64).T
        for figure in (cohen_kappa(first, second), krippendorff_alpha(np.stack([first, second], axis=1))):
            assert figure is None or figure <= 1 + 1e-12
        if len(set(first.tolist())) > 1:
            assert cohen_kappa(first, first) == pytest.approx(1)
            assert krippendorff_alpha(np.stack([first, first], axis=1)) == pytest.approx(1)

    @given(st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=2, max_size=30), st.randoms())
    @QUICK
    def test_alpha_does_not_care_who_answered(self, rows: list[list[int]], chance) -> None:  # type: ignore[no-untyped-def]
        shuffled = [chance.sample(row, len(row)) for row in rows]
        before, after = (krippendorff_alpha(np.array(one, np.int64)) for one in (rows, shuffled))
        assert before == (None if after is None else pytest.approx(after, abs=1e-12))

    @given(st.lists(st.lists(st.integers(-1, 2), min_size=3, max_size=3), min_size=2, max_size=30))
    @QUICK
    def test_what_one_person_alone_answered_changes_nothing(self, rows: list[list[int]]) -> None:
        answers = np.array(rows, np.int64)
        more = np.concatenate([answers, [[1, _, _], [_, _, 2], [_, _, _]]])
        before, after = krippendorff_alpha(answers), krippendorff_alpha(more)
        assert before == (None if after is None else pytest.approx(after, abs=1e-12))


class TestIntervals:
    def test_they_hold_the_figure_and_are_the_same_each_time(self) -> None:
        rng = np.random.default_rng(7)
        first = rng.integers(2, size=200)
        second = np.where(rng.random(200) < 0.8, first, 1 - first)
        found = kappa_of_cases(first, second, np.arange(200))
        assert found
        assert found.low < found.value < found.high
        assert found.value == cohen_kappa(first, second)
        assert found == kappa_of_cases(first, second, np.arange(200))

    def test_pictures_of_one_case_count_as_one_when_they_are_answered_alike(self) -> None:
        rng = np.random.default_rng(8)
        first = rng.integers(2, size=60)
        second = np.where(rng.random(60) < 0.8, first, 1 - first)
        alone = kappa_of_cases(first, second, np.arange(60))
        ninefold = kappa_of_cases(first.repeat(9), second.repeat(9), np.arange(60).repeat(9))
        assert alone == ninefold
        apart = kappa_of_cases(first.repeat(9), second.repeat(9), np.arange(540))
        assert alone
        assert apart
        assert apart.high - apart.low < (alone.high - alone.low) / 2

    @pytest.mark.parametrize("chance_of_error", [0.05, 0.2])
    def test_they_hold_the_truth_about_as_often_as_they_say(self, chance_of_error: float) -> None:
        rng, truth, held = np.random.default_rng(9), 0.0, 0
        first = rng.integers(2, size=200_000)
        truth = cohen_kappa(first, np.where(rng.random(200_000) < chance_of_error, 1 - first, first)) or 0
        for _round in range(100):
            one = rng.integers(2, size=120)
            other = np.where(rng.random(120) < chance_of_error, 1 - one, one)
            found = kappa_of_cases(one, other, np.arange(120))
            held += found is not None and found.low <= truth <= found.high
        assert 88 <= held <= 100  # 95 but for chance and for how small samples are
