"""GET /api/v1/decisions/{id}: what was decided, for the key that asked."""

import json
from typing import Any

from anyio import to_thread
from fastapi import APIRouter

from gateway.api.house import TheCaller, TheHouse
from gateway.errors import NotFound

router = APIRouter()


@router.get("/api/v1/decisions/{decision_id}")
async def read_decision(decision_id: str, house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Action, categories and policy; all signals and thresholds too with the scope decisions:explain."""
    caller.require("decisions:read")
    decision = await to_thread.run_sync(house.decisions.decision, decision_id)
    owner = await to_thread.run_sync(house.decisions.view, decision.request_id) if decision else None
    if decision is None or owner is None or owner.caller_id != caller.id:
        raise NotFound("There is no such decision.")
    told = decision.model_dump(include={"id", "request_id", "stage", "picture_index", "action", "created_at", "policy"})
    told["categories"] = json.loads(decision.categories)
    if "decisions:explain" in caller.scopes:
        told |= decision.model_dump(include={"policy_sha256", "picture_sha256", "seconds", "failure"})
        told |= {name: json.loads(getattr(decision, name)) for name in ("reasons", "signals", "thresholds", "models")}
    return told
