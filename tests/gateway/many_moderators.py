"""Many moderators empty one queue at once: `python -m tests.gateway.many_moderators [MODERATORS CASES]`."""

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
    while (lease := program.post("/api/v1/reviews/next", json={}).json())["case_id"]:
        path = f"/api/v1/reviews/{lease['case_id']}"
        choice = "block" if len(done) % 2 else "allow"
        said = BLOCKING if choice == "block" else {"reason": "false_alarm"}
        choices = {item["id"]: choice for item in program.get(path).json()["items"]}
        body = {"lease": lease["lease"], "choices": choices, **said}
        assert program.post(f"{path}/decision", json=body).status_code == 200
        done.append(lease["case_id"])
    return done


def main(moderators: int = 50, cases: int = 500) -> None:
    """Print what came of it; exit code 1 when a case was decided twice or not at all, or the ledger is broken."""
    settings = {"undo_seconds": 0.1, "gate_seconds": 60, "requests_per_minute": 100_000}
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
