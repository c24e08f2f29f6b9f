"""/api/v1/reviews/batches: cases decided together, for programs that act in a person's name."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import Body, read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.api.reviews import TheDecider, TheReviewer, Token
from gateway.assembly import House
from gateway.desk import MAX_NOTE_CHARS
from gateway.limits import rows_back
from gateway.store.batches import BatchFile, Item, Listed
from gateway.store.people import Duty
from policies.signals import Category

router = APIRouter(prefix="/api/v1/reviews/batches")

BATCH = {"id", "person_id", "act", "clause", "reason", "second_id", "created_at", "ends_at", "decided_at",
         "reverted_by", "reverted_at"}  # fmt: skip


class CasesBody(BaseModel):
    """Which cases; how many one batch may have is a setting."""

    model_config = ConfigDict(strict=True, extra="forbid")

    cases: Annotated[list[Token], Field(min_length=1)]


class ActBody(BaseModel):
    """What to do with every case. clause: the category whose rule is broken, of a block."""

    model_config = ConfigDict(strict=True, extra="forbid")

    act: Literal["block", "allow", "escalate"]
    reason: Token
    clause: Annotated[Category, Field(strict=False)] | None = None
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] = ""


@router.get("")
async def list_batches(house: TheHouse, reviewer: TheReviewer, offset: int = 0) -> dict[str, Any]:
    """Batches, newest first; drafts are not listed."""
    reviewer.require(Duty.READ)
    listed = await to_thread.run_sync(house.bulk.batches.listed, rows_back(offset))
    return {"data": [_listed(one) for one in listed], "waiting": await to_thread.run_sync(house.bulk.batches.waiting)}


@router.post("")
async def open_batch(request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Preview what would be decided together; cases that are free are taken for it."""
    body = await _body(CasesBody, request, house)
    batch_id = await to_thread.run_sync(house.bulk.open, body.cases, decider)
    return _file(await to_thread.run_sync(house.bulk.batches.read, batch_id, decider))


@router.get("/{batch_id}")
async def read_batch(batch_id: str, house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """A batch: each case, and what became of it."""
    return _file(await to_thread.run_sync(house.bulk.batches.read, batch_id, reviewer))


@router.post("/{batch_id}/decision")
async def decide_batch(batch_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Do the same with every case, or propose it to a second person: `state` says which."""
    said = await _body(ActBody, request, house)
    return _file(
        await to_thread.run_sync(house.bulk.decide, batch_id, decider, said.act, said.reason, said.clause, said.note)
    )


@router.post("/{batch_id}/confirmation")
async def confirm_batch(batch_id: str, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Do what somebody else proposed."""
    return _file(await to_thread.run_sync(house.bulk.confirm, batch_id, decider))


@router.post("/{batch_id}/rejection")
async def reject_batch(batch_id: str, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Do nothing of what was proposed."""
    return _file(await to_thread.run_sync(house.bulk.reject, batch_id, decider))


@router.post("/{batch_id}/return")
async def return_batch(batch_id: str, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Decide none of a draft: its cases are free for others."""
    await to_thread.run_sync(house.bulk.batches.give_back, batch_id, decider)
    return {"id": batch_id}


@router.post("/{batch_id}/reversal")
async def revert_batch(batch_id: str, house: TheHouse, caller: TheCaller, reviewer: TheReviewer) -> dict[str, Any]:
    """Undo what still stands as the batch left it; each case says what became of it under `undone`."""
    caller.require("reviews:decide")
    return _file(await to_thread.run_sync(house.bulk.revert, batch_id, reviewer))


async def _body(model: type[Body], request: Request, house: House) -> Body:
    return validated(model, await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds))


def _listed(one: Listed) -> dict[str, Any]:
    return {**one.row.model_dump(include=BATCH), "state": one.state, "decided": one.decided, "cases": one.cases}


def _file(file: BatchFile) -> dict[str, Any]:
    return {
        **file.row.model_dump(include=BATCH),
        "state": file.state,
        "note": file.note,
        "pictures": file.pictures,
        "looked_at": file.looked_at,
        "by_category": file.by("category"),
        "by_source": file.by("source"),
        "cases": [_item(item) for item in file.items],
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "case_id": item.case.id,
        "pictures": item.count,
        "left_out": item.why_not,
        "undone": item.row.undone,
        "review_id": item.row.review_id,
        "proposal_id": item.row.proposal_id,
        "revert_id": item.row.revert_id,
    }
