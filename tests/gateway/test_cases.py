"""Cases on every database: one holder at a time, one decision each, and a record that shows any change."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from gateway.desk import Desk
from gateway.errors import LeaseLost
from gateway.store.banned import BannedPictures
from gateway.store.cases import Cases, Said
from gateway.store.decisions import Decisions, KeptPicture, Received, State
from gateway.store.engine import open_engine
from gateway.store.ids import new_id
from gateway.store.image_files import ImageFiles
from gateway.store.lateness import Lateness
from gateway.store.listing import Filters
from gateway.store.people import People, Person, Role
from policies.loader import PolicyInForce, load_policy, shipped_policies
from policies.queues import load_queues
from policies.signals import Category, Stage
from policies.verdict import Action
from tests.gateway.test_ledger import POLICY, SHA256, judgement, run, without_triggers

SAID = Said("decide", POLICY, clause=Category.GORE, reason="breaks_rule", note="un détail")


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def decisions(engine: Engine) -> Decisions:
    return Decisions(engine, "ins", b"key")


@pytest.fixture
def cases(engine: Engine) -> Cases:
    return Cases(engine, lease_s=60, undo_s=0)


def held_request(decisions: Decisions) -> str:
    """One request whose picture waits. Returns the picture's id."""
    request_id = decisions.received(Received("key", "k", "openai", "m", "a cat", 1, "64x64", 7), POLICY)
    decisions.prompt_judged(request_id, judgement(Stage.PROMPT))
    decisions.generating(request_id)
    picture_id = new_id("img")
    decisions.quarantined(request_id, [KeptPicture(picture_id, 0, SHA256, 7, "png")])
    decisions.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE, Action.REVIEW)}, hold=False)
    decisions.moved(request_id, State.QUARANTINED, State.PICTURES_JUDGED)
    decisions.finished(request_id, State.HELD, "held", "content_policy_violation", {Category.SEXUAL: 4})
    return picture_id


def people(engine: Engine, count: int) -> list[Person]:
    return [People(engine).create(f"m{number}", Role.MODERATOR, "hash", "secret") for number in range(count)]


def test_moderators_at_once_never_hold_or_decide_the_same_case(
    engine: Engine, decisions: Decisions, cases: Cases
) -> None:
    for _ in range(12):
        held_request(decisions)

    def work(person: Person) -> list[str]:
        done = []
        while lease := cases.claim_next(person, Filters()):
            (picture,) = cases.read(lease.case_id, person).at_stake
            cases.say(lease, person, replace(SAID, choices={picture.id: "block"}))
            done.append(lease.case_id)
        return done

    with ThreadPoolExecutor(4) as pool:
        done = [case_id for own in pool.map(work, people(engine, 4)) for case_id in own]
    assert len(done) == len(set(done)) == 12
    assert cases.counts().open == 0
    assert decisions.broken_ledger() is None


def test_a_case_goes_back_when_its_lease_ends(engine: Engine, decisions: Decisions) -> None:
    held_request(decisions)
    cases, (one, other) = Cases(engine, lease_s=-1, undo_s=0), people(engine, 2)
    lost = cases.claim_next(one, Filters())
    assert lost
    assert cases.claim_next(other, Filters())
    with pytest.raises(LeaseLost):
        cases.prolong(lost, one)


def test_what_was_said_cannot_be_changed_and_editing_it_by_hand_is_found(
    engine: Engine, decisions: Decisions, cases: Cases
) -> None:
    picture_id, (person,) = held_request(decisions), people(engine, 1)
    lease = cases.claim_next(person, Filters())
    assert lease
    said = cases.say(lease, person, replace(SAID, choices={picture_id: "block"}))
    for statement in ("UPDATE reviews SET clause = 'hate'", "DELETE FROM reviews"):
        with pytest.raises(DBAPIError):
            run(engine, statement)
    run(engine, "UPDATE reviews SET note = NULL, note_salt = NULL")  # erasing is allowed
    assert decisions.broken_ledger() is None
    without_triggers(engine)
    _unguard(engine)
    run(engine, "UPDATE reviews SET clause = 'hate'")
    broken = decisions.broken_ledger()
    assert broken
    assert broken.row == f"review {said.id}"


def _unguard(engine: Engine) -> None:
    if engine.dialect.name == "postgresql":
        run(engine, "ALTER TABLE reviews DISABLE TRIGGER ALL")
        return
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER IF EXISTS reviews_no_UPDATE"))


def test_a_desk_that_meets_what_nobody_foresaw_goes_on_releasing(
    engine: Engine, cases: Cases, decisions: Decisions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policies = PolicyInForce(load_policy(shipped_policies()["default"]))
    banned = BannedPictures(engine, policies)
    desk = Desk(cases, decisions, ImageFiles(tmp_path), policies, banned, lambda: None, Lateness(engine, load_queues()))
    looked: list[int] = []

    def release_due() -> int:
        looked.append(len(looked))
        if len(looked) == 1:
            raise RuntimeError("as told")
        return 0

    monkeypatch.setattr(desk, "release_due", release_due)
    monkeypatch.setattr("gateway.desk.TICK_S", 0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(desk.work(), 2))
    assert len(looked) >= 3
