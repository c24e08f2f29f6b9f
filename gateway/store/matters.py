"""What a case is about, and what follows from what a person says of it.

Held pictures wait for a first decision. An appeal asks for another look at a picture that was withheld or withdrawn, or
at a prompt that was refused. A report asks for another look at a picture that is released.
"""

import json
from collections.abc import Mapping

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway import metrics
from gateway.store import copies, ledger, outbox
from gateway.store.decisions import State, move
from gateway.store.ids import now
from gateway.store.overruling import decide_picture, decide_prompt
from gateway.store.people import Person
from gateway.store.queue import OBJECTIONS
from gateway.store.tables import AppealRow, CaseRow, DecisionRow, PictureRow, RequestRow, ReviewRow
from policies.queues import Source
from policies.verdict import Action

ALLOW, BLOCK, BAN = "allow", "block", "ban"  # to ban: to block, and to hold back look-alikes from now on
PROMPT = "prompt"  # what a choice names when there is no picture
KEPT_BACK = (State.WITHHELD, State.WITHDRAWN)
REFUSED = "content_policy_violation"


def pictures_at_stake(session: Session, case: CaseRow) -> list[PictureRow]:
    """The pictures that are to be decided, by index; none when a prompt is, or when there is nothing left to decide."""
    if case.again_of:
        return copies.pictures(session, case)
    if case.source == Source.APPEAL:
        return [row for row in _contested(session, case) if _waits(session, case, row)]
    if case.source == Source.REPORT:
        return [row for row in _contested(session, case) if row.state == State.RELEASED]
    held = select(PictureRow).where(PictureRow.request_id == case.request_id, PictureRow.state == State.HELD)
    return list(session.exec(held.order_by(col(PictureRow.index))))


def at_stake(session: Session, case: CaseRow) -> set[str]:
    """What a decision has to name, each thing once: pictures by their id, or "prompt"."""
    if is_about_prompt(case):
        return {PROMPT}
    return {picture.id for picture in pictures_at_stake(session, case)}


def is_about_prompt(case: CaseRow) -> bool:
    """Whether it appeals the refusal of a prompt."""
    return case.source == Source.APPEAL and case.picture_id is None


def block(session: Session, case: CaseRow, review: ReviewRow, choices: Mapping[str, str]) -> None:
    """What is blocked acts at once: held pictures are withheld, released ones withdrawn, refusals upheld.

    What is said of a copy is only compared. What a senior says in a disagreement changes what the first one did wrong.
    """
    if copies.is_copy(case):
        return
    for picture in pictures_at_stake(session, case):
        if choices[picture.id] in (BLOCK, BAN) and not _settled(case, picture, State.WITHHELD):
            decide_picture(session, picture, review, Action.BLOCK, _blocked(case, picture))
    if is_about_prompt(case) and choices[PROMPT] == BLOCK:
        decide_prompt(session, appealed(session, case), review, Action.BLOCK)


def allow(session: Session, case: CaseRow, review: ReviewRow, choices: Mapping[str, str]) -> list[PictureRow]:
    """Let pictures pass whose bytes have still to move. Returns these, the second time too."""
    if case.source == Source.REPORT or copies.is_copy(case):
        return []
    for picture in pictures_at_stake(session, case):
        if choices.get(picture.id) == ALLOW and not _settled(case, picture, State.RELEASED):
            decide_picture(session, picture, review, Action.ALLOW, State.QUARANTINED)
    named = select(PictureRow).where(col(PictureRow.id).in_(choices), PictureRow.state == State.QUARANTINED)
    return list(session.exec(named.order_by(col(PictureRow.index))))


def close(session: Session, case: CaseRow, review: ReviewRow) -> None:
    """The case is over: what was kept is decided, an appeal ends, the request says what became of it."""
    if copies.is_copy(case):
        _shut(session, case)
        return
    allowed = ALLOW in choices_of(review).values()
    if case.source == Source.DISAGREEMENT:
        _grant_appeals(session, choices_of(review))
    if case.source == Source.REPORT and allowed:
        for picture in pictures_at_stake(session, case):
            decide_picture(session, picture, review, Action.ALLOW, State.RELEASED)
    if is_about_prompt(case) and allowed:
        decide_prompt(session, appealed(session, case), review, Action.ALLOW)
    if case.source == Source.APPEAL:
        _end_appeal(session, case, "overturned" if allowed else "upheld", review)
    end(session, case)


def end(session: Session, case: CaseRow) -> None:
    """Nobody has to decide the case any more; a request that waited as a whole waits no longer."""
    _shut(session, case)
    for moot in _open_disagreements(session, case.request_id):
        if not pictures_at_stake(session, moot):
            _shut(session, moot)
    settle_request(session, case.request_id)


def waiting_appeal(session: Session, picture: PictureRow) -> CaseRow | None:
    """The case of an appeal for this picture that a person has still to decide, or can still take back."""
    of_picture = select(CaseRow).where(CaseRow.picture_id == picture.id, CaseRow.source == Source.APPEAL)
    return session.exec(of_picture.where(CaseRow.state != "closed")).first()


def grant(session: Session, case: CaseRow) -> None:
    """The picture of an appeal passes by another way: the appeal has what it asked for, and needs no person."""
    review = session.get(ReviewRow, case.review_id) if case.review_id else None
    _end_appeal(session, case, "overturned", review)
    _shut(session, case)


