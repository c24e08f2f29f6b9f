"""What a real server leaves behind when it is killed, and when it is told to stop (reference 4.4, rows 73, 83, 87)."""

import signal
import sqlite3
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.processes import ask, query, service_of, verify, wait_for


def service(
    data: Path, seconds_per_picture: float
) -> AbstractContextManager[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    return service_of("tests.end_to_end.slow_service", data, str(seconds_per_picture))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server that was killed while it drew a request's second picture, and started again."""
    data = tmp_path_factory.mktemp("killed") / "data"
    answers: list[Any] = []
    with service(data, seconds_per_picture=1) as (process, client):
        assert client.post("/v1/images/generations", json={"prompt": "quick"}).status_code == 200
        asking = ask(client, "a cat", 9, answers)
        wait_for(lambda: len(query(data, "SELECT id FROM pictures WHERE state = 'released'")) >= 2)
        process.kill()
        process.wait()
        asking.join()
    assert isinstance(answers[0], httpx.TransportError)
    (unfinished,) = query(data, "SELECT state FROM requests WHERE prompt = 'a cat'")
    assert unfinished == ("generating",)
    with service(data, seconds_per_picture=0) as (_, client):
        again = client.post("/v1/images/generations", json={"prompt": "a dog"})
        assert again.status_code == 200
    return data


def test_f73_a_request_that_was_running_ends_as_aborted(killed: Path) -> None:
    rows = query(killed, "SELECT prompt, state, outcome, error_code FROM requests ORDER BY created_at")
    assert rows == [
        ("quick", "released", "allowed", None),
        ("a cat", "aborted", "error", "crashed"),
        ("a dog", "released", "allowed", None),
    ]


def test_f73_its_decisions_are_kept_and_no_byte_is_released_without_one(killed: Path) -> None:
    stages = query(killed, "SELECT stage FROM decisions JOIN requests r ON r.id = request_id WHERE r.prompt = 'a cat'")
    assert ("prompt",) in stages
    released = query(killed, "SELECT sha256 FROM pictures WHERE state = 'released'")
    allowed = query(killed, "SELECT picture_sha256 FROM decisions WHERE stage = 'picture' AND action = 'allow'")
    assert set(released) <= set(allowed)


def test_f73_the_ledger_is_whole_after_the_crash(killed: Path) -> None:
    assert verify(killed) == (0, {"ok": True, "row": None, "why": None})


def test_f83_a_row_edited_by_hand_is_named_with_exit_code_4(killed: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(killed / "gardefou.db")
    with connection:
        (request_id,) = connection.execute("SELECT id FROM requests WHERE prompt = 'a cat'").fetchone()
        (seq,) = connection.execute("SELECT min(seq) FROM ledger WHERE subject = ?", (request_id,)).fetchone()
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            connection.execute("UPDATE ledger SET at = '2020' WHERE seq = ?", (seq,))
        connection.execute("DROP TRIGGER ledger_no_UPDATE")
        connection.execute("UPDATE ledger SET at = '2020' WHERE seq = ?", (seq,))
    connection.close()
    code, told = verify(killed)
    assert (code, told["ok"], told["row"]) == (4, False, f"ledger row {seq}")
    assert request_id in told["why"]


def test_f87_sigterm_lets_what_runs_come_to_its_end_and_exits_0(tmp_path: Path) -> None:
    answers: list[Any] = []
    data = tmp_path / "data"
    with service(data, seconds_per_picture=1) as (process, client):
        asking = ask(client, "a cat", 2, answers)
        wait_for(lambda: query(data, "SELECT id FROM requests WHERE state = 'generating'"))
        process.send_signal(signal.SIGTERM)
        asking.join()
        assert process.wait(30) == 0
    assert answers[0].status_code == 200
    assert len(answers[0].json()["data"]) == 2
    assert query(data, "SELECT state FROM requests") == [("released",)]
