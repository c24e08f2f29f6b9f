"""The worker killed, hung and out of memory in turn, under load: what everybody else sees (reference 4.4, row 67)."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.processes import ask, query, service_of, verify, wait_for
from tests.wire import GENERATIONS, assert_error

LIMIT_S = 8
FAULTS = ("killed", "stall", "grow")  # the last two are prompts that tests.generator.hostile obeys
ALWAYS = ("/livez", "/v1/moderations")
CANARY = "canary7f3a9e"


@dataclass
class Load:
    """Clients that go on asking until told to stop; what they were answered, by what they asked for."""

    client: httpx.Client
    over: threading.Event = field(default_factory=threading.Event)
    answers: dict[str, list[httpx.Response]] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: dict[str, object] | None = None) -> None:
        seen = self.answers.setdefault(path, [])
        while not self.over.wait(0.05):
            seen.append(self.client.request(method, path, json=body))

    @contextmanager
    def going_on(self) -> Iterator["Load"]:
        asked = [
            ("GET", "/livez"),
            ("POST", "/v1/moderations", {"input": "a cat"}),
            ("POST", GENERATIONS, {"prompt": "a dog", "n": 2}),
        ]
        threads = [threading.Thread(target=self.ask, args=args) for args in asked]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in threads:
                thread.join()


@dataclass
class Day:
    """What happened to a service whose worker was ended in every way, and which was then told to stop.

    faults: what whoever asked for the fault was told. next: what the first request after it was told. meanwhile: how
    often others were answered before that. workers: their process ids.
    """

    data: Path
    log: Path
    load: Load = field(init=False)
    faults: dict[str, httpx.Response] = field(default_factory=dict)
    next: dict[str, httpx.Response] = field(default_factory=dict)
    meanwhile: dict[str, int] = field(default_factory=dict)
    workers: list[int] = field(default_factory=list)
    metrics: str = ""
    last: httpx.Response | None = None
    exit_code: int | None = None


def worker_of(service: int) -> int:
    """The process id of a service's worker."""
    told = Path(f"/proc/{service}/task").glob("*/children")
    return int(next(pid for path in told for pid in path.read_text().split()))


def draw(client: httpx.Client, prompt: str) -> httpx.Response:
    return client.post(GENERATIONS, json={"prompt": f"{prompt} {CANARY}"})


def killed(data: Path, client: httpx.Client, worker: int) -> httpx.Response:
    """What whoever's pictures were being drawn was told."""
    answers: list[httpx.Response] = []
    asking = ask(client, f"slow {CANARY}", 1, answers)
    wait_for(lambda: query(data, "SELECT id FROM requests WHERE prompt LIKE 'slow%' AND state = 'generating'"))
    time.sleep(1)  # its turn in the line
    os.kill(worker, signal.SIGKILL)
    asking.join()
    return answers[0]


def live_through(day: Day, service: int, client: httpx.Client) -> None:
    """Each fault in turn, while others go on asking."""
    with day.load.going_on() as load:
        for fault in FAULTS:
            before = {path: len(load.answers[path]) for path in ALWAYS}
            day.workers.append(worker_of(service))
            is_kill = fault == "killed"
            day.faults[fault] = killed(day.data, client, day.workers[-1]) if is_kill else draw(client, fault)
            day.next[fault] = draw(client, "a cat")
            day.meanwhile[fault] = min(len(load.answers[path]) - before[path] for path in ALWAYS)


def stop(day: Day, process: "subprocess.Popen[bytes]", client: httpx.Client) -> None:
    """SIGTERM while a picture is drawn."""
    answers: list[httpx.Response] = []
    day.workers.append(worker_of(process.pid))
    asking = ask(client, "slow again", 1, answers)
    wait_for(lambda: query(day.data, "SELECT id FROM requests WHERE state = 'generating'"))
    process.send_signal(signal.SIGTERM)
    asking.join()
    day.last, day.exit_code = answers[0], process.wait(30)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("worker")
    day = Day(folder / "data", folder / "log")
    with (
        day.log.open("wb") as log,
        service_of("tests.end_to_end.hostile_service", day.data, str(LIMIT_S), log=log.fileno()) as (process, client),
    ):
        day.load = Load(client)
        assert draw(client, "a cat").status_code == 200
        live_through(day, process.pid, client)
        day.metrics = client.get("/metrics").text
        stop(day, process, client)
    return day


@pytest.mark.parametrize("fault", FAULTS)
def test_f67_whose_pictures_were_being_drawn_is_told_503_and_the_next_request_works(day: Day, fault: str) -> None:
    assert_error(day.faults[fault], 503, "generation_failed")
    assert day.next[fault].status_code == 200
    assert len(day.next[fault].json()["data"]) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_f67_everything_else_is_answered_meanwhile(day: Day, fault: str) -> None:
    assert day.meanwhile[fault] > 0
    assert {answer.status_code for path in ALWAYS for answer in day.load.answers[path]} == {200}


def test_f67_others_get_their_pictures_or_are_told_that_it_failed(day: Day) -> None:
    answers = day.load.answers[GENERATIONS]
    assert {answer.status_code for answer in answers} <= {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            assert_error(answer, 503, "generation_failed")
    assert sum(answer.status_code == 200 for answer in answers) > len(answers) / 2


def test_f67_every_row_has_its_end_and_the_ledger_is_whole(day: Day) -> None:
    ends = query(day.data, "SELECT DISTINCT state, outcome, error_code FROM requests WHERE surface = 'openai'")
    assert sorted(ends, key=str) == [("aborted", "error", "generation_failed"), ("released", "allowed", None)]
    assert verify(day.data) == (0, {"ok": True, "row": None, "why": None})


def test_f67_operators_see_what_became_of_the_workers(day: Day) -> None:
    for reason in ("crashed", "hung", "memory"):
        assert f'gateway_worker_ends_total{{reason="{reason}"}} 1.0' in day.metrics
    assert "gateway_worker_up 1.0" in day.metrics
    log = day.log.read_text()
    assert "ended by signal: Killed" in log
    assert f"no picture within {LIMIT_S} s" in log
    assert "256 MB are allowed" in log


def test_a58_no_word_that_a_user_typed_is_in_the_log_of_a_crash(day: Day) -> None:
    assert CANARY not in day.log.read_text()


def test_f87_sigterm_lets_the_worker_finish_what_it_draws_and_takes_it_along(day: Day) -> None:
    assert day.last
    assert (day.last.status_code, day.exit_code) == (200, 0)
    assert len(set(day.workers)) == len(FAULTS) + 1
    assert [pid for pid in day.workers if Path(f"/proc/{pid}").exists()] == []
