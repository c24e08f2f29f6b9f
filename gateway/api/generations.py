"""POST /v1/images/generations: pictures for a prompt, in OpenAI's format (reference 1.2 to 1.5)."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import ClientDisconnect

from gateway import metrics
from gateway.api.body import read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.errors import InvalidValue, ModelNotFound, UnsupportedParameter
from gateway.generation import Asked, Drawn, Generation, Undrawn, appeal_url
from gateway.prompts import checked_prompt
from gateway.store.decisions import State
from generator.contract import MAX_SEED
from policies.verdict import UNSUPPORTED_LANGUAGE

router = APIRouter()

PARAMETER_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")  # what may stand in a header of ours
DISCONNECT_POLL_S = 0.25


class Wishes(BaseModel):
    """What only this service understands. confirmation: the answer to a `confirmation_required`."""

    model_config = ConfigDict(strict=True, extra="ignore")

    confirmation: Annotated[str, Field(max_length=1000)] | None = None


class GenerationBody(BaseModel):
    """The fields we honour. quality, style and user's other wishes are accepted and change nothing."""

    model_config = ConfigDict(strict=True, extra="ignore")

    prompt: str
    model: str | None = None
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: str = "auto"
    response_format: Literal["url", "b64_json"] | None = None
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    background: Literal["auto", "opaque", "transparent"] = "auto"
    moderation: Literal["auto", "low"] = "auto"
    quality: str | None = None
    style: str | None = None
    user: Annotated[str, Field(max_length=256)] | None = None
    seed: Annotated[int, Field(ge=0, le=MAX_SEED)] | None = None
    stream: bool = False
    partial_images: Annotated[int, Field(ge=0, le=3)] = 0
    x_gateway: Wishes = Wishes()


@router.post("/v1/images/generations")
async def create_images(request: Request, house: TheHouse, caller: TheCaller) -> Response:
    """Draw, judge and return what may be shown."""
    caller.require("images:generate")
    parsed = await read_json(request, house.settings.max_body_bytes, house.settings.head_seconds)
    body = validated(GenerationBody, parsed)
    asked = _asked(body, house)
    generation = await _run(request, house, asked, caller)
    ignored = _ignored(parsed, body)
    if body.stream:
        return StreamingResponse(_events(generation), media_type="text/event-stream", headers=ignored)
    return JSONResponse(_answer(generation, _as_url(body, house), house), headers=ignored)


def _asked(body: GenerationBody, house: House) -> Asked:
    if body.background == "transparent":
        raise UnsupportedParameter("Transparent backgrounds are not supported.", param="background")
    return Asked(
        prompt=checked_prompt(body.prompt, house.settings.max_prompt_chars),
        count=body.n,
        size=_size(body.size, house),
        model=_model(body.model, house),
        surface="openai",
        seed=body.seed,
        user=body.user,
        format=body.output_format,
        confirmation=body.x_gateway.confirmation,
    )


def _size(size: str, house: House) -> str:
    sizes = house.generator.sizes
    if size == "auto":
        return sizes[0]
    if size not in sizes:
        raise InvalidValue(f"Invalid value for 'size'. Supported: auto, {', '.join(sizes)}.", param="size")
    return size


def _model(model: str | None, house: House) -> str:
    name = house.generator.identity.name
    if model is not None and model not in (name, *house.settings.model_aliases):
        raise ModelNotFound(f"The model does not exist. Known: {name}.", param="model")
    return name


async def _run(request: Request, house: House, asked: Asked, caller: TheCaller) -> Generation:
    """Run it to its end; when the client goes away, stop it and raise ClientDisconnect."""
    request_id = await house.pipeline.start(asked, caller)
    running = asyncio.ensure_future(house.pipeline.finish(request_id))
    while not running.done():
        await asyncio.wait({running}, timeout=DISCONNECT_POLL_S)
        if not running.done() and await request.is_disconnected():
            await house.pipeline.cancel(request_id, caller)
            await asyncio.gather(running, return_exceptions=True)
            raise ClientDisconnect
    return await running


def _as_url(body: GenerationBody, house: House) -> bool:
    """Reference 1.3: links for everybody but the gpt-image names, whose clients read base64."""
    wanted = body.response_format or house.settings.default_response_format
    if wanted == "auto":
        return not (body.model or "").startswith("gpt-image")
    return wanted == "url"


def _answer(generation: Generation, as_url: bool, house: House) -> dict[str, Any]:
    released = [drawn for drawn in generation.pictures if drawn.state is State.RELEASED]
    return {
        "created": int(datetime.now(UTC).timestamp()),
        **_facts(generation),
        "data": [{"url": house.image_url(drawn)} if as_url else {"b64_json": _base64(drawn)} for drawn in released],
        "x_gateway": {
            "request_id": generation.id,
            "decision": "allow",
            "policy": str(generation.policy.stamp),
            "requested": generation.asked.count,
            "returned": len(released),
            "blocked": [_blocked(place) for place in generation.kept_back],
            "seeds": [drawn.seed for drawn in released],
            **({"confirmed": generation.answers} if generation.confirmed else {}),
            **({"reason": UNSUPPORTED_LANGUAGE} if generation.told.in_unread_language else {}),
        },
    }


def _facts(generation: Generation) -> dict[str, str]:
    asked = generation.asked
    return {"size": asked.size, "quality": "low", "background": "opaque", "output_format": asked.format}


def _blocked(place: Drawn | Undrawn) -> dict[str, Any]:
    code = place.categories[0] if place.categories else "content_policy_violation"
    told = {"index": place.index, "code": code, "outcome": place.state, "decision_id": place.decision_id}
    where = appeal_url(place)
    return told | ({"appeal_url": where} if where else {})


def _base64(drawn: Drawn) -> str:
    return base64.b64encode(drawn.content).decode()


def _events(generation: Generation) -> Iterator[str]:
    """One `completed` event per released picture; no partial picture is ever sent (reference 1.4)."""
    for drawn in generation.pictures:
        if drawn.state is State.RELEASED:
            event = {
                "type": "image_generation.completed",
                "b64_json": _base64(drawn),
                "created_at": int(datetime.now(UTC).timestamp()),
                **_facts(generation),
            }
            yield f"event: image_generation.completed\ndata: {json.dumps(event)}\n\n"


def _ignored(parsed: dict[str, Any], body: GenerationBody) -> dict[str, str]:
    heard = {*GenerationBody.model_fields} - ({"x_gateway"} if body.x_gateway.confirmation is None else set())
    names = [name for name in parsed if name not in heard and PARAMETER_NAME.match(name)]
    if not names:
        return {}
    metrics.ignored_params.inc()
    return {"x-gateway-ignored-params": ", ".join(names[:20])}
