"""POST /v1/moderations: what the gates make of texts and pictures, in OpenAI's format (reference 1.6)."""

import base64
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.errors import (
    ClassifierUnavailable,
    ImageTooLarge,
    InvalidValue,
    RemoteImagesDisabled,
    UnsupportedImage,
)
from gateway.generation import told_of
from gateway.pipeline import Answers
from gateway.prompts import checked_prompt
from gateway.store.decisions import Judgement, Received
from gateway.store.ids import new_id
from policies.schema import Policy
from policies.signals import Category, Stage
from policies.verdict import Action
from safety.picture_files import PictureTooLarge, decode_picture
from safety.screen import Pixels

router = APIRouter()

OPENAI_NAMES: dict[str, Category | None] = {
    "harassment": Category.HARASSMENT,
    "harassment/threatening": None,
    "hate": Category.HATE,
    "hate/threatening": None,
    "illicit": Category.ILLICIT,
    "illicit/violent": Category.WEAPONS,
    "self-harm": Category.SELF_HARM,
    "self-harm/intent": None,
    "self-harm/instructions": None,
    "sexual": Category.SEXUAL,
    "sexual/minors": Category.SEXUAL_MINORS,
    "violence": Category.VIOLENCE,
    "violence/graphic": Category.GORE,
    # ours, which OpenAI has no name for
    "deception": Category.DECEPTION,
    "shocking": Category.SHOCKING,
    "privacy": Category.PRIVACY,
}
MAX_INPUTS = 32
MAX_PICTURE_BODY = 16 << 20


class ImageUrl(BaseModel):
    """A data: URL."""

    model_config = ConfigDict(strict=True)
    url: str


class Part(BaseModel):
    """One piece of a mixed input."""

    model_config = ConfigDict(strict=True)
    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None


class ModerationBody(BaseModel):
    """A text, several texts (one result each), or parts that belong together (one result)."""

    model_config = ConfigDict(strict=True, extra="ignore")
    input: (
        str | Annotated[list[str], Field(max_length=MAX_INPUTS)] | Annotated[list[Part], Field(max_length=MAX_INPUTS)]
    )
    model: str | None = None


@router.post("/v1/moderations")
async def create_moderation(request: Request, house: TheHouse, caller: TheCaller) -> dict[str, Any]:
    """Judge, record, tell."""
    caller.require("moderations:create")
    body = validated(ModerationBody, await read_json(request, MAX_PICTURE_BODY, house.settings.head_seconds))
    parts = _parts(body)
    texts = [_text(part, house.settings.max_prompt_chars) for part in parts if isinstance(part, str)]
    images = [part for part in parts if isinstance(part, ImageUrl)]
    pictures = await to_thread.run_sync(_decode, images, house.settings.max_image_pixels)
    policy = house.policy_in_force.policy
    answers = await _judge(house, caller, texts, pictures)
    together = not isinstance(body.input, str) and bool(body.input) and isinstance(body.input[0], Part)
    groups = [answers] if together else [[answer] for answer in answers]
    return {
        "id": new_id("modr"),
        "model": policy.name,
        "results": [_result([judgement for _, judgement in group]) | _ours(group, policy) for group in groups],
    }


def _text(part: str, max_chars: int) -> str:
    return checked_prompt(part, max_chars, "input", is_drawn=False)


def _parts(body: ModerationBody) -> list[str | ImageUrl]:
    if isinstance(body.input, str):
        return [body.input]
    parts = [_part(part) for part in body.input]
    if not parts:
        raise InvalidValue("'input' is empty.", param="input")
    return parts


def _part(part: str | Part) -> str | ImageUrl:
    if isinstance(part, str):
        return part
    content = part.text if part.type == "text" else part.image_url
    if content is None:
        raise InvalidValue(f"A part of type {part.type} needs its {part.type}.", param="input")
    return content


def _decode(images: list[ImageUrl], max_pixels: int) -> list[Pixels]:
    """All pictures, together no larger than one may be: small files can hold very large pictures."""
    pictures: list[Pixels] = []
    for image in images:
        pictures.append(_decode_one(image, max_pixels))
        max_pixels -= pictures[-1].shape[1] * pictures[-1].shape[2]
    return pictures


def _decode_one(image: ImageUrl, max_pixels: int) -> Pixels:
    head, comma, encoded = image.url.partition(",")
    if not image.url.startswith("data:"):
        raise RemoteImagesDisabled("Only data: URLs are read; send the picture itself.", param="input")
    if not comma or not head.endswith(";base64"):
        raise UnsupportedImage("The data: URL must be base64.", param="input")
    try:
        return decode_picture(base64.b64decode(encoded, validate=True), max_pixels)
    except PictureTooLarge as error:
        raise ImageTooLarge(f"Too large: {error}.", param="input") from error
    except ValueError as error:  # no base64, or no picture
        raise UnsupportedImage("Send a still, opaque PNG, JPEG or WebP picture.", param="input") from error


async def _judge(house: House, caller: TheCaller, texts: list[str], pictures: list[Pixels]) -> Answers:
    kept = Received(
        caller_kind=caller.kind, caller_id=caller.id, surface="moderations", model="none", prompt="\n".join(texts),
        asked=len(texts) + len(pictures), size="none", seed=None,
    )  # fmt: skip
    answers = await house.pipeline.judge(kept, caller, texts, pictures)
    if any(judgement.verdict is None for _, judgement in answers):
        raise ClassifierUnavailable("The input could not be judged.", retry_after_s=5)
    return answers


def _ours(group: Answers, policy: Policy) -> dict[str, Any]:
    """What OpenAI has no words for: the policy's own verdict, as far as a caller may know it."""
    gravest = max((judgement for _, judgement in group), key=_gravity)
    told = told_of(gravest, policy)
    verdict = gravest.verdict.action if gravest.verdict else Action.REVIEW
    facts = {"verdict": verdict, **told.facts, "policy": str(policy.stamp), "decision_ids": [key for key, _ in group]}
    if verdict is Action.CONFIRM and told.categories:
        facts["question"] = policy.question(Category(told.categories[0]), "en")
    return {"x_gateway": facts}


def _gravity(judgement: Judgement) -> int:
    return judgement.verdict.action.gravity if judgement.verdict else Action.ESCALATE.gravity


def _result(judgements: list[Judgement]) -> dict[str, Any]:
    flagged = {category for judgement in judgements for category in _flagged(judgement)}
    scores = {name: _score(judgements, category) for name, category in OPENAI_NAMES.items()}
    return {
        "flagged": any(_stops(judgement) for judgement in judgements),
        "categories": {name: category in flagged for name, category in OPENAI_NAMES.items()},
        "category_scores": {name: max((score for _, score in found), default=0.0) for name, found in scores.items()},
        "category_applied_input_types": {name: sorted({kind for kind, _ in found}) for name, found in scores.items()},
    }


def _stops(judgement: Judgement) -> bool:
    """Whatever would not simply be drawn, what must be confirmed first included."""
    return _gravity(judgement) > Action.LABEL.gravity


def _flagged(judgement: Judgement) -> set[Category]:
    reasons = judgement.verdict.reasons if judgement.verdict else ()
    return {r.category for r in reasons if r.category and r.action.gravity > Action.LABEL.gravity}


def _score(judgements: list[Judgement], category: Category | None) -> list[tuple[str, float]]:
    """What was really looked at, and how high it scored; nothing for a name we do not score."""
    return [
        ("text" if judgement.stage is Stage.PROMPT else "image", signal.score)
        for judgement in judgements
        for signal in judgement.signals
        if category is not None and signal.subject == category
    ]
