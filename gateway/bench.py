"""How long each stage of a request takes, on the whole path with the models in force.

The ledger's own clock tells: what lies between two rows was spent on the stage that the second one ends. The stages of
a request add up to its whole time. While a group of pictures is judged and released, the next is already being drawn.
"""

import asyncio
import json
import resource
import statistics
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from gateway.assembly import House, build_house
from gateway.auth import Caller
from gateway.errors import ContentRefused
from gateway.generation import Asked
from gateway.settings import Settings
from gateway.store.decisions import State
from gateway.store.engine import open_engine, reading
from gateway.store.tables import DecisionRow, LedgerRow

PROMPTS = ("a cat", "a firefighter and a dog", "un chat sur la lune", "a red apple on the beach", "deux oiseaux")
PICTURES = 9
CALLER = Caller("terminal", "bench")
RECEIVE, PROMPT, PLACE, DRAW = "receive", "prompt gate", "place in line", "wait, draw, encode, quarantine"
PICTURE, RELEASE, END, WHOLE = "picture gate", "release", "end", "whole request"
STAGES = (RECEIVE, PROMPT, PLACE, DRAW, PICTURE, RELEASE, END)
MEMORY_UNIT = 1024  # Linux tells the peak in KiB


@dataclass(frozen=True, slots=True)
class Span:
    """When a request was asked for and when it was answered, UTC."""

    began: datetime
    ended: datetime


def measure_requests(requests: int) -> dict[str, Any]:
    """Seconds per stage of a request for nine pictures (median and worst), start-up seconds and peak memory in MB."""
    with tempfile.TemporaryDirectory() as data:
        started = time.perf_counter()
        house = build_house(Settings(data=Path(data), requests_per_minute=10_000, database_url=None))
        start_s = time.perf_counter() - started
        return {"start_s": start_s, **measure(house, requests)}


def measure(house: House, requests: int) -> dict[str, Any]:
    """The same of a house over an empty database, after one request that warms caches up."""
    spans = asyncio.run(_run(house, requests + 1))[1:]
    walks = _walks(house, spans)
    stages = {name: _summary([walk[name] for walk in walks]) for name in STAGES}
    whole = _summary([(span.ended - span.began).total_seconds() for span in spans])
    return {
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEMORY_UNIT,
        "requests": requests,
        "pictures": PICTURES,
        "stages": stages | {WHOLE: whole},
    }


async def _run(house: House, requests: int) -> list[Span]:
    spans = []
    async with house:
        for i in range(requests):
            prompt, model = PROMPTS[i % len(PROMPTS)], house.generator.identity.name
            began = datetime.now(UTC)
            with suppress(ContentRefused):  # the gate keeps all of them back: that counts, and takes as long
                await house.pipeline.run(Asked(prompt, PICTURES, house.generator.sizes[0], model, "bench"), CALLER)
            spans.append(Span(began, datetime.now(UTC)))
    return spans


def _walks(house: House, spans: list[Span]) -> list[dict[str, float]]:
    """Seconds per stage of each request."""
    engine = open_engine(house.settings.database)
    with reading(engine) as session:
        rows = session.exec(select(LedgerRow).order_by(col(LedgerRow.seq))).all()
        kinds = {row.id: row.stage for row in session.exec(select(DecisionRow))}
    engine.dispose()
    marks = [(datetime.fromisoformat(row.at), _stage(row, kinds)) for row in rows]
    return [_seconds([mark for mark in marks if span.began <= mark[0] <= span.ended], span) for span in spans]


def _stage(row: LedgerRow, decision_kinds: dict[str, str]) -> str:
    """The stage that a row of the ledger ends."""
    state = json.loads(row.facts).get("state")
    if row.kind == "decided":
        return PROMPT if decision_kinds[row.subject] == "prompt" else PICTURE
    if row.kind == "moved" and row.subject.startswith("img_"):
        return RELEASE if state == State.RELEASED else PICTURE
    if row.kind == "moved":
        return PLACE if state in (State.PROMPT_JUDGED, State.GENERATING) else END
    return DRAW if row.kind == "picture" else RECEIVE


def _seconds(marks: list[tuple[datetime, str]], span: Span) -> dict[str, float]:
    seconds = dict.fromkeys(STAGES, 0.0)
    before = span.began
    for at, stage in [*marks, (span.ended, END)]:
        seconds[stage] += (at - before).total_seconds()
        before = at
    return seconds


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "worst": max(seconds)}


def table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'seconds':32}{'median':>10}{'worst':>10}"]
    lines += [f"{name:32}{row['median']:10.3f}{row['worst']:10.3f}" for name, row in measured["stages"].items()]
    lines.append(
        f"{measured['requests']} requests of {measured['pictures']} pictures, one after the other; "
        f"start {measured['start_s']:.1f} s, peak memory {measured['peak_mb']:.0f} MB"
    )
    return "\n".join(lines)
