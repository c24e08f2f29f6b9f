"""The book: one committed step per arrow, on every database; and what happens when it cannot be written."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway.assembly import migrate
from gateway.errors import DatabaseUnavailable, StorageFull
from gateway.store.decisions import Decisions, KeptPicture, Received, State, WrongArrow
from gateway.store.engine import open_engine, with_driver
from gateway.store.ids import new_id
from gateway.store.instances import Instance
from policies.signals import Stage
from policies.verdict import Action
from tests.gateway.test_ledger import POLICY, SHA256, judgement, released_request

ASKED = Received("key", "k", "openai", "m", "a cat", 1, "64x64", 2**63 - 1, "someone")


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def decisions(engine: Engine) -> Decisions:
    return Decisions(engine, "ins", b"key")


def test_a_view_tells_a_request_with_its_pictures_and_decisions(decisions: Decisions) -> None:
    view = decisions.view(released_request(decisions, "un chien 🐕"))
    assert view is not None
    assert (view.prompt, view.state, view.outcome, view.asked) == ("un chien 🐕", "released", "allowed", 1)
    assert view.finished_at is not None
    assert view.finished_at >= view.created_at
    (picture,) = view.pictures
    assert (picture.index, picture.state, picture.seed) == (0, "released", 7)
    assert picture.image_id
    assert decisions.view("req_unknown") is None


def test_a_decision_read_back_is_the_one_written(decisions: Decisions) -> None:
    request_id = decisions.received(ASKED, POLICY)
    row = decisions.decision(decisions.prompt_judged(request_id, judgement(Stage.PROMPT, Action.LABEL)).id)
    assert row is not None
    assert (row.action, row.policy, row.policy_sha256, row.seconds) == ("label", "small@1", "a" * 64, 0.01)
    assert row.signals == '[{"calibrated":true,"score":0.25,"source":"blocklist","subject":"sexual"}]'


@pytest.mark.parametrize("state", [State.RELEASED, State.HELD, State.QUARANTINED, State.GENERATING])
def test_a_request_cannot_leave_out_a_step(state: State, decisions: Decisions) -> None:
    request_id = decisions.received(ASKED, POLICY)
    with pytest.raises(WrongArrow):
        decisions.moved(request_id, state)


def test_what_is_over_stays_over(decisions: Decisions) -> None:
    request_id = released_request(decisions)
    with pytest.raises(WrongArrow):
        decisions.finished(request_id, State.ABORTED, "error")
    assert decisions.broken_ledger() is None


@pytest.mark.parametrize("action", [Action.BLOCK, Action.ESCALATE, Action.REVIEW])
def test_a_picture_without_a_decision_that_lets_it_pass_cannot_be_released(
    action: Action, decisions: Decisions
) -> None:
    request_id, picture_id = decisions.received(ASKED, POLICY), new_id("img")
    decisions.quarantined(request_id, [KeptPicture(picture_id, 0, SHA256, 7, "png")])
    decisions.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE, action)}, hold=False)
    with pytest.raises(WrongArrow):
        decisions.picture_released(picture_id)


def test_a_decision_about_other_bytes_releases_nothing(decisions: Decisions) -> None:
    request_id, picture_id = decisions.received(ASKED, POLICY), new_id("img")
    decisions.quarantined(request_id, [KeptPicture(picture_id, 0, "e" * 64, 7, "png")])
    decisions.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE)}, hold=False)
    with pytest.raises(WrongArrow):
        decisions.picture_released(picture_id)


def test_only_requests_of_dead_processes_are_ended(decisions: Decisions, engine: Engine) -> None:
    mine = decisions.received(ASKED, POLICY)
    theirs = Decisions(engine, "dead", b"key").received(ASKED, POLICY)
    finished = released_request(decisions)
    assert decisions.unfinished_instances() == {"ins", "dead"}
    assert decisions.abort_orphans({"ins": True, "dead": False}) == [theirs]
    views = [decisions.view(request_id) for request_id in (mine, theirs, finished)]
    assert [view and view.state for view in views] == ["received", "aborted", "released"]
    assert decisions.broken_ledger() is None


def test_a_process_is_alive_as_long_as_it_holds_its_file(tmp_path: Path) -> None:
    with Instance(tmp_path) as first:
        second = Instance(tmp_path)
        assert second.is_alive(first.id)
        assert second.is_alive(second.id)
        assert not second.is_alive("ins_unknown")
    assert not second.is_alive(first.id)
    second.close()


def test_the_newest_decisions_come_first(decisions: Decisions) -> None:
    released_request(decisions)
    assert [row.stage for row in decisions.latest(5)] == ["picture", "prompt"]
    assert len(decisions.latest(1)) == 1


def test_f79_a_database_that_is_gone_is_told_as_unavailable(tmp_path: Path) -> None:
    decisions = Decisions(open_engine(f"sqlite:///{tmp_path / 'none' / 'gardefou.db'}"), "ins", b"key")
    with pytest.raises(DatabaseUnavailable):
        decisions.received(ASKED, POLICY)


@pytest.mark.postgres
def test_f79_a_server_that_is_gone_is_told_as_unavailable(postgres: str) -> None:
    nowhere = postgres.replace("127.0.0.1:", "127.0.0.1:1")[:60].rpartition("/")[0] + "/none"
    decisions = Decisions(open_engine(nowhere), "ins", b"key")
    with pytest.raises(DatabaseUnavailable):
        decisions.received(ASKED, POLICY)


@pytest.fixture
def sqlite_file(tmp_path: Path) -> Path:
    path = tmp_path / "gardefou.db"
    migrate(f"sqlite:///{path}")
    return path


def test_f78_a_locked_database_is_waited_for(sqlite_file: Path) -> None:
    decisions = Decisions(open_engine(f"sqlite:///{sqlite_file}"), "ins", b"key")
    decisions.probe()
    other = sqlite3.connect(sqlite_file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    unlock = threading.Timer(0.3, lambda: other.execute("COMMIT"))
    unlock.start()
    assert decisions.received(ASKED, POLICY)
    unlock.join()
    other.close()


def test_f77_a_full_disk_is_told_and_recovers_by_itself(sqlite_file: Path) -> None:
    engine = open_engine(f"sqlite:///{sqlite_file}")
    decisions = Decisions(engine, "ins", b"key")

    def limit(pages: str) -> None:
        with engine.connect() as connection:
            connection.execute(text(f"PRAGMA max_page_count = {pages}"))

    def fill() -> None:
        for _ in range(200):
            released_request(decisions)

    limit("1")  # SQLite takes the present size for a smaller number
    with pytest.raises(StorageFull):
        fill()
    limit("1000000")
    released_request(decisions)
    engine.dispose()


def test_sqlite_survives_a_power_cut(sqlite_file: Path) -> None:
    with open_engine(f"sqlite:///{sqlite_file}").connect() as connection:
        pragmas = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert pragmas == ["wal", 2, 1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////data/x.db", "sqlite:////data/x.db"),
    ],
)
def test_a_url_names_the_driver_that_is_installed(url: str, expected: str) -> None:
    assert with_driver(url) == expected
