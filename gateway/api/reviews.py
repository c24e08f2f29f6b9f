"""/api/v1/reviews: what the review desk's pages do, for programs that act in a person's name.

The key is one of `gardefou users key NAME`; what it opens is bounded by its scopes and by the person's role.
"""

import json
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import Body, read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.desk import BAN_DAYS, MAX_ALIKE, MAX_BAN_DAYS, MAX_NOTE_CHARS, ban_end
from gateway.errors import InsufficientScope, InvalidValue
from gateway.store.cases import PAGE, CaseFile, Lease, Reviewed, Said
from gateway.store.listing import Filters
from gateway.store.people import Duty, Person
from gateway.store.queue import Band, band_of
from gateway.store.tables import CaseRow, DecisionRow
from policies.queues import Queues, Source
from policies.signals import Category

router = APIRouter(prefix="/api/v1/reviews")

CASE = {"id", "request_id", "state", "level", "source", "category", "severity", "restricted", "pictures", "opened_at",
        "due_at", "queue", "language", "closed_at"}  # fmt: skip
APPEAL = {"id", "decision_id", "language", "text", "created_at", "state", "ended_at", "outcome_id"}
REPORT = {"id", "reason", "note", "created_at"}
DECISION = {"id", "stage", "action", "failure", "policy", "created_at"}
Token = Annotated[str, Field(min_length=1, max_length=100)]


class FilterBody(BaseModel):
    """Which cases; what is not given filters nothing."""

    model_config = ConfigDict(extra="forbid")

    band: Band | None = None
    category: Category | None = None
    source: Source | None = None
    queue: Annotated[str, Field(max_length=40)] | None = None

    def filters(self, queues: Queues) -> Filters:
        """As the store knows them. Raises InvalidValue for a queue that there is not."""
        if self.queue is not None and self.queue not in queues.names:
            raise InvalidValue(f"There is no such queue; there are {', '.join(queues.names)}.", param="queue")
        return Filters(self.category, self.source, self.band, self.queue)


class LeaseBody(BaseModel):
    """The lease that the case was taken under."""

    model_config = ConfigDict(strict=True, extra="forbid")

    lease: Token


class PassBody(LeaseBody):
    """To escalate or to skip."""

    reason: Token
    note: Annotated[str, Field(max_length=MAX_NOTE_CHARS)] = ""


class DecisionBody(PassBody):
    """To decide: everything `at_stake`, by its name. clause: the category whose rule is broken.

    ban_days: how long what is banned stays so. alike: other cases to be decided the same way, of those that this one
    names under `alike`.
    """

    choices: dict[str, Literal["allow", "block", "ban"]]
    clause: Annotated[Category, Field(strict=False)] | None = None
    ban_days: Annotated[int, Field(ge=1, le=MAX_BAN_DAYS)] = BAN_DAYS
    alike: Annotated[tuple[str, ...], Field(max_length=MAX_ALIKE, strict=False)] = ()


async def the_reviewer(house: TheHouse, caller: TheCaller) -> Person:
    """The person in whose name a key acts. Raises InvalidKey, InsufficientScope."""
    caller.require("reviews:read")
    person = await to_thread.run_sync(house.login.people.by_id, caller.person_id) if caller.person_id else None
    if person is None:
        raise InsufficientScope("This API key acts in nobody's name. Make one with `gardefou users key NAME`.")
    return person


async def the_decider(caller: TheCaller, reviewer: Annotated[Person, Depends(the_reviewer)]) -> Person:
    """The same, where something is changed. Raises SeparationOfDuties too."""
    caller.require("reviews:decide")
    reviewer.require(Duty.DECIDE)
    return reviewer


TheReviewer = Annotated[Person, Depends(the_reviewer)]
TheDecider = Annotated[Person, Depends(the_decider)]


@router.get("")
async def list_cases(
    request: Request, house: TheHouse, reviewer: TheReviewer, after: str | None = None
) -> dict[str, Any]:
    """What waits, whose turn is next first, and how much waits in all; of what looks the same the first alone.

    after: the `next` of the page before.
    """
    reviewer.require(Duty.READ)
    asked = {name: value for name, value in request.query_params.items() if name != "after"}
    cases, filters = house.desk.cases, validated(FilterBody, asked).filters(house.desk.cases.queues)
    found = await to_thread.run_sync(cases.waiting, filters, reviewer, after, PAGE + 1)
    alike = await to_thread.run_sync(cases.alike_counts, found[:PAGE], filters, reviewer)
    counts = await to_thread.run_sync(cases.counts, reviewer)
    return {
        "data": [{**_case(case), "look_the_same": alike.get(case.id, 0)} for case in found[:PAGE]],
        "next": found[PAGE - 1].id if len(found) > PAGE else None,
        "counts": {**asdict(counts), "open": counts.open, "overdue": counts.overdue, "oldest_at": counts.oldest_at},
    }


