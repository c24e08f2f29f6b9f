"""Who said what of the same pictures: second looks, golden cases, and the disagreements that seniors settle."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from gateway.store import copies
from gateway.store.copies import answers_of
from gateway.store.engine import reading
from gateway.store.golden import is_right
from gateway.store.people import Person
from gateway.store.tables import CaseRow, GoldenRow, ReviewRow
from policies.queues import Source
from policies.verdict import Action

PAGE = 50  # disagreements on one page


@dataclass(frozen=True, slots=True)
class Pair:
    """What two said of one picture, neither knowing of the other. category: what it was held for, "" for none.

    at: of the second answer, UTC ISO 8601.
    """

    case_id: str
    picture_id: str
    category: str
    first: Action
    second: Action
    at: str

    @property
    def agreed(self) -> bool:
        """Whether they said the same."""
        return self.first == self.second


@dataclass(frozen=True, slots=True)
class Unit:
    """All that was said of one picture by people who did not know of each other."""

    case_id: str
    category: str
    answers: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class GoldenAnswer:
    """One answer to a golden case."""

    category: str
    right: bool


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at more than once."""

    pairs: Sequence[Pair]
    units: Sequence[Unit]
    golden: Sequence[GoldenAnswer]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A case that two people decided otherwise. sided: first | second | each (one picture so, another so); None while
    it waits, and when it was settled by something else, such as an appeal."""

    case: CaseRow
    sided: str | None


class Agreement:
    """Every method is one short transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def looked(self, since: str) -> Looked:
        """What was answered again since a moment (UTC ISO 8601), by everybody."""
        with reading(self._engine) as session:
            again = [*_answered(session, since)]
            return Looked([*_pairs(again)], _units(again), [*_golden(session, again)])

    def own(self, person: Person, since: str) -> Looked:
        """The same of what one person said; of each pair theirs is the first answer."""
        with reading(self._engine) as session:
            again = [*_answered(session, since)]
            pairs = [*_pairs(again, person)]
            units = [Unit(pair.case_id, pair.category, (pair.first, pair.second)) for pair in pairs]
            theirs = [one for one in again if one[2].person_id == person.id]
            return Looked(pairs, units, [*_golden(session, theirs)])

    def disagreements(self, count: int = PAGE) -> list[Disagreement]:
        """The newest, newest first."""
        newest = select(CaseRow).where(CaseRow.source == Source.DISAGREEMENT).order_by(col(CaseRow.opened_at).desc())
        with reading(self._engine) as session:
            return [Disagreement(case, _sided(session, case)) for case in session.exec(newest.limit(count)).all()]


Answered = tuple[CaseRow, ReviewRow, ReviewRow]  # a copy, what was said first, what was said of the copy


def _answered(session: Session, since: str) -> Iterable[Answered]:
    first, second = aliased(ReviewRow), aliased(ReviewRow)
    closed = (
        select(CaseRow, first, second)
        .join(first, col(first.id) == CaseRow.first_review_id)
        .join(second, col(second.id) == CaseRow.review_id)
        .where(col(CaseRow.again_of).is_not(None), CaseRow.source != Source.DISAGREEMENT, CaseRow.state == "closed")
        .where(second.created_at >= since)
    )
    return session.exec(closed.order_by(col(second.created_at), col(second.id))).all()


def _pairs(again: Iterable[Answered], person: Person | None = None) -> Iterator[Pair]:
    """Of second looks; of golden cases what was said first is not known to be anybody's honest opinion."""
    for copy, first, second in again:
        if copy.golden_id or (person and person.id not in (first.person_id, second.person_id)):
            continue
        mine, theirs = (second, first) if person and second.person_id == person.id else (first, second)
        said, other = answers_of(mine.choices), answers_of(theirs.choices)
        for picture in said.keys() & other.keys():
            yield Pair(copy.again_of or "", picture, copy.category, said[picture], other[picture], second.created_at)


def _units(again: Iterable[Answered]) -> list[Unit]:
    said: dict[tuple[str, str, str], list[Action]] = {}
    known: set[str] = set()
    for copy, first, second in again:
        for review in (first, second):
            for picture, answer in answers_of(review.choices).items() if review.id not in known else ():
                said.setdefault((copy.again_of or "", copy.category, picture), []).append(answer)
            known.add(review.id)
    return [Unit(case_id, category, tuple(answers)) for (case_id, category, _), answers in said.items()]


def _golden(session: Session, again: Iterable[Answered]) -> Iterator[GoldenAnswer]:
    for copy, _, review in again:
        if copy.golden_id:
            yield GoldenAnswer(copy.category, is_right(session.get_one(GoldenRow, copy.golden_id), review))


def _sided(session: Session, case: CaseRow) -> str | None:
    review = session.get(ReviewRow, case.review_id) if case.review_id and case.state == "closed" else None
    if review is None:
        return None
    settled = answers_of(review.choices)
    first = answers_of(copies.both_answers(session, case)[0].choices)
    with_first = {first[picture] == answer for picture, answer in settled.items()}
    return "each" if len(with_first) > 1 else "first" if True in with_first else "second"
