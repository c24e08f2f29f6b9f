"""Many moderators empty one queue at once: `python -m tests.gateway.many_moderators [MODERATORS CASES]`."""

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from gateway.assembly import House
from tests.gateway.desk_parts import BLOCKING, close_all, desk_parts, hold, opened, program_of
from tests.gateway.walks import Book
from tests.houses import client_of, serving


def many_moderators(house: House, url: str, moderators: int, cases: int) -> list[str]:
    """Fill the queue, and empty it with so many programs at once. Returns the cases that they were told are decided."""
    client = opened(client_of(house, url))
    for _ in range(cases):
        hold(client)
    programs = [program_of(house, url, name=f"m{number}") for number in range(moderators)]
    with ThreadPoolExecutor(moderators) as pool:
        return [case_id for own in pool.map(_work, programs) for case_id in own]


def _work(program: httpx.Client) -> list[str]:
    """Decide whatever comes, until nothing does."""
    done: list[str] = []
    while (lease := _post(program, "/api/v1/reviews/next", {}))["case_id"]:
        path = f"/api/v1/reviews/{lease['case_id']}"
        choice = "block" if len(done) % 2 else "allow"
        said = BLOCKING if choice == "block" else {"reason": "false_alarm"}
        choices = {item["id"]: choice for item in _patiently(lambda: program.get(path))["items"]}  # noqa: B023
        _post(program, f"{path}/decision", {"lease": lease["lease"], "choices": choices, **said})
        done.append(lease["case_id"])
    return done


def _post(program: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    return _patiently(lambda: program.post(path, json=body))


def _patiently(ask: Callable[[], httpx.Response]) -> dict[str, Any]:
    """What comes back, asked again while the database is busy: a repeated decision is the same decision."""
    while (answer := ask()).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        time.sleep(1)
    assert answer.status_code == httpx.codes.OK, answer.text
    return dict(answer.json())


def main(moderators: int = 50, cases: int = 500) -> None:
    """Print what came of it; exit code 1 when a case was decided twice or not at all, or the ledger is broken."""
    settings: dict[str, Any] = {"undo_seconds": 0.1, "gate_seconds": 60, "requests_per_minute": 100_000}
    with tempfile.TemporaryDirectory() as data, serving(Path(data), desk_parts(), **settings) as (house, url):
        started = time.monotonic()
        told = many_moderators(house, url, moderators, cases)
        seconds = time.monotonic() - started
        while "held" in Book(house).picture_states or "quarantined" in Book(house).picture_states:
            time.sleep(1)
        by_people = [row for row in Book(house).decisions if row.decided_by]
        broken = house.decisions.broken_ledger()
        close_all()
        sys.stdout.write(
            f"{moderators} moderators, {cases} cases: {len(set(told))} decided, {len(told) - len(set(told))} twice, "
            f"{len(by_people)} decisions kept, in {seconds:.0f} s; ledger {'broken' if broken else 'whole'}\n"
        )
        sys.exit(not len(told) == len(set(told)) == len(by_people) == cases or broken is not None)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
