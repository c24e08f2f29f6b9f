"""People who sign in: who they are, what they may do, and the browsers they are signed in with.

Passwords come here hashed. A signed-in browser is known by the sha256 of what its cookie holds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from gateway.errors import InvalidValue, NotFound, SeparationOfDuties
from gateway.store import ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now, random_text
from gateway.store.tables import PersonRow, SignInRow

IDLE = timedelta(minutes=30)
ABSOLUTE = timedelta(hours=12)
SEEN_STEP = timedelta(minutes=1)  # how finely it is noted when somebody was last seen: not every page is a write


class Role(StrEnum):
    """What somebody is at the desk."""

    VIEWER = "viewer"
    MODERATOR = "moderator"
    SENIOR = "senior"
    AUDITOR = "auditor"
    ADMIN = "admin"


class Duty(StrEnum):
    """What a role may include."""

    READ = "read the cases"
    DECIDE = "decide cases"
    DECIDE_ESCALATED = "decide what was escalated"
    AUDIT = "read closed cases"
    READ_BANS = "read the banned pictures"
    LIFT_BANS = "lift bans"
    READ_LEDGER = "read the ledger"
    REVERT_BATCHES = "revert batches of others"
    SEE_AGREEMENT = "see how far people agree"
    MARK_GOLDEN = "mark golden cases"
    READ_AUDITS = "read bias audits"
    LABEL = "label pictures of bias audits"
    SETTLE_LABELS = "settle labels of bias audits"
    MANAGE_PEOPLE = "manage people"
    MANAGE_WEBHOOKS = "manage webhooks"
    ALL_QUEUES = "work in queues that are not open to all"


EVERYBODY = tuple(Role)
WHO_MAY: Mapping[Duty, tuple[Role, ...]] = {
    Duty.READ: EVERYBODY,
    Duty.DECIDE: (Role.MODERATOR, Role.SENIOR),
    Duty.DECIDE_ESCALATED: (Role.SENIOR,),
    Duty.AUDIT: (Role.SENIOR, Role.AUDITOR),
    Duty.READ_BANS: (Role.SENIOR, Role.AUDITOR, Role.ADMIN),
    Duty.LIFT_BANS: (Role.SENIOR, Role.ADMIN),
    Duty.READ_LEDGER: (Role.AUDITOR, Role.ADMIN),
    Duty.REVERT_BATCHES: (Role.SENIOR, Role.ADMIN),
    Duty.SEE_AGREEMENT: (Role.SENIOR, Role.AUDITOR),
    Duty.MARK_GOLDEN: (Role.SENIOR,),
    Duty.ALL_QUEUES: (Role.SENIOR, Role.AUDITOR, Role.ADMIN),
    Duty.READ_AUDITS: (Role.SENIOR, Role.AUDITOR, Role.ADMIN),
    Duty.LABEL: (Role.MODERATOR, Role.SENIOR, Role.AUDITOR),
    Duty.SETTLE_LABELS: (Role.SENIOR, Role.AUDITOR),
    Duty.MANAGE_PEOPLE: (Role.ADMIN,),
    Duty.MANAGE_WEBHOOKS: (Role.ADMIN,),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody known by name."""

    id: str
    name: str
    role: Role
    disabled: bool = False

    def require(self, duty: Duty) -> None:
        """Raises SeparationOfDuties."""
        if not self.may(duty):
            raise SeparationOfDuties(f"Your role ({self.role}) does not include to {duty}.")

    def may(self, duty: Duty) -> bool:
        """Whether the role includes it."""
        return self.role in WHO_MAY[duty]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in is compared with."""

    person: Person
    password_hash: str
    totp_secret: str
    totp_step: int


class People:
    """Every method is one transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str, role: Role, password_hash: str, totp_secret: str) -> Person:
        """Enter somebody. Raises InvalidValue when the name is taken."""
        row = PersonRow(
            id=new_id("per"), name=name, role=role, password_hash=password_hash, totp_secret=totp_secret, totp_step=0,
            created_at=now(),
        )  # fmt: skip
        with transaction(self._engine, "create_person") as session:
            take_turns(session)
            if _named(session, name):
                raise InvalidValue("Somebody of that name is here already.", param="name")
            session.add(row)
            record(session, row, "created")
        return _person(row)

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with reading(self._engine) as session:
            return [_person(row) for row in session.exec(select(PersonRow).order_by(col(PersonRow.name)))]

    def names(self) -> dict[str, str]:
        """Person id -> name."""
        return {person.id: person.name for person in self.all()}

    def by_id(self, person_id: str) -> Person | None:
        """Somebody who is not disabled."""
        with reading(self._engine) as session:
            row = session.get(PersonRow, person_id)
            return _person(row) if row and not row.disabled_at else None

    def named(self, name: str) -> Person:
        """Raises NotFound."""
        with reading(self._engine) as session:
            return _person(require_named(session, name))

    def disable(self, name: str) -> None:
        """Let somebody in no more, wherever they are signed in. Raises NotFound."""
        with transaction(self._engine, "disable_person") as session:
            row = require_named(session, name)
            row.disabled_at = row.disabled_at or now()
            end_all(session, row.id)
            record(session, row, "disabled")

    def reset(self, name: str, password_hash: str, totp_secret: str) -> None:
        """Exchange both secrets, let them in again, and end what they were signed in with. Raises NotFound."""
        with transaction(self._engine, "reset_person") as session:
            row = require_named(session, name)
            row.password_hash, row.totp_secret, row.totp_step, row.disabled_at = password_hash, totp_secret, 0, None
            end_all(session, row.id)
            record(session, row, "reset")

    def set_role(self, name: str, role: Role) -> None:
        """Change what somebody may do; they sign in anew. Raises NotFound."""
        with transaction(self._engine, "set_role") as session:
            row = require_named(session, name)
            row.role = role
            end_all(session, row.id)
            record(session, row, "role_set")

    def credentials(self, name: str) -> Credentials | None:
        """What somebody who signs in must show; None for nobody, or somebody disabled."""
        with reading(self._engine) as session:
            row = _named(session, name)
            if row is None or row.disabled_at:
                return None
            return Credentials(_person(row), row.password_hash, row.totp_secret, row.totp_step)

    def sign_in(self, person_id: str, totp_step: int, replaces: str) -> str | None:
        """Use up a code and open a new session; the one that the browser had before is over.

        Returns what the cookie holds, None when the code was used before or the person was disabled meanwhile.
        """
        with transaction(self._engine, "sign_in") as session:
            take_turns(session)
            row = session.get_one(PersonRow, person_id)
            if row.totp_step >= totp_step or row.disabled_at:
                return None
            row.totp_step = totp_step
            return open_sign_in(session, row, replaces)

    def signed_in(self, token: str) -> Person | None:
        """Who a browser is signed in as; None when it is not, was idle for too long, or is due to sign in again."""
        with reading(self._engine) as session:
            found = session.get(SignInRow, _digest(token))
            person = session.get(PersonRow, found.person_id) if found else None
        if found is None or person is None or person.disabled_at or _is_over(found):
            return None
        if _age(found.seen_at) > SEEN_STEP:
            self._seen(found.id)
        return _person(person)

    def sign_out(self, token: str) -> None:
        """The session is over."""
        with transaction(self._engine, "sign_out") as session:
            session.exec(delete(SignInRow).where(col(SignInRow.id) == _digest(token)))

    def _seen(self, sign_in_id: str) -> None:
        with transaction(self._engine, "seen") as session:
            row = session.get(SignInRow, sign_in_id)
            if row:
                row.seen_at = now()
                session.add(row)


