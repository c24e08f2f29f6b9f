"""/api/v1/decisions/{id}/appeal: object to a decision, and read how that ended. Knowing the decision's id is enough."""

from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import read_json, validated
from gateway.api.house import TheHouse
from gateway.assembly import House
from gateway.auth import Caller, anybody, caller_of
from gateway.errors import NotFound
from gateway.recourse import MAX_TEXT_CHARS, tellable
from gateway.store.appeals import Statement
from policies.reasons import BAN_LIFTED, load_reasons, refusal_told
from policies.signals import Category

router = APIRouter(prefix="/api/v1/decisions")


class AppealBody(BaseModel):
    """Why the decision was wrong. language: of the text."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]
    language: Literal["en", "fr"] = "en"


@router.post("/{decision_id}/appeal", status_code=201)
async def file_appeal(decision_id: str, request: Request, house: TheHouse) -> dict[str, Any]:
    """Somebody who had no part in the decision will look again."""
    caller = await _caller(request, house)
    asked = await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds)
    body = validated(AppealBody, asked)
    await to_thread.run_sync(house.recourse.appeal, decision_id, body.text, body.language, caller)
    return await read_appeal(decision_id, house)


@router.get("/{decision_id}/appeal")
async def read_appeal(decision_id: str, house: TheHouse) -> dict[str, Any]:
    """Where the appeal stands. It repeats nothing of what was said in it."""
    statement = await to_thread.run_sync(house.recourse.statement, decision_id)
    told = told_of_appeal(statement, house)
    if told is None:
        raise NotFound("There is no appeal against this decision.")
    return told


def told_of_appeal(statement: Statement, house: House) -> dict[str, Any] | None:
    """State, and once it is decided: rule, reason in both languages, note, and whether the picture is back."""
    appeal, review = statement.appeal, statement.review
    if appeal is None:
        return None
    told: dict[str, Any] = {
        "id": appeal.id, "decision_id": appeal.decision_id, "state": appeal.state, "filed_at": appeal.created_at,
        "ended_at": appeal.ended_at, "outcome_decision_id": appeal.outcome_id,
    }  # fmt: skip
    if appeal.ended_at:
        clause = tellable(review.clause, house.policy_in_force.policy) if review else None
        reason = (review.reason or "") if review else BAN_LIFTED
        reasons = {language: _reason(house, reason, clause, language) for language in ("en", "fr")}
        note = review.note if review else ""
        told |= {"clause": clause, "reason": reasons, "note": note, "restored": statement.restored}
    return told


def _reason(house: House, reason: str, clause: Category | None, language: str) -> str:
    overturned = load_reasons()["overturn"].get(reason)
    said = house.policy_in_force.policy.message(clause, language) if clause else ""
    return overturned.in_language(language) if overturned else refusal_told(reason, language, said) or ""


async def _caller(request: Request, house: House) -> Caller:
    """The holder of a key when one is shown, which has to be a good one; else somebody at an address."""
    return await caller_of(request, house.keys) if "authorization" in request.headers else anybody(request)
