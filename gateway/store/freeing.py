"""What a lifted ban held is judged again by what remains: released, held for a person, or withheld by another rule.

In the transaction that lifts the ban each picture gets a decision of its own; then its bytes move, then its request and
its case say so. Each step can be repeated after a crash.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sqlmodel import Session, col, select

from gateway.store import ledger, matters, queue
from gateway.store.bans import in_force
from gateway.store.decisions import State, move, reason_told, rest, signal_told, signals_of
from gateway.store.overruling import as_new, let
from gateway.store.tables import BanMatchRow, BannedRow, CaseRow, DecisionRow, PictureRow, RequestRow
from policies.decide import decide, thresholds_of
from policies.queues import Queues
from policies.schema import Policy
from policies.signals import Category, Signal, Stage
from policies.verdict import Action, CouldNotJudge, Verdict
from safety.bans import SOURCE, Match, nearest

ENDED = (
    State.RELEASED,
    State.HELD,
    State.WITHHELD,
)  # requests that run are left to their own end, aborted ones for good
PASSING = (Action.ALLOW, Action.LABEL)


@dataclass(frozen=True, slots=True)
class Freed:
    """A picture that a lifted ban kept back, and where it rests now: quarantined (its bytes are about to be released),
    held or withheld."""

    picture_id: str
    request_id: str
    state: str


@dataclass(frozen=True, slots=True)
class _KeptBack:
    picture: PictureRow
    decision: DecisionRow
    request: RequestRow
    case: CaseRow | None


def free(session: Session, banned_id: str, policy: Policy, queues: Queues) -> list[Freed]:
    """Judge again what rests on a ban that was just lifted. policy: the one in force."""
    freed = [_judge_again(session, kept, policy) for kept in list(_kept_back(session, banned_id))]
    for request_id in dict.fromkeys(one.request_id for one in freed):
        settle(session, request_id, policy, queues)
    return freed


def waiting(session: Session) -> dict[str, list[PictureRow]]:
    """Request -> pictures of an ended request that may pass, and whose bytes have still to move."""
    passing = (
        select(PictureRow)
        .join(RequestRow, col(RequestRow.id) == PictureRow.request_id)
        .join(DecisionRow, col(DecisionRow.id) == PictureRow.decision_id)
        .where(PictureRow.state == State.QUARANTINED, col(RequestRow.state).in_(ENDED))
        .where(col(DecisionRow.action).in_(PASSING))
    )
    found: dict[str, list[PictureRow]] = {}
    for picture in session.exec(passing):
        found.setdefault(picture.request_id, []).append(picture)
    return found


def settle(session: Session, request_id: str, policy: Policy, queues: Queues) -> None:
    """Let request and case say what became of the pictures. What has still to move is settled once it has."""
    request = session.get_one(RequestRow, request_id)
    states = list(session.exec(select(PictureRow.state).where(PictureRow.request_id == request_id)))
    if State.HELD in states:
        _hold(session, request, states.count(State.HELD), policy, queues)
    elif State.QUARANTINED not in states:
        _end(session, request_id)


def _kept_back(session: Session, banned_id: str) -> Iterator[_KeptBack]:
    """Pictures that rest on the ban still: no person has decided since, and none is about to be released."""
    resting = (
        select(PictureRow, DecisionRow, RequestRow)
        .join(DecisionRow, col(DecisionRow.id) == PictureRow.decision_id)
        .join(BanMatchRow, col(BanMatchRow.decision_id) == DecisionRow.id)
        .join(RequestRow, col(RequestRow.id) == PictureRow.request_id)
        .where(BanMatchRow.banned_id == banned_id, col(DecisionRow.decided_by).is_(None))
        .where(col(PictureRow.state).in_((State.HELD, State.WITHHELD)), col(RequestRow.state).in_(ENDED))
    )
    for picture, decision, request in session.exec(resting).all():
        case = matters.gates_case(session, request.id)
        if case is None or case.state != "settling":
            yield _KeptBack(picture, decision, request, case)


def _judge_again(session: Session, kept: _KeptBack, policy: Policy) -> Freed:
    """Anew, but for what people have to look at. An appeal for the picture ends if it passes; if not, it goes on."""
    picture, matches = kept.picture, _remaining(session, kept.decision)
    signals = _signals_without(kept.decision, matches)
    verdict = None if _may_show_a_child(kept.decision) else _verdict(signals, policy)
    state = _state(verdict, _held_by_prompt(session, kept.request)) if verdict else State.HELD
    appeal = matters.waiting_appeal(session, picture)
    if appeal and state is not State.QUARANTINED:
        return Freed(picture.id, kept.request.id, picture.state)
    if verdict:
        _let_anew(session, picture, _decision(kept.decision, verdict, signals, policy), state, matches)
    elif picture.state != state:
        rest(session, picture, state)
    if appeal:
        matters.grant(session, appeal)
    return Freed(picture.id, kept.request.id, state)


def _let_anew(
    session: Session, picture: PictureRow, decision: DecisionRow, state: State, matches: Mapping[str, list[Match]]
) -> None:
    let(session, picture, decision, state)
    for match in (match for found in matches.values() for match in found):
        session.add(BanMatchRow(decision_id=decision.id, banned_id=match.banned_id, bits=match.bits))


def _remaining(session: Session, decision: DecisionRow) -> dict[str, list[Match]]:
    """Category -> what the picture looks like beside the lifted ban."""
    pairs = select(BannedRow.category, BanMatchRow.banned_id, BanMatchRow.bits).join(
        BanMatchRow, col(BanMatchRow.banned_id) == BannedRow.id
    )
    found: dict[str, list[Match]] = {}
    for category, banned_id, bits in session.exec(in_force(pairs.where(BanMatchRow.decision_id == decision.id))):
        found.setdefault(category, []).append(Match(banned_id, bits))
    return found


def _signals_without(decision: DecisionRow, matches: Mapping[str, list[Match]]) -> list[Signal]:
    return [
        replace(signal, score=nearest(matches.get(signal.subject, ()))) if signal.source == SOURCE else signal
        for signal in signals_of(decision)
    ]


def _verdict(signals: list[Signal], policy: Policy) -> Verdict | None:
    try:
        return decide(signals, policy, Stage.PICTURE)
    except CouldNotJudge:
        return None


def _may_show_a_child(decision: DecisionRow) -> bool:
    """Such a picture is never released by one person: lifting the ban leads to the queue, where it takes two."""
    return any(reason["category"] == Category.SEXUAL_MINORS for reason in json.loads(decision.reasons))


def _held_by_prompt(session: Session, request: RequestRow) -> bool:
    asked = select(DecisionRow.action).where(DecisionRow.request_id == request.id, DecisionRow.stage == Stage.PROMPT)
    return Action.REVIEW in set(session.exec(asked))


def _state(verdict: Verdict, held_by_prompt: bool) -> State:
    if verdict.action.refuses:
        return State.WITHHELD
    return State.QUARANTINED if verdict.action in PASSING and not held_by_prompt else State.HELD


def _decision(before: DecisionRow, verdict: Verdict, signals: list[Signal], policy: Policy) -> DecisionRow:
    return as_new(
        before, action=verdict.action, categories=ledger.canonical(verdict.categories), failure=None,
        reasons=ledger.canonical([reason_told(reason) for reason in verdict.reasons]),
        signals=ledger.canonical([signal_told(signal) for signal in signals]), evidence=None,
        thresholds=ledger.canonical(thresholds_of(policy, Stage.PICTURE)),
        policy=str(policy.stamp), policy_sha256=policy.stamp.sha256,
    )  # fmt: skip


def _hold(session: Session, request: RequestRow, held: int, policy: Policy, queues: Queues) -> None:
    """What waits for a person is a case: the one that there was, or a new one."""
    if request.state == State.WITHHELD:
        move(session, request.id, State.HELD)
        request.outcome = "held"
        session.add(request)
    case = matters.gates_case(session, request.id)
    if case is None:
        queue.enter(session, request.id, policy.severity, queues)
        return
    case.pictures = held
    if case.state == "closed":
        case.state, case.closed_at, case.review_id, case.effective_at = "open", None, None, None
    session.add(case)


def _end(session: Session, request_id: str) -> None:
    case = matters.gates_case(session, request_id)
    if case is not None and case.state == "open":
        matters.end(session, case)
    else:
        matters.settle_request(session, request_id)
