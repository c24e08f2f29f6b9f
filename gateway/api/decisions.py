"""GET /api/v1/decisions/{id}: what was decided, for the key that asked; and why, for a key that may know."""

import json
from typing import Any

from anyio import to_thread
from fastapi import APIRouter

from gateway.api.appeals import told_of_appeal
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.auth import Caller
from gateway.errors import NotFound
from gateway.explanation import CLASSIFIER, explain, gravest_category
from gateway.store.appeals import Statement, appeal_path
from gateway.store.decisions import State, found_by
from gateway.store.tables import DecisionRow
from gateway.store.views import PictureView, RequestView
from policies.schema import Policy
from policies.signals import Category, Stage
from policies.verdict import Action

router = APIRouter()

TOLD = {"id", "request_id", "stage", "picture_index", "action", "created_at", "policy", "confirms"}
EXPLAINED = {"policy_sha256", "picture_sha256", "seconds", "failure"}


@router.get("/api/v1/decisions/{decision_id}")
async def read_decision(decision_id: str, house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Action, categories, and what to do about it; with the scope decisions:explain also everything behind it."""
    caller.require("decisions:read")
    decision = await to_thread.run_sync(house.decisions.decision, decision_id)
    owner = await to_thread.run_sync(house.decisions.view, decision.request_id) if decision else None
    if decision is None or owner is None or owner.caller_id != caller.id:
        raise NotFound("There is no such decision.")
    told = decision.model_dump(include=TOLD) | _disclosed(decision, house.policy_in_force.policy)
    told |= {"decided_by": _decided_by(decision), "pictures": [_picture(picture, house) for picture in owner.pictures]}
    statement = await to_thread.run_sync(house.recourse.statement, decision.id)
    told["appeal"] = _appeal(statement, owner, house, caller)
    told["appeal_url"] = None if statement.why_not else appeal_path(decision.id)
    if "decisions:explain" in caller.scopes:
        house.rate.take(caller)  # the words are weighed by judging the prompt many times
        told |= decision.model_dump(include=EXPLAINED)
        told |= {name: json.loads(getattr(decision, name)) for name in ("reasons", "signals", "thresholds", "models")}
        told["categories"] = json.loads(decision.categories)
        told["explanation"] = await _explained(decision, owner, house)
    return told


def _appeal(statement: Statement, owner: RequestView, house: House, caller: Caller) -> dict[str, Any] | None:
    """Where an appeal stands; of a prompt that should not have been refused also what gets it drawn."""
    told, decision = told_of_appeal(statement, house), statement.decision
    same_policy = decision.policy_sha256 == house.policy_in_force.policy.stamp.sha256
    if told and owner.overturned and owner.decision_id == decision.id and same_policy:
        bound = caller, owner.prompt, decision.policy_sha256
        told["confirmation"] = house.confirmations.token(decision.id, *bound)
    return told


def _decided_by(decision: DecisionRow) -> str:
    return "person" if decision.decided_by else "policy"


def _picture(picture: PictureView, house: House) -> dict[str, Any]:
    """Where a picture of the request stands now: one that was held may have been released since."""
    return {
        "index": picture.index,
        "state": picture.state,
        "decision_id": picture.decision_id,
        "decided_by": "person" if picture.by_person else "policy",
        "url": house.link(picture.image_id) if picture.image_id else None,
    }


def _disclosed(decision: DecisionRow, policy: Policy) -> dict[str, Any]:
    """What every caller may know of their own decision."""
    categories = [Category(name) for name in json.loads(decision.categories)]
    known = [category for category in categories if policy.disclosure(category) != "none"]
    spans = [[f.start, f.end] for f in found_by(decision) if policy.disclosure(Category(f.category)) == "span"]
    return {
        "categories": known,
        "spans": spans,
        "message": _sentence(decision, known[0], policy) if known else None,
    }


def _sentence(decision: DecisionRow, category: Category, policy: Policy) -> dict[str, str]:
    asks = decision.action == Action.CONFIRM and category in policy.questions
    say = policy.question if asks else policy.message
    return {language: say(category, language) for language in ("en", "fr")}


async def _explained(decision: DecisionRow, owner: RequestView, house: House) -> dict[str, Any]:
    prompt = _judged_text(decision, owner)
    category = gravest_category(decision)
    same_models = json.loads(decision.models) == house.judge.prompt_models
    if prompt is None or category is None or not same_models:
        return explain(decision, prompt, None)
    return explain(decision, prompt, await house.judge.weigh(prompt, category, CLASSIFIER))


def _judged_text(decision: DecisionRow, owner: RequestView) -> str | None:
    """The prompt, unless it was erased, or was one of several texts of one question."""
    several = owner.state == State.JUDGED and owner.asked > 1
    return owner.prompt if decision.stage == Stage.PROMPT and owner.prompt and not several else None
