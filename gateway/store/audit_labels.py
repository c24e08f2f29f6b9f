"""What people say of pictures of bias audits: two who do not see each other's answers, a third where they differ."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from gateway.errors import AlreadyDecided, SeparationOfDuties
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.ids import now
from gateway.store.people import Person
from gateway.store.tables import AuditLabelRow

RATERS = 2

Answers = Mapping[str, str]  # attribute -> answer


@dataclass(frozen=True, slots=True)
class Rated:
    """One picture. ratings: person id -> attribute -> answer, of the two raters. settled: of the third, if any."""

    key: str
    ratings: Mapping[str, Answers]
    settled: Answers | None

    @property
    def is_rated(self) -> bool:
        """Whether both raters have answered."""
        return len(self.ratings) == RATERS

    @property
    def is_disputed(self) -> bool:
        """Whether the raters differ, and nobody has settled it."""
        first, *others = self.ratings.values()
        return self.is_rated and self.settled is None and any(other != first for other in others)

    @property
    def answers(self) -> Answers | None:
        """What holds: what both said, or what was settled; None until then."""
        if self.settled is not None:
            return self.settled
        return next(iter(self.ratings.values())) if self.is_rated and not self.is_disputed else None


class AuditLabels:
    """Every method is one short transaction and may block. run: what labels of a run are kept under."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rated(self, run: str) -> dict[str, Rated]:
        """Key -> what was said of a picture, as far as anybody did."""
        with reading(self._engine) as session:
            return _rated(session, run)

    def next_for(self, person: Person, run: str, order: Sequence[str]) -> str | None:
        """The first picture that still needs a rater and that this person has not rated; None when there is none."""
        rated = self.rated(run)
        return next((key for key in order if _needs(rated.get(key), person)), None)

    def rate(self, person: Person, run: str, key: str, answers: Answers) -> None:
        """Keep what somebody says; again replaces their own until there are two. Raises AlreadyDecided."""
        with transaction(self._engine, "rate") as session:
            take_turns(session)
            rated = _rated(session, run, key).get(key)
            if rated and rated.is_rated:
                raise AlreadyDecided("Two people have rated this picture. Nothing was changed.")
            _keep(session, person, run, key, answers, settles=False)

    def settle(self, person: Person, run: str, key: str, answers: Answers) -> None:
        """Say what holds where two raters differ. Raises AlreadyDecided, SeparationOfDuties for one of them."""
        with transaction(self._engine, "settle_label") as session:
            take_turns(session)
            rated = _rated(session, run, key).get(key)
            if rated is None or not rated.is_disputed:
                raise AlreadyDecided("There is nothing to settle about this picture.")
            if person.id in rated.ratings:
                raise SeparationOfDuties("You have rated this picture: somebody else has to settle it.")
            _keep(session, person, run, key, answers, settles=True)


def _needs(rated: Rated | None, person: Person) -> bool:
    return rated is None or (not rated.is_rated and person.id not in rated.ratings)


def _keep(session: Session, person: Person, run: str, key: str, answers: Answers, *, settles: bool) -> None:
    for attribute, answer in answers.items():
        session.merge(
            AuditLabelRow(
                run=run, key=key, attribute=attribute, person_id=person.id, answer=answer, settles=settles,
                created_at=now(),
            )
        )  # fmt: skip


def _rated(session: Session, run: str, key: str | None = None) -> dict[str, Rated]:
    query = select(AuditLabelRow).where(AuditLabelRow.run == run).order_by(col(AuditLabelRow.created_at))
    rows = session.exec(query.where(AuditLabelRow.key == key) if key else query).all()
    by_key: dict[str, list[AuditLabelRow]] = defaultdict(list)
    for row in rows:
        by_key[row.key].append(row)
    return {key: _one(key, of_key) for key, of_key in by_key.items()}


def _one(key: str, rows: Collection[AuditLabelRow]) -> Rated:
    ratings: dict[str, dict[str, str]] = defaultdict(dict)
    settled: dict[str, str] = {}
    for row in rows:
        (settled if row.settles else ratings[row.person_id])[row.attribute] = row.answer
    return Rated(key, ratings, settled or None)
