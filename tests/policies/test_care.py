"""The limits of what one person sees: a pause comes in time, ends in time, and nothing is counted for ever."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.care import Care, Exposure, Seen, exposure, load_care

CARE = Care(points={5: 8, 4: 4, 3: 2, 2: 1, 1: 0}, before_pause=24, pause_minutes=15, per_shift=60, shift_hours=12,
            calm_severity=2)  # fmt: skip
START = datetime(2026, 11, 28, 9, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def test_the_third_of_the_gravest_pictures_begins_a_pause_that_ends_by_itself() -> None:
    seen = [Seen(at(minute), 8) for minute in (0, 1, 2)]

    assert exposure(seen[:2], CARE, at(2)) == Exposure(16, 16, None)
    assert exposure(seen, CARE, at(2)) == Exposure(24, 24, at(17))
    assert exposure(seen, CARE, at(16.9)).rests_until == at(17)
    assert exposure(seen, CARE, at(17)) == Exposure(0, 24, None)


def test_whoever_rests_of_themselves_begins_anew() -> None:
    seen = [Seen(at(0), 8), Seen(at(1), 8), Seen(at(16), 8)]

    assert exposure(seen, CARE, at(16)) == Exposure(8, 24, None)


def test_mild_pictures_neither_count_nor_put_off_a_pause_that_is_taken() -> None:
    seen = [Seen(at(0), 16), Seen(at(10), 0), Seen(at(15), 8)]

    assert exposure(seen, CARE, at(15)) == Exposure(8, 24, None)


def test_the_budget_of_a_shift_comes_back_as_the_oldest_pictures_leave_it() -> None:
    seen = [Seen(at(60 * hour), 20) for hour in range(3)]

    assert exposure(seen, CARE, at(150)) == Exposure(0, 60, at(12 * 60))
    assert exposure(seen, CARE, at(12 * 60)) == Exposure(0, 40, None)


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from(sorted(CARE.points.values()))), max_size=80))
def test_whatever_comes_nobody_who_is_stopped_in_time_sees_more_than_one_picture_above_the_budget(
    wanted: list[tuple[float, int]],
) -> None:
    seen: list[Seen] = []
    minute = 0.0
    for wait, points in wanted:
        minute += wait
        if points == 0 or exposure(seen, CARE, at(minute)).rests_until is None:
            seen.append(Seen(at(minute), points))
        found = exposure(seen, CARE, at(minute))
        assert found.stretch < CARE.before_pause + max(CARE.points.values())
        assert found.shift < CARE.per_shift + max(CARE.points.values())
        assert found.rests_until is None or at(minute) < found.rests_until <= at(minute) + CARE.shift


def test_the_shipped_limits_are_sound() -> None:
    care = load_care()

    assert [care.points[severity] for severity in range(1, 6)] == sorted(care.points.values())
    assert care.before_pause >= care.points[5]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("points", {5: 8}, "of each severity"),
        ("points", {**CARE.points, 6: 1}, "of each severity"),
        ("per_shift", 10, "at least as much as before_pause"),
        ("pause_minutes", 0, "greater than 0"),
        ("calm_severity", 6, "less than or equal to 5"),
        ("pauses", 1, "Extra inputs"),
    ],
)
def test_unsound_limits_are_told(field: str, value: object, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Care.model_validate({**CARE.model_dump(), field: value})
