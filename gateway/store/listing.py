"""The list of what waits: which cases, in pages, look-alikes as one row; and how much waits, in one pass.

Written so that a queue of a hundred thousand opens at once: `gardefou bench desk`.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, or_
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.store.granted import unattended
from gateway.store.ids import now
from gateway.store.queue import Band
from gateway.store.tables import CaseRow
from policies.queues import Queues


@dataclass(frozen=True, slots=True)
class Filters:
    """Which cases to look at; None: all of them."""

    category: str | None = None
    source: str | None = None
    band: Band | None = None
    queue: str | None = None


@dataclass(slots=True)
class InQueue:
    """How much waits in one queue. oldest_at: UTC ISO 8601."""

    open: int = 0
    overdue: int = 0
    oldest_at: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """What the head of the queue tells. by_band, by_category, by_source: name -> open cases, of one queue if one was
    asked for. by_queue: of all.

    unattended: cases that nobody who has an account may decide.
    """

    by_band: Mapping[Band, int]
    by_category: Mapping[str, int]
    by_source: Mapping[str, int]
    by_queue: Mapping[str, InQueue]
    unattended: int

    @property
    def open(self) -> int:
        """All that wait."""
        return sum(queue.open for queue in self.by_queue.values())

    @property
    def overdue(self) -> int:
        """All that wait for longer than their severity allows."""
        return sum(queue.overdue for queue in self.by_queue.values())

    @property
    def oldest_at(self) -> str | None:
        """Since when the oldest waits."""
        return min((queue.oldest_at for queue in self.by_queue.values() if queue.oldest_at), default=None)


def conditions(entity: type[CaseRow], filters: Filters, seen: Collection[str] | None) -> list[ColumnElement[bool]]:
    """What holds for an open case that the filters let through. entity: the table, or an alias of it.

    seen: the queues that whoever asks works in, None: all.
    """
    asked = [col(entity.state) == "open"]
    if filters.queue is not None:
        asked.append(col(entity.queue) == filters.queue)
    if filters.category is not None:
        asked.append(col(entity.category) == filters.category)
    if filters.source is not None:
        asked.append(col(entity.source) == filters.source)
    if filters.band is not None:
        asked.append(col(entity.severity).in_(filters.band.severities))
    if seen is not None:
        asked.append(col(entity.queue).in_(seen))
    return asked


def checked(*asked: ColumnElement[bool]) -> ColumnElement[bool]:
    """All of these, as one expression that no index is entered by: SQLite, which keeps no statistics, would choose one
    that half the table matches.
    """
    return case((and_(*asked), 1), else_=0) == 1


def one_of_each_look(filters: Filters, seen: Collection[str] | None) -> SelectOfScalar[CaseRow]:
    """Cases that the filters let through, without those that look like an earlier one that they let through as well.

    Only what the same people may decide stands for each other: cases of one queue and one level.
    """
    earlier = aliased(CaseRow)
    before = or_(
        col(earlier.due_at) < CaseRow.due_at, and_(col(earlier.due_at) == CaseRow.due_at, col(earlier.id) < CaseRow.id)
    )
    same = select(earlier.id).where(earlier.look == CaseRow.look, earlier.queue == CaseRow.queue,
                                    earlier.level == CaseRow.level, earlier.state == "open")  # fmt: skip
    let_through = checked(*conditions(earlier, filters, seen), before)
    is_first = or_(col(CaseRow.look).is_(None), ~same.where(let_through).exists())
    return select(CaseRow).where(*conditions(CaseRow, filters, seen), is_first)


def behind(case_row: CaseRow | None) -> ColumnElement[bool]:
    """Cases whose turn comes after this one's; behind a case that there is not, none are."""
    if case_row is None:
        return false()
    due_at, case_id = col(CaseRow.due_at), col(CaseRow.id)
    later = or_(due_at > case_row.due_at, and_(due_at == case_row.due_at, case_id > case_row.id))
    return and_(due_at >= case_row.due_at, later)  # the first half is what an index can be entered by


def alike_counts(
    session: Session, cases: Sequence[CaseRow], filters: Filters, seen: Collection[str] | None
) -> dict[str, int]:
    """Case id -> how many others look the same, of the same queue and level, for those that have any."""
    looks = {row.look for row in cases if row.look}
    if not looks:
        return {}
    kinds = (col(CaseRow.look), col(CaseRow.queue), col(CaseRow.level))
    same = select_columns(*kinds, func.count()).where(kinds[0].in_(looks), checked(*conditions(CaseRow, filters, seen)))
    found = {tuple(kind): count for *kind, count in session.execute(same.group_by(*kinds))}
    others = {row.id: found.get((row.look, row.queue, row.level), 1) - 1 for row in cases if row.look}
    return {case_id: count for case_id, count in others.items() if count > 0}


def counted(
    session: Session, queues: Queues, seen: Collection[str] | None, queue: str | None,
    also: Sequence[ColumnElement[bool]] = (),
) -> Counts:  # fmt: skip
    """How much waits, in one pass over an index that holds all that is asked. also: what must hold besides."""
    kinds = [col(column) for column in (CaseRow.queue, CaseRow.level, CaseRow.severity, CaseRow.category,
                                        CaseRow.source)]  # fmt: skip
    late = func.sum(case((col(CaseRow.due_at) < now(), 1), else_=0))
    groups = select_columns(*kinds, func.count(), late, func.min(CaseRow.opened_at))
    asked = groups.where(*conditions(CaseRow, Filters(), seen), *also).group_by(*kinds)
    return _counts(session, queues, session.execute(asked).all(), queue)


def _counts(session: Session, queues: Queues, groups: Iterable[Any], only: str | None) -> Counts:
    by: dict[str, dict[Any, int]] = {name: defaultdict(int) for name in ("severity", "category", "source")}
    places: dict[tuple[str, str], int] = defaultdict(int)
    by_queue: dict[str, InQueue] = {}
    for queue, level, severity, category, source, count, late, oldest in groups:
        places[queue, level] += count
        found = by_queue.setdefault(queue, InQueue())
        found.open, found.overdue = found.open + count, found.overdue + late
        found.oldest_at = min(found.oldest_at or oldest, oldest)
        if only in (None, queue):
            for name, value in (("severity", severity), ("category", category), ("source", source)):
                by[name][value] += count
    bands = {band: sum(by["severity"][severity] for severity in band.severities) for band in Band}
    left = unattended(session, queues, places)
    return Counts(bands, dict(by["category"]), dict(by["source"]), by_queue, left)
