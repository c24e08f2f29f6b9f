"""Who may work in which queue: in the open ones everybody, in the others seniors and whoever was granted it."""

from collections.abc import Mapping

from sqlalchemy import Engine, update
from sqlmodel import Session, col, select

from gateway.errors import InvalidValue, NotFound, SeparationOfDuties
from gateway.store import ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import now
from gateway.store.people import WHO_MAY, Duty, Person, person_named
from gateway.store.tables import CaseRow, PersonRow, QueueGrantRow
from policies.queues import Queues


class Grants:
    """Every method is one transaction and may block."""

    def __init__(self, engine: Engine, queues: Queues) -> None:
        self._engine = engine
        self._queues = queues

    def grant(self, name: str, queue: str) -> None:
        """Let somebody work in a queue, from now on. Raises NotFound for nobody, InvalidValue for no such queue."""
        if queue not in self._queues.names:
            raise InvalidValue(f"There is no queue {queue}; there are {', '.join(self._queues.names)}.", param="queue")
        with transaction(self._engine, "grant_queue") as session:
            take_turns(session)
            person = person_named(session, name)
            if session.get(QueueGrantRow, (person.id, queue)) is None:
                session.add(QueueGrantRow(person_id=person.id, queue=queue, granted_at=now()))
                ledger.append(session, "person", person.id, {"event": "queue_granted", "queue": queue})

    def revoke(self, name: str, queue: str) -> None:
        """Take it back; what they work on there goes back to the queue at once. Raises NotFound."""
        with transaction(self._engine, "revoke_queue") as session:
            take_turns(session)
            person = person_named(session, name)
            row = session.get(QueueGrantRow, (person.id, queue))
            if row is None:
                raise NotFound(f"{name} was not granted the queue {queue}.")
            session.delete(row)
            ledger.append(session, "person", person.id, {"event": "queue_revoked", "queue": queue})
            seen = seen_by(session, person, self._queues)
            if seen is not None and queue not in seen:
                _return_cases(session, person, queue)

    def of_everybody(self) -> dict[str, list[str]]:
        """Person id -> the queues that they were granted."""
        found: dict[str, list[str]] = {}
        with reading(self._engine) as session:
            for row in session.exec(select(QueueGrantRow).order_by(col(QueueGrantRow.queue))):
                found.setdefault(row.person_id, []).append(row.queue)
        return found


def seen_by(session: Session, person: Person, queues: Queues) -> frozenset[str] | None:
    """The queues that somebody works in; None: all there are."""
    if person.may(Duty.ALL_QUEUES):
        return None
    granted = select(QueueGrantRow.queue).where(QueueGrantRow.person_id == person.id)
    seen = queues.seen_with(session.exec(granted).all())
    return None if seen.issuperset(queues.names) else seen


def require_queue(session: Session, case: CaseRow, person: Person, queues: Queues) -> None:
    """Raises SeparationOfDuties for a case in a queue that somebody does not work in."""
    seen = seen_by(session, person, queues)
    if seen is not None and case.queue not in seen:
        raise SeparationOfDuties("This case is in a queue that is not open to you.")


def is_senior_there(session: Session) -> bool:
    """Whether anybody has an account that may decide what is escalated."""
    roles = WHO_MAY[Duty.DECIDE_ESCALATED]
    active = select(PersonRow.id).where(col(PersonRow.role).in_(roles), col(PersonRow.disabled_at).is_(None))
    return session.exec(active.limit(1)).first() is not None


def unattended(session: Session, queues: Queues, waiting: Mapping[tuple[str, str], int]) -> int:
    """How many cases nobody's account can take. waiting: (queue, level) -> open cases."""
    if not waiting or is_senior_there(session):
        return 0
    attended = _attended(session, queues)
    return sum(count for (queue, level), count in waiting.items() if level == "senior" or queue not in attended)


def _attended(session: Session, queues: Queues) -> frozenset[str]:
    """The queues that somebody may decide in who is no senior."""
    roles = WHO_MAY[Duty.DECIDE]
    active = select(PersonRow.id).where(col(PersonRow.role).in_(roles), col(PersonRow.disabled_at).is_(None))
    if session.exec(active.limit(1)).first() is None:
        return frozenset()
    granted = select(QueueGrantRow.queue).where(col(QueueGrantRow.person_id).in_(active)).distinct()
    return queues.seen_with(session.exec(granted).all())


def _return_cases(session: Session, person: Person, queue: str) -> None:
    held = update(CaseRow).where(col(CaseRow.holder) == person.id, col(CaseRow.queue) == queue)
    session.exec(held.where(col(CaseRow.state) == "open").values(holder=None, lease=None, lease_until=None))
