"""A later decision about the same thing is a row like the first: it begins as the one whose place it takes."""

from typing import Any

from sqlmodel import Session

from gateway.store import ledger
from gateway.store.decisions import PERSONS_RULE, State, rest
from gateway.store.ids import new_id, now
from gateway.store.tables import DecisionRow, PictureRow, ReviewRow
from policies.verdict import Action


def decide_picture(session: Session, picture: PictureRow, review: ReviewRow, action: Action, state: State) -> str:
    """Let a picture rest in a state by a person's decision. Returns the decision's id."""
    row = _by_person(session.get_one(DecisionRow, picture.decision_id), review, action)
    let(session, picture, row, state)
    return row.id


def decide_prompt(session: Session, refused: DecisionRow, review: ReviewRow, action: Action) -> str:
    """Say again what should become of a prompt. Returns the decision's id."""
    row = _by_person(refused, review, action)
    _keep(session, row)
    return row.id


def withhold_damaged(session: Session, picture: PictureRow, why: str) -> None:
    """A picture that was allowed is not on the disk as it was judged: it stays back."""
    before = session.get_one(DecisionRow, picture.decision_id)
    let(session, picture, as_new(before, action="none", failure=f"integrity: {why}"), State.WITHHELD)


def _by_person(before: DecisionRow, review: ReviewRow, action: Action) -> DecisionRow:
    categories = [review.clause] if action.refuses else []
    reasons = [{"action": action, "category": name, "source": "person", "score": 1.0, "threshold": 1.0,
                "rule": f"{PERSONS_RULE}{review.reason}"} for name in categories]  # fmt: skip
    return as_new(
        before, action=action, failure=None, confirms=None, decided_by=review.person_id,
        categories=ledger.canonical(categories), reasons=ledger.canonical(reasons),
    )  # fmt: skip


def as_new(before: DecisionRow, **changed: Any) -> DecisionRow:
    """Another decision about the same thing, made now."""
    return DecisionRow(**{**before.model_dump(), **changed, "id": new_id("dec"), "created_at": now(), "seconds": 0.0})


def let(session: Session, picture: PictureRow, decision: DecisionRow, state: State) -> None:
    """From now on the picture rests on this decision, in this state."""
    _keep(session, decision)
    picture.decision_id = decision.id
    rest(session, picture, state)


def _keep(session: Session, decision: DecisionRow) -> None:
    session.add(decision)
    facts = {"digest": ledger.decision_digest(decision), "request": decision.request_id}
    ledger.append(session, "decided", decision.id, facts)
