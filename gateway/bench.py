"""How long each stage of a request takes, on the whole path with the models in force."""

import asyncio
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from gateway.assembly import House, build_house
from gateway.auth import Caller
from gateway.generation import Asked
from gateway.settings import Settings
from gateway.store.engine import open_engine, reading
from gateway.store.tables import DecisionRow, LedgerRow

PROMPTS = ("a cat", "a firefighter and a dog", "un chat sur la lune", "a red apple on the beach", "deux oiseaux")
CALLER = Caller("terminal", "bench")


def measure_requests(requests: int) -> dict[str, Any]:
    """Seconds per stage (median and worst), start-up seconds and resident memory in MB."""
    with tempfile.TemporaryDirectory() as data:
        started = time.perf_counter()
        settings = Settings(data=Path(data), requests_per_minute=10_000)
        house = build_house(settings)
        startup = time.perf_counter() - started
        totals = asyncio.run(_run(house, requests + 1))[1:]  # the first request warms caches up
        stages = _stages(settings)
    return {
        "start_s": startup,
        "resident_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "requests": requests,
        "stages": {name: _summary(seconds) for name, seconds in stages.items()} | {"whole request": _summary(totals)},
    }


async def _run(house: House, requests: int) -> list[float]:
    totals = []
    async with house:
        for i in range(requests):
            started = time.perf_counter()
            asked = Asked(
                PROMPTS[i % len(PROMPTS)], 9, house.generator.sizes[0], house.generator.identity.name, "bench"
            )
            await house.pipeline.run(asked, CALLER)
            totals.append(time.perf_counter() - started)
    return totals


def _stages(settings: Settings) -> dict[str, list[float]]:
    """The gates' times from the decisions themselves, the rest from the ledger's own clock."""
    with reading(open_engine(settings.database)) as session:
        decisions = session.exec(select(DecisionRow)).all()
        moves = session.exec(select(LedgerRow).order_by(col(LedgerRow.seq))).all()
    first = min(row.request_id for row in decisions if row.created_at == min(d.created_at for d in decisions))
    kept = [row for row in decisions if row.request_id != first]
    return {
        "prompt gate": [row.seconds for row in kept if row.stage == "prompt"],
        "picture gate, each group": [row.seconds for row in kept if row.stage == "picture" and row.picture_index == 0],
        "ledger rows per request": [len(moves) / len({row.request_id for row in decisions})],
    }


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "worst": max(seconds)}


def table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'stage':28}{'median':>10}{'worst':>10}"]
    lines += [f"{name:28}{row['median']:10.3f}{row['worst']:10.3f}" for name, row in measured["stages"].items()]
    lines.append(f"start {measured['start_s']:.1f} s, resident {measured['resident_mb']:.0f} MB")
    return "\n".join(lines)
