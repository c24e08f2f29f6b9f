"""Figures of the desk: of each queue for everybody, and of a person for that person alone. Nobody is compared."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from gateway.store.engine import reading
from gateway.store.people import Person
from gateway.store.queue import OBJECTIONS
from gateway.store.tables import AppealRow, CaseRow, DecisionRow, ReviewRow

ONCE = col(CaseRow.again_of).is_(None)  # nobody waits for what comes up again
MIDDLE, MOST = 0.5, 0.9  # the waiting that half of the cases and nine of ten stay below


@dataclass(frozen=True, slots=True)
class QueueNumbers:
    """What came into a queue in a time, and what became of it. waited: seconds until somebody decided, of half of the
    cases and of nine in ten; None when none was decided. appealed: decisions of people whose appeal was heard."""

    queue: str
    opened: int
    decided: int
    waited_half: float | None
    waited_most: float | None
    appealed: int
    overturned: int


@dataclass(frozen=True, slots=True)
class Day:
    """One day, YYYY-MM-DD in UTC."""

    day: str
    opened: int = 0
    decided: int = 0


@dataclass(frozen=True, slots=True)
class OwnNumbers:
    """What one person did. actions: decide | escalate | skip | undo -> how often. days: with what they decided."""

    actions: dict[str, int] = field(default_factory=dict)
    appealed: int = 0
    overturned: int = 0
    days: Sequence[Day] = ()


class DeskNumbers:
    """Every method is one short transaction and may block. since: UTC ISO 8601."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def queues(self, since: str) -> list[QueueNumbers]:
        """Each queue that had anything, by name."""
        with reading(self._engine) as session:
            opened, waits = _opened(session, since), _waits(session, since)
            heard, overturned = _appeals(session, since)
            named = sorted({*opened, *waits, *heard})
            return [_numbers(queue, opened[queue], waits.get(queue, []), heard[queue], overturned[queue])
                    for queue in named]  # fmt: skip

    def days(self, since: str) -> list[Day]:
        """What was opened and decided on each day, oldest first; days with neither are left out."""
        with reading(self._engine) as session:
            opened = _by_day(session.exec(select(CaseRow.opened_at).where(ONCE, CaseRow.opened_at >= since)))
            decided = _by_day(at for _, at, _ in _decided(session, since))
        return [Day(day, opened[day], decided[day]) for day in sorted({*opened, *decided})]

    def own(self, person: Person, since: str) -> OwnNumbers:
        """One person's, for that person."""
        done = select(ReviewRow.action, ReviewRow.created_at).where(ReviewRow.person_id == person.id)
        with reading(self._engine) as session:
            rows = session.exec(done.where(ReviewRow.created_at >= since)).all()
            appealed = [state for _, state in _heard(session, since, person)]
        days = _by_day(at for action, at in rows if action == "decide")
        return OwnNumbers(
            dict(Counter(action for action, _ in rows)), len(appealed), appealed.count("overturned"),
            [Day(day, decided=count) for day, count in sorted(days.items())],
        )  # fmt: skip


def _opened(session: Session, since: str) -> Counter[str]:
    counted = select(CaseRow.queue, func.count()).where(ONCE, CaseRow.opened_at >= since).group_by(CaseRow.queue)
    return Counter(dict(session.exec(counted).all()))


def _decided(session: Session, since: str) -> list[tuple[str, str, str]]:
    """(queue, when somebody decided, when it had been opened)."""
    query = select(CaseRow.queue, ReviewRow.created_at, CaseRow.opened_at).join(
        ReviewRow, col(ReviewRow.id) == CaseRow.review_id
    )
    return list(session.exec(query.where(ONCE, ReviewRow.created_at >= since)).all())


def _waits(session: Session, since: str) -> dict[str, list[float]]:
    waits: dict[str, list[float]] = {}
    for queue, decided_at, opened_at in _decided(session, since):
        passed = datetime.fromisoformat(decided_at) - datetime.fromisoformat(opened_at)
        waits.setdefault(queue, []).append(passed.total_seconds())
    return waits


def _appeals(session: Session, since: str) -> tuple[Counter[str], Counter[str]]:
    """Queue -> appeals heard, queue -> of these overturned; by the queue in which a person had decided."""
    heard = _heard(session, since)
    decided = select(CaseRow.request_id, CaseRow.queue).where(
        ONCE, col(CaseRow.source).not_in(OBJECTIONS), col(CaseRow.request_id).in_([request for request, _ in heard])
    )
    of_request = dict(session.exec(decided).all())
    known = [(of_request[request], state) for request, state in heard if request in of_request]
    return Counter(queue for queue, _ in known), Counter(queue for queue, state in known if state == "overturned")


def _heard(session: Session, since: str, person: Person | None = None) -> list[tuple[str, str]]:
    """(request, upheld | overturned) of appeals against what a person decided."""
    query = select(AppealRow.request_id, AppealRow.state).join(
        DecisionRow, col(DecisionRow.id) == AppealRow.decision_id
    )
    by_people = col(DecisionRow.decided_by).is_not(None) if person is None else DecisionRow.decided_by == person.id
    return list(session.exec(query.where(by_people, col(AppealRow.ended_at) >= since)).all())


def _numbers(queue: str, opened: int, waits: Sequence[float], heard: int, overturned: int) -> QueueNumbers:
    half, most = np.quantile(waits, [MIDDLE, MOST]).tolist() if waits else (None, None)
    return QueueNumbers(queue, opened, len(waits), half, most, heard, overturned)


def _by_day(moments: Iterable[str]) -> Counter[str]:
    return Counter(moment[:10] for moment in moments)
