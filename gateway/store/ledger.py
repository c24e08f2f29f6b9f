"""The hash-chained, append-only record that no decision was lost, added or changed (invariant I4).

hash = sha256(prev_hash + canonical JSON of {seq, at, kind, subject, facts}). Facts hold digests, never content, so
erasing a person's prompt leaves the chain valid.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from sqlmodel import Session, col, select

from gateway import metrics
from gateway.store.engine import take_turns
from gateway.store.ids import now
from gateway.store.tables import (
    AppealRow,
    BannedRow,
    BatchCaseRow,
    BatchRow,
    DecisionRow,
    GoldenRow,
    LedgerRow,
    LiftedRow,
    PictureRow,
    ReportRow,
    RequestRow,
    ReviewRow,
    WordlistRow,
)

GENESIS = "0" * 64
KINDS = frozenset({
    "received", "decided", "picture", "moved", "key_created", "wordlist", "person", "signed_in", "claimed", "viewed",
    "revealed", "escalated", "reviewed", "banned", "ban_lifted", "appealed", "appeal_ended", "reported", "verified",
    "exported", "batch", "webhook", "golden", "golden_retired",
})  # fmt: skip

Row = TypeVar(
    "Row", LedgerRow, RequestRow, DecisionRow, WordlistRow, ReviewRow, LiftedRow, AppealRow, ReportRow, GoldenRow
)


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
    row.hash = hash_of(row)
    session.add(row)
    session.flush()
    metrics.ledger_rows.inc()


def link_of(row: LedgerRow) -> str:
    """What is hashed behind the hash of the row before."""
    return canonical({"seq": row.seq, "at": row.at, "kind": row.kind, "subject": row.subject, "facts": row.facts})


def hash_of(row: LedgerRow) -> str:
    """What a row's hash has to be. Raises TypeError, ValueError for values that no row of ours can hold."""
    return hashlib.sha256((row.prev_hash + link_of(row)).encode()).hexdigest()


def is_intact(row: LedgerRow) -> bool:
    """Whether a row has the hash of what it says."""
    return _matches(row.hash, hash_of, row)


def request_digest(row: RequestRow) -> str:
    """What a request was when it came in, without the prompt itself (its salted digest stands for it)."""
    fixed = ("id", "caller_kind", "caller_id", "surface", "model", "asked", "size", "seed", "user_digest",
             "prompt_digest", "policy", "policy_sha256", "created_at")  # fmt: skip
    return digest({name: getattr(row, name) for name in fixed})


def decision_digest(row: DecisionRow) -> str:
    """Everything a decision says, without `evidence`, which may quote the prompt.

    `confirms` and `decided_by` count where there is one: decisions older than the columns keep their digests.
    """
    absent = {name for name in ("confirms", "decided_by") if getattr(row, name) is None}
    return digest(row.model_dump(exclude={"evidence", *absent}))


def wordlist_digest(row: WordlistRow) -> str:
    """Everything a version of a list says: its content by the content's own hash, which `verify` compares."""
    return digest(row.model_dump(exclude={"content"}))


def review_digest(row: ReviewRow) -> str:
    """Everything that a person's review says, without the note itself (its salted digest stands for it)."""
    return digest(row.model_dump(exclude={"note", "note_salt"}))


def bans_digest(rows: Iterable[BannedRow]) -> str:
    """Everything that the bans of one batch say, in whatever order they come."""
    return digest(sorted(digest(row.model_dump()) for row in rows))


def lifted_digest(row: LiftedRow) -> str:
    """Everything that the end of a ban says."""
    return digest(row.model_dump())


def appeal_digest(row: AppealRow) -> str:
    """What was appealed against and when, without the text itself (its salted digest stands for it) and its end."""
    return digest(row.model_dump(exclude={"text", "text_salt", "state", "review_id", "outcome_id", "ended_at"}))


def report_digest(row: ReportRow) -> str:
    """Everything that a report says, without the note itself (its salted digest stands for it)."""
    return digest(row.model_dump(exclude={"note", "note_salt"}))


def batch_digest(row: BatchRow, cases: Iterable[BatchCaseRow]) -> str:
    """Everything that a batch says now, and what became of each of its cases, in whatever order they come."""
    return digest([row.model_dump(), *sorted(digest(case.model_dump()) for case in cases)])


def golden_digest(row: GoldenRow) -> str:
    """What a golden case's right answer is and who stated it, without its end."""
    return digest(row.model_dump(exclude={"retired_by", "retired_at"}))


def prompt_digest(salt: str, prompt: str) -> str:
    """Stands for the prompt in the chain; says nothing once the salt is erased."""
    return hashlib.sha256((salt + prompt).encode("utf-8", "surrogatepass")).hexdigest()


