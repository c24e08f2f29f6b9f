"""What the tests of deciding together run, on every database: held pictures, people, and a desk that looks twice."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from gateway.store.agreement import Agreement
from gateway.store.appeals import Appeals
from gateway.store.cases import CaseFile, Cases, Lease, Reviewed, Said
from gateway.store.decisions import Decisions, KeptPicture, Received, State
from gateway.store.desk_numbers import DeskNumbers
from gateway.store.engine import reading, transaction
from gateway.store.golden import Golden
from gateway.store.ids import new_id
from gateway.store.listing import Filters
from gateway.store.people import People, Person, Role
from gateway.store.tables import CaseRow, DecisionRow, PictureRow, RequestRow, ReviewRow
from gateway.store.together import Shares
from gateway.store.truth import Judged
from policies.queues import Source
from policies.signals import Category, Stage
from policies.verdict import Action, Reason, Verdict
from tests.gateway.test_ledger import POLICY, SHA256, judgement

ALWAYS = Shares(b"key", 1, 0)
BLOCK = Said("decide", POLICY, clause=Category.GORE, reason="breaks_rule")
ALLOW = Said("decide", POLICY, reason="false_alarm")
EVERYTHING = Filters()


@dataclass
class Table:
    """A desk without pages. undo is over at once; every decided case comes up again."""

    engine: Engine
    shares: Shares = ALWAYS
    decisions: Decisions = field(init=False)
    people: dict[str, Person] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.decisions = Decisions(self.engine, "ins", b"key")

    @property
    def cases(self) -> Cases:
        return Cases(self.engine, lease_s=60, undo_s=-1, shares=self.shares)

    @property
    def golden(self) -> Golden:
        return Golden(self.engine)

    @property
    def agreement(self) -> Agreement:
        return Agreement(self.engine)

    @property
    def numbers(self) -> DeskNumbers:
        return DeskNumbers(self.engine)

    @property
    def appeals(self) -> Appeals:
        return Appeals(self.engine, 183)

    @property
    def judged(self) -> Judged:
        return Judged(self.engine)

    def person(self, name: str, role: Role = Role.MODERATOR) -> Person:
        """Somebody, made when first named."""
        if name not in self.people:
            self.people[name] = People(self.engine).create(name, role, "hash", "secret")
        return self.people[name]

    def hold(
        self, count: int = 1, category: Category = Category.GORE, prompt: str = "a fox", by_prompt: bool = False
    ) -> list[str]:
        """A request whose pictures wait. by_prompt: the prompt gate asked for a person. Returns the pictures' ids."""
        asked = Received("key", "k", "openai", "m", prompt, count, "64x64", 7)
        request_id = self.decisions.received(asked, POLICY)
        of_prompt = _held(category, Stage.PROMPT) if by_prompt else Verdict(Action.ALLOW, Stage.PROMPT, POLICY)
        self.decisions.prompt_judged(request_id, replace(judgement(Stage.PROMPT), verdict=of_prompt))
        self.decisions.generating(request_id)
        pictures = [new_id("img") for _ in range(count)]
        kept = [KeptPicture(name, index, sha(name), 7, "png") for index, name in enumerate(pictures)]
        self.decisions.quarantined(request_id, kept)
        calm = Verdict(Action.ALLOW, Stage.PICTURE, POLICY)
        held = {one.id: replace(judgement(Stage.PICTURE), verdict=calm if by_prompt else _held(category),
                                picture_index=one.index, picture_sha256=one.sha256) for one in kept}  # fmt: skip
        self.decisions.pictures_judged(request_id, held, hold=by_prompt)
        self.decisions.moved(request_id, State.QUARANTINED, State.PICTURES_JUDGED)
        self.decisions.finished(request_id, State.HELD, "held", "content_policy_violation", {category: 3})
        return pictures

    def next(self, person: Person, filters: Filters = EVERYTHING) -> Lease:
        """The case whose turn it is."""
        lease = self.cases.claim_next(person, filters)
        assert lease, "nothing waits for this person"
        return lease

    def say(self, person: Person, answers: str | Mapping[str, str], filters: Filters = EVERYTHING) -> Reviewed:
        """Take the next case and decide it. answers: of each picture, or one for all."""
        return self.answer(self.next(person, filters), person, answers)

    def answer(self, lease: Lease, person: Person, answers: str | Mapping[str, str]) -> Reviewed:
        staked = [row.id for row in self.cases.read(lease.case_id, person).at_stake]
        choices = dict.fromkeys(staked, answers) if isinstance(answers, str) else dict(answers)
        said = ALLOW if {*choices.values()} == {"allow"} else BLOCK
        found = self.cases.say(lease, person, replace(said, choices=choices))
        self.settle()
        return found

    def settle(self) -> None:
        """What `gateway.desk` does with what is due, without the bytes."""
        for case_id in self.cases.due():
            for picture in self.cases.allowed(case_id):
                self.decisions.picture_released(picture.id)
            self.cases.settle(case_id)

    def file(self, case_id: str, person: Person) -> CaseFile:
        return self.cases.read(case_id, person)

    def open(self) -> list[CaseRow]:
        """All that waits, whoever may see it."""
        return self.cases.waiting(EVERYTHING)

    def all_cases(self) -> list[CaseRow]:
        """Oldest first."""
        with reading(self.engine) as session:
            return list(session.exec(select(CaseRow).order_by(col(CaseRow.opened_at))))

    def states(self, pictures: Sequence[str]) -> list[str]:
        with reading(self.engine) as session:
            return [session.get_one(PictureRow, name).state for name in pictures]

    def decision_of(self, picture: str) -> DecisionRow:
        with reading(self.engine) as session:
            return cast("DecisionRow", session.get(DecisionRow, session.get_one(PictureRow, picture).decision_id))

    def erase_prompts(self) -> None:
        """Somebody's sentences are gone."""
        with transaction(self.engine, "test") as session:
            for row in session.exec(select(RequestRow)):
                row.prompt = row.prompt_salt = None


