"""Which cases look the same: each gets its look when it enters, so that the list can show them as one row.

A look is only a name that cases share. Whether a decision may be taken over from one to another is asked anew when it
is taken, by `look_alikes`.
"""

from collections.abc import Sequence

import numpy as np
from sqlmodel import Session, col, select

from gateway.store.ids import new_id
from gateway.store.tables import CaseRow, PictureRow
from safety.hash_index import scan
from safety.hashes import BYTES, Hash

LOOKED_BACK = 1000  # newest open cases: look-alikes come in bursts, and to enter a case must stay quick


def look_of(session: Session, hashes: Sequence[str | None]) -> str | None:
    """The look of a case that is about to enter. hashes: PDQ of each held picture, None of one that is not telling.

    The look of the newest open case of as many pictures, each within 31 bits of one of ours; a new one when there is
    none; None when a picture is not telling: such a case looks like no other.
    """
    ours = [hashed for hashed in hashes if hashed]
    if not ours or len(ours) < len(hashes):
        return None
    rows = _newest(session, len(ours))
    near = set(scan(_read([hashed for _, _, hashed in rows]), _read(ours)).found.tolist())
    unlike = {case_id for number, (case_id, _, _) in enumerate(rows) if number not in near}
    return next((look for case_id, look, _ in rows if case_id not in unlike), None) or new_id("look")


def _newest(session: Session, pictures: int) -> list[tuple[str, str, str]]:
    """Case, look and hash of each picture of the newest open cases of so many pictures, newest first."""
    newest = (
        select(CaseRow.id, CaseRow.request_id, CaseRow.look, CaseRow.opened_at)
        .where(CaseRow.state == "open", col(CaseRow.look).is_not(None))
        .order_by(col(CaseRow.opened_at).desc())
        .limit(LOOKED_BACK)
        .subquery()
    )
    held = (
        select(newest.c.id, newest.c.look, PictureRow.pdq)
        .join(PictureRow, col(PictureRow.request_id) == newest.c.request_id)
        .where(PictureRow.state == "held", col(PictureRow.pdq).is_not(None))
        .order_by(newest.c.opened_at.desc(), newest.c.id)
    )
    rows = [(case_id, look, hashed or "") for case_id, look, hashed in session.exec(held)]
    counts: dict[str, int] = {}
    for case_id, _, _ in rows:
        counts[case_id] = counts.get(case_id, 0) + 1
    return [row for row in rows if counts[row[0]] == pictures]


def _read(hashes: Sequence[str]) -> Hash:
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, BYTES)
