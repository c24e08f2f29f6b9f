"""Cases that show nearly the same, so that a person has to look at it once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlmodel import Session, col, or_, select

from gateway.store.decisions import State
from gateway.store.ids import now
from gateway.store.queue import OBJECTIONS
from gateway.store.tables import CaseRow, PictureRow
from safety.hash_index import scan
from safety.hashes import BYTES, Hash

LOOKED_THROUGH = 10_000  # held pictures, of the cases whose turn is next: more would hold up the page of a case


@dataclass(frozen=True, slots=True)
class Alike:
    """An open case that nobody works on. pictures: each of its held pictures -> the one of our case it looks like."""

    case_id: str
    pictures: Mapping[str, str]


def find(session: Session, case: CaseRow) -> list[Alike]:
    """Other cases whose every held picture is within 31 bits of a held picture of this one, whose turn is next first.

    What nobody may see, what was escalated, what somebody works on, appeals and reports are decided by themselves.
    """
    ours = _held(session, [case.request_id])
    if case.restricted or case.source in OBJECTIONS or case.again_of or not ours:
        return []
    others = _others(session, case)
    found: dict[str, dict[str, str]] = {}
    for picture, like in _near(others, ours).items():
        found.setdefault(others[picture][0], {})[picture] = like
    return [Alike(key, pictures) for key, pictures in found.items() if len(pictures) == _count(session, key)]


def _held(session: Session, requests: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Picture -> its request and hash."""
    held = select(PictureRow.id, PictureRow.request_id, PictureRow.pdq).where(
        PictureRow.state == State.HELD, col(PictureRow.pdq).is_not(None), col(PictureRow.request_id).in_(requests)
    )
    return {key: (request, hashed or "") for key, request, hashed in session.exec(held)}


def _others(session: Session, case: CaseRow) -> dict[str, tuple[str, str]]:
    """Picture -> its case and hash, of the cases that may be decided together with this one."""
    free = or_(col(CaseRow.lease_until).is_(None), col(CaseRow.lease_until) <= now())
    held = (
        select(PictureRow.id, CaseRow.id, PictureRow.pdq)
        .join(CaseRow, col(CaseRow.request_id) == PictureRow.request_id)
        .where(PictureRow.state == State.HELD, col(PictureRow.pdq).is_not(None))
        .where(CaseRow.state == "open", col(CaseRow.restricted).is_(False), CaseRow.level == case.level, free)
        .where(CaseRow.id != case.id, col(CaseRow.source).not_in(OBJECTIONS), col(CaseRow.again_of).is_(None))
        .order_by(col(CaseRow.due_at), col(CaseRow.id))
        .limit(LOOKED_THROUGH)
    )
    return {key: (other, hashed or "") for key, other, hashed in session.exec(held)}


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


def _count(session: Session, case_id: str) -> int:
    return session.get_one(CaseRow, case_id).pictures
