"""/api/v1/banned-pictures: the bans, for programs that act in a senior moderator's or an administrator's name."""

from dataclasses import asdict
from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.api.reviews import TheReviewer
from gateway.desk import MAX_NOTE_CHARS
from gateway.limits import rows_back
from gateway.store.banned import Lifted, Listed
from gateway.store.people import Duty

router = APIRouter(prefix="/api/v1/banned-pictures")


class LiftBody(BaseModel):
    """Why a ban shall end."""

    model_config = ConfigDict(strict=True, extra="forbid")

    why: Annotated[str, Field(min_length=1, max_length=MAX_NOTE_CHARS)]


@router.get("")
async def list_bans(house: TheHouse, reviewer: TheReviewer, offset: int = 0) -> dict[str, Any]:
    """Bans, newest first, those that ended too; how many there are in each state."""
    reviewer.require(Duty.READ_BANS)
    banned = house.desk.banned
    listed = await to_thread.run_sync(banned.listed, rows_back(offset))
    return {"data": [as_told(one) for one in listed], "counts": await to_thread.run_sync(banned.counts)}


@router.get("/{banned_id}")
async def read_ban(banned_id: str, house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """One ban."""
    reviewer.require(Duty.READ_BANS)
    return as_told(await to_thread.run_sync(house.desk.banned.find, banned_id))


@router.post("/{banned_id}/lift")
async def lift_ban(
    banned_id: str, request: Request, house: TheHouse, caller: TheCaller, reviewer: TheReviewer
) -> dict[str, Any]:
    """Disable a ban. What only it kept back goes free."""
    caller.require("reviews:decide")
    body = validated(LiftBody, await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds))
    return as_answer(await to_thread.run_sync(house.desk.lift_ban, banned_id, reviewer, body.why))


def as_told(one: Listed) -> dict[str, Any]:
    """One ban with its state and how many pictures it keeps back."""
    lifted = one.lifted.model_dump(include={"why", "lifted_by", "created_at"}) if one.lifted else None
    return {**one.row.model_dump(exclude={"batch", "revision"}), "state": one.state, "held": one.held, "lifted": lifted}


def as_answer(lifted: Lifted) -> dict[str, Any]:
    """What became of each picture."""
    return {"id": lifted.id, "freed": [asdict(one) for one in lifted.freed]}
