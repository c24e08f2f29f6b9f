"""The versions of operators' word lists: added, never changed, each with its entry in the ledger."""

import hashlib
from dataclasses import dataclass

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from gateway.errors import PreconditionFailed
from gateway.store import ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import now
from gateway.store.tables import WordlistRow


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a list. content: YAML, None: this version is the list's removal."""

    name: str
    version: int
    revision: int
    content: str | None
    sha256: str | None
    restores: int | None
    caller_kind: str
    caller_id: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Standing:
    """All lists that are in force. revision: of the newest change, 0 before the first."""

    revision: int
    lists: dict[str, Stored]


@dataclass(frozen=True, slots=True)
class Change:
    """What shall become of a list. content: None removes it. expected: the version it must have now, 0 for no list."""

    name: str
    content: str | None
    caller_kind: str
    caller_id: str
    expected: int | None = None
    restores: int | None = None


class Overtaken(Exception):
    """Somebody else changed a list since the lists were read that this change was checked against."""


class Wordlists:
    """Every method is one transaction and may block. engine: None where there is no database yet."""

    def __init__(self, engine: Engine | None) -> None:
        self._engine = engine

    def revision(self) -> int:
        """Grows with every change, whoever makes it."""
        if self._engine is None:
            return 0
        with reading(self._engine) as session:
            return _revision(session)

    def standing(self) -> Standing:
        """The lists in force, and the revision that they belong to."""
        if self._engine is None:
            return Standing(0, {})
        with reading(self._engine) as session:
            newest = select(func.max(WordlistRow.revision)).group_by(col(WordlistRow.name))
            rows = session.exec(select(WordlistRow).where(col(WordlistRow.revision).in_(newest))).all()
            lists = {row.name: _stored(row) for row in rows if row.content is not None}
            return Standing(_revision(session), dict(sorted(lists.items())))

    def versions(self, name: str) -> list[Stored]:
        """All versions of a list, oldest first."""
        if self._engine is None:
            return []
        with reading(self._engine) as session:
            of_name = select(WordlistRow).where(WordlistRow.name == name).order_by(col(WordlistRow.version))
            return [_stored(row) for row in session.exec(of_name)]

    def change(self, change: Change, revision: int) -> Stored:
        """Add a version. What is in force already is not stored again.

        revision: of the lists that the change was checked against.
        Raises Overtaken, PreconditionFailed, DatabaseUnavailable.
        """
        assert self._engine is not None
        with transaction(self._engine, "wordlist") as session:
            take_turns(session)
            current = _newest(session, change.name)
            in_force = current.version if current and current.content is not None else 0
            if change.expected not in (None, in_force):
                raise PreconditionFailed("The list was changed since you read it. Read it again.", param="if-match")
            if _revision(session) != revision:
                raise Overtaken(change.name)
            if current and current.content == change.content:
                return _stored(current)
            row = _row(change, current.version + 1 if current else 1, revision + 1)
            session.add(row)
            facts = {"digest": ledger.wordlist_digest(row), "name": row.name, "sha256": row.sha256}
            ledger.append(session, "wordlist", row.id, facts)
            return _stored(row)


def _row(change: Change, version: int, revision: int) -> WordlistRow:
    content = change.content
    return WordlistRow(
        id=f"{change.name}@{version}", revision=revision, name=change.name, version=version, content=content,
        sha256=None if content is None else hashlib.sha256(content.encode()).hexdigest(), restores=change.restores,
        caller_kind=change.caller_kind, caller_id=change.caller_id, created_at=now(),
    )  # fmt: skip


def _revision(session: Session) -> int:
    return session.exec(select(func.max(WordlistRow.revision))).one() or 0


def _newest(session: Session, name: str) -> WordlistRow | None:
    by_version = select(WordlistRow).where(WordlistRow.name == name).order_by(col(WordlistRow.version).desc())
    return session.exec(by_version.limit(1)).first()


def _stored(row: WordlistRow) -> Stored:
    return Stored(
        row.name,
        row.version,
        row.revision,
        row.content,
        row.sha256,
        row.restores,
        row.caller_kind,
        row.caller_id,
        row.created_at,
    )
