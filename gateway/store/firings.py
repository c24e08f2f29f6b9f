"""How often each rule of a policy fired, from the recorded decisions, and how a person decided afterwards."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, Engine, Row, func, select
from sqlmodel import Session, col

from gateway.store.engine import reading
from gateway.store.tables import DecisionRow, RequestRow
from policies.signals import Stage
from policies.verdict import Action

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
FRESH_S = 60  # counting reads a month of decisions: one count serves whoever looks within a minute
THRESHOLDS = tuple(f"{stage}/" for stage in Stage)  # how the rules begin that several checks can meet

Made = Row[str, str, int | None, str, str, str]
Place = tuple[str, str, int | None]  # request, stage, index of the picture


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule and how many decisions named it. source: the check, of a category's thresholds; "" of other rules.

    allowed, blocked: of the month's, those that a person decided so afterwards.
    """

    rule: str
    source: str
    week: int
    month: int
    allowed: int
    blocked: int

    @property
    def undecided(self) -> int:
        """Those of the month that no person has decided."""
        return self.month - self.allowed - self.blocked


@dataclass(frozen=True, slots=True)
class Usage:
    """A version of a policy on record. policy: name@version. first, last: UTC ISO 8601, of requests under it."""

    policy: str
    sha256: str
    first: str
    last: str
    requests: int


@dataclass(frozen=True, slots=True)
class Counted:
    """fired: most often first. usages: last used first. at: UTC ISO 8601."""

    fired: tuple[Fired, ...]
    usages: tuple[Usage, ...]
    at: str

    def usage(self, sha256: str) -> Usage | None:
        """When the policy of this content was used."""
        return next((usage for usage in self.usages if usage.sha256 == sha256), None)


class Firings:
    """Counts of a policy, by the sha256 of its content. May block for as long as reading a month takes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counting = threading.Lock()
        self._kept: dict[str, tuple[float, Counted]] = {}

    def of(self, sha256: str) -> Counted:
        """The counts, at most FRESH_S old. Two who ask at once wait for one count."""
        with self._counting:
            known = self._kept.get(sha256)
            if known is None or time.monotonic() - known[0] > FRESH_S:
                known = time.monotonic(), self._count(sha256)
                self._kept = {**{key: kept for key, kept in self._kept.items() if _is_fresh(kept)}, sha256: known}
            return known[1]

    def _count(self, sha256: str) -> Counted:
        moment = datetime.now(UTC)
        with reading(self._engine) as session:
            ends = dict(_ends(session, sha256, moment))
            decisions = list(_fired(session, sha256, moment))
            usages = _usages(session)
        return Counted(_tallied(decisions, ends, moment), usages, moment.isoformat(timespec="seconds"))


def _is_fresh(kept: tuple[float, Counted]) -> bool:
    return time.monotonic() - kept[0] <= FRESH_S


def _of_month(session: Session, sha256: str, moment: datetime, *conditions: ColumnElement[bool]) -> Iterator[Made]:
    """(request, stage, index, action, reasons, time) of the policy's decisions, by way of the requests' own index."""
    since = (moment - MONTH).isoformat(timespec="microseconds")
    d = DecisionRow
    wanted = (
        select(col(d.request_id), col(d.stage), col(d.picture_index), col(d.action), col(d.reasons), col(d.created_at))
        .join(RequestRow, col(RequestRow.id) == col(d.request_id))
        .where(col(RequestRow.created_at) >= since, col(d.policy_sha256) == sha256, *conditions)
        .order_by(col(d.created_at))
    )
    yield from session.connection().execute(wanted.execution_options(yield_per=1000))


def _fired(session: Session, sha256: str, moment: datetime) -> Iterator[tuple[Place, str, str, str]]:
    """(place, action, reasons, time) of what the policy itself decided for a reason."""
    by_policy = col(DecisionRow.decided_by).is_(None), col(DecisionRow.reasons) != "[]"
    for request_id, stage, index, action, reasons, at in _of_month(session, sha256, moment, *by_policy):
        yield (request_id, stage, index), action, reasons, at


def _ends(session: Session, sha256: str, moment: datetime) -> Iterator[tuple[Place, bool]]:
    """Place -> whether a person let it pass; the last decision counts. (request, "any", None): of any picture."""
    let_pass: set[str] = set()
    by_person = (col(DecisionRow.decided_by).is_not(None),)
    for request_id, stage, index, action, _, _ in _of_month(session, sha256, moment, *by_person):
        allowed = action in (Action.ALLOW, Action.LABEL)
        yield (request_id, stage, index), allowed
        if stage == Stage.PICTURE:
            let_pass |= {request_id} if allowed else set()
            yield (request_id, "any", None), request_id in let_pass


def _tallied(
    decisions: Sequence[tuple[Place, str, str, str]], ends: Mapping[Place, bool], moment: datetime
) -> tuple[Fired, ...]:
    since = (moment - WEEK).isoformat(timespec="microseconds")
    week: Counter[tuple[str, str]] = Counter()
    month: Counter[tuple[str, str]] = Counter()
    ended: dict[bool, Counter[tuple[str, str]]] = {True: Counter(), False: Counter()}
    for place, action, reasons, at in decisions:
        end = ends.get(_decided_at(place, action))
        for rule in _rules(reasons):
            month[rule] += 1
            week[rule] += at >= since
            if end is not None:
                ended[end][rule] += 1
    return tuple(
        Fired(*rule, week[rule], count, ended[True][rule], ended[False][rule])
        for rule, count in sorted(month.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _decided_at(place: Place, action: str) -> Place:
    """Where to find what a person made of it: a prompt that a person must look at is decided by its pictures."""
    request_id, stage, _ = place
    return (request_id, "any", None) if stage == Stage.PROMPT and action == Action.REVIEW else place


def _rules(reasons: str) -> set[tuple[str, str]]:
    found = json.loads(reasons)
    return {(r["rule"], r["source"] if r["rule"].startswith(THRESHOLDS) else "") for r in found}


def _usages(session: Session) -> tuple[Usage, ...]:
    r, last = RequestRow, func.max(RequestRow.created_at)
    grouped = select(col(r.policy), col(r.policy_sha256), func.min(r.created_at), last, func.count())
    in_order = grouped.group_by(col(r.policy), col(r.policy_sha256)).order_by(last.desc())
    return tuple(Usage(*row) for row in session.connection().execute(in_order))
