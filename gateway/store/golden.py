"""Golden cases: decided ones whose right answer a senior moderator has stated. They come up again like any other."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from gateway.errors import InvalidValue, NotFound
from gateway.store import copies, ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import new_id, now
from gateway.store.people import Duty, Person
from gateway.store.tables import CaseRow, GoldenRow, ReviewRow
from policies.queues import Queues
from policies.verdict import Action

IN_FORCE = col(GoldenRow.retired_at).is_(None)


@dataclass(frozen=True, slots=True)
class Tally:
    """A golden case and how it was answered: so many answers, of which so many were right."""

    row: GoldenRow
    category: str
    answers: int
    right: int


class Golden:
    """Every method is one short transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def mark(self, case_id: str, choices: Mapping[str, str], person: Person) -> GoldenRow:
        """State the right answer to a decided case. choices: picture id -> allow | block, for each that was decided.

        Raises SeparationOfDuties, NotFound, and InvalidValue for a case that cannot be golden.
        """
        person.require(Duty.MARK_GOLDEN)
        with transaction(self._engine, "mark_golden") as session:
            take_turns(session)
            case = session.get(CaseRow, case_id)
            if case is None:
                raise NotFound("There is no such case.")
            first = _require_fit(session, case)
            _require_answers(choices, first)
            row = GoldenRow(
                id=new_id("gld"), case_id=case.id, review_id=first.id, choices=ledger.canonical(dict(choices)),
                marked_by=person.id, created_at=now(),
            )  # fmt: skip
            session.add(row)
            ledger.append(session, "golden", row.id, {"digest": ledger.golden_digest(row), "case": case.id})
            return row

    def retire(self, golden_id: str, person: Person) -> None:
        """Let it come up no more. Raises SeparationOfDuties, NotFound."""
        person.require(Duty.MARK_GOLDEN)
        with transaction(self._engine, "retire_golden") as session:
            take_turns(session)
            row = session.get(GoldenRow, golden_id)
            if row is None or row.retired_at:
                raise NotFound("There is no such golden case, or it was retired.")
            row.retired_by, row.retired_at = person.id, now()
            session.add(row)
            ledger.append(session, "golden_retired", row.id, {"retired_by": person.id, "retired_at": row.retired_at})

    def all(self) -> list[Tally]:
        """Those in force, newest first."""
        with reading(self._engine) as session:
            golden = select(GoldenRow, CaseRow.category).join(CaseRow, col(CaseRow.id) == GoldenRow.case_id)
            rows = session.exec(golden.where(IN_FORCE).order_by(col(GoldenRow.created_at).desc())).all()
            return [_tally(session, row, category) for row, category in rows]

    def marked(self, case_id: str) -> GoldenRow | None:
        """The golden case made of this one, if there is one in force."""
        with reading(self._engine) as session:
            return _of_case(session, case_id)


def come_up(session: Session, queues: Queues) -> None:
    """Let the golden case come up that did so least; none while it still waits, or once everybody has answered it."""
    waiting = select(CaseRow.golden_id).where(col(CaseRow.golden_id).is_not(None), CaseRow.state != "closed")
    shown = select(func.count()).where(CaseRow.golden_id == GoldenRow.id).scalar_subquery()
    free = select(GoldenRow).where(IN_FORCE, col(GoldenRow.id).not_in(waiting))
    for golden in session.exec(free.order_by(shown, col(GoldenRow.created_at))).all():
        case, first = session.get_one(CaseRow, golden.case_id), session.get_one(ReviewRow, golden.review_id)
        if not copies.is_erased(session, case) and copies.enter(session, case, first, queues, golden):
            return


def is_right(golden: GoldenRow, review: ReviewRow) -> bool:
    """Whether every picture was answered rightly."""
    return copies.answers_of(golden.choices) == copies.answers_of(review.choices)


def _of_case(session: Session, case_id: str) -> GoldenRow | None:
    of_case = select(GoldenRow).where(GoldenRow.case_id == case_id, IN_FORCE)
    return session.exec(of_case).first()


def _tally(session: Session, row: GoldenRow, category: str) -> Tally:
    answered = select(ReviewRow).join(CaseRow, col(CaseRow.review_id) == ReviewRow.id)
    reviews = session.exec(answered.where(CaseRow.golden_id == row.id, CaseRow.state == "closed")).all()
    return Tally(row, category, len(reviews), sum(is_right(row, review) for review in reviews))


def _require_fit(session: Session, case: CaseRow) -> ReviewRow:
    review = session.get(ReviewRow, case.review_id) if case.review_id else None
    if case.state != "closed" or review is None or case.source not in copies.FIRST_LOOKS or case.again_of:
        raise InvalidValue("Only a decided case of held pictures can be golden.", param="case")
    if case.restricted:
        raise InvalidValue("What nobody may see is never golden.", param="case")
    if copies.is_erased(session, case):
        raise InvalidValue("The sentence of this case was erased.", param="case")
    if _of_case(session, case.id):
        raise InvalidValue("This case is golden already.", param="case")
    return review


def _require_answers(choices: Mapping[str, str], first: ReviewRow) -> None:
    if choices.keys() != copies.answers_of(first.choices).keys() or {*choices.values()} - {Action.ALLOW, Action.BLOCK}:
        raise InvalidValue("Say allow or block for each picture that was decided.", param="choices")
