"""What was asked, what was decided and why: one short transaction per arrow of a request's way.

received -> prompt_judged -> generating -> quarantined -> pictures_judged -> released | withheld | held; any -> aborted
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Engine, func
from sqlmodel import Session, col, select

from gateway.store import ledger, outbox, queue
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import keyed_digest, new_id, now, random_text
from gateway.store.tables import AppealRow, BanMatchRow, DecisionRow, PictureRow, RequestRow
from gateway.store.views import Found, PictureView, RequestView
from policies.identity import ModelIdentity
from policies.queues import Queues, load_queues
from policies.signals import Category, Descriptor, Signal, Stage, Subject
from policies.verdict import Action, PolicyStamp, Verdict
from safety.bans import matches_told


class State(StrEnum):
    """Where a request stands; pictures use quarantined, released, withheld, held and withdrawn."""

    RECEIVED = "received"
    PROMPT_JUDGED = "prompt_judged"
    GENERATING = "generating"
    QUARANTINED = "quarantined"
    PICTURES_JUDGED = "pictures_judged"
    RELEASED = "released"
    WITHHELD = "withheld"
    HELD = "held"
    WITHDRAWN = "withdrawn"  # a picture that was released once
    ABORTED = "aborted"
    JUDGED = "judged"  # a question about a prompt or a picture: nothing was to be drawn


TERMINAL = (State.RELEASED, State.WITHHELD, State.HELD, State.ABORTED, State.JUDGED)
ARROWS: Mapping[State, frozenset[State]] = {
    State.RECEIVED: frozenset({State.PROMPT_JUDGED, State.ABORTED}),
    State.PROMPT_JUDGED: frozenset({State.GENERATING, State.WITHHELD, State.ABORTED}),
    State.GENERATING: frozenset({State.QUARANTINED, State.WITHHELD, State.ABORTED}),
    State.QUARANTINED: frozenset({State.PICTURES_JUDGED, State.ABORTED}),
    State.PICTURES_JUDGED: frozenset({State.RELEASED, State.WITHHELD, State.HELD, State.ABORTED}),
    State.HELD: frozenset({State.RELEASED, State.WITHHELD}),  # by a person
    State.RELEASED: frozenset({State.WITHHELD, State.HELD}),  # every picture was withdrawn, or its batch was reverted
    State.WITHHELD: frozenset({State.RELEASED, State.HELD}),  # an appeal brought a picture back, or a ban was lifted
}

NO_SEVERITIES: Mapping[Category, int] = MappingProxyType({})
PERSONS_RULE = "review/"  # how the rule of a person's reason begins; what follows is of policies/desk/reasons.yaml
CONFIRMED_DRAWINGS = 5  # how often one yes counts: a client's retries, and a few more of the same


class WrongArrow(Exception):
    """A request cannot go from where it stands to there: a fault in our own code, never of the caller."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it is entered in the book."""

    caller_kind: str
    caller_id: str
    surface: str
    model: str
    prompt: str
    asked: int
    size: str
    seed: int | None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """One gate's answer on one prompt or picture: a verdict, or why there is none.

    decision_id: the name that its decision must get, because a picture bears it already; None gives it a new one.
    """

    stage: Stage
    signals: Sequence[Signal]
    thresholds: Mapping[str, float]
    policy: PolicyStamp
    models: Sequence[ModelIdentity]
    seconds: float
    verdict: Verdict | None
    failure: str | None = None
    picture_index: int | None = None
    picture_sha256: str | None = None
    decision_id: str | None = None

    @property
    def found(self) -> tuple[Found, ...]:
        """Where in the prompt the reasons for the action were seen."""
        reasons = self.verdict.leading if self.verdict else ()
        led = {(reason.source, reason.category) for reason in reasons}
        return tuple(
            Found(signal.subject, span.start, span.end)
            for signal in self.signals
            if (signal.source, signal.subject) in led
            for span in signal.spans
        )


@dataclass(frozen=True, slots=True)
class PromptDecided:
    """A prompt's decision. confirmed: somebody had said yes to what it asks."""

    id: str
    confirmed: bool


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture whose bytes are on disk. mark: what its watermark says, 16 hexadecimal digits."""

    id: str
    index: int
    sha256: str
    seed: int
    format: str
    mark: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What the book says of a picture that came back. same_file: not a byte was changed."""

    picture_id: str
    decision_id: str
    decided_at: str
    same_file: bool


