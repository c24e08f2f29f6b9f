"""Who somebody is at the sign-in provider: bound to a person of ours by an administrator, and never by what is claimed.

A subject of an issuer names somebody for good. An e-mail address only says whom to expect: whoever comes first with it,
verified, is bound by their subject, and the address says nothing any more.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, delete
from sqlmodel import Session, col, select

from gateway.errors import InvalidValue
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now
from gateway.store.people import end_all, open_sign_in, record, require_named
from gateway.store.tables import IdentityRow, PersonRow, UsedStateRow

STATES_KEPT = timedelta(hours=1)  # longer than any sign-in may take


@dataclass(frozen=True, slots=True)
class Claimed:
    """What the provider says of whoever signed in. email: None unless the provider has verified it."""

    issuer: str
    subject: str
    email: str | None


@dataclass(frozen=True, slots=True)
class Identity:
    """How somebody is known. subject: None while they are expected by e-mail."""

    name: str
    issuer: str
    subject: str | None
    email: str | None


class Identities:
    """Every method is one transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def link(self, name: str, issuer: str, subject: str | None = None, email: str | None = None) -> None:
        """Let somebody sign in with the provider, as this subject, or as whoever comes first with this address.

        It takes the place of how they were known before, and ends what they are signed in with. Raises NotFound, and
        InvalidValue when it is somebody else's.
        """
        with transaction(self._engine, "link_person") as session:
            take_turns(session)
            person = require_named(session, name)
            _forget(session, person)
            address = _require_free(session, issuer, subject, email)
            session.add(IdentityRow(id=new_id("idn"), person_id=person.id, issuer=issuer, subject=subject,
                                    email=address, created_at=now()))  # fmt: skip
            record(session, person, "linked")

    def require_free(self, issuer: str, subject: str | None, email: str | None) -> None:
        """Raises InvalidValue for who is linked to somebody already, and for an address that `link` would refuse."""
        with reading(self._engine) as session:
            _require_free(session, issuer, subject, email)

    def unlink(self, name: str) -> None:
        """Let somebody sign in with the provider no more, and end what they are signed in with. Raises NotFound."""
        with transaction(self._engine, "unlink_person") as session:
            take_turns(session)
            person = require_named(session, name)
            _forget(session, person)
            record(session, person, "unlinked")

    def all(self) -> list[Identity]:
        """How each person is known, by name."""
        both = select(PersonRow.name, IdentityRow).join(IdentityRow, col(IdentityRow.person_id) == PersonRow.id)
        with reading(self._engine) as session:
            found = session.exec(both.order_by(col(PersonRow.name))).all()
            return [Identity(name, row.issuer, row.subject, row.email) for name, row in found]

    def use_state(self, digest: str) -> bool:
        """Use up what a sign-in was begun with; False when it was used before."""
        with transaction(self._engine, "use_state") as session:
            take_turns(session)
            old = (datetime.now(UTC) - STATES_KEPT).isoformat(timespec="microseconds")
            session.exec(delete(UsedStateRow).where(col(UsedStateRow.used_at) <= old))
            if session.get(UsedStateRow, digest):
                return False
            session.add(UsedStateRow(digest=digest, used_at=now()))
            return True

    def sign_in(self, claimed: Claimed, replaces: str) -> str | None:
        """Open a session for whoever this is; the one that the browser had before is over.

        Returns what the cookie holds; None for nobody of ours, or somebody disabled.
        """
        with transaction(self._engine, "provider_sign_in") as session:
            take_turns(session)
            known = _known(session, claimed)
            person = session.get_one(PersonRow, known.person_id) if known else None
            if known is None or person is None or person.disabled_at:
                return None
            if known.subject is None:
                known.subject, known.email = claimed.subject, None
                session.add(known)
                record(session, person, "bound")
            return open_sign_in(session, person, replaces, provider=claimed.issuer)


def _known(session: Session, claimed: Claimed) -> IdentityRow | None:
    """By subject; failing that, by the verified address that somebody is expected with."""
    by_subject = _by(session, claimed.issuer, claimed.subject, None)
    address = _address(claimed.email)
    return by_subject or _by(session, claimed.issuer, None, address)


def _require_free(session: Session, issuer: str, subject: str | None, email: str | None) -> str | None:
    """The address as it is kept."""
    address = _address(email)
    if email and address is None:
        raise InvalidValue("An address has letters of ASCII alone: others look alike.", param="email")
    if _by(session, issuer, subject, address):
        raise InvalidValue("This identity is linked to somebody else.", param="email" if email else "subject")
    return address


def _address(email: str | None) -> str | None:
    """As it is compared; None for one with letters beyond ASCII, of which different ones fold to the same."""
    return email.strip().lower() if email and email.isascii() else None


def _by(session: Session, issuer: str, subject: str | None, email: str | None) -> IdentityRow | None:
    of_issuer = select(IdentityRow).where(IdentityRow.issuer == issuer)
    if subject:
        return session.exec(of_issuer.where(IdentityRow.subject == subject)).first()
    return session.exec(of_issuer.where(IdentityRow.email == email)).first() if email else None


def _forget(session: Session, person: PersonRow) -> None:
    session.exec(delete(IdentityRow).where(col(IdentityRow.person_id) == person.id))
    end_all(session, person.id)
