"""What the people at the desk have looked at lately, and what they would rather not see. Nobody else reads it.

A picture is counted once per shift and person: to look again, in order to be sure, costs nothing.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway import metrics
from gateway.errors import PauseNeeded
from gateway.store.engine import reading, transaction
from gateway.store.ids import now
from gateway.store.people import Person
from gateway.store.tables import CareRow, CaseRow, ExposureRow
from policies.care import Care as Limits
from policies.care import Exposure, Seen, exposure, load_care
from policies.signals import Category


@dataclass(frozen=True, slots=True)
class Wishes:
    """What somebody wants to be given. calm: only what is mild. avoided: categories that they are not given."""

    calm: bool = False
    avoided: frozenset[Category] = frozenset()


class Care:
    """Every method is one short transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def exposure(self, person: Person) -> Exposure:
        """Where somebody stands; for themselves alone."""
        with reading(self._engine) as session:
            return _exposure(session, person)

    def wishes(self, person: Person) -> Wishes:
        """What they want to be given."""
        with reading(self._engine) as session:
            return _wishes(session, person)

    def wish(self, person: Person, calm: bool, avoided: Iterable[Category]) -> None:
        """Keep what they want to be given from now on."""
        with transaction(self._engine, "wish") as session:
            session.merge(CareRow(person_id=person.id, calm=calm, avoided=json.dumps(sorted(set(avoided)))))


def fitting(session: Session, person: Person, cases: SelectOfScalar[CaseRow]) -> SelectOfScalar[CaseRow]:
    """Of these cases, what somebody is to be given next: what they avoid never, and while they rest only calm work."""
    wishes = _wishes(session, person)
    if wishes.avoided:
        cases = cases.where(col(CaseRow.category).not_in(wishes.avoided))
    if wishes.calm or _exposure(session, person).rests_until:
        cases = cases.where(CaseRow.severity <= load_care().calm_severity)
    return cases


def require_rested(session: Session, person: Person, case: CaseRow) -> None:
    """Raises PauseNeeded when somebody who rests would take what is not calm."""
    if case.severity > load_care().calm_severity:
        _require_rested(_exposure(session, person))


def spend(session: Session, person: Person, case: CaseRow, picture_id: str) -> None:
    """Somebody is about to see a picture as it is. Raises PauseNeeded; nothing is counted then."""
    care = load_care()
    before = _exposure(session, person)
    points = care.points[case.severity]
    if points:
        _require_rested(before)
    row = session.get(ExposureRow, (person.id, picture_id))
    if row is None or row.seen_at <= _forgotten(care):
        session.merge(ExposureRow(person_id=person.id, picture_id=picture_id, points=points, seen_at=now()))
        if before.stretch + points >= care.before_pause:
            metrics.review_pauses.inc()


def _require_rested(found: Exposure) -> None:
    if found.rests_until:
        seconds = (found.rests_until - datetime.now(UTC)).total_seconds()
        told = "You have seen a good deal that is hard to look at. Rest, or take calm work meanwhile."
        raise PauseNeeded(told, retry_after_s=seconds)


def _exposure(session: Session, person: Person) -> Exposure:
    """What is older than a shift is forgotten."""
    care, moment = load_care(), datetime.now(UTC)
    own = select(ExposureRow).where(ExposureRow.person_id == person.id, ExposureRow.seen_at > _forgotten(care))
    rows = session.exec(own.order_by(col(ExposureRow.seen_at))).all()
    return exposure([Seen(datetime.fromisoformat(row.seen_at), row.points) for row in rows], care, moment)


def _forgotten(care: Limits) -> str:
    """What was seen until then is of another shift, UTC ISO 8601."""
    return (datetime.now(UTC) - care.shift).isoformat(timespec="microseconds")


def _wishes(session: Session, person: Person) -> Wishes:
    row = session.get(CareRow, person.id)
    return Wishes(row.calm, frozenset(map(Category, json.loads(row.avoided)))) if row else Wishes()