def _held(category: Category, stage: Stage = Stage.PICTURE) -> Verdict:
    reason = Reason(Action.REVIEW, category, "image_concepts", 0.6, 0.5, f"{stage}/{category}/review")
    return Verdict(Action.REVIEW, stage, POLICY, (reason,))


def sha(name: str) -> str:
    """A hash of bytes that there are not."""
    return (name.encode().hex() + SHA256)[:64]


def seed_looks(engine: Engine, request_id: str, people: Sequence[Person], cases: int, days: int) -> None:
    """Cases that two people looked at, spread over so many days until now; every fifth they saw otherwise.

    Written straight into the tables: of such rows the ledger knows nothing.
    """
    chance = random.Random(7)  # noqa: S311 (the same cases each time)
    categories = [Category.GORE] * 5 + [Category.WEAPONS] * 4 + [Category.SEXUAL]
    with transaction(engine, "seed") as session:
        for number in range(cases):
            at = datetime.now(UTC) - timedelta(days=days * (1 - number / cases), hours=1)
            waited = timedelta(minutes=chance.expovariate(1 / 25))
            first, second = chance.sample(list(people), 2)
            answer = chance.choice(["allow", "block"])
            other = answer if chance.random() < 0.8 else "block" if answer == "allow" else "allow"
            case = _seeded(session, request_id, chance.choice(categories), at, waited, first, answer)
            again = _seeded(session, request_id, Category(case.category), at + waited, waited, second, other)
            again.again_of, again.first_review_id = case.id, case.review_id
            session.add(again)


def _seeded(
    session: Session, request_id: str, category: Category, at: datetime, waited: timedelta, person: Person, answer: str
) -> CaseRow:
    review = ReviewRow(
        id=new_id("rev"), case_id=new_id("cas"), person_id=person.id, action="decide", note_digest="", lease_digest="",
        choices=f'{{"img_seeded":"{answer}"}}', policy="p@1", policy_sha256="s", created_at=_told(at + waited),
    )  # fmt: skip
    case = CaseRow(queue="held",
        id=review.case_id, request_id=request_id, state="closed", level="moderator", source=Source.PICTURE,
        category=category, severity=3, restricted=False, pictures=1, opened_at=_told(at), due_at=_told(at),
        closed_at=_told(at + waited), review_id=review.id,
    )  # fmt: skip
    session.add(case)
    session.flush()
    session.add(review)
    session.flush()
    return case


def _told(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")
