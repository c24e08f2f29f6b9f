"""Webhooks and what they are told: whose turn it is, what came of each attempt, and when to try again.

A message is tried again ever more slowly, for three days. An address that takes nothing is tried ever more slowly too,
whatever waits for it, so that a dead one costs one attempt in a quarter of an hour and no message loses its chances.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Engine, delete, func, update
from sqlmodel import Session, col, or_, select

from gateway.errors import InvalidValue, NotFound
from gateway.store import ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now
from gateway.store.outbox import Event, expiry
from gateway.store.tables import ApiKeyRow, WebhookAttemptRow, WebhookMessageRow, WebhookRow

FIRST_RETRY_S, FACTOR, SLOWEST_RETRY_S = 5.0, 4, 6 * 3600.0  # of a message: 5 s, 20 s, 80 s ... 6 h
FIRST_REST_S, SLOWEST_REST_S = 1.0, 900.0  # of an address: 1 s, 4 s, 16 s ... 15 min
JITTER = 0.25  # each wait is up to so much shorter or longer: what failed together does not come back together
PAUSED_AFTER = timedelta(hours=1)  # of failing: people should know
WORKING = timedelta(seconds=60)  # a sender that has not said what came of it by then has crashed
KEPT = timedelta(days=30)  # the log of what has ended
PAGE = 50


class Result(StrEnum):
    """What came of an attempt."""

    DELIVERED = "delivered"  # 2xx
    REFUSED = "refused"  # 1xx, 4xx, 5xx
    REDIRECTED = "redirected"  # 3xx, which is not followed
    GONE = "gone"  # 410: it wants no more
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    NOT_ALLOWED = "not_allowed"  # it leads inside, or not over https


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of trying. status: of HTTP, None without an answer."""

    result: Result
    seconds: float
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose turn it is, and where it goes."""

    webhook: WebhookRow
    message: WebhookMessageRow


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with one webhook. last: the newest attempt of all."""

    row: WebhookRow
    waiting: int
    last: WebhookAttemptRow | None

    @property
    def state(self) -> str:
        """active | failing | paused (failing for an hour) | gone."""
        row = self.row
        if row.state != "active" or row.failing_since is None:
            return row.state
        return "paused" if is_paused(row) else "failing"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and every attempt to deliver it, oldest first."""

    message: WebhookMessageRow
    attempts: Sequence[WebhookAttemptRow]


class WebhookRows:
    """Every method is one short transaction and may block. by: `person:...` or `terminal`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, url: str, events: Sequence[Event], key_id: str | None, by: str) -> WebhookRow:
        """Tell an address from now on. Raises InvalidValue when there is no such API key."""
        row = WebhookRow(
            id=new_id("whk"), url=url, events=" ".join(events), key_id=key_id, state="active", generation=1,
            created_at=now(),
        )  # fmt: skip
        with transaction(self._engine, "add_webhook") as session:
            take_turns(session)
            if key_id is not None and session.get(ApiKeyRow, key_id) is None:
                raise InvalidValue("There is no such API key.", param="key")
            _record(session, row, "added", by)
        return row

    def all(self) -> list[Standing]:
        """Every webhook that was not removed, oldest first."""
        with reading(self._engine) as session:
            there = select(WebhookRow).where(WebhookRow.state != "removed").order_by(col(WebhookRow.created_at))
            return [_standing(session, row) for row in session.exec(there)]

    def remove(self, webhook_id: str, by: str) -> None:
        """Tell it nothing more; what still waits is given up. Raises NotFound."""
        with transaction(self._engine, "remove_webhook") as session:
            take_turns(session)
            row = _webhook(session, webhook_id)
            row.state = "removed"
            _give_up_waiting(session, row)
            _record(session, row, "removed", by)

    def rotate(self, webhook_id: str, by: str) -> WebhookRow:
        """Give it a new secret. Raises NotFound."""
        with transaction(self._engine, "rotate_webhook") as session:
            take_turns(session)
            row = _webhook(session, webhook_id)
            row.generation, row.rotated_at = row.generation + 1, now()
            _record(session, row, "rotated", by)
            return row

    def resume(self, webhook_id: str, by: str) -> None:
        """Tell it again, at once: whatever stood in the way is over. Raises NotFound."""
        with transaction(self._engine, "resume_webhook") as session:
            take_turns(session)
            row = _webhook(session, webhook_id)
            row.state = "active"
            _recover(row)
            waiting = update(WebhookMessageRow).where(*_waits_for(row))
            session.exec(waiting.values(next_at=now()))
            _record(session, row, "resumed", by)

    def resend(self, message_id: str, by: str) -> None:
        """Deliver a message once more, under its own name: whoever took it before knows it. Raises NotFound."""
        with transaction(self._engine, "resend_message") as session:
            take_turns(session)
            message = session.get(WebhookMessageRow, message_id)
            if message is None:
                raise NotFound("There is no such message.")
            _webhook(session, message.webhook_id)
            message.state, message.attempts, message.ended_at = "waiting", 0, None
            message.next_at, message.expires_at = now(), expiry()
            session.add(message)
            ledger.append(session, "webhook", message_id, {"event": "resent", "by": by})

    def deliveries(
        self, webhook_id: str | None = None, state: str | None = None, offset: int = 0, count: int = PAGE
    ) -> list[Delivery]:
        """Messages and what came of them, newest first. state: waiting | delivered | given_up; None: all of them."""
        found = select(WebhookMessageRow)
        if webhook_id is not None:
            found = found.where(WebhookMessageRow.webhook_id == webhook_id)
        if state is not None:
            found = found.where(WebhookMessageRow.state == state)
        newest = found.order_by(col(WebhookMessageRow.created_at).desc(), col(WebhookMessageRow.id))
        with reading(self._engine) as session:
            messages = session.exec(newest.offset(offset).limit(count)).all()
            return [Delivery(message, attempts) for message, attempts in _with_attempts(session, messages)]

    def claim(self) -> list[Due]:
        """Take the oldest due message of each webhook that is awake and that nobody sends to, to be sent now."""
        with reading(self._engine) as session:  # nearly always there is none: no writer has to wait for the look
            if not session.exec(_awake().limit(1)).first():
                return []
        with transaction(self._engine, "claim_messages") as session:
            take_turns(session)
            return [due for row in session.exec(_awake()).all() if (due := _take(session, row))]

    def claim_next(self, webhook_id: str) -> Due | None:
        """The same for one webhook."""
        with transaction(self._engine, "claim_message") as session:
            take_turns(session)
            row = session.exec(_awake().where(WebhookRow.id == webhook_id)).first()
            return _take(session, row) if row else None

    def tried(self, due: Due, attempt: Attempt) -> None:
        """Keep what came of an attempt, and when to try again."""
        with transaction(self._engine, "tried") as session:
            take_turns(session)
            webhook = session.get_one(WebhookRow, due.webhook.id)
            message = session.get_one(WebhookMessageRow, due.message.id)
            session.add(WebhookAttemptRow(
                id=new_id("try"), message_id=message.id, at=now(), result=attempt.result, status=attempt.status,
                seconds=attempt.seconds,
            ))  # fmt: skip
            webhook.working_until = None
            session.add(webhook)
            session.add(message)
            if attempt.result is Result.DELIVERED:
                _recover(webhook)
                message.state, message.ended_at = "delivered", now()
                return
            _postpone(webhook, message)
            if attempt.result is Result.GONE and webhook.state == "active":
                webhook.state = "gone"
                session.flush()
                _give_up_waiting(session, webhook)

    def let_go(self, due: Due) -> None:
        """Nothing was tried: somebody else may."""
        with transaction(self._engine, "let_go") as session:
            webhook = session.get_one(WebhookRow, due.webhook.id)
            webhook.working_until = None
            session.add(webhook)

    def tidy(self) -> None:
        """Give up what has waited for too long, and forget the log of what ended long ago."""
        with transaction(self._engine, "tidy_webhooks") as session:
            waiting = update(WebhookMessageRow).where(col(WebhookMessageRow.state) == "waiting")
            late = waiting.where(col(WebhookMessageRow.expires_at) <= now())
            session.exec(late.values(state="given_up", ended_at=now()))
            ended = select(WebhookMessageRow.id).where(col(WebhookMessageRow.ended_at) <= _from_now(-KEPT))
            session.exec(delete(WebhookAttemptRow).where(col(WebhookAttemptRow.message_id).in_(ended)))
            session.exec(delete(WebhookMessageRow).where(col(WebhookMessageRow.ended_at) <= _from_now(-KEPT)))

    def counts(self) -> tuple[int, int]:
        """Messages that wait, and webhooks that are paused or gone."""
        with reading(self._engine) as session:
            waiting = select(func.count()).select_from(WebhookMessageRow).where(WebhookMessageRow.state == "waiting")
            rows = session.exec(select(WebhookRow).where(WebhookRow.state != "removed")).all()
            return session.exec(waiting).one(), sum(is_paused(row) for row in rows)