def open_sign_in(session: Session, row: PersonRow, replaces: str, **facts: str) -> str:
    """A new session of somebody; the one that the browser had before is over. Returns what the cookie holds."""
    token, moment = random_text(43), now()
    session.exec(delete(SignInRow).where(col(SignInRow.id) == _digest(replaces)))
    session.add(SignInRow(id=_digest(token), person_id=row.id, started_at=moment, seen_at=moment))
    ledger.append(session, "signed_in", row.id, {"role": row.role, **facts})
    return token


def person_named(session: Session, name: str) -> Person:
    """Raises NotFound."""
    return _person(require_named(session, name))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _age(moment: str) -> timedelta:
    return datetime.now(UTC) - datetime.fromisoformat(moment)


def _is_over(row: SignInRow) -> bool:
    return _age(row.seen_at) > IDLE or _age(row.started_at) > ABSOLUTE


def _named(session: Session, name: str) -> PersonRow | None:
    return session.exec(select(PersonRow).where(PersonRow.name == name)).first()


def require_named(session: Session, name: str) -> PersonRow:
    """Somebody. Raises NotFound."""
    row = _named(session, name)
    if row is None:
        raise NotFound("There is nobody of that name.")
    return row


def end_all(session: Session, person_id: str) -> None:
    """Whatever somebody is signed in with is over."""
    session.exec(delete(SignInRow).where(col(SignInRow.person_id) == person_id))


def record(session: Session, row: PersonRow, event: str) -> None:
    """Keep a change of somebody, and enter it in the ledger."""
    session.add(row)
    facts: dict[str, Any] = {"event": event, "role": row.role}
    ledger.append(session, "person", row.id, facts)


def _person(row: PersonRow) -> Person:
    return Person(row.id, row.name, Role(row.role), row.disabled_at is not None)
