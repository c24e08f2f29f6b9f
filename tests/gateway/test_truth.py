"""What people found in the end is the truth that gates are measured by; on every database."""

from collections import Counter
from collections.abc import Iterator

import pytest
from sqlmodel import select

from gateway.store.engine import open_engine, reading
from gateway.store.listing import Filters
from gateway.store.people import Person, Role
from gateway.store.reports import Reported, ReportReason, Reports
from gateway.store.tables import PictureRow
from gateway.store.together import NEVER
from policies.queues import Source
from policies.signals import Category, Stage
from tests.gateway.agreement_parts import ALWAYS, Table
from tests.gateway.test_ledger import released_request


@pytest.fixture
def table(database: str) -> Iterator[Table]:
    engine = open_engine(database)
    yield Table(engine, NEVER)
    engine.dispose()


@pytest.fixture
def ada(table: Table) -> Person:
    return table.person("ada")


@pytest.fixture
def ben(table: Table) -> Person:
    return table.person("ben")


def kinds(table: Table) -> list[tuple[str, str, str]]:
    return [(truth.decision.stage, truth.kind, truth.category) for truth in table.judged.truths()]


def test_what_was_held_is_rightly_or_wrongly_so(table: Table, ada: Person) -> None:
    pictures = table.hold(2)
    assert kinds(table) == []  # nobody has said anything yet
    table.say(ada, dict(zip(pictures, ("block", "allow"), strict=True)))
    assert kinds(table) == [("picture", "true_positive", "gore"), ("picture", "false_positive", "gore")]


def test_a_prompt_that_its_gate_held_is_what_became_of_its_pictures(table: Table, ada: Person) -> None:
    table.hold(2, by_prompt=True)
    table.say(ada, "allow")
    assert kinds(table)[0] == ("prompt", "false_positive", "gore")
    assert kinds(table)[1:] == [("picture", "true_negative", "")] * 2
    pictures = table.hold(2, by_prompt=True)
    table.say(ada, dict(zip(pictures, ("allow", "block"), strict=True)))
    assert Counter(kinds(table)) == {
        ("prompt", "false_positive", "gore"): 1, ("prompt", "true_positive", "gore"): 1,
        ("picture", "true_negative", ""): 3, ("picture", "false_negative", "gore"): 1,
    }  # fmt: skip


def test_an_appeal_has_the_last_word(table: Table, ada: Person, ben: Person) -> None:
    (picture,) = table.hold()
    table.say(ada, "block")
    table.appeals.file(table.decision_of(picture).id, "Look again.", "en")
    assert kinds(table) == []  # it waits for a person again
    table.say(ben, "allow", Filters(source=Source.APPEAL))
    assert kinds(table) == [("picture", "false_positive", "gore")]


def test_a_senior_who_settles_a_disagreement_has_it_too(table: Table, ada: Person, ben: Person) -> None:
    table.shares = ALWAYS
    table.hold()
    table.say(ada, "block")
    assert kinds(table) == [("picture", "true_positive", "gore")]  # that somebody looks again tells nobody anything
    table.say(ben, "allow")
    assert kinds(table) == []
    table.say(table.person("sue", Role.SENIOR), "allow")
    assert kinds(table) == [("picture", "false_positive", "gore")]


def test_a_report_shows_what_was_let_through(table: Table, ada: Person) -> None:
    for answer in ("block", "allow"):
        request_id = released_request(table.decisions, answer)
        (picture,) = [row.id for row in _pictures(table, request_id)]
        Reports(table.engine).report(
            Reported(picture, ReportReason.VIOLENCE, "", f"someone {answer}"), {Category.VIOLENCE: 3}
        )
        table.say(ada, answer)
    assert Counter(kind for _, kind, _ in kinds(table)) == {"false_negative": 1, "true_negative": 1}


def test_erased_sentences_stay_out(table: Table, ada: Person) -> None:
    table.hold()
    table.say(ada, "block")
    table.erase_prompts()
    assert (kinds(table), table.judged.decisions(10)) == ([], [])


def test_what_may_show_a_child_says_so(table: Table, ada: Person) -> None:
    table.hold(category=Category.SEXUAL_MINORS)
    table.hold()
    for _ in range(2):
        table.say(ada, "block")
    assert sorted(truth.restricted for truth in table.judged.truths()) == [False, True]


def test_the_newest_decisions_of_gates_are_listed_whether_anybody_judged_them_or_not(table: Table, ada: Person) -> None:
    table.hold()
    table.say(ada, "block")
    table.hold()
    found = table.judged.decisions(3)
    assert [row.stage for row in found] == [Stage.PICTURE, Stage.PROMPT, Stage.PICTURE]
    assert not any(row.decided_by for row in found)


def _pictures(table: Table, request_id: str) -> list[PictureRow]:
    with reading(table.engine) as session:
        return list(session.exec(select(PictureRow).where(PictureRow.request_id == request_id)))