def gates_case(session: Session, request_id: str) -> CaseRow | None:
    """The case of a request's held pictures, whether it is over or not."""
    of_request = select(CaseRow).where(CaseRow.request_id == request_id, col(CaseRow.again_of).is_(None))
    return session.exec(of_request.where(col(CaseRow.source).not_in(OBJECTIONS))).first()


def settle_request(session: Session, request_id: str) -> None:
    """A request is released as long as a picture of it is; one that has none, or still waits, stays as it is."""
    request = session.get_one(RequestRow, request_id)
    states = set(session.exec(select(PictureRow.state).where(PictureRow.request_id == request_id)))
    wanted = State.RELEASED if State.RELEASED in states else State.WITHHELD
    is_settled = request.state not in (State.HELD, State.RELEASED, State.WITHHELD) or request.state == wanted
    if is_settled or not states or State.HELD in states:
        return
    move(session, request_id, wanted)
    released = wanted is State.RELEASED
    request.outcome = "allowed" if released else "blocked_image"
    request.error_code = None if released else request.error_code or REFUSED
    session.add(request)


def is_barred(session: Session, case: CaseRow, person: Person) -> bool:
    """Whether somebody took part in what is looked at again."""
    return session.exec(select(CaseRow.id).where(CaseRow.id == case.id, barred_from(person))).first() is not None


def barred_from(person: Person) -> ColumnElement[bool]:
    """The cases that somebody may not decide: appeals against what they decided, alone or as one of two, and what comes
    up again of it."""
    first = aliased(CaseRow)
    in_first = select(ReviewRow.id).join(first, col(first.id) == ReviewRow.case_id).where(
        first.request_id == CaseRow.request_id, first.source != Source.APPEAL, ReviewRow.person_id == person.id,
        col(ReviewRow.action).in_(("decide", "propose")),
    )  # fmt: skip
    decided = select(DecisionRow.id).join(AppealRow, col(AppealRow.decision_id) == DecisionRow.id).where(
        AppealRow.id == CaseRow.appeal_id, DecisionRow.decided_by == person.id
    )  # fmt: skip
    of_appeal = and_(col(CaseRow.source) == Source.APPEAL, or_(in_first.exists(), decided.exists()))
    return or_(of_appeal, copies.taken_part(person))


def appealed(session: Session, case: CaseRow) -> DecisionRow:
    """The decision that an appeal is about."""
    return session.get_one(DecisionRow, session.get_one(AppealRow, case.appeal_id).decision_id)


def choices_of(review: ReviewRow) -> dict[str, str]:
    """What was said of each thing at stake."""
    return dict(json.loads(review.choices))


def _settled(case: CaseRow, picture: PictureRow, state: State) -> bool:
    """Whether a senior finds in a disagreement that the picture rests where it should: then nothing is to be done."""
    return case.source == Source.DISAGREEMENT and picture.state == state


def _grant_appeals(session: Session, choices: Mapping[str, str]) -> None:
    """Whoever appeals against what was just overruled has what they asked for."""
    for picture_id, choice in choices.items():
        picture = session.get(PictureRow, picture_id)
        appeal = waiting_appeal(session, picture) if picture and choice == ALLOW else None
        if appeal and picture and picture.state == State.RELEASED:
            grant(session, appeal)


def _open_disagreements(session: Session, request_id: str) -> list[CaseRow]:
    """The few of a request are looked through here: asked for the state as well, SQLite walks all that are open."""
    of_request = select(CaseRow).where(CaseRow.request_id == request_id, CaseRow.source == Source.DISAGREEMENT)
    return [case for case in session.exec(of_request) if case.state == "open"]


def _shut(session: Session, case: CaseRow) -> None:
    case.state, case.closed_at = "closed", now()
    session.add(case)


def _contested(session: Session, case: CaseRow) -> list[PictureRow]:
    return [session.get_one(PictureRow, case.picture_id)] if case.picture_id else []


def _waits(session: Session, case: CaseRow, picture: PictureRow) -> bool:
    """Nothing was decided since the appeal came."""
    return picture.state in KEPT_BACK and picture.decision_id == appealed(session, case).id


def _blocked(case: CaseRow, picture: PictureRow) -> State:
    if case.source in (Source.REPORT, Source.DISAGREEMENT):
        return State.WITHDRAWN
    return State(picture.state) if case.source == Source.APPEAL else State.WITHHELD


def _end_appeal(session: Session, case: CaseRow, state: str, review: ReviewRow | None) -> None:
    appeal = session.get_one(AppealRow, case.appeal_id)
    appeal.state, appeal.review_id, appeal.ended_at = state, review.id if review else None, now()
    appeal.outcome_id = _newest_decision(session, case)
    session.add(appeal)
    metrics.appeals.labels(state).inc()
    facts = {"review_id": appeal.review_id, "outcome_id": appeal.outcome_id, "ended_at": appeal.ended_at}
    ledger.append(session, "appeal_ended", appeal.id, {"state": state, **facts})
    outbox.appeal_ended(session, appeal)


def _newest_decision(session: Session, case: CaseRow) -> str | None:
    if case.picture_id:
        return session.get_one(PictureRow, case.picture_id).decision_id
    of_prompt = select(DecisionRow.id).where(DecisionRow.request_id == case.request_id, DecisionRow.stage == PROMPT)
    return session.exec(of_prompt.order_by(col(DecisionRow.created_at).desc()).limit(1)).first()
