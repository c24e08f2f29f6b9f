"""Decided cases that come up again: as they were before anybody decided, for somebody else, who is not told.

A copy is a case like any other, but what is said of it is only compared. Two who differ make a disagreement, which is
a case too: a senior moderator who took no part settles it.
"""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.store.decisions import State
from gateway.store.ids import new_id, now
from gateway.store.people import WHO_MAY, Duty, Person
from gateway.store.queue import due_at, route
from gateway.store.tables import CaseRow, DecisionRow, GoldenRow, PersonRow, PictureRow, RequestRow, ReviewRow
from policies.queues import Queues, Source
from policies.verdict import Action

FIRST_LOOKS = (Source.PROMPT, Source.PICTURE, Source.UNJUDGED)  # appeals are second looks; reports wait for no release
TOOK_PART = ("decide", "propose")
PASSING = (Action.ALLOW, Action.LABEL)


# What is said of such a case changes something.
NO_COPY = or_(col(CaseRow.again_of).is_(None), col(CaseRow.source) == Source.DISAGREEMENT)


def is_copy(case: CaseRow) -> bool:
    """Whether what is said of it is only compared."""
    return case.again_of is not None and case.source != Source.DISAGREEMENT


def answers_of(choices: str) -> dict[str, Action]:
    """Picture -> allow or block, of what was chosen (JSON): to ban is to block."""
    said = json.loads(choices).items()
    return {picture: Action.ALLOW if choice == Action.ALLOW else Action.BLOCK for picture, choice in said}


def enter(
    session: Session, case: CaseRow, first: ReviewRow, queues: Queues, golden: GoldenRow | None = None
) -> CaseRow | None:
    """Let a decided case come up again; not when nobody is left who could decide it. first: what was said of it."""
    if len(_others(session, case.id, golden)) < (2 if case.restricted else 1):
        return None
    staked = answers_of(first.choices)
    row = _anew(
        case, queues, level="moderator", picture_id=_first_of(session, staked), pictures=len(staked), again_of=case.id,
        first_review_id=first.id, golden_id=golden.id if golden else None,
    )  # fmt: skip
    session.add(row)
    return row


def disagree(session: Session, copy: CaseRow, apart: Sequence[str], queues: Queues) -> None:
    """Make a case of what two people differ in. apart: pictures."""
    row = _anew(
        copy,
        queues,
        level="senior",
        source=Source.DISAGREEMENT,
        picture_id=_first_of(session, apart),
        pictures=len(apart),
    )
    if resting(session, row, copy):
        session.add(row)


def pictures(session: Session, case: CaseRow) -> list[PictureRow]:
    """What is at stake, by index: of a copy what was then, of a disagreement what still rests on the first answer."""
    if case.source == Source.DISAGREEMENT:
        second = second_look(session, case)
        return resting(session, case, second) if second else []
    return _named(session, answers_of(_first(session, case).choices))


def resting(session: Session, case: CaseRow, copy: CaseRow) -> list[PictureRow]:
    """Pictures that two differ in, and of which nobody has said anything since. case: of the disagreement."""
    review = session.get(ReviewRow, copy.review_id) if copy.review_id else None
    first, second = _first(session, case), answers_of(review.choices) if review else {}
    apart = {picture for picture, answer in answers_of(first.choices).items() if second.get(picture, answer) != answer}
    return [row for row in _named(session, apart) if _rests_on(session, row, first)]


def second_look(session: Session, case: CaseRow) -> CaseRow | None:
    """The copy in which somebody differed, of a disagreement."""
    again = select(CaseRow).where(
        CaseRow.again_of == case.again_of, CaseRow.first_review_id == case.first_review_id, CaseRow.state == "closed",
        col(CaseRow.golden_id).is_(None), CaseRow.source != Source.DISAGREEMENT,
    )  # fmt: skip
    return session.exec(again.order_by(col(CaseRow.closed_at).desc()).limit(1)).first()


def both_answers(session: Session, case: CaseRow) -> list[ReviewRow]:
    """What the two said who differ, the first one first; nothing for another case."""
    if case.source != Source.DISAGREEMENT:
        return []
    copy = second_look(session, case)
    second = session.get(ReviewRow, copy.review_id) if copy and copy.review_id else None
    return [_first(session, case), *([second] if second else [])]


def taken_part(person: Person) -> ColumnElement[bool]:
    """Cases that show again what somebody has decided or marked as golden."""
    other = aliased(CaseRow)
    of_same = or_(col(other.id) == CaseRow.again_of, col(other.again_of) == CaseRow.again_of)
    decided = select(ReviewRow.id).join(other, col(other.id) == ReviewRow.case_id).where(
        of_same, other.id != CaseRow.id, ReviewRow.person_id == person.id,
        col(ReviewRow.action).in_(TOOK_PART),
    )  # fmt: skip
    marked = select(GoldenRow.id).where(GoldenRow.id == CaseRow.golden_id, GoldenRow.marked_by == person.id)
    return and_(col(CaseRow.again_of).is_not(None), or_(decided.exists(), marked.exists()))


