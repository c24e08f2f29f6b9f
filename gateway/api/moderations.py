"""POST /v1/moderations: what the gates make of texts and pictures, in OpenAI's format (reference 1.6)."""

import base64
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from anyio import to_thread
from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.body import read_json, validated
from gateway.api.house import TheCaller, TheHouse
from gateway.assembly import House
from gateway.decoding import told
from gateway.errors import BadRequest, ClassifierUnavailable, ImageTooLarge, InvalidValue, UnsupportedImage
from gateway.generation import told_of
from gateway.pipeline import Answers
from gateway.prompts import checked_prompt
from gateway.store.decisions import Judgement, Received
from gateway.store.ids import new_id
from policies.schema import Policy
from policies.signals import Category, Stage
from policies.verdict import Action
from safety.picture_files.pixels import SentPicture
from safety.picture_files.refusals import NotAPicture
from safety.picture_files.structure import require_type
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
MAX_VIEWS = 128  # of all pictures together; each is a look of the picture model


class ImageUrl(BaseModel):
    """A data: URL, or an https address where the operator allows it."""

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
    house.rate.take(caller)
    pictures = await _read(house, [part.url for part in parts if isinstance(part, ImageUrl)])
    policy = house.policy_in_force.policy
    answers = await _judge(house, caller, texts, [picture.views for picture in pictures])
    together = not isinstance(body.input, str) and bool(body.input) and isinstance(body.input[0], Part)
    groups = [answers] if together else [[answer] for answer in answers]
    results = [_result([judgement for _, judgement in group]) | _ours(group, policy) for group in groups]
    if pictures:
        results[0]["x_gateway"]["pictures"] = [_looked_at(picture) for picture in pictures]
    return {"id": new_id("modr"), "model": policy.name, "results": results}


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


async def _read(house: House, urls: list[str]) -> list[SentPicture]:
    """All pictures, together no larger than one may be: small files can hold very large pictures."""
    pictures: list[SentPicture] = []
    left = house.settings.max_image_pixels
    for number, url in enumerate(urls):
        try:
            content = await _content(house, url)
            pictures.append(await house.decoder.read(content, "input", left))
        except BadRequest as refused:
            refused.facts["picture"] = number
            raise
        left -= pictures[-1].pixels
        if sum(len(picture.views) for picture in pictures) > MAX_VIEWS:
            raise ImageTooLarge(f"More than {MAX_VIEWS} frames and looks in one request.", param="input")
    return pictures


async def _content(house: House, url: str) -> bytes:
    """Of a data: URL, or from afar where that is allowed."""
    if not url.startswith("data:"):
        return await house.remote.fetch(url)
    head, comma, encoded = url.removeprefix("data:").partition(",")
    if not comma or not head.endswith(";base64"):
        raise UnsupportedImage("The data: URL must be base64.", param="input")
    try:
        content = await to_thread.run_sync(lambda: base64.b64decode(encoded, validate=True))
        require_type(content, head)
    except NotAPicture as refusal:
        raise told(refusal, "input") from refusal
    except ValueError as error:
        raise UnsupportedImage("The data: URL is no valid base64.", param="input") from error
    return content


def _looked_at(picture: SentPicture) -> dict[str, Any]:
    facts = picture.facts
    return {"format": facts.format, "frames": facts.frames, "frames_judged": facts.frames_judged,
            "views_judged": len(picture.views)}  # fmt: skip


async def _judge(house: House, caller: TheCaller, texts: list[str], pictures: Sequence[Sequence[Pixels]]) -> Answers:
    kept = Received(
        caller_kind=caller.kind, caller_id=caller.id, surface="moderations", model="none", prompt="\n".join(texts),
        asked=len(texts) + len(pictures), size="none", seed=None,
    )  # fmt: skip
    answers = await house.pipeline.judge(kept, texts, pictures)
    if any(judgement.verdict is None for _, judgement in answers):
        raise ClassifierUnavailable("The input could not be judged.", retry_after_s=5)
    return answers


def _ours(group: Answers, policy: Policy) -> dict[str, Any]:
    """What OpenAI has no words for: the policy's own verdict, as far as a caller may know it."""
    gravest = max((judgement for _, judgement in group), key=_gravity)
    of_caller = told_of(gravest, policy)
    verdict = gravest.verdict.action if gravest.verdict else Action.REVIEW
    facts = {
        "verdict": verdict,
        **of_caller.facts,
        "policy": str(policy.stamp),
        "decision_ids": [key for key, _ in group],
    }
    if verdict is Action.CONFIRM and of_caller.categories:
        facts["question"] = policy.question(Category(of_caller.categories[0]), "en")
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
