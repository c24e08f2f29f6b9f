"""Deciding together, on every database: second looks are blind, and whoever differs changes nothing by that alone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from gateway.errors import InvalidValue, NotFound, SeparationOfDuties
from gateway.store.decisions import State
from gateway.store.engine import open_engine, reading
from gateway.store.ids import new_id
from gateway.store.listing import Filters
from gateway.store.matters import gates_case
from gateway.store.people import People, Person, Role
from gateway.store.tables import CaseRow
from gateway.store.together import NEVER, Shares
from policies.queues import Source
from policies.signals import Category
from policies.verdict import Action
from tests.gateway.agreement_parts import ALWAYS, BLOCK, EVERYTHING, Table
from tests.gateway.test_ledger import run, without_triggers

LONG_AGO = "2026-01-01T00:00:00.000000+00:00"
DISAGREEMENTS = Filters(source=Source.DISAGREEMENT)
GOLDEN = Shares(b"key", 0, 1)


@pytest.fixture
def table(database: str) -> Iterator[Table]:
    engine: Engine = open_engine(database)
    yield Table(engine)
    engine.dispose()


@pytest.fixture
def ada(table: Table) -> Person:
    return table.person("ada")


@pytest.fixture
def ben(table: Table) -> Person:
    return table.person("ben")


@pytest.fixture
def sue(table: Table) -> Person:
    """A senior moderator."""
    return table.person("sue", Role.SENIOR)


def differ(table: Table, ada: Person, ben: Person, first: str, second: str) -> list[str]:
    """One picture that ada and ben answer otherwise. Returns it."""
    pictures = table.hold()
    table.say(ada, first)
    table.say(ben, second)
    return pictures


class TestWhatComesUpAgain:
    def test_a_decided_case_comes_up_for_somebody_else_as_it_was(self, table: Table, ada: Person, ben: Person) -> None:
        pictures = table.hold(2)
        before = table.file(table.open()[0].id, ben)
        table.say(ada, dict(zip(pictures, ("block", "allow"), strict=True)))
        assert table.states(pictures) == ["withheld", "released"]
        again = table.file(table.next(ben).case_id, ben)
        assert again.case.id != before.case.id
        shown = ("source", "category", "severity", "restricted", "pictures", "level", "state")
        assert [getattr(again.case, name) for name in shown] == [getattr(before.case, name) for name in shown]
        assert [(row.id, row.state, row.decision_id) for row in again.pictures] == [
            (row.id, row.state, row.decision_id) for row in before.pictures
        ]
        assert [row.model_dump() for row in again.at_stake] == [row.model_dump() for row in before.at_stake]
        assert again.decisions.keys() == before.decisions.keys()
        assert (again.reviews, again.answers, again.barred) == ([], [], False)
        assert not any(row.decided_by for row in again.decisions.values())
        assert {row.subject for row in again.events} == {again.case.id}

    def test_its_times_tell_nothing_either(self, table: Table, ada: Person, ben: Person) -> None:
        table.hold()
        before = table.file(table.open()[0].id, ada)
        table.say(ada, "block")
        again = table.file(table.next(ben).case_id, ben)
        assert again.case.opened_at > before.case.opened_at
        was, now = (_seconds(file.request.created_at, file.case.opened_at) for file in (before, again))
        assert was == pytest.approx(now, abs=1e-5)
        decided = {row.created_at for row in again.decisions.values()}
        assert again.request.created_at < min(decided) <= max(decided) < again.case.opened_at

    def test_whoever_decided_first_never_meets_it(self, table: Table, ada: Person, ben: Person) -> None:
        (picture,) = table.hold()
        table.say(ada, "block")
        (copy,) = table.open()
        assert table.cases.claim_next(ada, EVERYTHING) is None
        assert table.cases.waiting(EVERYTHING, viewer=ada) == []
        assert [row.id for row in table.cases.waiting(EVERYTHING, viewer=ben)] == [copy.id]
        assert [table.cases.counts(one).open for one in (ada, ben)] == [0, 1]
        for refused in (
            lambda: table.file(copy.id, ada),
            lambda: table.cases.claim(copy.id, ada),
            lambda: table.cases.picture(copy.id, picture, ada),
        ):
            with pytest.raises(NotFound):
                refused()
        lease = table.next(ben)
        run(table.engine, f"UPDATE cases SET holder = '{ada.id}' WHERE id = '{copy.id}'")  # noqa: S608 (a test's id)
        with pytest.raises(SeparationOfDuties):  # even with the lease in her hands
            table.cases.say(lease, ada, replace(BLOCK, choices={picture: "block"}))

    def test_it_is_not_drawn_when_nobody_else_is_there(self, table: Table, ada: Person) -> None:
        table.person("reader", Role.AUDITOR)
        People(table.engine).disable(table.person("gone").name)
        table.hold()
        table.say(ada, "block")
        assert table.open() == []

    def test_what_may_show_a_child_takes_two_again(self, table: Table, ada: Person, ben: Person) -> None:
        cy, dan = table.person("cy"), table.person("dan")
        pictures = table.hold(category=Category.SEXUAL_MINORS)
        table.say(ada, "allow")
        table.say(ben, "allow")
        assert table.states(pictures) == ["released"]
        (copy,) = table.open()
        assert copy.restricted
        for one in (ada, ben):
            with pytest.raises(NotFound):
                table.file(copy.id, one)
        table.say(cy, "allow")
        assert table.open()[0].first_person == cy.id
        table.say(dan, "allow")
        assert table.open() == []
        assert [pair.agreed for pair in table.agreement.looked(LONG_AGO).pairs] == [True]

    def test_a_copy_that_may_show_a_child_needs_two_others(self, table: Table, ada: Person, ben: Person) -> None:
        table.person("cy")
        table.hold(category=Category.SEXUAL_MINORS)
        table.say(ada, "allow")
        table.say(ben, "allow")
        assert table.open() == []

    def test_an_appeal_gets_none_for_it_is_one(self, table: Table, ada: Person, ben: Person) -> None:
        table.shares = NEVER
        (picture,) = table.hold()
        table.say(ada, "block")
        table.appeals.file(table.decision_of(picture).id, "Look again.", "en")
        table.shares = ALWAYS
        table.person("cy")
        table.say(ben, "block")
        assert table.open() == []

    def test_a_sentence_that_was_erased_comes_up_no_more(self, table: Table, ada: Person, ben: Person) -> None:
        table.hold()
        table.erase_prompts()
        table.say(ada, "block")
        assert table.open() == []

    def test_a_second_look_can_be_taken_back_as_a_first_one(self, table: Table, ada: Person, ben: Person) -> None:
        table.hold()
        table.say(ada, "block")
        slow = table.cases
        slow._undo_time *= -10_000
        lease = table.next(ben)
        (picture,) = [row.id for row in table.file(lease.case_id, ben).at_stake]
        slow.say(lease, ben, replace(BLOCK, clause=None, reason="false_alarm", choices={picture: "allow"}))
        again = slow.undo(lease.case_id, ben, BLOCK.policy)
        table.answer(again, ben, "block")
        assert [pair.agreed for pair in table.agreement.looked(LONG_AGO).pairs] == [True]

    @given(st.binary(min_size=1), st.floats(0, 1))
    def test_which_comes_up_follows_from_the_key_alone(self, key: bytes, share: float) -> None:
        shares = Shares(key, share, share)
        reviews = [f"rev_{number}" for number in range(40)]
        drawn = [shares.draws("second look", review, share) for review in reviews]
        assert drawn == [shares.draws("second look", review, share) for review in reviews]
        assert any(drawn) if share == 1 else True
        assert not any(drawn) if share == 0 else True

    def test_the_share_is_what_was_asked_for_and_another_key_draws_others(self) -> None:
        reviews = [new_id("rev") for _ in range(8_000)]
        one, other = (
            {row for row in reviews if Shares(key, 1, 1).draws("second look", row, 0.05)} for key in (b"a", b"b")
        )
        assert 300 < len(one) < 500  # 400, give or take five standard deviations
        assert len(one & other) < 50  # 20 by chance


class TestDisagreements:
    def test_two_who_agree_change_nothing(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        pictures = differ(table, ada, ben, "block", "block")
        assert (table.states(pictures), table.open()) == (["withheld"], [])
        assert table.decision_of(pictures[0]).decided_by == ada.id
        assert table.decisions.broken_ledger() is None

    @pytest.mark.parametrize(("first", "second"), [("block", "allow"), ("allow", "block")])
    def test_two_who_differ_change_nothing_and_a_senior_is_asked(
        self, table: Table, ada: Person, ben: Person, sue: Person, first: str, second: str
    ) -> None:
        pictures = differ(table, ada, ben, first, second)
        assert table.states(pictures) == ["released" if first == "allow" else "withheld"]
        (case,) = table.open()
        assert (case.source, case.level) == (Source.DISAGREEMENT, "senior")
        assert table.cases.claim_next(table.person("cy"), EVERYTHING) is None
        file = table.file(case.id, sue)
        said = [review.choices for review in file.answers]
        assert [first in said[0], second in said[1]] == [True, True]

    @pytest.mark.parametrize(
        ("first", "settled", "state"),
        [("block", "allow", "released"), ("block", "block", "withheld"), ("allow", "block", "withdrawn"),
         ("allow", "allow", "released")],
    )  # fmt: skip
    def test_what_the_senior_says_is_done(
        self, table: Table, ada: Person, ben: Person, sue: Person, first: str, settled: str, state: str
    ) -> None:
        pictures = differ(table, ada, ben, first, "allow" if first == "block" else "block")
        table.say(sue, settled, DISAGREEMENTS)
        assert table.states(pictures) == [state]
        overruled = first != settled
        assert table.decision_of(pictures[0]).decided_by == (sue.id if overruled else ada.id)
        (found,) = table.agreement.disagreements()
        assert (found.case.state, found.sided) == ("closed", "second" if overruled else "first")
        assert table.open() == []
        assert table.decisions.broken_ledger() is None

    def test_only_what_they_differ_in_is_at_stake(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        pictures = table.hold(3)
        table.say(ada, dict(zip(pictures, ("block", "allow", "block"), strict=True)))
        table.say(ben, dict(zip(pictures, ("allow", "block", "block"), strict=True)))
        lease = table.next(sue, DISAGREEMENTS)
        assert [row.id for row in table.file(lease.case_id, sue).at_stake] == pictures[:2]
        table.answer(lease, sue, dict.fromkeys(pictures[:2], "allow"))
        assert table.states(pictures) == ["released", "released", "withheld"]
        assert [found.sided for found in table.agreement.disagreements()] == ["each"]
        assert table.decisions.broken_ledger() is None

    def test_nobody_settles_what_they_took_part_in(self, table: Table, ada: Person) -> None:
        sue, sam = (table.person(name, Role.SENIOR) for name in ("sue", "sam"))
        differ(table, ada, sue, "block", "allow")
        (case,) = table.open()
        for one in (ada, sue):
            assert table.cases.claim_next(one, EVERYTHING) is None
        assert table.file(case.id, sue).barred
        with pytest.raises(SeparationOfDuties):
            table.cases.claim(case.id, sue)
        table.say(sam, "block")

    def test_an_appeal_that_is_heard_first_settles_it(
        self, table: Table, ada: Person, ben: Person, sue: Person
    ) -> None:
        (picture,) = differ(table, ada, ben, "block", "allow")
        table.appeals.file(table.decision_of(picture).id, "Look again.", "en")
        table.say(table.person("cy"), "block", Filters(source=Source.APPEAL))
        assert table.open() == []
        assert [(found.case.state, found.sided) for found in table.agreement.disagreements()] == [("closed", None)]
        assert table.states([picture]) == ["withheld"]
        assert table.decisions.broken_ledger() is None

    def test_a_senior_who_overrules_gives_whoever_appealed_what_they_asked_for(
        self, table: Table, ada: Person, ben: Person, sue: Person
    ) -> None:
        (picture,) = differ(table, ada, ben, "block", "allow")
        appeal = table.appeals.file(table.decision_of(picture).id, "Look again.", "en")
        table.say(sue, "allow", DISAGREEMENTS)
        assert (table.states([picture]), table.open()) == (["released"], [])
        ended = table.appeals.statement(appeal.decision_id).appeal
        assert ended
        assert ended.state == "overturned"
        assert table.decisions.broken_ledger() is None

    def test_a_ban_in_a_second_look_bans_nothing(self, table: Table, ada: Person, ben: Person) -> None:
        table.hold()
        table.say(ada, "block")
        lease = table.next(ben)
        (picture,) = [row.id for row in table.file(lease.case_id, ben).at_stake]
        said = replace(BLOCK, choices={picture: "ban"}, hashes={picture: "0" * 64})
        assert table.cases.say(lease, ben, said).banned == []


class TestGolden:
    def golden(self, table: Table, ada: Person, sue: Person, answer: str = "allow") -> str:
        """A case that ada blocked, and of which sue says what is right. Returns its id."""
        table.shares = NEVER
        pictures = table.hold()
        case_id = table.say(ada, "block").case_id
        row = table.golden.mark(case_id, dict.fromkeys(pictures, answer), sue)
        table.shares = GOLDEN
        return row.id

    def test_it_comes_up_like_any_other_and_changes_nothing(
        self, table: Table, ada: Person, ben: Person, sue: Person
    ) -> None:
        golden = self.golden(table, ada, sue)
        other = table.hold()
        table.say(ada, "block")
        (copy,) = table.open()
        assert (copy.golden_id, copy.source, copy.level) == (golden, Source.PICTURE, "moderator")
        for one in (ada, sue):  # who decided it, and who knows the answer
            assert table.cases.claim_next(one, EVERYTHING) is None
        states = table.states(other)
        table.say(ben, "block")
        assert table.states(other) == states
        assert [case.source for case in table.all_cases()].count(Source.DISAGREEMENT) == 0
        (tally,) = table.golden.all()
        assert (tally.answers, tally.right) == (1, 0)
        assert [answer.right for answer in table.agreement.looked(LONG_AGO).golden] == [False]
        assert table.decisions.broken_ledger() is None

    def test_one_at_a_time_and_nobody_twice(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        self.golden(table, ada, sue, "block")
        for _ in range(3):
            table.hold()
            table.say(ada, "block")
        assert len(table.open()) == 1
        table.say(ben, "block")
        table.hold()
        table.say(ada, "block")
        assert table.open() == []
        (tally,) = table.golden.all()
        assert (tally.answers, tally.right) == (1, 1)

    def test_a_retired_one_comes_up_no_more(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        golden = self.golden(table, ada, sue)
        table.golden.retire(golden, sue)
        table.hold()
        table.say(ada, "block")
        assert (table.open(), table.golden.all()) == ([], [])
        with pytest.raises(NotFound):
            table.golden.retire(golden, sue)
        assert table.decisions.broken_ledger() is None

    def test_what_nobody_may_see_is_never_golden(self, table: Table, ada: Person, sue: Person) -> None:
        table.shares = NEVER
        pictures = table.hold(category=Category.SEXUAL_MINORS)
        case_id = table.say(ada, "block").case_id
        with pytest.raises(InvalidValue, match="nobody may see"):
            table.golden.mark(case_id, dict.fromkeys(pictures, "block"), sue)

    def test_only_a_senior_marks_and_only_what_is_decided(self, table: Table, ada: Person, sue: Person) -> None:
        table.shares = NEVER
        pictures = table.hold()
        (case,) = table.open()
        right = dict.fromkeys(pictures, "block")
        with pytest.raises(SeparationOfDuties):
            table.golden.mark(case.id, right, ada)
        with pytest.raises(InvalidValue, match="decided"):
            table.golden.mark(case.id, right, sue)
        with pytest.raises(NotFound):
            table.golden.mark("cas_none", right, sue)
        table.say(ada, "block")
        for wrong in ({}, {**right, "img_other": "allow"}, dict.fromkeys(pictures, "ban")):
            with pytest.raises(InvalidValue, match="each picture"):
                table.golden.mark(case.id, wrong, sue)
        table.golden.mark(case.id, right, sue)
        with pytest.raises(InvalidValue, match="already"):
            table.golden.mark(case.id, right, sue)

    def test_the_right_answer_cannot_be_edited_unseen(self, table: Table, ada: Person, sue: Person) -> None:
        golden = self.golden(table, ada, sue)
        for statement in ("UPDATE golden_cases SET choices = '{}'", "DELETE FROM golden_cases"):
            with pytest.raises(DBAPIError):
                run(table.engine, statement)
        without_triggers(table.engine)
        if table.engine.dialect.name == "postgresql":
            run(table.engine, "ALTER TABLE golden_cases DISABLE TRIGGER ALL")
        else:
            run(table.engine, "DROP TRIGGER IF EXISTS golden_cases_no_UPDATE")
        run(table.engine, "UPDATE golden_cases SET choices = '{}'")
        broken = table.decisions.broken_ledger()
        assert broken
        assert broken.row == f"golden case {golden}"


class TestFigures:
    def test_pairs_and_units_are_what_was_said(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        pictures = differ(table, ada, ben, "block", "allow")
        table.say(sue, "allow", DISAGREEMENTS)  # she knew of both: no third opinion
        looked = table.agreement.looked(LONG_AGO)
        (pair,) = looked.pairs
        assert (pair.picture_id, pair.category) == (pictures[0], "gore")
        assert (pair.first, pair.second) == (Action.BLOCK, Action.ALLOW)
        assert [unit.answers for unit in looked.units] == [(Action.BLOCK, Action.ALLOW)]

    def test_everybody_is_first_in_their_own_and_sees_no_others(self, table: Table, ada: Person, ben: Person) -> None:
        cy = table.person("cy")
        differ(table, ada, ben, "block", "allow")
        (own,), (hers,) = (table.agreement.own(one, LONG_AGO).pairs for one in (ben, ada))
        assert (own.first, own.second) == (Action.ALLOW, Action.BLOCK)
        assert (hers.first, hers.second) == (Action.BLOCK, Action.ALLOW)
        assert table.agreement.own(cy, LONG_AGO).pairs == []

    def test_numbers_of_queues_and_of_oneself(self, table: Table, ada: Person, ben: Person, sue: Person) -> None:
        (picture,) = differ(table, ada, ben, "block", "block")
        table.shares = NEVER
        table.hold()
        table.appeals.file(table.decision_of(picture).id, "Look again.", "en")
        table.say(table.person("cy"), "allow", Filters(source=Source.APPEAL))
        by_queue = {row.queue: row for row in table.numbers.queues(LONG_AGO)}
        pictures = by_queue["held"]
        assert (pictures.opened, pictures.decided, pictures.appealed, pictures.overturned) == (2, 1, 1, 1)
        assert pictures.waited_half is not None
        assert 0 <= pictures.waited_half <= (pictures.waited_most or 0) < 60
        assert (by_queue["appeals"].opened, by_queue["appeals"].decided) == (1, 1)
        own = table.numbers.own(ada, LONG_AGO)
        assert (own.actions, own.appealed, own.overturned) == ({"decide": 1}, 1, 1)
        assert [day.decided for day in own.days] == [1]
        assert table.numbers.own(ben, LONG_AGO).appealed == 0
        (today,) = table.numbers.days(LONG_AGO)
        assert (today.opened, today.decided) == (3, 2)

    def test_before_and_after_the_time_asked_for(self, table: Table, ada: Person, ben: Person) -> None:
        differ(table, ada, ben, "block", "allow")
        future = "2999-01-01T00:00:00.000000+00:00"
        assert (table.agreement.looked(future).pairs, table.numbers.queues(future)) == ([], [])
        assert table.numbers.own(ada, future).actions == {}


def test_a_case_that_is_open_again_is_no_copy_of_itself(table: Table, ada: Person, ben: Person) -> None:
    """What a lifted ban brings back reopens the first case, not the copy that waits beside it."""
    (picture,) = table.hold()
    table.say(ada, "block")
    with reading(table.engine) as session:
        (original, copy) = table.all_cases()
        found = gates_case(session, original.request_id)
        assert found
        assert found.id == original.id
        assert session.get_one(CaseRow, copy.id).again_of == original.id
    assert table.states([picture]) == [State.WITHHELD]


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
