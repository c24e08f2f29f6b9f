"""What one request for pictures is made of while it runs, and the words it may end in."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gateway.auth import Caller
from gateway.errors import (
    ClassifierUnavailable,
    ContentRefused,
    GatewayError,
    GeneratorUnavailable,
    InternalError,
    Overloaded,
)
from gateway.store.decisions import Judgement, KeptPicture, State
from generator.batcher import BREAKER_REST_S, GeneratorResting, LineFull
from generator.contract import MAX_SEED, GeneratedImage, GenerationFailed, PictureRequest
from policies.schema import Policy
from policies.signals import Category
from safety.screen import Pixels

Group = Sequence[tuple[int, GeneratedImage]]  # pictures that were finished together, with their index


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
class Kept:
    """One picture in quarantine: its row, the bytes that may be served, and the pixels that are judged."""

    row: KeptPicture
    content: bytes
    pixels: Pixels

    def judged(self, judgement: Judgement) -> Judgement:
        """The judgement, naming this very picture."""
        return replace(judgement, picture_index=self.row.index, picture_sha256=self.row.sha256)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One picture at the end of its way. Only a released one may be shown."""

    picture: Kept
    state: State
    decision_id: str
    categories: tuple[str, ...] = ()
    judged: bool = True  # False: the gate had no answer, so it waits for a person

    @property
    def index(self) -> int:
        """Its place among the pictures asked for."""
        return self.picture.row.index

    @property
    def seed(self) -> int:
        """What it was drawn from."""
        return self.picture.row.seed

    @property
    def image_id(self) -> str:
        """The name it is served under. Raises ValueError for a picture that is not released."""
        return self._released().row.id

    @property
    def content(self) -> bytes:
        """The bytes to serve. Raises ValueError for a picture that is not released."""
        return self._released().content

    def _released(self) -> Kept:
        if self.state is not State.RELEASED:
            raise ValueError(f"picture {self.index} is {self.state}: it cannot be shown")
        return self.picture


@dataclass(slots=True)
class Generation:
    """One request while it runs.

    hold: the policy wants a person to see its pictures, whatever they show. over: its end is in the book.
    """

    id: str
    asked: Asked
    caller: Caller
    policy: Policy
    hold: bool = False
    over: bool = False
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


def nothing_to_show(request: Generation, state: State) -> GatewayError:
    """Why a request without a released picture fails: not one could be judged, or the policy keeps them back."""
    if not any(drawn.judged for drawn in request.pictures):
        return ClassifierUnavailable("The pictures could not be judged. They wait for a moderator.", retry_after_s=5)
    worst = next(drawn for drawn in request.pictures if drawn.state is state)
    outcome = "held" if state is State.HELD else "blocked"
    return refused(request, "image", outcome, worst.categories, worst.decision_id)


def translated(error: BaseException) -> BaseException:
    """The error as a caller is told it. What nobody foresaw is an internal error, never an allow."""
    if isinstance(error, LineFull):
        return Overloaded("Too many pictures are being drawn right now.", retry_after_s=error.retry_after_s)
    if isinstance(error, GeneratorResting):
        return GeneratorUnavailable("The generator is being given a rest.", retry_after_s=BREAKER_REST_S)
    if isinstance(error, GenerationFailed):  # no time to come back: each retry would cost a drawing
        return GeneratorUnavailable("The pictures could not be drawn. The prompt is not the reason.")
    if isinstance(error, GatewayError) or not isinstance(error, Exception):
        return error
    return InternalError("Something went wrong on our side. Nothing was released.")
