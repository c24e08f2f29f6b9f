"""What webhooks are to be told, written in the very transaction in which it happens.

So nothing that happened is forgotten, and nothing is told that was rolled back. A message holds names and verdicts:
never a prompt, a picture or a word that somebody wrote.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlmodel import Session, col, or_, select

from gateway.store import ledger
from gateway.store.ids import new_id, now
from gateway.store.tables import (
    AppealRow,
    DecisionRow,
    PictureRow,
    RequestRow,
    WebhookMessageRow,
    WebhookRow,
)

GIVE_UP_AFTER = timedelta(days=3)


class Event(StrEnum):
    """What can be told."""

    HELD = "picture.held"
    RELEASED = "picture.released"
    WITHHELD = "picture.withheld"
    WITHDRAWN = "picture.withdrawn"
    APPEAL_DECIDED = "appeal.decided"


def request_ended(session: Session, request_id: str) -> None:
    """A request has its answer: what is held of it waits for a person from now on."""
    held = select(PictureRow).where(PictureRow.request_id == request_id, PictureRow.state == "held")
    request = session.get_one(RequestRow, request_id)
    for picture in session.exec(held.order_by(col(PictureRow.index))):
        _tell_of_picture(session, Event.HELD, picture, request)


def picture_moved(session: Session, picture: PictureRow, before: str) -> None:
    """A picture has come to rest elsewhere. What happens before its request is answered stands in the answer."""
    event = _event_of(before, picture.state)
    if event is None:
        return
    request = session.get_one(RequestRow, picture.request_id)
    if request.finished_at:
        _tell_of_picture(session, event, picture, request)


def appeal_ended(session: Session, appeal: AppealRow) -> None:
    """Somebody decided an appeal, or what was appealed passes by another way."""
    facts = {
        "appeal_id": appeal.id, "decision_id": appeal.decision_id, "outcome": appeal.state,
        "outcome_decision_id": appeal.outcome_id, "about": "picture" if appeal.picture_id else "prompt",
    }  # fmt: skip
    _tell(session, Event.APPEAL_DECIDED, appeal.id, session.get_one(RequestRow, appeal.request_id), facts)


def expiry() -> str:
    """When a message that is made or sent again now is given up."""
    return (datetime.now(UTC) + GIVE_UP_AFTER).isoformat(timespec="microseconds")


def _event_of(before: str, after: str) -> Event | None:
    if before == after:
        return None
    if after == "withheld":
        return Event.WITHHELD if before in ("held", "quarantined") else None
    return {"held": Event.HELD, "released": Event.RELEASED, "withdrawn": Event.WITHDRAWN}.get(after)


def _tell_of_picture(session: Session, event: Event, picture: PictureRow, request: RequestRow) -> None:
    decision = session.get(DecisionRow, picture.decision_id) if picture.decision_id else None
    facts = {
        "picture_index": picture.index,
        "picture_id": picture.id if picture.state == "released" else None,
        "state": picture.state,
        "decision_id": picture.decision_id,
        "action": decision.action if decision else None,
        "decided_by": "person" if decision and decision.decided_by else "policy",
    }
    _tell(session, event, picture.id, request, facts)


def _tell(session: Session, event: Event, subject: str, request: RequestRow, facts: dict[str, Any]) -> None:
    key_id = request.caller_id if request.caller_kind == "key" else None
    moment = now()
    data = {"request_id": request.id, "key_id": key_id, **facts}
    body = ledger.canonical({"type": event, "timestamp": moment, "data": data})
    for webhook in session.exec(_listening(key_id)).all():
        if event in webhook.events.split():
            session.add(WebhookMessageRow(
                id=new_id("msg"), webhook_id=webhook.id, event=event, subject=subject, body=body, created_at=moment,
                state="waiting", attempts=0, next_at=moment, expires_at=expiry(),
            ))  # fmt: skip


def _listening(key_id: str | None) -> Any:
    bound = col(WebhookRow.key_id)
    return select(WebhookRow).where(WebhookRow.state == "active", or_(bound.is_(None), bound == key_id))
