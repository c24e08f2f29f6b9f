"""/api/v1/agreement: how far people agree, for programs that act in a person's name; and golden cases.

What is told of a person is told to that person alone: nothing here compares people, or names one.
"""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.agreement import PERIODS, figures_of, since
from gateway.api.body import read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.api.reviews import TheReviewer
from gateway.store.golden import Tally
from gateway.store.people import Duty
from safety.evaluation.agreement import LEAST_CASES

router = APIRouter(prefix="/api/v1/agreement")

MOST_DAYS = 3650
MOST_PICTURES = 100  # of one case
GOLDEN = {"id", "case_id", "created_at"}


class Period(BaseModel):
    """How many days back."""

    model_config = ConfigDict(extra="forbid")

    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = PERIODS[1]
    scope: Literal["all", "own"] = "own"


class GoldenBody(BaseModel):
    """The right answer for each picture of a decided case."""

    model_config = ConfigDict(extra="forbid")

    case_id: Annotated[str, Field(min_length=1, max_length=100)]
    choices: Annotated[dict[str, Literal["allow", "block"]], Field(min_length=1, max_length=MOST_PICTURES)]


@router.get("")
async def read_agreement(request: Request, house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """Agreement by category and week: of everybody's decisions together (scope=all), or of one's own."""
    asked = validated(Period, dict(request.query_params))
    reviewer.require(Duty.SEE_AGREEMENT if asked.scope == "all" else Duty.DECIDE)
    agreement, moment = house.together.agreement, since(asked.days)
    own = partial(agreement.own, reviewer, moment)
    rows, weeks = await to_thread.run_sync(
        figures_of, partial(agreement.looked, moment) if asked.scope == "all" else own
    )
    return {"scope": asked.scope, "days": asked.days, "least_cases": LEAST_CASES,
            "categories": [asdict(row) for row in rows], "weeks": [asdict(week) for week in weeks]}  # fmt: skip


@router.get("/disagreements")
async def list_disagreements(house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """Cases that two people decided otherwise, newest first, and how that ended."""
    reviewer.require(Duty.SEE_AGREEMENT)
    found = await to_thread.run_sync(house.together.agreement.disagreements)
    return {"data": [{"case_id": one.case.id, "category": one.case.category, "state": one.case.state,
                      "opened_at": one.case.opened_at, "sided": one.sided} for one in found]}  # fmt: skip


@router.get("/numbers")
async def read_numbers(request: Request, house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """What came into each queue and was decided, day by day; and what one did oneself."""
    reviewer.require(Duty.READ)
    moment = since(validated(Period, dict(request.query_params)).days)
    numbers = house.together.numbers
    own = await to_thread.run_sync(numbers.own, reviewer, moment) if reviewer.may(Duty.DECIDE) else None
    return {
        "queues": [asdict(row) for row in await to_thread.run_sync(numbers.queues, moment)],
        "days": [asdict(day) for day in await to_thread.run_sync(numbers.days, moment)],
        "own": own and asdict(own),
    }


@router.get("/golden")
async def list_golden(house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """Golden cases in force, newest first."""
    reviewer.require(Duty.SEE_AGREEMENT)
    return {"data": [_told(tally) for tally in await to_thread.run_sync(house.together.golden.all)]}


@router.post("/golden", status_code=201)
async def mark_golden(request: Request, house: TheHouse, caller: TheCaller, reviewer: TheReviewer) -> dict[str, Any]:
    """State the right answer to a decided case."""
    caller.require("reviews:decide")
    body = validated(GoldenBody, await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds))
    row = await to_thread.run_sync(house.together.golden.mark, body.case_id, body.choices, reviewer)
    return row.model_dump(include=GOLDEN)


@router.post("/golden/{golden_id}/retire")
async def retire_golden(golden_id: str, house: TheHouse, caller: TheCaller, reviewer: TheReviewer) -> dict[str, Any]:
    """Let it come up no more."""
    caller.require("reviews:decide")
    await to_thread.run_sync(house.together.golden.retire, golden_id, reviewer)
    return {"id": golden_id}


def _told(tally: Tally) -> dict[str, Any]:
    return {**tally.row.model_dump(include=GOLDEN), "category": tally.category, "answers": tally.answers,
            "right": tally.right}  # fmt: skip