def is_paused(row: WebhookRow) -> bool:
    """Whether people should look at it: it wants no more, or has taken nothing for an hour."""
    return row.state == "gone" or (row.failing_since is not None and row.failing_since <= _from_now(-PAUSED_AFTER))


def retry_s(attempts: int) -> float:
    """How long a message waits after so many attempts, in seconds, before it is varied."""
    return _growing(FIRST_RETRY_S, attempts, SLOWEST_RETRY_S)


def rest_s(failures: int) -> float:
    """How long an address rests after so many failures in a row, in seconds, before it is varied."""
    return _growing(FIRST_REST_S, failures, SLOWEST_REST_S)


def _growing(first: float, times: int, most: float) -> float:
    return min(first * math.pow(FACTOR, min(times - 1, 10)), most)


def _awake() -> Any:
    """Webhooks that have something due, do not rest, and that no process is sending to."""
    moment = now()
    due = select(WebhookMessageRow.id).where(
        WebhookMessageRow.webhook_id == WebhookRow.id, WebhookMessageRow.state == "waiting",
        WebhookMessageRow.next_at <= moment, WebhookMessageRow.expires_at > moment,
    )  # fmt: skip
    rests, works = col(WebhookRow.rests_until), col(WebhookRow.working_until)
    return select(WebhookRow).where(
        WebhookRow.state == "active", or_(rests.is_(None), rests <= moment), or_(works.is_(None), works <= moment),
        due.exists(),
    )  # fmt: skip


