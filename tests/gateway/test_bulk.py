"""Cases decided together: each once, by whoever may, by two people where they are many; and undone as a whole."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from gateway.assembly import migrate
from gateway.errors import AlreadyDecided, GatewayError, InvalidValue, NotFound, PauseNeeded, SeparationOfDuties
from gateway.store import ledger
from gateway.store.batches import Batches, BatchFile, Limits
from gateway.store.cases import Cases, Lease, Said
from gateway.store.decisions import Decisions, State, rest
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.listing import Filters
from gateway.store.people import People, Person, Role
from gateway.store.tables import CaseRow, DecisionRow, PictureRow, RequestRow, ReviewRow
from policies.signals import Category
from tests.gateway.databases import fresh_database
from tests.gateway.desk_parts import LONG_AGO
from tests.gateway.test_cases import held_request
from tests.gateway.test_ledger import POLICY, run, without_triggers

BLOCK = Said("decide", POLICY, clause=Category.GORE, reason="breaks_rule", note="tous pareils")
ALLOW = Said("decide", POLICY, reason="false_alarm")
ESCALATE = Said("escalate", POLICY, reason="rule_is_silent")
SAID = {"block": BLOCK, "allow": ALLOW, "escalate": ESCALATE}
ALONE = 3


class Store:
    """A database with people in it, and what the tests ask of it."""

    def __init__(self, engine: Engine, undo_s: float = 0) -> None:
        self.engine = engine
        self.cases = Cases(engine, lease_s=60, undo_s=undo_s)
        self.decisions = Decisions(engine, "ins", b"key")
        self.batches = Batches(engine, self.cases, Limits(most=50, alone=ALONE, hours=1))
        self.people = People(engine)

    def person(self, role: Role = Role.MODERATOR) -> Person:
        return self.people.create(f"p{len(self.people.all())}", role, "hash", "secret")

    def held(self, count: int = 1) -> list[str]:
        """So many new cases, whose turn is next first."""
        before = {case.id for case in self.cases.waiting(Filters(), count=500)}
        for _ in range(count):
            held_request(self.decisions)
        return [case.id for case in self.cases.waiting(Filters(), count=500) if case.id not in before]

    def case(self, case_id: str) -> CaseRow:
        with reading(self.engine) as session:
            return session.get_one(CaseRow, case_id)

    def picture(self, case_id: str) -> tuple[PictureRow, DecisionRow, RequestRow]:
        """The one picture of a case, what it rests on, and its request."""
        with reading(self.engine) as session:
            request = session.get_one(RequestRow, session.get_one(CaseRow, case_id).request_id)
            (picture,) = session.exec(select(PictureRow).where(PictureRow.request_id == request.id)).all()
            return picture, session.get_one(DecisionRow, picture.decision_id), request

    def states(self, case_ids: Sequence[str]) -> list[str]:
        return [self.picture(case_id)[0].state for case_id in case_ids]

    def reviews(self, case_id: str) -> list[tuple[str, str]]:
        """(action, person) of a case, oldest first."""
        with reading(self.engine) as session:
            of_case = select(ReviewRow).where(ReviewRow.case_id == case_id).order_by(col(ReviewRow.created_at))
            return [(row.action, row.person_id) for row in session.exec(of_case)]

    def change(self, case_id: str, **columns: object) -> None:
        with transaction(self.engine, "test") as session:
            row = session.get_one(CaseRow, case_id)
            for name, value in columns.items():
                setattr(row, name, value)
            session.add(row)

    def look(self, case_id: str, person: Person) -> Lease:
        """See the picture of a case as it is."""
        lease = self.cases.claim(case_id, person)
        self.cases.revealed(lease, self.picture(case_id)[0].id, person)
        return lease

    def decide_alone(self, case_id: str, person: Person, choice: str = "block") -> None:
        lease = self.cases.claim(case_id, person)
        self.cases.say(lease, person, replace(SAID[choice], choices={self.picture(case_id)[0].id: choice}))

    def batch(self, case_ids: Sequence[str], person: Person, act: str = "block") -> BatchFile:
        """Preview and decide."""
        batch_id = self.batches.open(case_ids, person)
        return self.batches.decide(batch_id, person, SAID[act], act)[0]

    def release(self) -> None:
        """What the desk does about what was allowed, without the files."""
        for case_id in self.cases.due():
            for picture in self.cases.allowed(case_id):
                self.decisions.picture_released(picture.id)
            self.cases.settle(case_id)

    def whole(self) -> bool:
        return self.decisions.broken_ledger() is None


def told(file: BatchFile) -> dict[str, str | None]:
    """Case -> why it was left out."""
    return {item.case.id: item.why_not for item in file.items}


def undone(file: BatchFile) -> list[str | None]:
    return [item.row.undone for item in file.items]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One database for all tests that ask for no other: each makes cases and people of its own."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('bulk') / 'gardefou.db'}"
    else:
        url = fresh_database(request.getfixturevalue("postgres"))
    migrate(url)
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> Store:
    return Store(engine)


@pytest.fixture
def fresh(database: str) -> Iterator[Store]:
    """A database of its own, for who edits it by hand or empties the queue."""
    engine = open_engine(database)
    yield Store(engine)
    engine.dispose()


@pytest.fixture
def ada(store: Store) -> Person:
    return store.person()


@pytest.fixture
def ben(store: Store) -> Person:
    return store.person()


class TestDeciding:
    def test_each_case_is_decided_as_if_alone(self, store: Store, ada: Person) -> None:
        cases = store.held(3)
        file = store.batch(cases, ada)
        assert file.state == "decided"
        assert store.states(cases) == ["withheld"] * 3
        for case_id in cases:
            assert store.reviews(case_id) == [("decide", ada.id)]
            _, decision, request = store.picture(case_id)
            assert (decision.action, decision.decided_by, request.state) == ("block", ada.id, "withheld")
            assert store.case(case_id).state == "closed"
        assert len({item.row.review_id for item in file.items}) == 3
        assert file.note == "tous pareils"
        assert store.whole()

    def test_what_is_allowed_can_be_taken_back_for_some_seconds_like_any_other(self, engine: Engine) -> None:
        store = Store(engine, undo_s=60)
        ada, cases = store.person(), store.held(2)
        for case_id in cases:
            store.look(case_id, ada)
        store.batch(cases, ada, "allow")
        assert [store.case(case_id).state for case_id in cases] == ["settling"] * 2
        store.cases.undo(cases[0], ada, POLICY)
        assert [store.case(case_id).state for case_id in cases] == ["open", "settling"]
        assert store.whole()

    def test_only_what_was_seen_clearly_by_whoever_decides_is_allowed(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        seen, by_ben, unseen = store.held(3)
        store.look(seen, ada)
        store.cases.give_back(store.look(by_ben, ben), ben)
        file = store.batch([seen, by_ben, unseen], ada, "allow")
        assert told(file) == {seen: None, by_ben: "not_looked_at", unseen: "not_looked_at"}
        store.release()
        assert store.states([seen, by_ben, unseen]) == ["released", "held", "held"]
        assert store.whole()

    def test_escalated_cases_wait_for_a_senior_and_stay_in_the_queue(self, store: Store, ada: Person) -> None:
        cases = store.held(2)
        store.batch(cases, ada, "escalate")
        assert [(store.case(case_id).level, store.case(case_id).state) for case_id in cases] == [("senior", "open")] * 2
        assert store.whole()

    def test_what_may_show_a_child_and_what_others_hold_and_what_is_for_a_senior_is_left_out(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        child, taken, senior, appeal, free = store.held(5)
        store.change(child, restricted=True)
        store.change(senior, level="senior")
        store.change(appeal, source="report")
        store.cases.claim(taken, ben)
        left = {child: "restricted", taken: "taken", senior: "for_a_senior", appeal: "by_itself", free: None}
        batch_id = store.batches.open([child, taken, senior, appeal, free], ada)
        preview = store.batches.read(batch_id, ada)
        assert told(preview) == left
        assert [item.pictures for item in preview.items if item.case.id == child] == [[]]  # nobody is shown it
        assert told(store.batches.decide(batch_id, ada, BLOCK, "block")[0]) == left
        assert store.states([child, taken, senior, appeal, free]) == ["held"] * 4 + ["withheld"]
        assert store.case(taken).holder == ben.id

    def test_the_preview_counts_what_would_be_decided(self, store: Store, ada: Person, ben: Person) -> None:
        cases = store.held(3)
        store.cases.claim(cases[2], ben)
        store.look(cases[0], ada)
        file = store.batches.read(store.batches.open(cases, ada), ada)
        assert (len(file.fitting), file.pictures, file.looked_at) == (2, 2, 1)
        assert file.by("source") == {"picture": 2}
        assert sum(file.by("category").values()) == 2
        with pytest.raises(GatewayError):
            store.cases.claim(cases[0], ben)  # what is looked through is not dealt to others

    def test_nothing_is_decided_when_nothing_is_left(self, store: Store, ada: Person) -> None:
        cases = store.held(2)
        batch_id = store.batches.open(cases, ada)
        with pytest.raises(InvalidValue):
            store.batches.decide(batch_id, ada, ALLOW, "allow")
        assert store.batches.read(batch_id, ada).state == "draft"
        assert store.states(cases) == ["held"] * 2
        assert store.whole()

    @pytest.mark.parametrize("count", [0, 51])
    def test_a_batch_has_a_limit(self, store: Store, ada: Person, count: int) -> None:
        with pytest.raises(InvalidValue):
            store.batches.open([f"cas_{number}" for number in range(count)], ada)

    def test_a_draft_is_its_makers_alone(self, store: Store, ada: Person, ben: Person) -> None:
        batch_id = store.batches.open(store.held(), ada)
        for look in (store.batches.read, store.batches.give_back, store.batches.prolong):
            with pytest.raises(NotFound):
                look(batch_id, ben)
        assert batch_id not in {one.row.id for one in store.batches.listed()}

    def test_who_may_not_decide_opens_none(self, store: Store) -> None:
        cases = store.held()
        for role in (Role.VIEWER, Role.AUDITOR, Role.ADMIN):
            with pytest.raises(SeparationOfDuties):
                store.batches.open(cases, store.person(role))

    def test_whoever_has_to_rest_takes_no_grave_cases_together_either(self, store: Store, ada: Person) -> None:
        *seen, last = store.held(4)
        for case_id in (*seen, last):
            store.change(case_id, severity=5)
        for case_id in seen:
            store.look(case_id, ada)
        with pytest.raises(PauseNeeded):
            store.batches.open([last], ada)
        assert store.case(last).holder is None

    def test_a_draft_that_is_given_back_frees_its_cases(self, store: Store, ada: Person, ben: Person) -> None:
        cases = store.held(2)
        batch_id = store.batches.open(cases, ada)
        store.batches.give_back(batch_id, ada)
        assert store.cases.claim(cases[0], ben).case_id == cases[0]
        with pytest.raises(AlreadyDecided):
            store.batches.decide(batch_id, ada, BLOCK, "block")
        assert store.whole()


class TestMeanwhile:
    def test_what_was_decided_between_preview_and_decision_is_left_out_and_said(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        cases = store.held(3)
        batch_id = store.batches.open(cases, ada)
        store.change(cases[1], lease_until=LONG_AGO)
        store.decide_alone(cases[1], ben, "block")
        store.change(cases[2], lease_until=LONG_AGO)
        store.cases.claim(cases[2], ben)
        file, _ = store.batches.decide(batch_id, ada, BLOCK, "block")
        assert told(file) == {cases[0]: None, cases[1]: "decided_before", cases[2]: "taken"}
        assert store.reviews(cases[1]) == [("decide", ben.id)]
        assert store.whole()

    def test_a_case_with_other_pictures_than_at_the_preview_is_left_out(self, store: Store, ada: Person) -> None:
        one, other = store.held(2)
        batch_id = store.batches.open([one, other], ada)
        with transaction(store.engine, "test") as session:
            rest(session, session.get_one(PictureRow, store.picture(one)[0].id), State.WITHHELD)
        assert told(store.batches.decide(batch_id, ada, BLOCK, "block")[0]) == {one: "changed", other: None}

    def test_a_form_sent_twice_is_one_decision_and_another_form_is_refused(self, store: Store, ada: Person) -> None:
        cases = store.held(2)
        batch_id = store.batches.open(cases, ada)
        assert [store.batches.decide(batch_id, ada, BLOCK, "block")[1] for _ in range(3)] == [True, False, False]
        with pytest.raises(AlreadyDecided):
            store.batches.decide(batch_id, ada, ESCALATE, "escalate")
        assert [len(store.reviews(case_id)) for case_id in cases] == [1, 1]

    def test_two_confirmations_at_once_are_one(self, store: Store, ada: Person) -> None:
        cases, others = store.held(ALONE + 2), [store.person() for _ in range(4)]
        file = store.batch(cases, ada)

        def confirm(person: Person) -> bool:
            try:
                return store.batches.confirm(file.row.id, person, POLICY)[1]
            except AlreadyDecided:
                return False

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(confirm, others)) == [False, False, False, True]
        assert [[action for action, _ in store.reviews(case_id)] for case_id in cases] == [["propose", "decide"]] * 5
        assert store.whole()

    def test_a_batch_and_people_who_work_through_the_queue_decide_each_case_once(self, fresh: Store) -> None:
        store = fresh
        cases = store.held(12)
        people = [store.person() for _ in range(3)]

        def alone(person: Person) -> None:
            while lease := store.cases.claim_next(person, Filters()):
                choices = {store.picture(lease.case_id)[0].id: "block"}
                store.cases.say(lease, person, replace(BLOCK, choices=choices))

        def together(person: Person) -> None:
            for place in range(0, 12, ALONE):
                batch_id = store.batches.open(cases[place : place + ALONE], person)
                try:
                    store.batches.decide(batch_id, person, BLOCK, "block")
                except InvalidValue:
                    store.batches.give_back(batch_id, person)

        with ThreadPoolExecutor(3) as pool:
            works = [partial(alone, people[0]), partial(together, people[1]), partial(together, people[2])]
            for done in [pool.submit(work) for work in works]:
                done.result()
        alone(people[0])
        assert store.states(cases) == ["withheld"] * 12
        assert [len(store.reviews(case_id)) for case_id in cases] == [1] * 12
        assert store.whole()


class TestTwoPeople:
    def test_above_a_size_nothing_happens_until_somebody_else_confirms(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        cases = store.held(ALONE + 1)
        waiting = store.batches.waiting()
        file = store.batch(cases, ada)
        assert (file.state, store.batches.waiting()) == ("proposed", waiting + 1)
        assert store.states(cases) == ["held"] * 4
        with pytest.raises(SeparationOfDuties):
            store.batches.confirm(file.row.id, ada, POLICY)
        confirmed, _ = store.batches.confirm(file.row.id, ben, POLICY)
        assert (confirmed.state, confirmed.row.second_id, store.batches.waiting()) == ("decided", ben.id, waiting)
        assert store.states(cases) == ["withheld"] * 4
        assert store.reviews(cases[0]) == [("propose", ada.id), ("decide", ben.id)]
        assert store.whole()

    def test_up_to_the_size_one_person_is_enough(self, store: Store, ada: Person) -> None:
        assert store.batch(store.held(ALONE), ada).state == "decided"

    def test_while_it_waits_the_cases_are_anybodys_and_what_was_decided_is_left_out(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        cases = store.held(ALONE + 1)
        file = store.batch(cases, ada)
        store.decide_alone(cases[0], ben, "allow")
        confirmed, _ = store.batches.confirm(file.row.id, ben, POLICY)
        assert told(confirmed)[cases[0]] == "decided_before"
        store.release()
        assert store.states(cases) == ["released", "withheld", "withheld", "withheld"]

    def test_a_proposal_ends_by_itself(self, store: Store, ada: Person, ben: Person) -> None:
        cases, waiting = store.held(ALONE + 1), store.batches.waiting()
        store.batches.limits = replace(store.batches.limits, hours=0)
        file = store.batch(cases, ada)
        with pytest.raises(AlreadyDecided):
            store.batches.confirm(file.row.id, ben, POLICY)
        assert store.batches.read(file.row.id, ben).state == "ended"
        assert store.batches.waiting() == waiting
        assert store.states(cases) == ["held"] * 4

    def test_a_rejected_proposal_decides_nothing_and_cannot_be_confirmed(
        self, store: Store, ada: Person, ben: Person
    ) -> None:
        cases = store.held(ALONE + 1)
        file = store.batch(cases, ada)
        assert [store.batches.reject(file.row.id, ben)[1] for _ in range(2)] == [True, False]
        with pytest.raises(AlreadyDecided):
            store.batches.confirm(file.row.id, store.person(), POLICY)
        assert store.states(cases) == ["held"] * 4
        assert store.whole()

    def test_whoever_proposed_may_take_it_back(self, store: Store, ada: Person) -> None:
        file = store.batch(store.held(ALONE + 1), ada)
        assert store.batches.reject(file.row.id, ada)[0].state == "rejected"

    def test_what_was_escalated_is_confirmed_by_a_senior(self, store: Store) -> None:
        cases, senior = store.held(ALONE + 1), store.person(Role.SENIOR)
        store.change(cases[0], level="senior")
        file = store.batch(cases, senior)
        with pytest.raises(SeparationOfDuties):
            store.batches.confirm(file.row.id, store.person(), POLICY)
        assert store.batches.confirm(file.row.id, store.person(Role.SENIOR), POLICY)[0].state == "decided"


class TestReverting:
    def test_what_was_blocked_waits_for_a_person_again(self, store: Store, ada: Person, ben: Person) -> None:
        cases = store.held(2)
        why = [store.picture(case_id)[1].reasons for case_id in cases]
        file = store.batch(cases, ada)
        reverted, count = store.batches.revert(file.row.id, ada, POLICY)
        assert (reverted.state, count, undone(reverted)) == ("reverted", 2, ["reverted"] * 2)
        for case_id, reasons in zip(cases, why, strict=True):
            picture, decision, request = store.picture(case_id)
            assert (picture.state, request.state, request.outcome) == ("held", "held", "held")
            assert (decision.action, decision.decided_by, decision.reasons) == ("review", ada.id, reasons)
            assert store.reviews(case_id) == [("decide", ada.id), ("revert", ada.id)]
        assert store.whole()
        store.decide_alone(cases[0], ben, "allow")
        store.release()
        assert store.states(cases) == ["released", "held"]
        assert store.whole()

    def test_what_was_released_is_shown_no_more_and_waits_again(self, store: Store, ada: Person, ben: Person) -> None:
        cases = store.held(2)
        for case_id in cases:
            store.look(case_id, ada)
        file = store.batch(cases, ada, "allow")
        store.release()
        assert store.states(cases) == ["released"] * 2
        reverted, _ = store.batches.revert(file.row.id, ada, POLICY)
        assert undone(reverted) == ["reverted"] * 2
        assert store.states(cases) == ["held"] * 2
        assert store.picture(cases[0])[2].outcome == "held"
        assert store.whole()
        store.decide_alone(cases[0], ben)
        assert store.picture(cases[0])[2].state == "withheld"
        assert store.whole()

    def test_what_was_not_released_yet_never_is(self, engine: Engine) -> None:
        store = Store(engine, undo_s=60)
        ada, cases = store.person(), store.held(2)
        for case_id in cases:
            store.look(case_id, ada)
        file = store.batch(cases, ada, "allow")
        store.batches.revert(file.row.id, ada, POLICY)
        store.change(cases[0], effective_at=LONG_AGO)
        store.release()
        assert store.states(cases) == ["held"] * 2
        assert store.whole()

    def test_what_is_just_being_released_is_left_and_can_be_reverted_then(self, store: Store, ada: Person) -> None:
        (case_id,) = store.held()
        store.look(case_id, ada)
        file = store.batch([case_id], ada, "allow")
        first, count = store.batches.revert(file.row.id, ada, POLICY)
        assert (undone(first), count, first.under_way) == (["under_way"], 0, True)
        store.release()
        second, _ = store.batches.revert(file.row.id, ada, POLICY)
        assert (undone(second), store.states([case_id])) == (["reverted"], ["held"])
        assert store.whole()

    def test_what_was_escalated_is_a_moderators_again(self, store: Store, ada: Person) -> None:
        cases = store.held(2)
        file = store.batch(cases, ada, "escalate")
        store.decide_alone(cases[0], store.person(Role.SENIOR))
        reverted, _ = store.batches.revert(file.row.id, ada, POLICY)
        assert undone(reverted) == ["changed_since", "reverted"]
        assert store.case(cases[1]).level == "moderator"
        assert store.states(cases) == ["withheld", "held"]

    def test_reverting_twice_is_harmless(self, store: Store, ada: Person, ben: Person) -> None:
        cases = store.held(2)
        file = store.batch(cases, ada)
        store.batches.revert(file.row.id, ada, POLICY)
        store.decide_alone(cases[0], ben)
        again, count = store.batches.revert(file.row.id, ada, POLICY)
        assert (count, undone(again)) == (0, ["reverted"] * 2)
        assert store.states(cases) == ["withheld", "held"]
        assert len(store.reviews(cases[1])) == 2
        assert store.whole()

    def test_two_reverts_at_once_are_one(self, store: Store, ada: Person) -> None:
        cases = store.held(3)
        file = store.batch(cases, ada)
        with ThreadPoolExecutor(3) as pool:
            counts = pool.map(lambda _: store.batches.revert(file.row.id, ada, POLICY)[1], range(3))
            assert sorted(counts) == [0, 0, 3]
        assert [len(store.reviews(case_id)) for case_id in cases] == [2] * 3
        assert store.whole()

    @pytest.mark.parametrize(
        ("role", "may"),
        [(Role.MODERATOR, False), (Role.SENIOR, True), (Role.ADMIN, True), (Role.AUDITOR, False), (Role.VIEWER, False)],
    )
    def test_others_revert_who_are_senior_or_administer(self, store: Store, ada: Person, role: Role, may: bool) -> None:
        cases = store.held()
        file = store.batch(cases, ada)
        other = store.person(role)
        if may:
            assert store.batches.revert(file.row.id, other, POLICY)[1] == 1
        else:
            with pytest.raises(SeparationOfDuties):
                store.batches.revert(file.row.id, other, POLICY)
        assert store.states(cases) == ["held" if may else "withheld"]

    def test_what_decided_nothing_cannot_be_reverted(self, store: Store, ada: Person) -> None:
        file = store.batch(store.held(ALONE + 1), ada)
        with pytest.raises(AlreadyDecided):
            store.batches.revert(file.row.id, ada, POLICY)

    def test_a_case_that_was_taken_back_and_decided_anew_is_left_as_it_is(self, engine: Engine) -> None:
        store = Store(engine, undo_s=60)
        ada, cases = store.person(), store.held(2)
        for case_id in cases:
            store.look(case_id, ada)
        file = store.batch(cases, ada, "allow")
        store.cases.undo(cases[0], ada, POLICY)
        store.decide_alone(cases[0], ada)
        reverted, _ = store.batches.revert(file.row.id, ada, POLICY)
        assert undone(reverted) == ["changed_since", "reverted"]
        assert store.states(cases) == ["withheld", "held"]
        assert store.whole()


class TestTheRecord:
    def test_an_edit_by_hand_is_found(self, store: Store, ada: Person) -> None:
        file = store.batch(store.held(2), ada)
        assert store.whole()
        for table, edit in (
            ("batches", "second_id = person_id"),
            ("batches", "reason = 'with_the_request'"),
            ("batches", "state = 'proposed'"),
            ("batch_cases", "outcome = 'taken'"),
            ("batch_cases", "undone = 'reverted'"),
        ):
            key = "id" if table == "batches" else "batch_id"
            with store.engine.connect() as connection, Session(connection) as session:
                connection.execute(text(f"UPDATE {table} SET {edit} WHERE {key} = '{file.row.id}'"))  # noqa: S608
                broken = ledger.verify(session)
                connection.rollback()
            assert broken == ledger.Broken(f"batch {file.row.id}", "is not as the ledger says")

    def test_what_is_fixed_cannot_be_changed_or_deleted(self, fresh: Store) -> None:
        store, ada = fresh, fresh.person()
        store.batch(store.held(2), ada)
        for statement in (
            "UPDATE batches SET person_id = 'per_x'", "DELETE FROM batch_cases", "DELETE FROM batches",
            "UPDATE batch_cases SET pictures = '[]'",
        ):  # fmt: skip
            with pytest.raises(DBAPIError):
                run(store.engine, statement)

    def test_a_batch_that_the_ledger_does_not_know_is_found(self, fresh: Store) -> None:
        store, ada = fresh, fresh.person()
        store.batch(store.held(1), ada)
        without_triggers(store.engine)
        run(
            store.engine,
            "INSERT INTO batches (id, person_id, state, created_at, ends_at) "
            "SELECT 'bulk_forged', person_id, 'decided', created_at, ends_at FROM batches",
        )
        broken = store.decisions.broken_ledger()
        assert broken
        assert broken.row == "batch bulk_forged"


MEDDLING = st.lists(st.sampled_from(["nothing", "took", "blocked", "allowed", "escalated"]), min_size=1, max_size=4)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(MEDDLING, MEDDLING, st.sampled_from(["block", "escalate", "allow"]))
def test_whatever_others_do_meanwhile_no_case_is_decided_twice_and_a_revert_releases_nothing(
    fresh: Store, before: list[str], after: list[str], act: str
) -> None:
    """The law of a batch: what others decided stays theirs, what it decided alone is undone."""
    store = fresh
    ada, ben = store.person(Role.SENIOR), store.person(Role.SENIOR)
    cases = store.held(len(before))
    if act == "allow":
        for case_id in cases:
            store.look(case_id, ada)
    batch_id = store.batches.open(cases, ada)
    for case_id, deed in zip(cases, before, strict=True):
        meddle(store, case_id, ben, deed)
    try:
        file, _ = store.batches.decide(batch_id, ada, SAID[act], act)
        if file.state == "proposed":
            file, _ = store.batches.confirm(batch_id, store.person(Role.SENIOR), POLICY)
    except InvalidValue:
        assert "nothing" not in before
        return
    store.release()
    decided = [item.case.id for item in file.fitting]
    for case_id, deed in zip(decided, after, strict=False):
        meddle(store, case_id, ben, deed)
    store.release()
    released = {case_id for case_id in cases if store.states([case_id]) == ["released"]}
    reverted, _ = store.batches.revert(batch_id, ada, POLICY)
    assert {case_id for case_id in cases if store.states([case_id]) == ["released"]} <= released
    for item in reverted.items:
        if item.row.undone == "reverted":
            assert item.case.state == "open"
            assert act != "escalate" or item.case.level == "moderator"
            assert store.states([item.case.id]) == ["held"]
    assert store.whole()


def meddle(store: Store, case_id: str, person: Person, deed: str) -> None:
    """What somebody else may do with a case whose lease has run out, if it is open still."""
    if deed == "nothing" or store.case(case_id).state != "open":
        return
    store.change(case_id, lease_until=LONG_AGO)
    lease = store.cases.claim(case_id, person)
    if deed == "escalated":
        store.cases.say(lease, person, ESCALATE)
    elif deed != "took":
        choice = {"blocked": "block", "allowed": "allow"}[deed]
        store.cases.say(lease, person, replace(SAID[choice], choices={store.picture(case_id)[0].id: choice}))