class Decisions:
    """The book of requests, decisions and pictures. Every method is one committed transaction and may block."""

    def __init__(self, engine: Engine, instance: str, secret: bytes, queues: Queues | None = None) -> None:
        self._engine = engine
        self._queues = queues or load_queues()
        self._instance = instance
        self._secret = secret

    def received(self, asked: Received, policy: PolicyStamp) -> str:
        """Enter a request before anything is done for it. Returns its id."""
        row = self._entry(asked, policy, State.RECEIVED)
        with transaction(self._engine, "received") as session:
            _receive(session, row)
        return row.id

    def judged(self, asked: Received, policy: PolicyStamp, judgements: Sequence[Judgement]) -> list[str]:
        """Keep the answers to a question in one transaction. Returns the decisions' ids, in order."""
        row = self._entry(asked, policy, State.JUDGED)
        row.outcome, row.finished_at = "judged", row.created_at
        with transaction(self._engine, "judged") as session:
            _receive(session, row)
            return [_decide(session, row.id, judgement).id for judgement in judgements]

    def _entry(self, asked: Received, policy: PolicyStamp, state: State) -> RequestRow:
        salt = random_text(32)
        return RequestRow(
            id=new_id("req"), caller_kind=asked.caller_kind, caller_id=asked.caller_id, surface=asked.surface,
            instance=self._instance, model=asked.model, asked=asked.asked, size=asked.size, seed=asked.seed,
            user_digest=keyed_digest(self._secret, asked.user) if asked.user else None,
            prompt=asked.prompt, prompt_salt=salt, prompt_digest=ledger.prompt_digest(salt, asked.prompt),
            state=state, policy=str(policy), policy_sha256=policy.sha256, created_at=now(),
        )  # fmt: skip

    def prompt_judged(self, request_id: str, judgement: Judgement, answers: str | None = None) -> PromptDecided:
        """Keep the prompt's decision.

        answers: the earlier decision whose question the caller says yes to, or that an appeal overturned.
        """
        with transaction(self._engine, "prompt_judged") as session:
            confirms = answers if answers and _is_answered(session, judgement, answers) else None
            decision = _decide(session, request_id, judgement, confirms)
            move(session, request_id, State.PROMPT_JUDGED)
        return PromptDecided(decision.id, confirms is not None)

    def generating(self, request_id: str) -> None:
        """The request takes its place in the waiting line."""
        with transaction(self._engine, "generating") as session:
            move(session, request_id, State.GENERATING)

    def refused_by_model(self, request_id: str, judgements: Sequence[Judgement]) -> list[str]:
        """Keep what the model itself would not draw: decisions without a picture. Returns their ids, in order."""
        with transaction(self._engine, "refused_by_model") as session:
            return [_decide(session, request_id, judgement).id for judgement in judgements]

    def quarantined(self, request_id: str, pictures: Sequence[KeptPicture]) -> None:
        """Name pictures whose bytes are already on disk."""
        with transaction(self._engine, "quarantined") as session:
            for kept in pictures:
                row = PictureRow(**asdict(kept), request_id=request_id, state=State.QUARANTINED)
                session.add(row)
                ledger.append(session, "picture", row.id, {"sha256": row.sha256, "state": row.state})

    def pictures_judged(
        self, request_id: str, judgements: Mapping[str, Judgement], hold: bool
    ) -> dict[str, tuple[State, str]]:
        """Keep each picture's decision. One that may pass stays in quarantine until its bytes have moved.

        hold: the prompt's decision wants a person to see whatever was drawn.
        Returns picture id -> where it rests, decision id.
        """
        with transaction(self._engine, "pictures_judged") as session:
            decided = {}
            for picture_id, judgement in judgements.items():
                row = session.get_one(PictureRow, picture_id)
                row.decision_id = _decide(session, request_id, judgement).id
                state = _picture_state(judgement, hold)
                rest(session, row, state)
                decided[picture_id] = (state, row.decision_id)
        return decided

    def seen_as(self, hashes: Mapping[str, str]) -> None:
        """What held pictures look like. hashes: picture id -> 64 hexadecimal digits."""
        with transaction(self._engine, "seen_as") as session:
            for picture_id, hashed in hashes.items():
                session.get_one(PictureRow, picture_id).pdq = hashed

    def picture_released(self, picture_id: str) -> None:
        """The picture's bytes lie in the released area: from now on it is served."""
        with transaction(self._engine, "picture_released") as session:
            row = session.get_one(PictureRow, picture_id)
            decision = session.get_one(DecisionRow, row.decision_id)
            if decision.picture_sha256 != row.sha256 or decision.action not in (Action.ALLOW, Action.LABEL):
                raise WrongArrow(f"{picture_id} has no decision that lets it pass")
            rest(session, row, State.RELEASED)

    def moved(self, request_id: str, *states: State) -> None:
        """Walk a request along its arrows, in one transaction."""
        with transaction(self._engine, "moved") as session:
            for state in states:
                move(session, request_id, state)

    def finished(
        self, request_id: str, state: State, outcome: str, error_code: str | None = None,
        severities: Mapping[Category, int] = NO_SEVERITIES,
    ) -> None:  # fmt: skip
        """The request is over; pictures of it that are held become a case. severities: of the policy that judged."""
        with transaction(self._engine, "finished") as session:
            _finish(session, request_id, state, outcome, error_code)
            if state in (State.RELEASED, State.HELD):
                queue.enter(session, request_id, severities, self._queues)
                outbox.request_ended(session, request_id)

    def abort_orphans(self, is_alive: Mapping[str, bool]) -> list[str]:
        """End what a crashed process left unfinished. is_alive: instance -> still running. Returns the request ids."""
        with transaction(self._engine, "abort_orphans") as session:
            unfinished = select(RequestRow).where(col(RequestRow.state).not_in(TERMINAL))
            orphans = [row.id for row in session.exec(unfinished) if not is_alive.get(row.instance, False)]
            for request_id in orphans:
                _finish(session, request_id, State.ABORTED, "error", "crashed")
        return orphans

    def unfinished_instances(self) -> set[str]:
        """The processes that own unfinished requests."""
        with reading(self._engine) as session:
            unfinished = select(RequestRow.instance).where(col(RequestRow.state).not_in(TERMINAL))
            return set(session.exec(unfinished))

    def view(self, request_id: str) -> RequestView | None:
        """A request as its owner may see it."""
        with reading(self._engine) as session:
            row = session.get(RequestRow, request_id)
            if row is None:
                return None
            by_index = select(PictureRow).where(PictureRow.request_id == request_id).order_by(col(PictureRow.index))
            of_request = select(DecisionRow).where(DecisionRow.request_id == request_id)
            in_order = of_request.order_by(col(DecisionRow.created_at))
            decisions = {decision.id: decision for decision in session.exec(in_order)}
            view = _view(row, session.exec(by_index).all(), decisions)
            overturned = view.decision_id is not None and was_overturned(session, view.decision_id)
            return replace(view, overturned=overturned)

    def decision(self, decision_id: str) -> DecisionRow | None:
        """One decision, whole."""
        with reading(self._engine) as session:
            return session.get(DecisionRow, decision_id)

    def picture(self, picture_id: str) -> tuple[PictureRow, DecisionRow | None] | None:
        """A picture's row and the decision it rests on."""
        with reading(self._engine) as session:
            row = session.get(PictureRow, picture_id)
            if row is None:
                return None
            return row, session.get(DecisionRow, row.decision_id) if row.decision_id else None

    def origin(self, *, sha256: str, mark: str | None = None) -> Origin | None:
        """The released picture that has these bytes or, failing that, this mark."""
        with reading(self._engine) as session:
            by_bytes = _released(session, PictureRow.sha256 == sha256)
            row = by_bytes or (_released(session, PictureRow.mark == mark) if mark else None)
            decision = session.get(DecisionRow, row.decision_id) if row else None
            if row is None or decision is None:
                return None
            return Origin(row.id, decision.id, decision.created_at, same_file=by_bytes is not None)

    def probe(self) -> None:
        """Take and give back a writer's turn. Raises DatabaseUnavailable."""
        with transaction(self._engine, "probe") as session:
            session.exec(select(RequestRow.id).limit(1)).first()

    def latest(self, count: int) -> list[DecisionRow]:
        """The newest decisions, newest first."""
        with reading(self._engine) as session:
            return list(session.exec(select(DecisionRow).order_by(col(DecisionRow.created_at).desc()).limit(count)))

    def broken_ledger(self) -> ledger.Broken | None:
        """The first row that is not what was written, or None."""
        with reading(self._engine) as session:
            return ledger.verify(session)


