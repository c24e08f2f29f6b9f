# ruff: noqa: S608 (the tests play somebody who edits the database by hand)
"""The ledger is whole, or names the row that is not (reference 4.4, row 83): on every database."""

import json
import multiprocessing
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlmodel import select

from gateway.store import ledger
from gateway.store.decisions import Decisions, Judgement, KeptPicture, Received, State
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.ids import new_id
from gateway.store.tables import LedgerRow
from policies.identity import ModelIdentity
from policies.signals import Category, Signal, Stage
from policies.verdict import Action, PolicyStamp, Verdict

POLICY = PolicyStamp("small", 1, "a" * 64)
SHA256 = "b" * 64


def judgement(stage: Stage, action: Action = Action.ALLOW) -> Judgement:
    signals = [Signal("blocklist", Category.SEXUAL, 0.25, evidence="the word cat")]
    index, sha256 = (0, SHA256) if stage is Stage.PICTURE else (None, None)
    return Judgement(stage, signals, {"a": 0.5}, POLICY, [ModelIdentity("m", "c" * 64)], 0.01,
                     Verdict(action, stage, POLICY), picture_index=index, picture_sha256=sha256)  # fmt: skip


def released_request(decisions: Decisions, prompt: str = "a cat") -> str:
    """One request with one picture, from its first arrow to its last. Returns its id."""
    request_id = decisions.received(Received("key", "k", "openai", "m", prompt, 1, "64x64", 2**63 - 1), POLICY)
    decisions.prompt_judged(request_id, judgement(Stage.PROMPT))
    decisions.generating(request_id)
    picture_id = new_id("img")
    decisions.quarantined(request_id, [KeptPicture(picture_id, 0, SHA256, 7, "png")])
    decisions.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE)}, hold=False)
    decisions.picture_released(picture_id)
    decisions.moved(request_id, State.QUARANTINED, State.PICTURES_JUDGED)
    decisions.finished(request_id, State.RELEASED, "allowed")
    return request_id


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def decisions(engine: Engine) -> Decisions:
    """A book with two finished requests."""
    book = Decisions(engine, "ins", b"key")
    for prompt in ("a cat", "un chien 🐕"):
        released_request(book, prompt)
    return book


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def one(engine: Engine, query: str) -> str:
    with engine.begin() as connection:
        return str(connection.execute(text(query)).scalar_one())


def without_triggers(engine: Engine) -> None:
    """What somebody does who has the database to himself."""
    if engine.dialect.name == "postgresql":
        run(engine, "ALTER TABLE ledger DISABLE TRIGGER ALL", "ALTER TABLE decisions DISABLE TRIGGER ALL")
        return
    with engine.begin() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in names:
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("PRAGMA defer_foreign_keys = ON"))


def verified(engine: Engine) -> ledger.Broken | None:
    with reading(engine) as session:
        return ledger.verify(session)


def test_what_was_written_in_order_verifies(decisions: Decisions, engine: Engine) -> None:
    assert verified(engine) is None
    assert int(one(engine, "SELECT count(*) FROM ledger")) == 2 * 11


def test_an_empty_ledger_is_whole(engine: Engine) -> None:
    assert verified(engine) is None


LAST_DECISION = "(SELECT max(id) FROM decisions)"
LAST_PICTURE = "(SELECT max(id) FROM pictures)"
FORGED_DECISION = """
INSERT INTO decisions (id, request_id, stage, action, categories, reasons, signals, thresholds, models, policy,
                       policy_sha256, seconds, created_at)
SELECT 'dec_forged', request_id, stage, 'allow', categories, reasons, signals, thresholds, models, policy,
       policy_sha256, seconds, created_at FROM decisions LIMIT 1
"""
FORGED_ROW = """
INSERT INTO ledger (seq, at, kind, subject, facts, prev_hash, hash)
SELECT seq + 1, at, 'moved', subject, '{"state":"released"}', hash, '%s' FROM ledger ORDER BY seq DESC LIMIT 1
""" % ("0" * 64)

