"""Cases put straight into a database, as they would have come some time ago; and time that passes at once."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlmodel import select

from gateway.store import queue
from gateway.store.decisions import as_decision
from gateway.store.engine import transaction
from gateway.store.ids import new_id
from gateway.store.people import People, Person, Role
from gateway.store.tables import CaseRow, PictureRow, RequestRow, ReviewRow
from policies.queues import Queues
from policies.signals import Stage
from policies.verdict import Action
from tests.gateway.desk_parts import TABLES
from tests.gateway.test_ledger import SHA256, judgement

HOUR = timedelta(hours=1)


def moment(ago: timedelta) -> str:
    return (datetime.now(UTC) - ago).isoformat(timespec="microseconds")


def put(
    engine: Engine, queues: Queues, ago: timedelta = timedelta(0), severity: int = 3, category: str = "gore",
    source: str = "picture", language: str = "en", restricted: bool = False, look: str | None = None,
) -> str:  # fmt: skip
    """A case of one held picture that came so long ago. Returns its id."""
    request, at = new_id("req"), moment(ago)
    decision = as_decision(request, judgement(Stage.PICTURE, Action.REVIEW))
    case = CaseRow(
        id=new_id("cas"), request_id=request, state="open", level="moderator", source=source, category=category,
        severity=severity, queue="", language=language, look=look, restricted=restricted, pictures=1, opened_at=at,
        due_at=queue.due_at(severity, at),
    )  # fmt: skip
    queue.route(case, queues)
    with transaction(engine, "test") as session:
        session.add(
            RequestRow(
                id=request, caller_kind="key", caller_id="k", surface="openai", instance="i", model="m", asked=1,
                size="64x64", prompt="a cat", prompt_salt="s", prompt_digest="d", state="held", policy="p@1",
                policy_sha256="a", created_at=at,
            )
        )  # fmt: skip
        session.flush()
        session.add(decision)
        session.flush()
        session.add(
            PictureRow(
                id=new_id("img"), request_id=request, index=0, sha256=SHA256, format="png", seed=7, state="held",
                decision_id=decision.id, pdq="ab" * 32,
            )
        )  # fmt: skip
        session.add(case)
        return case.id


def pass_time(engine: Engine, time: timedelta) -> None:
    """All that is kept of the queue happened so much earlier: what a clock would do, without waiting.

    SQLite only, and without the guard of what was said.
    """
    with transaction(engine, "test") as session:
        for case in session.exec(select(CaseRow).where(CaseRow.state == "open")):
            case.opened_at, case.due_at = _earlier(case.opened_at, time), _earlier(case.due_at, time)
            case.lease_until = _earlier(case.lease_until, time) if case.lease_until else None
            session.add(case)
        for review in session.exec(select(ReviewRow)):
            review.created_at = _earlier(review.created_at, time)
            session.add(review)


def _earlier(at: str, time: timedelta) -> str:
    return (datetime.fromisoformat(at) - time).isoformat(timespec="microseconds")


def somebody(engine: Engine, name: str, role: Role = Role.MODERATOR) -> Person:
    return People(engine).create(name, role, "hash", "secret")


def empty(engine: Engine) -> None:
    """Nothing was ever kept: quicker than another database."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # no triggers, no references
        else:
            connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            for table in TABLES:
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_DELETE"))
        for table in TABLES:
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (names of our own)
