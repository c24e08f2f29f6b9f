"""The ledger as people read it: page by page, filtered, and row by row for an export of any length."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Engine, func, or_
from sqlmodel import Session, col, select

from gateway.store import ledger
from gateway.store.engine import reading, transaction
from gateway.store.tables import (
    AppealRow,
    CaseRow,
    DecisionRow,
    LedgerRow,
    PictureRow,
    ReportRow,
    ReviewRow,
)

PAGE = 50
CHUNK = 500  # rows read in one short transaction of an export
MOST_SUBJECTS = 500  # that one id can lead to, by the index on subjects
ID = re.compile(r"[0-9A-Za-z_@.:-]{1,80}\Z")
WHOLE = "ledger"  # the subject of what concerns the ledger itself
JSON_COLUMNS = ("categories", "reasons", "signals", "thresholds", "models")
LEDGER_COLUMNS = ("seq", "at", "kind", "subject", "facts", "prev_hash", "hash")
DECISION_COLUMNS = ("seq", *(name for name in DecisionRow.model_fields if name != "evidence"))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows; None: all. about: an id. since, until: days, UTC, both included."""

    kind: str | None = None
    about: str | None = None
    since: date | None = None
    until: date | None = None

    @property
    def told(self) -> dict[str, str]:
        """What was asked for, without what was not."""
        return {name: str(value) for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Link:
    """One row. intact: it has the hash of what it says. joined: it names the hash of the row before."""

    row: LedgerRow
    intact: bool
    joined: bool

    @property
    def canonical(self) -> str:
        """What is hashed behind `prev_hash`; of a forged row that has no such form, what it holds."""
        try:
            return ledger.link_of(self.row)
        except (TypeError, ValueError):
            return repr(self.row)

    @property
    def facts(self) -> dict[str, str]:
        """Its facts, each as text; none when they are no record of ours."""
        facts = ledger.read_facts(self.row.facts) or {}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in facts.items()}

    @property
    def by(self) -> str | None:
        """Whose act it records, if it names a person."""
        by = self.facts.get("by")
        return by.removeprefix("person:") if by else None


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first. newer, older: what to ask for next, None at an end. last: the newest row of all."""

    links: tuple[Link, ...]
    newer: int | None
    older: int | None
    last: int


class LedgerPages:
    """Every method is one short transaction, or several of them one after the other, and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def page(self, wanted: Wanted, before: int | None = None, after: int | None = None) -> Page:
        """PAGE rows older than `before`, or newer than `after`, or the newest."""
        with reading(self._engine) as session:
            query = select(LedgerRow).where(*_conditions(session, wanted))
            if after is not None:
                newer = query.where(col(LedgerRow.seq) > after).order_by(col(LedgerRow.seq)).limit(PAGE + 1)
                found = [*session.exec(newer)]
                rows, more_newer, more_older = [*reversed(found[:PAGE])], len(found) > PAGE, True
            else:
                older = query if before is None else query.where(col(LedgerRow.seq) < before)
                found = [*session.exec(older.order_by(col(LedgerRow.seq).desc()).limit(PAGE + 1))]
                rows, more_newer, more_older = found[:PAGE], before is not None, len(found) > PAGE
            return Page(
                _linked(session, rows), rows[0].seq if rows and more_newer else None,
                rows[-1].seq if rows and more_older else None, _last(session),
            )  # fmt: skip

    def latest_check(self) -> LedgerRow | None:
        """What the last verification that was recorded found."""
        with reading(self._engine) as session:
            checks = select(LedgerRow).where(LedgerRow.subject == WHOLE, LedgerRow.kind == "verified")
            return session.exec(checks.order_by(col(LedgerRow.seq).desc()).limit(1)).first()

    def last(self) -> int:
        """The newest row's number, 0 when there is none."""
        with reading(self._engine) as session:
            return _last(session)

    def note(self, kind: str, facts: dict[str, Any]) -> None:
        """Record what somebody did with the ledger itself."""
        with transaction(self._engine, kind) as session:
            ledger.append(session, kind, WHOLE, facts)

    def rows(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Every row up to now, oldest first, as LEDGER_COLUMNS. `facts` is the very text that was hashed."""
        for chunk in self._chunks(wanted):
            yield from ({name: getattr(row, name) for name in LEDGER_COLUMNS} for row in chunk)

    def decisions(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Every decision up to now in the ledger's order, as DECISION_COLUMNS: all but what may quote a prompt.

        One that the ledger records and that is there no more is left out: `verify` names it.
        """
        for chunk in self._chunks(wanted, "decided"):
            with reading(self._engine) as session:
                ids = [row.subject for row in chunk]
                found = {row.id: row for row in session.exec(select(DecisionRow).where(col(DecisionRow.id).in_(ids)))}
            for link in chunk:
                if row := found.get(link.subject):
                    yield {"seq": link.seq, **_told(row)}

    def _chunks(self, wanted: Wanted, kind: str | None = None) -> Iterator[list[LedgerRow]]:
        """A slow reader holds no transaction open: each chunk is read by itself, from where the last one ended."""
        end, at = self.last(), 0
        while True:
            with reading(self._engine) as session:
                query = select(LedgerRow).where(*_conditions(session, wanted), LedgerRow.seq > at, LedgerRow.seq <= end)
                if kind:
                    query = query.where(LedgerRow.kind == kind)
                chunk = [*session.exec(query.order_by(col(LedgerRow.seq)).limit(CHUNK))]
            if not chunk:
                return
            yield chunk
            at = chunk[-1].seq


def _told(row: DecisionRow) -> dict[str, Any]:
    told = row.model_dump(exclude={"evidence"})
    return told | {name: json.loads(told[name]) for name in JSON_COLUMNS}


def _last(session: Session) -> int:
    return session.exec(select(func.max(LedgerRow.seq))).one() or 0


def _linked(session: Session, rows: list[LedgerRow]) -> tuple[Link, ...]:
    before = [row.seq - 1 for row in rows]
    query = select(LedgerRow.seq, LedgerRow.hash).where(col(LedgerRow.seq).in_(before))
    hashes = {0: ledger.GENESIS, **dict(session.exec(query).all())}
    return tuple(Link(row, ledger.is_intact(row), hashes.get(row.seq - 1) == row.prev_hash) for row in rows)


def _conditions(session: Session, wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions = [col(LedgerRow.kind) == wanted.kind] if wanted.kind else []
    if wanted.since:
        conditions.append(col(LedgerRow.at) >= wanted.since.isoformat())
    if wanted.until:
        conditions.append(col(LedgerRow.at) < (wanted.until + timedelta(days=1)).isoformat())
    return [*conditions, _about(session, wanted.about)] if wanted.about else conditions


def _about(session: Session, about: str) -> ColumnElement[bool]:
    """Rows about this id and about what belongs to it: a request's decisions, a case's reviews, a person's acts."""
    if about.startswith("per_"):
        return _by(about)
    subjects = [about, *islice(_belonging(session, about), MOST_SUBJECTS)]
    return col(LedgerRow.subject).in_(dict.fromkeys(subjects))


def _by(person_id: str) -> ColumnElement[bool]:
    """What is about a person, what names them, and what they decided."""
    reviews = select(ReviewRow.id).where(ReviewRow.person_id == person_id)
    decisions = select(DecisionRow.id).where(DecisionRow.decided_by == person_id)
    return or_(
        col(LedgerRow.subject) == person_id, col(LedgerRow.subject).in_(reviews),
        col(LedgerRow.subject).in_(decisions), col(LedgerRow.facts).contains(f'{person_id}"', autoescape=True),
    )  # fmt: skip


def _belonging(session: Session, about: str) -> Iterator[str]:
    for key, owners in (
        (DecisionRow.id, (DecisionRow.request_id,)),
        (PictureRow.id, (PictureRow.request_id, PictureRow.decision_id)),
        (CaseRow.id, (CaseRow.request_id, CaseRow.picture_id)),
        (AppealRow.id, (AppealRow.request_id, AppealRow.decision_id, AppealRow.picture_id)),
        (ReportRow.id, (ReportRow.picture_id, ReportRow.case_id)),
        (ReviewRow.id, (ReviewRow.case_id,)),
    ):
        owned = or_(*(col(owner) == about for owner in owners))
        yield from session.exec(select(key).where(owned).limit(MOST_SUBJECTS))
    for case in session.exec(select(CaseRow).where(or_(col(CaseRow.request_id) == about, col(CaseRow.id) == about))):
        yield from _of_case(session, case, whole=case.id == about)


def _of_case(session: Session, case: CaseRow, whole: bool) -> Iterator[str]:
    """What people did with a case. whole: and with its pictures."""
    yield from session.exec(select(ReviewRow.id).where(ReviewRow.case_id == case.id))
    yield from session.exec(select(ReportRow.id).where(ReportRow.case_id == case.id))
    if whole:
        yield from [case.appeal_id] if case.appeal_id else []
        of_case = PictureRow.id == case.picture_id if case.picture_id else PictureRow.request_id == case.request_id
        yield from session.exec(select(PictureRow.id).where(of_case))