def _take(session: Session, row: WebhookRow) -> Due | None:
    waiting = select(WebhookMessageRow).where(*_waits_for(row), WebhookMessageRow.next_at <= now())
    message = session.exec(waiting.order_by(col(WebhookMessageRow.next_at), col(WebhookMessageRow.id)).limit(1)).first()
    if message is None:
        return None
    row.working_until = _from_now(WORKING)
    session.add(row)
    return Due(row, message)


def _waits_for(row: WebhookRow) -> tuple[Any, Any]:
    return WebhookMessageRow.webhook_id == row.id, WebhookMessageRow.state == "waiting"


def _recover(webhook: WebhookRow) -> None:
    webhook.failures, webhook.failing_since, webhook.rests_until = 0, None, None


def _postpone(webhook: WebhookRow, message: WebhookMessageRow) -> None:
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now()
    webhook.rests_until = _varied(rest_s(webhook.failures))
    message.attempts += 1
    message.next_at = _varied(retry_s(message.attempts))
    if message.next_at > message.expires_at:
        message.state, message.ended_at = "given_up", now()


def _varied(seconds: float) -> str:
    return _from_now(timedelta(seconds=seconds * random.uniform(1 - JITTER, 1 + JITTER)))  # noqa: S311 (no secret)


def _from_now(time: timedelta) -> str:
    return (datetime.now(UTC) + time).isoformat(timespec="microseconds")


def _give_up_waiting(session: Session, row: WebhookRow) -> None:
    waiting = update(WebhookMessageRow).where(*_waits_for(row))
    session.exec(waiting.values(state="given_up", ended_at=now()))


def _webhook(session: Session, webhook_id: str) -> WebhookRow:
    row = session.get(WebhookRow, webhook_id)
    if row is None or row.state == "removed":
        raise NotFound("There is no such webhook.")
    return row


def _record(session: Session, row: WebhookRow, event: str, by: str) -> None:
    """The address itself stays out of the ledger: it may hold a password, and can be removed."""
    session.add(row)
    facts = {"event": event, "by": by, "url_digest": ledger.digest(row.url), "events": row.events, "key": row.key_id}
    ledger.append(session, "webhook", row.id, facts)


def _standing(session: Session, row: WebhookRow) -> Standing:
    waiting = session.exec(select(func.count()).select_from(WebhookMessageRow).where(*_waits_for(row))).one()
    attempts = select(WebhookAttemptRow).join(
        WebhookMessageRow, col(WebhookMessageRow.id) == WebhookAttemptRow.message_id
    )
    newest = attempts.where(WebhookMessageRow.webhook_id == row.id).order_by(col(WebhookAttemptRow.at).desc())
    return Standing(row, waiting, session.exec(newest.limit(1)).first())


def _with_attempts(
    session: Session, messages: Sequence[WebhookMessageRow]
) -> list[tuple[WebhookMessageRow, list[WebhookAttemptRow]]]:
    by_message: dict[str, list[WebhookAttemptRow]] = {message.id: [] for message in messages}
    of_these = select(WebhookAttemptRow).where(col(WebhookAttemptRow.message_id).in_(by_message))
    for attempt in session.exec(of_these.order_by(col(WebhookAttemptRow.at))):
        by_message[attempt.message_id].append(attempt)
    return [(message, by_message[message.id]) for message in messages]