def hidden_from(person: Person) -> ColumnElement[bool]:
    """Copies that somebody must not see: it would tell them that theirs comes up again."""
    is_open = and_(col(CaseRow.source) != Source.DISAGREEMENT, col(CaseRow.state) != "closed")
    return and_(taken_part(person), is_open)


def is_hidden(session: Session, case: CaseRow, person: Person) -> bool:
    """The same of one case."""
    if not is_copy(case):
        return False
    return session.exec(select(CaseRow.id).where(CaseRow.id == case.id, hidden_from(person))).first() is not None


def is_erased(session: Session, case: CaseRow) -> bool:
    """Whether the sentence is gone: nobody could judge the case as it was judged."""
    return session.get_one(RequestRow, case.request_id).prompt is None


def as_seen_first(
    session: Session, case: CaseRow, request: RequestRow, rows: Sequence[PictureRow], decisions: Sequence[DecisionRow]
) -> tuple[RequestRow, list[PictureRow], list[DecisionRow]]:
    """Request, pictures and decisions as whoever decided first saw them; of a copy, moved to when it came up.

    So the page of a copy tells nothing of what was decided, nor by its times that this is not the first look.
    """
    first = _first(session, case)
    known = [row for row in decisions if row.created_at < first.created_at]
    staked = answers_of(first.choices)
    before = [_before(row, known, row.id in staked) for row in rows]
    if not is_copy(case):
        return request, [_resting_as_before(row, was) for row, was in zip(rows, before, strict=True)], [*decisions]
    passed = _time(case.opened_at) - _time(session.get_one(CaseRow, case.again_of).opened_at)
    moved = RequestRow(**{**request.model_dump(), "created_at": _later(request.created_at, passed)})
    return moved, before, [DecisionRow(**{**row.model_dump(), "created_at": _later(row.created_at, passed)})
                           for row in known]  # fmt: skip


def _anew(case: CaseRow, queues: Queues, **changed: Any) -> CaseRow:
    """A case like another, that nobody has worked on. It has no look: it is never folded with what it shows again."""
    opened_at = now()
    untouched = dict.fromkeys(
        ("closed_at", "first_person", "holder", "lease", "lease_until", "review_id", "effective_at", "look")
    )
    begun = {"id": new_id("cas"), "state": "open", "opened_at": opened_at, "due_at": due_at(case.severity, opened_at)}
    row = CaseRow(**{**case.model_dump(), **untouched, **begun, **changed})
    route(row, queues)
    return row


def _before(row: PictureRow, known: Sequence[DecisionRow], was_held: bool) -> PictureRow:
    of_it = [made for made in known if made.picture_index == row.index and made.picture_sha256 == row.sha256]
    made = max(of_it, key=lambda decision: decision.created_at, default=None)
    passed = made is not None and made.action in PASSING
    state = State.HELD if was_held else State.RELEASED if passed else State.WITHHELD
    return PictureRow(**{**row.model_dump(), "state": state, "decision_id": made.id if made else None})


def _resting_as_before(row: PictureRow, before: PictureRow) -> PictureRow:
    """Where it is now, beside what the checks saw."""
    return PictureRow(**{**row.model_dump(), "decision_id": before.decision_id})


def _first(session: Session, case: CaseRow) -> ReviewRow:
    return session.get_one(ReviewRow, case.first_review_id)


def _named(session: Session, ids: "Sequence[str] | set[str] | dict[str, Action]") -> list[PictureRow]:
    named = select(PictureRow).where(col(PictureRow.id).in_(ids))
    return list(session.exec(named.order_by(col(PictureRow.index))))


def _first_of(session: Session, ids: "Sequence[str] | dict[str, Action]") -> str | None:
    return next((row.id for row in _named(session, ids)), None)


def _rests_on(session: Session, picture: PictureRow, first: ReviewRow) -> bool:
    decision = session.get(DecisionRow, picture.decision_id)
    led_to = State.RELEASED if answers_of(first.choices)[picture.id] is Action.ALLOW else State.WITHHELD
    return decision is not None and decision.decided_by == first.person_id and picture.state == led_to


def _others(session: Session, case_id: str, golden: GoldenRow | None) -> set[str]:
    """People who could decide it and have had no part in it."""
    roles = WHO_MAY[Duty.DECIDE]
    able = select(PersonRow.id).where(col(PersonRow.role).in_(roles), col(PersonRow.disabled_at).is_(None))
    same = select(CaseRow.id).where(or_(col(CaseRow.id) == case_id, col(CaseRow.again_of) == case_id))
    decided = select(ReviewRow.person_id).where(col(ReviewRow.case_id).in_(same), col(ReviewRow.action).in_(TOOK_PART))
    return {*session.exec(able)} - {*session.exec(decided)} - ({golden.marked_by} if golden else set())


def _time(moment: str) -> datetime:
    return datetime.fromisoformat(moment)


def _later(moment: str, passed: timedelta) -> str:
    return (_time(moment) + passed).isoformat(timespec="microseconds")
