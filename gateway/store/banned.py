"""Banned pictures: what was banned, by whom, until when; and what goes free when a ban is lifted.

Bans and their ends are rows of their own that never change, each with its entry in the ledger. What was banned
together, as by an import, is one batch and one entry.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from gateway.errors import AlreadyDecided, NotFound
from gateway.store import freeing, ledger
from gateway.store.bans import Ban, enter, in_force, revision_of
from gateway.store.decisions import State
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.freeing import Freed
from gateway.store.ids import now
from gateway.store.tables import BanMatchRow, BannedRow, LiftedRow, PictureRow
from policies.loader import PolicyInForce
from policies.queues import Queues, load_queues
from policies.signals import Category
from safety.bans import Banned

PAGE = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """The bans in force. revision: of the newest change, 0 before the first."""

    revision: int
    banned: Sequence[Banned]


@dataclass(frozen=True, slots=True)
class Listed:
    """One ban as people read it. lifted: who ended it early and why; held: pictures that it keeps back now."""

    row: BannedRow
    lifted: LiftedRow | None
    held: int

    @property
    def state(self) -> str:
        """stands | ended | lifted."""
        if self.lifted:
            return "lifted"
        return "ended" if self.row.ends_at and self.row.ends_at <= now() else "stands"


@dataclass(frozen=True, slots=True)
class Lifted:
    """What became of a ban. freed: what it held, and where each picture stands now."""

    id: str
    freed: Sequence[Freed]


class BannedPictures:
    """Every method is one transaction and may block. policies: what judges again what a lifted ban held."""

    def __init__(self, engine: Engine, policies: PolicyInForce, queues: Queues | None = None) -> None:
        self._engine = engine
        self._queues = queues or load_queues()
        self._policies = policies

    def revision(self) -> int:
        """Grows with every change, whoever makes it."""
        with reading(self._engine) as session:
            return revision_of(session)

    def standing(self) -> Standing:
        """What is banned now."""
        with reading(self._engine) as session:
            columns = select(BannedRow.id, BannedRow.hash, BannedRow.category, BannedRow.ends_at)
            rows = session.exec(in_force(columns).order_by(col(BannedRow.revision), col(BannedRow.id))).all()
            banned = [Banned(key, hashed, Category(category), ends) for key, hashed, category, ends in rows]
            return Standing(revision_of(session), banned)

    def add(self, bans: Sequence[Ban]) -> list[str]:
        """Ban pictures together, all or none; one that is banned for the same category already is left as it is.

        Returns the ids of those that are new.
        """
        with transaction(self._engine, "ban") as session:
            return enter(session, bans)

    def disable_entry(self, banned_id: str, by: str, why: str) -> Lifted:
        """Lift a ban, and free what only it kept back.

        Every picture that still rests on it is judged again by the signals of then without it, under the policy in
        force: it is released if they allow it, and stays held or withheld under the other rule if they don't. The bytes
        move right after, by `Desk.release_due`. by: `person:...` or `terminal`. Raises NotFound, AlreadyDecided.
        """
        with transaction(self._engine, "lift_ban") as session:
            take_turns(session)
            if session.get(BannedRow, banned_id) is None:
                raise NotFound("There is no such banned picture.")
            if session.get(LiftedRow, banned_id):
                raise AlreadyDecided("This ban was lifted before.")
            row = LiftedRow(
                banned_id=banned_id, revision=revision_of(session) + 1, why=why, lifted_by=by, created_at=now()
            )
            session.add(row)
            ledger.append(session, "ban_lifted", banned_id, {"digest": ledger.lifted_digest(row), "by": by})
            return Lifted(banned_id, freeing.free(session, banned_id, self._policies.policy, self._queues))

    def made_from(self, picture_id: str) -> list[str]:
        """The bans in force that somebody made from this picture."""
        with reading(self._engine) as session:
            return list(session.exec(in_force(select(BannedRow.id).where(BannedRow.picture_id == picture_id))))

    def freed(self) -> dict[str, list[PictureRow]]:
        """Request -> pictures that went free and whose bytes have still to move."""
        with reading(self._engine) as session:
            return freeing.waiting(session)

    def settle(self, request_id: str) -> None:
        """What went free of a request is released: its case and the request say so."""
        with transaction(self._engine, "settle_freed") as session:
            take_turns(session)
            freeing.settle(session, request_id, self._policies.policy, self._queues)

    def listed(self, offset: int = 0, count: int = PAGE) -> list[Listed]:
        """Bans, newest first, those that ended too."""
        with reading(self._engine) as session:
            newest = select(BannedRow).order_by(col(BannedRow.created_at).desc(), col(BannedRow.id))
            return _listed(session, session.exec(newest.offset(offset).limit(count)).all())

    def find(self, banned_id: str) -> Listed:
        """One ban. Raises NotFound."""
        with reading(self._engine) as session:
            row = session.get(BannedRow, banned_id)
            if row is None:
                raise NotFound("There is no such banned picture.")
            return _listed(session, [row])[0]

    def all_standing(self) -> Iterator[BannedRow]:
        """Every ban in force, whole, oldest first."""
        with reading(self._engine) as session:
            in_order = in_force(select(BannedRow)).order_by(col(BannedRow.created_at), col(BannedRow.id))
            yield from session.exec(in_order.execution_options(yield_per=500))

    def counts(self) -> dict[str, int]:
        """State -> bans: stands, ended, lifted."""
        with reading(self._engine) as session:
            total = session.exec(select(func.count()).select_from(BannedRow)).one()
            lifted = session.exec(select(func.count()).select_from(LiftedRow)).one()
            stands = session.exec(in_force(select(func.count()).select_from(BannedRow))).one()
            return {"stands": stands, "ended": total - lifted - stands, "lifted": lifted}


def _listed(session: Session, rows: Sequence[BannedRow]) -> list[Listed]:
    keys = [row.id for row in rows]
    lifted = {row.banned_id: row for row in session.exec(select(LiftedRow).where(col(LiftedRow.banned_id).in_(keys)))}
    held = dict(session.exec(_kept_back(keys)).all())
    return [Listed(row, lifted.get(row.id), held.get(row.id, 0)) for row in rows]


def _kept_back(keys: Sequence[str]) -> Any:
    kept = col(PictureRow.state).in_((State.HELD, State.WITHHELD))
    counted = select(BanMatchRow.banned_id, func.count()).join(
        PictureRow, col(PictureRow.decision_id) == BanMatchRow.decision_id
    )
    return counted.where(kept, col(BanMatchRow.banned_id).in_(keys)).group_by(col(BanMatchRow.banned_id))