@router.post("/next")
async def take_next(request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Take the case whose turn it is; `case_id` is null when there is none."""
    body = await _body(FilterBody, request, house)
    lease = await to_thread.run_sync(house.desk.cases.claim_next, decider, body.filters(house.desk.cases.queues))
    return _lease(lease) if lease else {"case_id": None}


@router.get("/{case_id}")
async def read_case(case_id: str, house: TheHouse, reviewer: TheReviewer) -> dict[str, Any]:
    """Everything that the page of a case shows, but for the pictures."""
    file = await to_thread.run_sync(house.desk.read, case_id, reviewer)
    alike = await to_thread.run_sync(house.desk.cases.alike, case_id, reviewer)
    return {**_case(file.case), **_evidence(file), "alike": [one.case_id for one in alike]}


@router.post("/{case_id}/claim")
async def claim(case_id: str, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Take this case."""
    return _lease(await to_thread.run_sync(house.desk.cases.claim, case_id, decider))


@router.post("/{case_id}/lease")
async def prolong(case_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """A sign of life."""
    body = await _body(LeaseBody, request, house)
    return _lease(await to_thread.run_sync(house.desk.cases.prolong, Lease(case_id, body.lease, ""), decider))


@router.post("/{case_id}/return")
async def give_back(case_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Let somebody else have it."""
    body = await _body(LeaseBody, request, house)
    await to_thread.run_sync(house.desk.cases.give_back, Lease(case_id, body.lease, ""), decider)
    return {"case_id": case_id}


@router.post("/{case_id}/decision")
async def decide(case_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Allow or block each picture."""
    body = await _body(DecisionBody, request, house)
    said = _said(house, body, "decide")
    said = replace(said, choices=body.choices, clause=body.clause, ban_ends_at=ban_end(body.ban_days), alike=body.alike)
    return await _say(case_id, house, decider, body, said)


@router.post("/{case_id}/escalation")
async def escalate(case_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Ask a senior moderator."""
    body = await _body(PassBody, request, house)
    return await _say(case_id, house, decider, body, _said(house, body, "escalate"))


@router.post("/{case_id}/skip")
async def skip(case_id: str, request: Request, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Leave it to somebody else."""
    body = await _body(PassBody, request, house)
    return await _say(case_id, house, decider, body, _said(house, body, "skip"))


@router.post("/{case_id}/undo")
async def undo(case_id: str, house: TheHouse, decider: TheDecider) -> dict[str, Any]:
    """Take back what was allowed, in time."""
    return _lease(await to_thread.run_sync(house.desk.undo, case_id, decider))


@router.get("/{case_id}/pictures/{picture_id}.png")
async def blurred_picture(case_id: str, picture_id: str, house: TheHouse, reviewer: TheReviewer) -> Response:
    """The picture, blurred and grey."""
    content = await to_thread.run_sync(house.desk.blurred, case_id, picture_id, reviewer)
    return Response(content, media_type="image/png", headers={"Cache-Control": "private, max-age=300"})


@router.post("/{case_id}/pictures/{picture_id}/reveal")
async def clear_picture(
    case_id: str, picture_id: str, request: Request, house: TheHouse, decider: TheDecider
) -> Response:
    """The picture as it is; recorded before a byte leaves."""
    body = await _body(LeaseBody, request, house)
    lease = Lease(case_id, body.lease, "")
    content, kind = await to_thread.run_sync(house.desk.clear, lease, picture_id, decider)
    return Response(content, media_type=f"image/{kind}", headers={"Cache-Control": "no-store"})


async def _body(model: type[Body], request: Request, house: House) -> Body:
    return validated(model, await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds))


def _said(house: House, body: PassBody, action: str) -> Said:
    return Said(action, house.policy_in_force.policy.stamp, reason=body.reason, note=body.note)


async def _say(case_id: str, house: House, decider: Person, body: PassBody, said: Said) -> dict[str, Any]:
    return _told(await to_thread.run_sync(house.desk.say, Lease(case_id, body.lease, ""), decider, said))


def _told(reviewed: Reviewed) -> dict[str, Any]:
    return asdict(reviewed)


def _lease(lease: Lease) -> dict[str, Any]:
    return {"case_id": lease.case_id, "lease": lease.token, "until": lease.until}


def _case(case: CaseRow) -> dict[str, Any]:
    return {**case.model_dump(include=CASE), "band": band_of(case.severity)}


def _evidence(file: CaseFile) -> dict[str, Any]:
    return {
        "prompt": file.request.prompt,
        "prompt_decision": _decision(file.prompt_decision),
        "items": [
            {"id": row.id, "index": row.index, "state": row.state, "sha256": row.sha256,
             "decision": _decision(file.decisions.get(row.decision_id or ""))}
            for row in file.pictures
        ],
        "at_stake": ["prompt"] if file.about_prompt else [row.id for row in file.at_stake],
        "appeal": file.appeal.model_dump(include=APPEAL) if file.appeal else None,
        "reports": [row.model_dump(include=REPORT) for row in file.reports],
        "reviews": [row.model_dump(include={"id", "person_id", "action", "clause", "reason", "note", "created_at"})
                    for row in file.reviews],
    }  # fmt: skip


def _decision(row: DecisionRow | None) -> dict[str, Any] | None:
    if row is None:
        return None
    read = {name: json.loads(getattr(row, name)) for name in ("categories", "reasons", "signals", "thresholds")}
    return {**row.model_dump(include=DECISION), **read, "by": "person" if row.decided_by else "policy"}
