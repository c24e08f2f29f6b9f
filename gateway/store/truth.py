"""What people have decided in the end about what the gates decided first: the truth that gates are measured by.

Of a picture it is the decision in force, if a person made it: whoever decided first, an appeal, a report, a senior. Of
a prompt it is the end of an appeal; where the prompt gate itself asked for a person, it is what became of the pictures.
What could not be judged is no answer of a gate, and what waits for a person is not the end.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Engine
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from gateway.store.copies import NO_COPY
from gateway.store.engine import reading
from gateway.store.tables import CaseRow, DecisionRow, PictureRow, RequestRow
from policies.signals import Category, Stage
from policies.verdict import Action

Row = TypeVar("Row", DecisionRow, PictureRow)

PASSING = (Action.ALLOW, Action.LABEL)
ENDS = (*PASSING, Action.BLOCK, Action.ESCALATE)


@dataclass(frozen=True, slots=True)
class Truth:
    """One decision of a gate, and what people found. harmful: a rule is broken. category: the rule that is broken, or
    for what it was stopped; "" for neither. restricted: it may show a child, so nobody may see it."""

    decision: DecisionRow
    harmful: bool
    category: str
    prompt: str
    restricted: bool

    @property
    def stopped(self) -> bool:
        """Whether the gate held or refused it."""
        return self.decision.action not in PASSING

    @property
    def kind(self) -> str:
        """true_positive | false_positive | true_negative | false_negative: to stop is positive."""
        return f"{'true' if self.stopped == self.harmful else 'false'}_{'positive' if self.stopped else 'negative'}"


class Judged:
    """Every method is one short transaction and may block. Requests whose prompt was erased are left out: what is left
    of them is nobody's to use."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def decisions(self, count: int) -> list[DecisionRow]:
        """The newest decisions of gates that had an answer, newest first, whether people have judged them or not."""
        by_gates = select(DecisionRow).join(RequestRow, col(RequestRow.id) == DecisionRow.request_id).where(
            col(RequestRow.prompt).is_not(None), col(DecisionRow.decided_by).is_(None), DecisionRow.action != "none",
            DecisionRow.signals != "[]",
        )  # fmt: skip
        with reading(self._engine) as session:
            return list(session.exec(by_gates.order_by(col(DecisionRow.created_at).desc()).limit(count)))

    def truths(self, since: str = "") -> list[Truth]:
        """Decisions of gates since a moment (UTC ISO 8601) that people have judged, oldest first, pictures last."""
        with reading(self._engine) as session:
            book = _Book(session, since)
            return [*book.prompts(), *book.pictures()]


class _Book:
    """The decisions of requests that no case is open about."""

    def __init__(self, session: Session, since: str) -> None:
        ended = _ended(since)
        rows = session.exec(
            select(RequestRow).where(col(RequestRow.id).in_(ended)).order_by(col(RequestRow.created_at))
        )
        self._requests: Mapping[str, RequestRow] = {row.id: row for row in rows}
        made = select(DecisionRow).where(col(DecisionRow.request_id).in_(ended)).order_by(col(DecisionRow.created_at))
        self._by_id = {row.id: row for row in session.exec(made)}
        self._decisions = _grouped(self._by_id.values())
        drawn = select(PictureRow).where(col(PictureRow.request_id).in_(ended)).order_by(col(PictureRow.index))
        self._pictures = _grouped(session.exec(drawn))

    def pictures(self) -> Iterator[Truth]:
        for request_id in self._requests:
            for picture in self._pictures.get(request_id, []):
                gate = self._gate(request_id, Stage.PICTURE, picture)
                found = self._end_of(picture)
                if gate and found:
                    yield self._truth(gate, [found])

    def prompts(self) -> Iterator[Truth]:
        for request_id in self._requests:
            gate = self._gate(request_id, Stage.PROMPT)
            appealed = [row for row in self._decisions[request_id] if row.stage == Stage.PROMPT and row.decided_by][-1:]
            asked = gate is not None and gate.action == Action.REVIEW
            found = appealed or (self._pictures_of(request_id) if asked else [])
            if gate and found:
                yield self._truth(gate, found)

    def _gate(self, request_id: str, stage: Stage, picture: PictureRow | None = None) -> DecisionRow | None:
        """What the gate said first; nothing where it had no answer."""
        place = (picture.index, picture.sha256) if picture else (None, None)
        same = (row for row in self._decisions[request_id] if row.stage == stage and not row.decided_by
                and (row.picture_index, row.picture_sha256) == place)  # fmt: skip
        first = next(same, None)
        return first if first and first.action != "none" else None

    def _pictures_of(self, request_id: str) -> list[DecisionRow]:
        """What people said of every picture of a request; nothing unless they judged all."""
        ends = [self._end_of(picture) for picture in self._pictures.get(request_id, [])]
        known = [end for end in ends if end]
        return known if len(known) == len(ends) else []

    def _end_of(self, picture: PictureRow) -> DecisionRow | None:
        found = self._by_id.get(picture.decision_id or "")
        return found if found and found.decided_by and found.action in ENDS else None

    def _truth(self, gate: DecisionRow, found: Sequence[DecisionRow]) -> Truth:
        broken = [row for row in found if row.action not in PASSING]
        named = _categories(broken[0]) if broken else _categories(gate)
        child = any(Category.SEXUAL_MINORS in row.reasons for row in (gate, *found))
        prompt = self._requests[gate.request_id].prompt or ""
        return Truth(gate, bool(broken), next(iter(named), ""), prompt, child)


def _ended(since: str) -> SelectOfScalar[str]:
    """Requests that a person has judged, whose prompt is still there, and that nobody has still to look at."""
    by_people = select(DecisionRow.id).where(
        DecisionRow.request_id == RequestRow.id, col(DecisionRow.decided_by).is_not(None)
    )
    waiting = select(CaseRow.id).where(
        CaseRow.request_id == RequestRow.id, CaseRow.state != "closed",
        NO_COPY,
    )  # fmt: skip
    known = select(RequestRow.id).where(col(RequestRow.prompt).is_not(None), RequestRow.created_at >= since)
    return known.where(by_people.exists(), ~waiting.exists())


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    by_request: dict[str, list[Row]] = {}
    for row in rows:
        by_request.setdefault(row.request_id, []).append(row)
    return by_request


def _categories(row: DecisionRow) -> list[str]:
    return list(json.loads(row.categories))
