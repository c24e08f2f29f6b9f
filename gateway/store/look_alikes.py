"""Cases that show nearly the same, so that a person has to look at it once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Select, Subquery
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, or_, select

from gateway.store.decisions import State
from gateway.store.ids import now
from gateway.store.listing import Filters, checked, conditions
from gateway.store.queue import OBJECTIONS
from gateway.store.tables import CaseRow, PictureRow
from safety.hash_index import scan
from safety.hashes import BYTES, Hash

LOOKED_THROUGH = 1000  # cases, of those whose turn is next and of those that share a look: more hold up a case's page


@dataclass(frozen=True, slots=True)
class Alike:
    """An open case that nobody works on. pictures: each of its held pictures -> the one of our case it looks like."""

    case_id: str
    pictures: Mapping[str, str]


def find(session: Session, case: CaseRow, seen: Collection[str] | None) -> list[Alike]:
    """Other cases whose every held picture is within 31 bits of a held picture of this one, whose turn is next first.

    What nobody may see, what was escalated, what somebody works on, appeals and reports are decided by themselves.
    seen: the queues that whoever asks works in, None: all.
    """
    ours = _held(session, [case.request_id])
    if case.restricted or case.source in OBJECTIONS or case.again_of or not ours:
        return []
    others = _others(session, case, seen)
    found: dict[str, dict[str, str]] = {}
    for picture, like in _near(others, ours).items():
        found.setdefault(others[picture][0], {})[picture] = like
    counts = _counts(session, list(found))
    return [Alike(key, pictures) for key, pictures in found.items() if len(pictures) == counts[key]]


def _held(session: Session, requests: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Picture -> its request and hash."""
    held = select(PictureRow.id, PictureRow.request_id, PictureRow.pdq).where(
        PictureRow.state == State.HELD, col(PictureRow.pdq).is_not(None), col(PictureRow.request_id).in_(requests)
    )
    return {key: (request, hashed or "") for key, request, hashed in session.exec(held)}


def _others(session: Session, case: CaseRow, seen: Collection[str] | None) -> dict[str, tuple[str, str]]:
    """Picture -> its case and hash, of the cases that may be decided together with this one, whose turn is next first.

    Those that came with the same look, wherever they stand, and those that stand near, which may look like a part of
    this one.
    """
    free = or_(col(CaseRow.lease_until).is_(None), col(CaseRow.lease_until) <= now())
    asked = [
        *conditions(CaseRow, Filters(), seen), free, col(CaseRow.restricted).is_(False),
        col(CaseRow.level) == case.level, col(CaseRow.id) != case.id, col(CaseRow.source).not_in(OBJECTIONS),
        col(CaseRow.again_of).is_(None),
    ]  # fmt: skip
    others = select(CaseRow.id, CaseRow.request_id, CaseRow.due_at).limit(LOOKED_THROUGH)
    near = others.where(*asked).order_by(col(CaseRow.due_at), col(CaseRow.id)).subquery()
    same = others.where(CaseRow.look == case.look, checked(*asked)).subquery()
    found = {key: row for part in (near, same) for key, *row in session.execute(_pictures_of(part))}
    in_turn = sorted(found, key=lambda key: (found[key][2], found[key][0]))
    return {key: (found[key][0], found[key][1] or "") for key in in_turn}


def _pictures_of(cases: Subquery) -> Select[tuple[str, str, str | None, str]]:
    """Picture, case, hash and the case's turn."""
    return (
        select_columns(col(PictureRow.id), cases.c.id, col(PictureRow.pdq), cases.c.due_at)
        .join(cases, cases.c.request_id == PictureRow.request_id)
        .where(col(PictureRow.state) == State.HELD, col(PictureRow.pdq).is_not(None))
    )


def _near(others: Mapping[str, tuple[str, str]], ours: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Each of the others that looks like one of ours -> the nearest of ours, in the order of the others."""
    names, own = list(others), list(ours)
    near = scan(_hashes(others), _hashes(ours))
    best: dict[int, tuple[int, int]] = {}
    for like, one, bits in zip(near.sought.tolist(), near.found.tolist(), near.bits.tolist(), strict=True):
        best[one] = min((bits, like), best.get(one, (bits, like)))
    return {names[one]: own[like] for one, (_, like) in sorted(best.items())}


def _hashes(pictures: Mapping[str, tuple[str, str]]) -> Hash:
    return np.frombuffer(bytes.fromhex("".join(hashed for _, hashed in pictures.values())), np.uint8).reshape(-1, BYTES)


def _counts(session: Session, cases: Sequence[str]) -> dict[str, int]:
    """Case -> how many pictures it has."""
    return dict(session.exec(select(CaseRow.id, CaseRow.pictures).where(col(CaseRow.id).in_(cases))).all())
