"""The order of the queue: graver first, and nothing waits for ever, whatever else comes in."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.queue import PATIENCE, Band, band_of, due_at

MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (bounds)
SEVERITIES = st.sampled_from(sorted(PATIENCE))


def due(severity: int, opened: datetime) -> str:
    return due_at(severity, opened.isoformat(timespec="microseconds"))


@given(MOMENTS, SEVERITIES, SEVERITIES)
def test_of_two_cases_of_one_moment_the_graver_goes_first(opened: datetime, one: int, other: int) -> None:
    assert (due(one, opened) <= due(other, opened)) == (one >= other)


@given(MOMENTS, SEVERITIES, st.timedeltas(timedelta(microseconds=1), timedelta(days=9)))
def test_of_two_equally_grave_cases_the_older_goes_first(opened: datetime, severity: int, later: timedelta) -> None:
    assert due(severity, opened) < due(severity, opened + later)


@given(MOMENTS, SEVERITIES, st.lists(st.tuples(SEVERITIES, st.timedeltas(timedelta(0), timedelta(days=9)))))
def test_whatever_comes_in_nothing_that_comes_a_day_later_goes_first(
    opened: datetime, severity: int, others: list[tuple[int, timedelta]]
) -> None:
    waiting = due(severity, opened)
    overtaking = [after for other, after in others if due(other, opened + after) < waiting]
    assert all(after < PATIENCE[1] - PATIENCE[5] for after in overtaking)


def test_every_severity_has_a_patience_and_a_band() -> None:
    assert set(PATIENCE) == {1, 2, 3, 4, 5} == {severity for band in Band for severity in band.severities}
    assert [band_of(severity) for severity in (5, 4, 3, 2, 1)] == ["urgent", "high", "high", "normal", "normal"]