def verify(session: Session, seen: Callable[[LedgerRow], None] = lambda _: None) -> Broken | None:
    """Recompute the whole chain and compare every request, decision and picture with what it recorded.

    seen: told each row that was found whole. Returns the first row that differs, in chain order, or None when all is
    as it was written.
    """
    checks = _Checks(session)
    prev_hash = GENESIS
    in_order = select(LedgerRow).order_by(col(LedgerRow.seq)).execution_options(yield_per=500)
    with session.exec(in_order) as rows:
        for seq, row in enumerate(rows, start=1):
            if (row.seq, row.prev_hash) != (seq, prev_hash):
                return Broken(f"ledger row {seq}", "is missing, or rows were reordered")
            if not is_intact(row):
                return Broken(f"ledger row {row.seq}", f"was edited ({row.kind} of {row.subject})")
            prev_hash = row.hash
            if broken := checks.compare(row):
                return broken
            seen(row)
    return checks.unrecorded()


class _Checks:
    """Compares what the chain says with the tables, row by row, and remembers what it has seen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.states: dict[str, str] = {}
        self.batches: dict[str, str] = {}  # the digest of each as it was last recorded

    def compare(self, row: LedgerRow) -> Broken | None:
        facts = read_facts(row.facts)
        if facts is None or row.kind not in KINDS:
            return Broken(f"ledger row {row.seq}", "is not of our making")
        compare: Callable[[str, dict[str, Any]], Broken | None] | None = {
            "received": self._request,
            "decided": self._decision,
            "picture": self._picture,
            "wordlist": self._wordlist,
            "reviewed": self._review,
            "banned": self._bans,
            "ban_lifted": self._lifted,
            "appealed": self._appeal,
            "appeal_ended": self._appeal_end,
            "reported": self._report,
            "batch": self._batch,
            "golden": self._golden,
            "golden_retired": self._golden_end,
        }.get(row.kind)
        if "state" in facts:
            self.states[row.subject] = facts["state"]
        return compare(row.subject, facts) if compare else None

    def _request(self, request_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(RequestRow, request_id)
        if row is None:
            return Broken(f"request {request_id}", "is in the ledger but was deleted")
        if not _matches(facts.get("digest"), request_digest, row):
            return Broken(f"request {request_id}", "was edited")
        if not _is_text(row.prompt, row.prompt_salt, row.prompt_digest):
            return Broken(f"request {request_id}", "has another prompt than it came with")
        return None

    def _decision(self, decision_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(DecisionRow, decision_id)
        if row is None:
            return Broken(f"decision {decision_id}", "is in the ledger but was deleted")
        same = _matches(facts.get("digest"), decision_digest, row)
        return None if same else Broken(f"decision {decision_id}", "was edited")

    def _picture(self, picture_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(PictureRow, picture_id)
        if row is None:
            return Broken(f"picture {picture_id}", "is in the ledger but was deleted")
        return Broken(f"picture {picture_id}", "was edited") if row.sha256 != facts.get("sha256") else None

    def _wordlist(self, version_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(WordlistRow, version_id)
        if row is None:
            return Broken(f"word list {version_id}", "is in the ledger but was deleted")
        content = None if row.content is None else hashlib.sha256(row.content.encode()).hexdigest()
        if not _matches(facts.get("digest"), wordlist_digest, row) or content != row.sha256:
            return Broken(f"word list {version_id}", "was edited")
        return None

    def _review(self, review_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(ReviewRow, review_id)
        if row is None:
            return Broken(f"review {review_id}", "is in the ledger but was deleted")
        same = _matches(facts.get("digest"), review_digest, row)
        return _unless(same and _is_text(row.note, row.note_salt, row.note_digest), f"review {review_id}")

    def _appeal(self, appeal_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(AppealRow, appeal_id)
        if row is None:
            return Broken(f"appeal {appeal_id}", "is in the ledger but was deleted")
        same = _matches(facts.get("digest"), appeal_digest, row)
        return _unless(same and _is_text(row.text, row.text_salt, row.text_digest), f"appeal {appeal_id}")

    def _appeal_end(self, appeal_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(AppealRow, appeal_id)
        ended = {name: getattr(row, name, None) for name in ("state", "review_id", "outcome_id", "ended_at")}
        return _unless(row is not None and ended == facts, f"appeal {appeal_id}")

    def _report(self, report_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(ReportRow, report_id)
        if row is None:
            return Broken(f"report {report_id}", "is in the ledger but was deleted")
        same = _matches(facts.get("digest"), report_digest, row)
        return _unless(same and _is_text(row.note, row.note_salt, row.note_digest), f"report {report_id}")

    def _golden(self, golden_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(GoldenRow, golden_id)
        if row is None:
            return Broken(f"golden case {golden_id}", "is in the ledger but was deleted")
        return _unless(_matches(facts.get("digest"), golden_digest, row), f"golden case {golden_id}")

    def _golden_end(self, golden_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(GoldenRow, golden_id)
        ended = {name: getattr(row, name, None) for name in ("retired_by", "retired_at")}
        return _unless(row is not None and ended == facts, f"golden case {golden_id}")

    def _bans(self, batch: str, facts: dict[str, Any]) -> Broken | None:
        rows = self.session.exec(select(BannedRow).where(BannedRow.batch == batch)).all()
        if len(rows) != facts.get("entries"):
            return Broken(f"bans {batch}", f"are {len(rows)}, the ledger says {facts.get('entries')}")
        return None if bans_digest(rows) == facts.get("digest") else Broken(f"bans {batch}", "were edited")

    def _lifted(self, banned_id: str, facts: dict[str, Any]) -> Broken | None:
        row = self.session.get(LiftedRow, banned_id)
        if row is None:
            return Broken(f"end of ban {banned_id}", "is in the ledger but was deleted")
        same = _matches(facts.get("digest"), lifted_digest, row)
        return None if same else Broken(f"end of ban {banned_id}", "was edited")

    def _batch(self, batch_id: str, facts: dict[str, Any]) -> Broken | None:
        """Batches change: the last entry is what has to match, and `unrecorded` compares it."""
        self.batches[batch_id] = str(facts.get("digest"))
        gone = self.session.get(BatchRow, batch_id) is None
        return Broken(f"batch {batch_id}", "is in the ledger but was deleted") if gone else None

    def unrecorded(self) -> Broken | None:
        """Rows that stand in the tables but not, or in another state, in the chain; and releases without a decision."""
        return next(
            chain(self._never_recorded(), self._other_states(), self._edited_batches(), self._undecided()), None
        )

    def _never_recorded(self) -> Iterator[Broken]:
        for name, kind, key in (
            ("request", "received", col(RequestRow.id)),
            ("decision", "decided", col(DecisionRow.id)),
            ("picture", "picture", col(PictureRow.id)),
            ("word list", "wordlist", col(WordlistRow.id)),
            ("review", "reviewed", col(ReviewRow.id)),
            ("bans", "banned", col(BannedRow.batch)),
            ("end of ban", "ban_lifted", col(LiftedRow.banned_id)),
            ("appeal", "appealed", col(AppealRow.id)),
            ("report", "reported", col(ReportRow.id)),
            ("golden case", "golden", col(GoldenRow.id)),
        ):
            recorded = select(LedgerRow.subject).where(LedgerRow.kind == kind)
            for subject in self.session.exec(select(key).where(key.not_in(recorded)).order_by(key)):
                yield Broken(f"{name} {subject}", "is not in the ledger")

    def _other_states(self) -> Iterator[Broken]:
        of_requests = select(RequestRow.id, RequestRow.state).execution_options(yield_per=500)
        of_pictures = select(PictureRow.id, PictureRow.state).execution_options(yield_per=500)
        of_appeals = select(AppealRow.id, AppealRow.state).execution_options(yield_per=500)
        for name, query in (("request", of_requests), ("picture", of_pictures), ("appeal", of_appeals)):
            with self.session.exec(query) as rows:
                for key, state in rows:
                    if self.states.get(key) != state:
                        yield Broken(f"{name} {key}", f"is {state!r}, the ledger says {self.states.get(key)!r}")

    def _edited_batches(self) -> Iterator[Broken]:
        for row in self.session.exec(select(BatchRow).order_by(col(BatchRow.id))):
            cases = self.session.exec(select(BatchCaseRow).where(BatchCaseRow.batch_id == row.id)).all()
            if self.batches.get(row.id) != batch_digest(row, cases):
                yield Broken(f"batch {row.id}", "is not as the ledger says")

    def _undecided(self) -> Iterator[Broken]:
        """Invariant I1: what is released has a decision of its own request that lets these very bytes pass."""
        passed = (
            select(DecisionRow.id)
            .where(DecisionRow.id == PictureRow.decision_id, DecisionRow.request_id == PictureRow.request_id)
            .where(DecisionRow.picture_sha256 == PictureRow.sha256, col(DecisionRow.action).in_(("allow", "label")))
        )
        released = select(PictureRow.id).where(PictureRow.state == "released", ~passed.exists())
        for picture_id in self.session.exec(released.order_by(PictureRow.id)):
            yield Broken(f"picture {picture_id}", "is released, and no decision lets it pass")


def _matches(recorded: object, digest_of: Callable[[Row], str], row: Row) -> bool:
    """Whether a row still has the recorded digest; values that no row of ours can hold have none."""
    try:
        return recorded == digest_of(row)
    except (TypeError, ValueError):
        return False


def _is_text(text: str | None, salt: str | None, digest_of_it: str) -> bool:
    """Whether what somebody wrote is as it came, or was erased."""
    return (text is None and salt is None) or prompt_digest(salt or "", text or "") == digest_of_it


def _unless(same: bool, row: str) -> Broken | None:
    return None if same else Broken(row, "was edited")


def read_facts(facts: str) -> dict[str, Any] | None:
    """What a row records; None for what is no record of ours."""
    try:
        read = json.loads(facts)
    except (TypeError, ValueError):
        return None
    return read if isinstance(read, dict) else None