# edit -> (statements, whose id is named, or the row itself)
EDITS: dict[str, tuple[list[str], str]] = {
    "ledger_facts": (['UPDATE ledger SET facts = \'{"state":"held"}\' WHERE seq = 4'], "ledger row 4"),
    "ledger_time": (["UPDATE ledger SET at = '2020-01-01T00:00:00.000000+00:00' WHERE seq = 7"], "ledger row 7"),
    "ledger_hash": (["UPDATE ledger SET hash = prev_hash WHERE seq = 5"], "ledger row 5"),
    "ledger_deleted": (["DELETE FROM ledger WHERE seq = 3"], "ledger row 3"),
    "ledger_begins_later": (["DELETE FROM ledger WHERE seq = 1"], "ledger row 1"),
    "ledger_reordered": (
        [
            "UPDATE ledger SET seq = 1000 WHERE seq = 8",
            "UPDATE ledger SET seq = 8 WHERE seq = 9",
            "UPDATE ledger SET seq = 9 WHERE seq = 1000",
        ],
        "ledger row 8",
    ),
    "ledger_forged_row": ([FORGED_ROW], "ledger row 23"),
    "decision_action": (["UPDATE decisions SET action = 'block' WHERE id = SUBJECT"], LAST_DECISION),
    "decision_signals": (["UPDATE decisions SET signals = '[]' WHERE id = SUBJECT"], LAST_DECISION),
    "decision_policy": (["UPDATE decisions SET policy = 'lenient@9' WHERE id = SUBJECT"], LAST_DECISION),
    "decision_deleted": (
        ["UPDATE pictures SET decision_id = NULL", "DELETE FROM decisions WHERE id = SUBJECT"],
        LAST_DECISION,
    ),
    "decision_forged": ([FORGED_DECISION], "decision dec_forged"),
    "prompt": (["UPDATE requests SET prompt = 'a naked man' WHERE id = SUBJECT"], "(SELECT max(id) FROM requests)"),
    "prompt_without_its_salt": (
        ["UPDATE requests SET prompt = 'another', prompt_salt = NULL WHERE id = SUBJECT"],
        "(SELECT max(id) FROM requests)",
    ),
    "decision_time_no_number": (
        ["UPDATE decisions SET seconds = CAST('Infinity' AS DOUBLE PRECISION) WHERE id = SUBJECT"],
        LAST_DECISION,
    ),
    "caller": (["UPDATE requests SET caller_id = 'other' WHERE id = SUBJECT"], "(SELECT max(id) FROM requests)"),
    "request_state": (["UPDATE requests SET state = 'held' WHERE id = SUBJECT"], "(SELECT max(id) FROM requests)"),
    "picture_state": (["UPDATE pictures SET state = 'withheld' WHERE id = SUBJECT"], LAST_PICTURE),
    "picture_bytes": ([f"UPDATE pictures SET sha256 = '{'d' * 64}' WHERE id = SUBJECT"], LAST_PICTURE),
    "picture_decision": (["UPDATE pictures SET decision_id = NULL WHERE id = SUBJECT"], LAST_PICTURE),
    "picture_deleted": (["DELETE FROM pictures WHERE id = SUBJECT"], LAST_PICTURE),
}


@pytest.mark.parametrize("edit", EDITS)
def test_f83_an_edit_with_raw_sql_is_named(edit: str, decisions: Decisions, engine: Engine) -> None:
    statements, named = EDITS[edit]
    if named.startswith("("):
        named = one(engine, f"SELECT {named}")
    without_triggers(engine)
    run(engine, *(statement.replace("SUBJECT", f"'{named}'") for statement in statements))
    broken = verified(engine)
    assert broken is not None
    assert broken.row.endswith(named)
    assert broken.why


def test_f83_a_tail_that_was_cut_off_is_noticed_by_the_rows_it_recorded(decisions: Decisions, engine: Engine) -> None:
    released_request(decisions)
    without_triggers(engine)
    run(engine, "DELETE FROM ledger WHERE seq > 22")
    broken = verified(engine)
    assert broken is not None
    assert (broken.row.split()[0], broken.why) == ("request", "is not in the ledger")


def test_f83_a_row_forged_with_a_right_hash_does_not_release_a_picture_that_was_refused(engine: Engine) -> None:
    book = Decisions(engine, "ins", b"key")
    request_id = book.received(Received("key", "k", "openai", "m", "a cat", 1, "64x64", 1), POLICY)
    book.prompt_judged(request_id, judgement(Stage.PROMPT))
    picture_id = new_id("img")
    book.quarantined(request_id, [KeptPicture(picture_id, 0, SHA256, 7, "png")])
    book.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE, Action.BLOCK)}, hold=False)
    assert verified(engine) is None
    with transaction(engine, "forge") as session:
        ledger.append(session, "moved", picture_id, {"state": "released"})
    run(engine, f"UPDATE pictures SET state = 'released' WHERE id = '{picture_id}'")
    broken = verified(engine)
    assert broken is not None
    assert picture_id in broken.row


