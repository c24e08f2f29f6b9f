"""No case waits for ever: what is overdue by more than its patience goes to the seniors by itself.

Any process may do this, and do it again: what was escalated is not found a second time. A case that somebody works on
is left to them until their lease ends.
"""

from collections.abc import Sequence

from sqlalchemy import Engine
from sqlmodel import Session, col, or_, select

from gateway.store import ledger, queue
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.granted import is_senior_there
from gateway.store.ids import now
from gateway.store.tables import CaseRow
from policies.queues import Queues

BATCH = 50  # cases in one transaction: others wait for it


class Lateness:
    """Every method is one short transaction, or several, and may block."""

    def __init__(self, engine: Engine, queues: Queues) -> None:
        self._engine = engine
        self._queues = queues

    def escalate(self) -> list[str]:
        """Give the longest overdue to the seniors, at most BATCH; none while there is no senior, who else would they
        wait for? Returns the queue that each came from.
        """
        with reading(self._engine) as session:
            if not _late(session) or not is_senior_there(session):
                return []
        with transaction(self._engine, "escalate") as session:
            take_turns(session)
            return [self._escalate(session, case) for case in _late(session)]

    def reroute(self) -> int:
        """Find a queue for open cases whose own is not in the file any more. Returns how many there were."""
        lost = select(CaseRow).where(CaseRow.state != "closed", col(CaseRow.queue).not_in(self._queues.names))
        with transaction(self._engine, "reroute") as session:
            take_turns(session)
            cases = session.exec(lost).all()
            for case in cases:
                queue.route(case, self._queues)
                session.add(case)
            return len(cases)

    def _escalate(self, session: Session, case: CaseRow) -> str:
        came_from = case.queue
        case.level = "senior"
        queue.route(case, self._queues)
        session.add(case)
        ledger.append(session, "escalated", case.id, {"by": "time", "due_at": case.due_at, "from": came_from,
                                                      "to": case.queue})  # fmt: skip
        return came_from


def _late(session: Session) -> Sequence[CaseRow]:
    """Open cases of the first level that are overdue by more than their patience, and that nobody works on."""
    lease_until = col(CaseRow.lease_until)
    found: list[CaseRow] = []
    for severity in sorted(queue.PATIENCE, reverse=True):
        late = (
            select(CaseRow)
            .where(CaseRow.state == "open", CaseRow.level == "moderator", CaseRow.severity == severity)
            .where(CaseRow.due_at < queue.late_since(severity), or_(lease_until.is_(None), lease_until <= now()))
            .order_by(col(CaseRow.due_at))
            .limit(BATCH - len(found))
        )
        found += session.exec(late).all()
    return found
