"""What one request for pictures is made of while it runs, and the words it may end in."""

import secrets
from dataclasses import dataclass, field

from gateway.auth import Caller
from gateway.errors import ContentRefused, GatewayError, GeneratorUnavailable, InternalError, Overloaded
from gateway.store.decisions import Judgement, State
from generator.batcher import LineFull
from generator.contract import MAX_SEED, GenerationFailed, PictureRequest
from policies.schema import Policy
from policies.signals import Category


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants drawn. seed: of the first picture; None draws new ones each time."""

    prompt: str
    count: int
    size: str
    model: str
    surface: str
    seed: int | None = None
    user: str | None = None
    format: str = "png"


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture at the end of its way. content and image_id only when it was released."""

    index: int
    seed: int
    state: State
    decision_id: str
    categories: tuple[str, ...] = ()
    image_id: str | None = None
    content: bytes | None = None


@dataclass(slots=True)
class Generation:
    """One request while it runs. hold: the policy wants a person to see its pictures, whatever they show."""

    id: str
    asked: Asked
    caller: Caller
    policy: Policy
    hold: bool = False
    pictures: list[Drawn] = field(default_factory=list)

    def disclosed(self, judgement: Judgement) -> tuple[str, ...]:
        """The categories a caller may be told."""
        categories = judgement.verdict.categories if judgement.verdict else ()
        return tuple(c for c in categories if self.policy.disclosure(c) != "none")


def pictures_of(asked: Asked) -> list[PictureRequest]:
    """One seed per picture: counted on from the one asked for, or new ones."""
    first = asked.seed
    seeds = [
        secrets.randbelow(MAX_SEED + 1) if first is None else (first + i) % (MAX_SEED + 1) for i in range(asked.count)
    ]
    return [PictureRequest(asked.prompt, seed, asked.size) for seed in seeds]


def refused(
    request: Generation, stage: str, outcome: str, categories: tuple[str, ...], decision_id: str
) -> ContentRefused:
    """Say why in the policy's words, as far as the category may be disclosed."""
    why = " ".join(request.policy.message(Category(category), "en") for category in categories[:1])
    if outcome == "held":
        why = "The pictures wait for a moderator."
    return ContentRefused(
        why,
        outcome=outcome,
        stage=stage,
        categories=categories,
        decision_id=decision_id,
        policy=str(request.policy.stamp),
    )


def translated(error: BaseException) -> BaseException:
    """The error as a caller is told it. What nobody foresaw is an internal error, never an allow."""
    if isinstance(error, LineFull):
        return Overloaded("Too many pictures are being drawn right now.", retry_after_s=error.retry_after_s)
    if isinstance(error, GenerationFailed):
        return GeneratorUnavailable("The pictures could not be drawn. The prompt is not the reason.", retry_after_s=5)
    if isinstance(error, GatewayError) or not isinstance(error, Exception):
        return error
    return InternalError("Something went wrong on our side. Nothing was released.")