def _released(session: Session, condition: ColumnElement[bool] | bool) -> PictureRow | None:
    return session.exec(select(PictureRow).where(PictureRow.state == State.RELEASED, condition).limit(1)).first()


def _receive(session: Session, row: RequestRow) -> None:
    session.add(row)
    ledger.append(session, "received", row.id, {"digest": ledger.request_digest(row), "state": row.state})


def move(session: Session, request_id: str, state: State) -> RequestRow:
    row = session.get_one(RequestRow, request_id)
    if state not in ARROWS.get(State(row.state), frozenset()):
        raise WrongArrow(f"{request_id} is {row.state}: it cannot become {state}")
    row.state = state
    session.add(row)
    ledger.append(session, "moved", request_id, {"state": state})
    return row


def _finish(session: Session, request_id: str, state: State, outcome: str, error_code: str | None) -> None:
    row = move(session, request_id, state)
    row.outcome, row.error_code, row.finished_at = outcome, error_code, now()


def rest(session: Session, row: PictureRow, state: State) -> None:
    before, row.state = row.state, state
    session.add(row)
    ledger.append(session, "moved", row.id, {"state": state})
    outbox.picture_moved(session, row, before)


def _picture_state(judgement: Judgement, hold: bool) -> State:
    """Could-not-judge waits for a person; only allow and label may go on."""
    verdict = judgement.verdict
    if verdict is not None and verdict.action.refuses:
        return State.WITHHELD
    if verdict is not None and verdict.action in (Action.ALLOW, Action.LABEL) and not hold:
        return State.QUARANTINED
    return State.HELD


