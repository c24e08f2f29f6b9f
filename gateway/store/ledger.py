"""The hash-chained, append-only record that no decision was lost, added or changed (invariant I4).

hash = sha256(prev_hash + canonical JSON of {seq, at, kind, subject, facts}). Facts hold digests, never content, so
erasing a person's prompt leaves the chain valid.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlmodel import Session, col, func, select

from gateway import metrics
from gateway.store.engine import take_turns
from gateway.store.ids import now
from gateway.store.tables import DecisionRow, LedgerRow, PictureRow, RequestRow

GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class Broken:
    """The first row that is not what was written."""

    row: str
    why: str


def canonical(facts: Any) -> str:
    """JSON with sorted keys and no spaces: one text for one value."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(facts: Any) -> str:
    """sha256 of the canonical JSON."""
    return hashlib.sha256(canonical(facts).encode()).hexdigest()


def append(session: Session, kind: str, subject: str, facts: dict[str, Any]) -> None:
    """Add one link inside the caller's transaction, so that the fact and its record are kept or lost together."""
    take_turns(session)
    session.flush()
    last = session.exec(select(LedgerRow).order_by(col(LedgerRow.seq).desc()).limit(1)).first()
    seq, prev_hash = (last.seq + 1, last.hash) if last else (1, GENESIS)
    row = LedgerRow(seq=seq, at=now(), kind=kind, subject=subject, facts=canonical(facts), prev_hash=prev_hash, hash="")
    row.hash = _hash_of(row)
    session.add(row)
    session.flush()
    metrics.ledger_rows.inc()


def _hash_of(row: LedgerRow) -> str:
    link = {"seq": row.seq, "at": row.at, "kind": row.kind, "subject": row.subject, "facts": row.facts}
    return hashlib.sha256((row.prev_hash + canonical(link)).encode()).hexdigest()


def request_digest(row: RequestRow) -> str:
    """What a request was when it came in, without the prompt itself (its salted digest stands for it)."""
    fixed = ("id", "caller_kind", "caller_id", "surface", "model", "asked", "size", "seed", "user_digest",
             "prompt_digest", "policy", "policy_sha256", "created_at")  # fmt: skip
    return digest({name: getattr(row, name) for name in fixed})


def decision_digest(row: DecisionRow) -> str:
    """Everything a decision says, without `evidence`, which may quote the prompt."""
    return digest(row.model_dump(exclude={"evidence"}))


def prompt_digest(salt: str, prompt: str) -> str:
    """Stands for the prompt in the chain; says nothing once the salt is erased."""
    return hashlib.sha256((salt + prompt).encode("utf-8", "surrogatepass")).hexdigest()


def verify(session: Session) -> Broken | None:
    """Recompute the whole chain and compare every request, decision and picture with what it recorded.

    Returns the first row that differs, in chain order, or None when all is as it was written.
    """
    checks = _Checks(session)
    prev_hash = GENESIS
    rows = select(LedgerRow).order_by(col(LedgerRow.seq)).execution_options(yield_per=500)
    for seq, row in enumerate(session.exec(rows), start=1):
        if (row.seq, row.prev_hash) != (seq, prev_hash):
            return Broken(f"ledger row {seq}", "is missing, or rows were reordered")
        if row.hash != _hash_of(row):
            return Broken(f"ledger row {row.seq}", f"was edited ({row.kind} of {row.subject})")
        prev_hash = row.hash
        if broken := checks.compare(row):
            return broken
    return checks.unrecorded()


class _Checks:
    """Compares what the chain says with the tables, row by row, and remembers what it has seen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.states: dict[str, str] = {}
        self.decisions = 0
        self.requests = 0

    def compare(self, row: LedgerRow) -> Broken | None:
        facts = json.loads(row.facts)
        compare: Callable[[str, dict[str, Any]], Broken | None] | None = {
            "received": self._request,
            "decided": self._decision,
            "picture": self._picture,
        }.get(row.kind)
        if "state" in facts:
            self.states[row.subject] = facts["state"]
        return compare(row.subject, facts) if compare else None

    def _request(self, request_id: str, facts: dict[str, Any]) -> Broken | None:
        self.requests += 1
        row = self.session.get(RequestRow, request_id)
        if row is None:
            return Broken(f"request {request_id}", "is in the ledger but was deleted")
        if request_digest(row) != facts["digest"]:
            return Broken(f"request {request_id}", "was edited")
        erased = row.prompt is None or row.prompt_salt is None
        if not erased and prompt_digest(row.prompt_salt or "", row.prompt or "") != row.prompt_digest:
            return Broken(f"request {request_id}", "has another prompt than it came with")
        return None

    def _decision(self, decision_id: str, facts: dict[str, Any]) -> Broken | None:
        self.decisions += 1
        row = self.session.get(DecisionRow, decision_id)
        if row is None:
            return Broken(f"decision {decision_id}", "is in the ledger but was deleted")
        return Broken(f"decision {decision_id}", "was edited") if decision_digest(row) != facts["digest"] else None

    def _picture(self, picture_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(PictureRow, picture_id)
        if row is None:
            return Broken(f"picture {picture_id}", "is in the ledger but was deleted")
        return Broken(f"picture {picture_id}", "was edited") if row.sha256 != facts["sha256"] else None

    def unrecorded(self) -> Broken | None:
        """Rows that stand in the tables but not, or in another state, in the chain."""
        for broken in self._other_states():
            return broken
        for table, seen in ((DecisionRow, self.decisions), (RequestRow, self.requests)):
            count = self.session.exec(select(func.count()).select_from(table)).one()
            if count != seen:
                return Broken(f"table {table.__tablename__}", f"holds {count} rows, the ledger knows {seen}")
        return None

    def _other_states(self) -> Iterator[Broken]:
        requests = self.session.exec(select(RequestRow).execution_options(yield_per=500))
        pictures = self.session.exec(select(PictureRow).execution_options(yield_per=500))
        for row in chain[RequestRow | PictureRow](requests, pictures):
            if self.states.get(row.id) != row.state:
                yield Broken(row.id, f"is {row.state!r}, the ledger says {self.states.get(row.id)!r}")
