"""Whose turn it is: every case has a time by which somebody should have looked, and the earliest goes first.

The graver a case, the less patience it is given. A case that comes later goes first only if it comes within the
difference of the two patiences, so nothing waits for ever however much comes in.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, select

from gateway.store.grouping import look_of
from gateway.store.ids import new_id, now
from gateway.store.tables import CaseRow, DecisionRow, PictureRow
from policies.queues import Facts, Queues, Source
from policies.schema import LANGUAGE_CHECK
from policies.signals import Category, Stage
from policies.verdict import Action

PATIENCE = {
    5: timedelta(minutes=5),
    4: timedelta(minutes=30),
    3: timedelta(hours=2),
    2: timedelta(hours=8),
    1: timedelta(hours=24),
}
UNKNOWN_SEVERITY = 3  # of what could not be judged: the middle


class Band(StrEnum):
    """How urgent, in the three words that the desk shows."""

    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"

    @property
    def severities(self) -> tuple[int, ...]:
        """The severities of the band."""
        return {Band.URGENT: (5,), Band.HIGH: (3, 4), Band.NORMAL: (1, 2)}[self]


# About one decision; every other case is of a request's held pictures.
OBJECTIONS = (Source.APPEAL, Source.REPORT, Source.DISAGREEMENT)


def band_of(severity: int) -> Band:
    """The band that a severity belongs to."""
    return next(band for band in Band if severity in band.severities)


def due_at(severity: int, opened_at: str) -> str:
    """By when somebody should have looked, UTC ISO 8601. The queue is in this order."""
    due = datetime.fromisoformat(opened_at) + PATIENCE[severity]
    return due.isoformat(timespec="microseconds")


def late_since(severity: int) -> str:
    """What was due before this moment, UTC ISO 8601, is overdue by more than the patience it was given."""
    return (datetime.now(UTC) - PATIENCE[severity]).isoformat(timespec="microseconds")


def route(case: CaseRow, queues: Queues) -> None:
    """Put a case into the queue that its facts lead to. Again whenever one of them changes."""
    facts = Facts(case.source, case.category, case.severity, case.level, case.language, case.restricted)
    case.queue = queues.route(facts)


def enter(session: Session, request_id: str, severities: Mapping[Category, int], queues: Queues) -> None:
    """Make a case of the held pictures of a request that is over; without any there is none.

    severities: 1 to 5, of the policy that judged.
    """
    of_request = select(PictureRow).where(PictureRow.request_id == request_id, PictureRow.state == "held")
    pictures = session.exec(of_request).all()
    if not pictures:
        return
    decisions = _behind(session, request_id, pictures)
    category, severity = _gravest(decisions, severities)
    opened_at = now()
    row = CaseRow(
        id=new_id("cas"), request_id=request_id, state="open", level="moderator", source=_source(decisions),
        category=category, severity=severity, restricted=any(_may_show_a_child(row) for row in decisions),
        pictures=len(pictures), opened_at=opened_at, due_at=due_at(severity, opened_at), queue="",
        language=_language(decisions),
    )  # fmt: skip
    route(row, queues)
    row.look = None if row.restricted else look_of(session, [picture.pdq for picture in pictures])
    session.add(row)


def contest(
    session: Session, decision: DecisionRow, source: Source, severity: int, queues: Queues, **about: Any
) -> CaseRow:
    """Make a case of what somebody says against a decision. about: further columns of the case."""
    opened_at = now()
    of_request = session.exec(select(DecisionRow).where(DecisionRow.request_id == decision.request_id)).all()
    row = CaseRow(**{
        "id": new_id("cas"), "request_id": decision.request_id, "state": "open", "level": "moderator",
        "source": source, "category": next(iter(_categories(decision)), ""), "severity": severity,
        "restricted": any(_may_show_a_child(row) for row in of_request),
        "pictures": 0 if decision.picture_sha256 is None else 1, "opened_at": opened_at,
        "due_at": due_at(severity, opened_at), "queue": "", "language": _language(of_request), **about,
    })  # fmt: skip
    route(row, queues)
    session.add(row)
    return row


def _behind(session: Session, request_id: str, pictures: Sequence[PictureRow]) -> list[DecisionRow]:
    """The decisions that a case rests on: the prompt's, and those of the held pictures."""
    of_pictures = {picture.decision_id for picture in pictures}
    of_request = select(DecisionRow).where(DecisionRow.request_id == request_id).order_by(col(DecisionRow.created_at))
    return [row for row in session.exec(of_request) if row.stage == Stage.PROMPT or row.id in of_pictures]


def _gravest(decisions: Sequence[DecisionRow], severities: Mapping[Category, int]) -> tuple[str, int]:
    held = [row for row in decisions if row.action not in (Action.ALLOW, Action.LABEL)]
    found = [(severities.get(Category(name), UNKNOWN_SEVERITY), name) for row in held for name in _categories(row)]
    severity, category = max(found, default=(UNKNOWN_SEVERITY, ""))
    return category, severity


def _source(decisions: Sequence[DecisionRow]) -> Source:
    if any(row.stage == Stage.PROMPT and row.action == Action.REVIEW for row in decisions):
        return Source.PROMPT
    held = (row.action for row in decisions if row.stage == Stage.PICTURE)
    return Source.PICTURE if any(action != "none" for action in held) else Source.UNJUDGED


def _language(decisions: Sequence[DecisionRow]) -> str:
    """What the prompt seems to be written in, ISO 639; "" where no check told, or its evidence was erased."""
    told = [json.loads(row.evidence or "[]") for row in decisions if row.stage == Stage.PROMPT]
    seen = (str(one["evidence"]) for evidence in told for one in evidence if one["source"] == LANGUAGE_CHECK)
    return next(seen, "")


def _may_show_a_child(row: DecisionRow) -> bool:
    """Whether any reason of a decision says so, the leading one or not."""
    return any(reason["category"] == Category.SEXUAL_MINORS for reason in json.loads(row.reasons))


def _categories(row: DecisionRow) -> list[str]:
    return list(json.loads(row.categories))
