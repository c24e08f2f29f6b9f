"""A ban on a picture's look-alikes, as it enters the book: with its batch, once, and with an entry in the ledger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert
from sqlmodel import Session, col, or_, select

from gateway.store import ledger
from gateway.store.engine import take_turns
from gateway.store.ids import new_id, now
from gateway.store.tables import BannedRow, LiftedRow
from policies.signals import Category

FEW = 50  # bans that are looked up one by one; more are compared with all that stand


@dataclass(frozen=True, slots=True)
class Ban:
    """What somebody wants banned. hash: 64 hexadecimal digits; picture_id: of the picture it was made from.

    reason: for the people who read the list. source: desk | import | terminal. by: `person:...` or `terminal`.
    ends_at: UTC ISO 8601, None: until it is lifted.
    """

    hash: str
    category: Category
    reason: str
    source: str
    by: str
    ends_at: str | None = None
    picture_id: str | None = None


def enter(session: Session, bans: Sequence[Ban]) -> list[str]:
    """Ban pictures inside the caller's transaction. Returns the ids of those that are new."""
    take_turns(session)
    known = _known(session, bans)
    fresh = {(ban.hash, ban.category): ban for ban in bans if (ban.hash, ban.category) not in known}
    if not fresh:
        return []
    batch, revision, moment = new_id("bat"), revision_of(session) + 1, now()
    rows = [_row(ban, batch, revision, moment) for ban in fresh.values()]
    session.execute(insert(BannedRow), [row.model_dump() for row in rows])
    ledger.append(
        session, "banned", batch, {"digest": ledger.bans_digest(rows), "entries": len(rows), "by": rows[0].added_by}
    )
    return [row.id for row in rows]


def _row(ban: Ban, batch: str, revision: int, moment: str) -> BannedRow:
    return BannedRow(
        id=new_id("ban"), batch=batch, revision=revision, hash=ban.hash, category=ban.category, reason=ban.reason,
        source=ban.source, picture_id=ban.picture_id, added_by=ban.by, created_at=moment, ends_at=ban.ends_at,
    )  # fmt: skip


def _known(session: Session, bans: Sequence[Ban]) -> set[tuple[str, str]]:
    """(hash, category) of what is in force already: asked by hash for a few, read whole for an import."""
    pairs = in_force(select(BannedRow.hash, BannedRow.category))
    if len(bans) <= FEW:
        pairs = pairs.where(col(BannedRow.hash).in_([ban.hash for ban in bans]))
    return {(hashed, category) for hashed, category in session.exec(pairs)}


def in_force(query: Any) -> Any:
    """The same query, of the bans alone that were neither lifted nor have ended."""
    lifted = select(LiftedRow.banned_id).where(LiftedRow.banned_id == BannedRow.id)
    return query.where(~lifted.exists(), or_(col(BannedRow.ends_at).is_(None), col(BannedRow.ends_at) > now()))


def revision_of(session: Session) -> int:
    """The number of the newest change; 0 before the first."""
    newest = (session.exec(select(func.max(column))).one() for column in (BannedRow.revision, LiftedRow.revision))
    return max((found or 0 for found in newest), default=0)
