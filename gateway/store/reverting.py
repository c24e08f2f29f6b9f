"""To revert what a batch did to a case: it waits for a person again, as if nobody had decided.

What was blocked is held again, what was released is shown no more and held again; each picture gets a decision of its
own, that a person should look, by whoever reverted. Nothing is ever released by this.
"""

from sqlmodel import Session, col, select

from gateway.store import matters
from gateway.store.copies import NO_COPY
from gateway.store.decisions import State, move
from gateway.store.ids import now
from gateway.store.matters import REFUSED
from gateway.store.overruling import as_new, let
from gateway.store.tables import AppealRow, CaseRow, DecisionRow, PictureRow, RequestRow, ReviewRow
from policies.signals import Stage
from policies.verdict import Action

UNDER_WAY = "under_way"  # what was allowed is being released this moment
CHANGED = "changed_since"  # somebody has said something else since
APPEALED = "appealed"  # whoever hears the appeal decides


def why_not(session: Session, case: CaseRow, review: ReviewRow) -> str | None:
    """Why a case does not stand as this review left it; None: it does, and can be reverted."""
    if review.action == "escalate":
        return None if case.state == "open" and case.level == "senior" and _is_last(session, review) else CHANGED
    if case.review_id != review.id:
        return CHANGED
    if case.state == "settling":
        return UNDER_WAY if (case.effective_at or "") <= now() else None
    if _appeal_waits(session, case, review):
        return APPEALED
    if _said_since(session, case, review) or not _standing(session, review):
        return CHANGED
    return None


def revert(session: Session, case: CaseRow, review: ReviewRow, reverted: ReviewRow) -> None:
    """Undo it. reverted: the review that says so."""
    if review.action == "escalate":
        case.level = "moderator"
    elif case.state == "settling":
        _wait_again(case)
    else:
        for picture in _standing(session, review):
            let(session, picture, _as_judged(session, picture, reverted), State.HELD)
        _wait_again(case)
        _hold_request(session, case)
    session.add(case)


def _wait_again(case: CaseRow) -> None:
    case.state, case.review_id, case.effective_at, case.closed_at = "open", None, None, None


def _hold_request(session: Session, case: CaseRow) -> None:
    """A request that shows no picture any more is held; one that still shows others stays released."""
    request = session.get_one(RequestRow, case.request_id)
    states = list(session.exec(select(PictureRow.state).where(PictureRow.request_id == case.request_id)))
    case.pictures = states.count(State.HELD)
    if State.RELEASED not in states and request.state != State.HELD:
        move(session, request.id, State.HELD)
        request.outcome, request.error_code = "held", request.error_code or REFUSED
        session.add(request)


def _standing(session: Session, review: ReviewRow) -> list[PictureRow]:
    """The pictures that rest as the review left them."""
    choices = matters.choices_of(review)
    left = State.RELEASED if matters.ALLOW in choices.values() else State.WITHHELD
    pictures = select(PictureRow).where(col(PictureRow.id).in_(choices), PictureRow.state == left)
    rows = session.exec(pictures.order_by(col(PictureRow.index))).all()
    decided = {row.id: session.get_one(DecisionRow, row.decision_id) for row in rows}
    return [row for row in rows if decided[row.id].decided_by == review.person_id]


def _as_judged(session: Session, picture: PictureRow, reverted: ReviewRow) -> DecisionRow:
    """That a person should look, for the reasons that the checks had."""
    judged = select(DecisionRow).where(
        DecisionRow.request_id == picture.request_id, DecisionRow.stage == Stage.PICTURE,
        DecisionRow.picture_index == picture.index, col(DecisionRow.decided_by).is_(None),
    )  # fmt: skip
    newest = session.exec(judged.order_by(col(DecisionRow.created_at).desc()).limit(1)).one()
    return as_new(newest, action=Action.REVIEW, decided_by=reverted.person_id)


def _is_last(session: Session, review: ReviewRow) -> bool:
    later = select(ReviewRow.id).where(ReviewRow.case_id == review.case_id, ReviewRow.created_at > review.created_at)
    return session.exec(later.where(ReviewRow.action != "skip")).first() is None


def _said_since(session: Session, case: CaseRow, review: ReviewRow) -> bool:
    """Whether an appeal against it, or a report of it, was decided since."""
    of_request = select(ReviewRow.id).join(CaseRow, col(CaseRow.id) == ReviewRow.case_id).where(
        CaseRow.request_id == case.request_id, CaseRow.id != case.id, ReviewRow.created_at > review.created_at,
        ReviewRow.action == "decide", NO_COPY,
    )  # fmt: skip
    return session.exec(of_request).first() is not None


def _appeal_waits(session: Session, case: CaseRow, review: ReviewRow) -> bool:
    against = select(AppealRow.id).where(AppealRow.request_id == case.request_id, AppealRow.state == "open")
    return session.exec(against.where(col(AppealRow.picture_id).in_(matters.choices_of(review)))).first() is not None
