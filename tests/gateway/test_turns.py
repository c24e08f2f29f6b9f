"""Writers of one database take turns: in the order they came, and nobody waits longer than those before him take."""

import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from gateway.errors import DatabaseUnavailable
from gateway.store import engine as engine_module
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.turns import NoTurn, Turns

WRITERS, WRITES, HOLD_S = 15, 8, 0.01


def test_turns_are_taken_in_the_order_of_arrival() -> None:
    turns, came = Turns(), []

    def take(number: int) -> None:
        with turns.taken(30):
            came.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    with turns.taken(30):
        for expected, thread in enumerate(threads, 1):
            thread.start()
            _wait_for(turns, expected)
    for thread in threads:
        thread.join()
    assert came == list(range(8))


def _wait_for(turns: Turns, waiting: int) -> None:
    deadline = time.monotonic() + 30
    while len(turns._waiting) < waiting:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_who_waited_in_vain_does_not_stop_those_after_him() -> None:
    turns = Turns()
    with turns.taken(30), pytest.raises(NoTurn), turns.taken(0.01):
        pass
    with turns.taken(0.01):
        pass


def test_busy_writers_all_write_and_nobody_is_passed_over(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'book.db'}")
    with transaction(engine, "make") as session:
        session.execute(text("CREATE TABLE told (who INTEGER)"))
    waits: list[float] = []

    def write(who: int) -> None:
        for _ in range(WRITES):
            asked = time.monotonic()
            with transaction(engine, "write") as session:
                waits.append(time.monotonic() - asked)
                session.execute(text("INSERT INTO told VALUES (:who)"), {"who": who})
                time.sleep(HOLD_S)

    started = time.monotonic()
    threads = [threading.Thread(target=write, args=(who,)) for who in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one_round = (time.monotonic() - started) / WRITES
    with reading(engine) as session:
        rows = session.execute(text("SELECT who, count(*) FROM told GROUP BY who")).all()
        written = {row[0]: row[1] for row in rows}
    assert written == dict.fromkeys(range(WRITERS), WRITES)
    assert max(waits) < 3 * one_round  # left to SQLite's busy handler the unluckiest waits for half of all rounds
    engine.dispose()


def test_a_writer_that_never_ends_is_told_to_the_others_and_readers_do_not_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "TURN_PATIENCE_S", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path / 'book.db'}")
    with transaction(engine, "slow") as session:
        session.execute(text("CREATE TABLE told (who INTEGER)"))
        failed: list[Exception] = []
        other = threading.Thread(target=_write_one, args=(engine, failed))
        other.start()
        other.join()
        with reading(engine) as another:
            another.execute(text("SELECT 1"))
    assert [type(error) for error in failed] == [DatabaseUnavailable]
    engine.dispose()


def _write_one(engine: Engine, failed: list[Exception]) -> None:
    try:
        with transaction(engine, "write"):
            pass
    except DatabaseUnavailable as error:
        failed.append(error)