def _is_answered(session: Session, judged: Judgement, answers: str) -> bool:
    """Whether an earlier question, or a refusal that was overturned, covers what is asked now and is not used up."""
    take_turns(session)
    before, verdict = session.get(DecisionRow, answers), judged.verdict
    if verdict is None or before is None:
        return False
    is_question = before.action == Action.CONFIRM and before.confirms is None
    overturned = verdict.action.refuses and was_overturned(session, answers)
    answered = is_question if verdict.action is Action.CONFIRM else overturned
    uses = session.exec(select(func.count()).where(DecisionRow.confirms == answers)).one()
    return answered and {*verdict.categories} <= {*_categories(before)} and uses < CONFIRMED_DRAWINGS


def was_overturned(session: Session, decision_id: str) -> bool:
    """Whether an appeal found that a prompt should not have been refused."""
    found = select(AppealRow.id).where(AppealRow.decision_id == decision_id, AppealRow.state == "overturned")
    return session.exec(found.where(col(AppealRow.picture_id).is_(None))).first() is not None


def _decide(session: Session, request_id: str, judged: Judgement, confirms: str | None = None) -> DecisionRow:
    row = as_decision(request_id, judged, confirms)
    session.add(row)
    ledger.append(session, "decided", row.id, {"digest": ledger.decision_digest(row), "request": request_id})
    for banned_id, bits in matches_told(judged.signals).items():
        session.add(BanMatchRow(decision_id=row.id, banned_id=banned_id, bits=bits))
    return row


def as_decision(request_id: str, judged: Judgement, confirms: str | None = None) -> DecisionRow:
    """A judgement as it is kept."""
    verdict = judged.verdict
    return DecisionRow(
        id=judged.decision_id or new_id("dec"), request_id=request_id, stage=judged.stage,
        picture_index=judged.picture_index, picture_sha256=judged.picture_sha256,
        action=verdict.action if verdict else "none",
        categories=ledger.canonical(verdict.categories if verdict else []),
        reasons=ledger.canonical([reason_told(reason) for reason in verdict.reasons] if verdict else []),
        signals=ledger.canonical([signal_told(signal) for signal in judged.signals]),
        thresholds=ledger.canonical(dict(judged.thresholds)),
        models=ledger.canonical({model.name: model.sha256 for model in judged.models}),
        policy=str(judged.policy), policy_sha256=judged.policy.sha256, failure=judged.failure,
        seconds=judged.seconds, created_at=now(),
        evidence=ledger.canonical([_evidence(signal) for signal in judged.signals if signal.evidence]),
        confirms=confirms,
    )  # fmt: skip