def test_f83_facts_that_are_no_record_of_ours_are_named_not_tripped_over(engine: Engine) -> None:
    with transaction(engine, "forge") as session:
        ledger.append(session, "received", "req_x", {})
        row = session.get_one(LedgerRow, 1)
        row.facts = "nonsense"
        row.hash = ledger.hash_of(row)
        session.expunge(row)
        session.rollback()
    run(
        engine,
        f"INSERT INTO ledger VALUES (1, '{row.at}', 'received', 'req_x', 'nonsense', '{'0' * 64}', '{row.hash}')",
    )
    assert verified(engine) == ledger.Broken("ledger row 1", "is not of our making")


REFUSED = [
    "UPDATE ledger SET facts = '{}' WHERE seq = 1",
    "DELETE FROM ledger",
    "UPDATE decisions SET action = 'allow'",
    "DELETE FROM decisions",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_f83_the_database_itself_refuses_changes(statement: str, decisions: Decisions, engine: Engine) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        run(engine, statement)
    assert verified(engine) is None


def test_f83_replacing_or_emptying_is_refused_too(decisions: Decisions, engine: Engine) -> None:
    sqlite = "INSERT OR REPLACE INTO ledger SELECT seq, at, kind, subject, '{}', prev_hash, hash FROM ledger LIMIT 1"
    with pytest.raises(DBAPIError, match="append-only"):
        run(engine, sqlite if engine.dialect.name == "sqlite" else "TRUNCATE ledger")


def test_f89_erasing_what_a_person_wrote_leaves_the_ledger_whole(decisions: Decisions, engine: Engine) -> None:
    run(
        engine,
        "UPDATE requests SET prompt = NULL, prompt_salt = NULL",
        "UPDATE decisions SET evidence = NULL",
    )
    assert verified(engine) is None
    assert "cat" not in one(engine, "SELECT facts FROM ledger WHERE seq = 1")
    released_request(decisions)
    assert verified(engine) is None


def test_the_chain_holds_no_word_of_a_prompt(decisions: Decisions, engine: Engine) -> None:
    with reading(engine) as session:
        rows = [row.model_dump_json() for row in session.exec(select(LedgerRow))]
    assert not any(re.search("cat|chien", row) for row in rows)


def test_equal_prompts_have_unlike_digests(engine: Engine) -> None:
    book = Decisions(engine, "ins", b"key")
    released_request(book)
    released_request(book)
    assert one(engine, "SELECT count(DISTINCT prompt_digest) FROM requests") == "2"


def test_canonical_json_refuses_what_json_has_no_number_for() -> None:
    assert ledger.canonical({"b": 1, "a": "é"}) == '{"a":"\\u00e9","b":1}'
    with pytest.raises(ValueError, match="JSON"):
        ledger.canonical(float("nan"))


def test_verifying_while_others_write_sees_one_moment(decisions: Decisions, engine: Engine) -> None:
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            released_request(decisions)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert [verified(engine) for _ in range(8)] == [None] * 8
    finally:
        done.set()
        writer.join()


def _write_some(url: str, count: int) -> None:
    engine = open_engine(url)
    for _ in range(count):
        released_request(Decisions(engine, new_id("ins"), b"key"))
    engine.dispose()


def test_two_processes_that_write_at_once_keep_it_whole(database: str, engine: Engine) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_some, args=(database, 5)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert verified(engine) is None
    assert int(one(engine, "SELECT count(*) FROM ledger")) == 10 * 11


def test_a_transaction_that_fails_leaves_neither_fact_nor_record(decisions: Decisions, engine: Engine) -> None:
    before = one(engine, "SELECT count(*) FROM ledger")

    def fail() -> None:
        with transaction(engine, "test") as session:
            ledger.append(session, "moved", "req_x", {"state": "held"})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert one(engine, "SELECT count(*) FROM ledger") == before


def test_facts_are_kept_as_the_very_characters_that_were_hashed(decisions: Decisions, engine: Engine) -> None:
    facts = one(engine, "SELECT facts FROM ledger WHERE kind = 'decided' AND seq = 2")
    assert facts == ledger.canonical(json.loads(facts))


def test_an_unknown_kind_of_database_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(SQLAlchemyError):
        open_engine("nonsense://nowhere")