def reason_told(reason: Any) -> dict[str, Any]:
    """A reason as it is kept."""
    return {name: getattr(reason, name) for name in reason.__slots__}


def signal_told(signal: Signal) -> dict[str, Any]:
    """Scores as they came; one that is not a number is kept as its name, for JSON has none for it."""
    score = signal.score if math.isfinite(signal.score) else str(signal.score)
    return {
        "source": signal.source,
        "subject": signal.subject,
        "score": score,
        "calibrated": signal.calibrated,
    }


def signals_of(decision: DecisionRow) -> list[Signal]:
    """The signals that a decision rests on; a score that was no number is none again."""
    return [
        Signal(told["source"], _subject(told["subject"]), float(told["score"]), calibrated=told["calibrated"])
        for told in json.loads(decision.signals)
    ]


def _subject(name: str) -> Subject:
    return Category(name) if name in set(Category) else Descriptor(name)


def _evidence(signal: Signal) -> dict[str, Any]:
    spans = [[span.start, span.end] for span in signal.spans]
    return {"source": signal.source, "subject": signal.subject, "evidence": signal.evidence, "spans": spans}


def _view(row: RequestRow, pictures: Sequence[PictureRow], decisions: Mapping[str, DecisionRow]) -> RequestView:
    prompt_decision = next((d for d in decisions.values() if d.stage == Stage.PROMPT), None)
    return RequestView(
        id=row.id, caller_id=row.caller_id, state=row.state, outcome=row.outcome, error_code=row.error_code,
        prompt=row.prompt or "", categories=_categories(prompt_decision),
        decision_id=prompt_decision.id if prompt_decision else None, policy=row.policy, asked=row.asked,
        created_at=datetime.fromisoformat(row.created_at),
        finished_at=datetime.fromisoformat(row.finished_at) if row.finished_at else None,
        pictures=tuple(sorted([*(_picture_view(picture, decisions) for picture in pictures), *_undrawn(decisions)],
                              key=lambda picture: picture.index)),
        policy_sha256=row.policy_sha256, found=found_by(prompt_decision) if prompt_decision else (),
        confirms=prompt_decision.confirms if prompt_decision else None,
        in_unread_language=any(reason["category"] is None for reason in leading_reasons(prompt_decision)),
    )  # fmt: skip


def leading_reasons(decision: DecisionRow | None) -> list[dict[str, Any]]:
    """The reasons that led to a decision's action, as they were kept; what a policy allows needs none."""
    if decision is None or (decision.action == Action.ALLOW and not decision.decided_by):
        return []
    return [reason for reason in json.loads(decision.reasons) if reason["action"] == decision.action]


def found_by(decision: DecisionRow) -> tuple[Found, ...]:
    """Where in the prompt the reasons for a decision were seen; nothing once the evidence is erased."""
    led = {(reason["source"], reason["category"]) for reason in leading_reasons(decision)}
    seen = json.loads(decision.evidence or "[]")
    matching = [entry for entry in seen if (entry["source"], entry["subject"]) in led]
    return tuple(Found(entry["subject"], start, end) for entry in matching for start, end in entry["spans"])


def _picture_view(row: PictureRow, decisions: Mapping[str, DecisionRow]) -> PictureView:
    decision = decisions.get(row.decision_id) if row.decision_id else None
    return PictureView(
        row.index,
        row.state,
        row.id if row.state == State.RELEASED else None,
        row.seed,
        _categories(decision),
        row.decision_id,
        by_person=decision is not None and decision.decided_by is not None,
        reason=persons_reason(decision),
    )


def persons_reason(decision: DecisionRow | None) -> str | None:
    """Why a person refused something, of policies/desk/reasons.yaml."""
    rules = [str(reason["rule"]) for reason in leading_reasons(decision)] if decision and decision.decided_by else []
    return rules[0].removeprefix(PERSONS_RULE) if rules else None


def _undrawn(decisions: Mapping[str, DecisionRow]) -> list[PictureView]:
    """What the model itself refused: decisions about a picture that never was."""
    refused = [d for d in decisions.values() if d.picture_index is not None and d.picture_sha256 is None]
    return [PictureView(d.picture_index or 0, State.WITHHELD, None, None, _categories(d), d.id) for d in refused]


def _categories(decision: DecisionRow | None) -> tuple[str, ...]:
    return tuple(json.loads(decision.categories)) if decision else ()
