"""What one request for pictures is made of while it runs, and the words it may end in."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.auth import CONFIRMATION_SECONDS, Caller
from gateway.errors import (
    ClassifierUnavailable,
    ConfirmationRequired,
    ContentRefused,
    GatewayError,
    GeneratorUnavailable,
    InternalError,
    Overloaded,
)
from gateway.judging import Look
from gateway.store.appeals import appeal_path
from gateway.store.decisions import Judgement, KeptPicture, State
from generator.batcher import BREAKER_REST_S, Drawing, GeneratorResting, LineFull
from generator.contract import MAX_SEED, GeneratedImage, GenerationFailed, PictureRequest, Refusal
from policies.schema import Policy
from policies.signals import Category, Signal, Stage
from policies.verdict import UNSUPPORTED_LANGUAGE, Action, Reason, Verdict
from safety.prompt_syntax import split_prompt
from safety.screen import Pixels

UNREAD = "The checks do not read the language it seems to be written in. Try English or French."
UNLABELLED = "label: asks for a visible label that the picture does not bear"
MODEL_RULE = "the model's own safety system refused"
Group = Sequence[tuple[int, Drawing]]  # what was finished together, with its index


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants drawn.

    seed: of the first picture; None draws new ones each time. confirmation: says yes to what was asked before.
    """

    prompt: str
    count: int
    size: str
    model: str
    surface: str
    seed: int | None = None
    user: str | None = None
    format: str = "png"
    confirmation: str | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller may know of a judgement. spans: code points [start, end) of the prompt."""

    categories: tuple[str, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()
    in_unread_language: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """As an answer's x_gateway tells it."""
        facts: dict[str, Any] = {"categories": [*self.categories]}
        if self.spans:
            facts["spans"] = [[*span] for span in self.spans]
        if self.in_unread_language:
            facts["reason"] = UNSUPPORTED_LANGUAGE
        return facts


@dataclass(frozen=True, slots=True)
class Kept:
    """One picture in quarantine: its row, the bytes that may be served, and the pixels that are judged.

    decision_id: the decision that the bytes name, which is yet to be made. look: the first one, by which it bears the
    visible label or not.
    """

    row: KeptPicture
    content: bytes
    pixels: Pixels
    decision_id: str
    look: Look
    drawn: Pixels

    def judged(self, judgement: Judgement) -> Judgement:
        """The judgement, naming this very picture. One that asks for a label it does not bear is no verdict."""
        row, verdict = self.row, judgement.verdict
        if verdict and verdict.visible_label and not self.look.label:
            judgement = replace(judgement, verdict=None, failure=UNLABELLED)
        return replace(judgement, picture_index=row.index, picture_sha256=row.sha256, decision_id=self.decision_id)


@dataclass(frozen=True, slots=True)
class Fresh:
    """One picture as it was drawn. decision_id: of the decision that is yet to be made, which its mark names."""

    index: int
    image: GeneratedImage
    decision_id: str


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


@dataclass(frozen=True, slots=True)
class Undrawn:
    """One picture that the model itself would not draw. It stands in the book as withheld."""

    index: int
    decision_id: str
    categories: tuple[str, ...] = ()
    state: State = State.WITHHELD


def appeal_url(place: Drawn | Undrawn) -> str | None:
    """Where whoever asked can object; None for what a person looks at anyway, or the model itself refused."""
    refused = isinstance(place, Drawn) and place.state is State.WITHHELD
    return appeal_path(place.decision_id) if refused else None


@dataclass(slots=True)
class Generation:
    """One request while it runs.

    answers: the decision whose question the caller says yes to. judged, decision_id: what became of its prompt.
    confirmed: that yes counted. over: its end is in the book. shares: how much of a picture is drawn, by index.
    """

    id: str
    asked: Asked
    caller: Caller
    policy: Policy
    answers: str | None = None
    judged: Judgement | None = None
    decision_id: str = ""
    confirmed: bool = False
    over: bool = False
    pictures: list[Drawn] = field(default_factory=list)
    undrawn: list[Undrawn] = field(default_factory=list)
    shares: dict[int, float] = field(default_factory=dict)

    def note_share(self, index: int, share: float) -> None:
        """How much of a picture is drawn, told by the thread that draws."""
        self.shares[index] = share

    @property
    def share_drawn(self) -> float:
        """How much of all the pictures is drawn, 0..1."""
        places: list[Drawn | Undrawn] = [*self.pictures, *self.undrawn]
        ended = dict.fromkeys([place.index for place in places], 1.0)
        return sum((self.shares | ended).values()) / self.asked.count

    @property
    def kept_back(self) -> list[Drawn | Undrawn]:
        """The places of the grid that stay empty, in order."""
        unreleased = [drawn for drawn in self.pictures if drawn.state is not State.RELEASED]
        return sorted([*unreleased, *self.undrawn], key=lambda place: place.index)

    @property
    def action(self) -> Action | None:
        """What the policy made of the prompt; None when it could not be judged, or was not yet."""
        return self.judged.verdict.action if self.judged and self.judged.verdict else None

    @property
    def hold(self) -> bool:
        """The policy wants a person to see the pictures, whatever they show."""
        return self.action is Action.REVIEW

    @property
    def said(self) -> Sequence[Signal]:
        """Everything that the checks said of the prompt."""
        return self.judged.signals if self.judged else ()

    @property
    def told(self) -> Told:
        """What the caller may know of the prompt's judgement."""
        return told_of(self.judged, self.policy) if self.judged else Told()

    def refused(self, stage: str, outcome: str, told: Told, decision_id: str) -> ContentRefused:
        """Say why in the policy's words, as far as the category may be disclosed."""
        why = [self.policy.message(Category(category), "en") for category in told.categories[:1]]
        if outcome == "held":
            why = ["Another wording may go straight through."]
        if told.in_unread_language:
            why.append(UNREAD)
        return ContentRefused(
            " ".join(why),
            outcome=outcome,
            stage=stage,
            told=told.facts,
            decision_id=decision_id,
            policy=str(self.policy.stamp),
            appeal_url=appeal_path(decision_id) if outcome == "blocked" and stage != "model" else None,
        )

    def question(self, confirmation: str) -> ConfirmationRequired:
        """Ask in the policy's words whether this is what the caller means."""
        asked = [self.policy.question(Category(category), "en") for category in self.told.categories[:1]]
        return ConfirmationRequired(
            " ".join(asked),
            told=self.told.facts,
            decision_id=self.decision_id,
            policy=str(self.policy.stamp),
            confirmation=confirmation,
            seconds=CONFIRMATION_SECONDS,
        )

    def refused_by_model(self, index: int, refusal: Refusal) -> Judgement:
        """A refusal of the model as a decision of its own: what the policy says of pictures was never asked."""
        reasons = tuple(Reason(Action.BLOCK, c, refusal.by.name, 1.0, 1.0, MODEL_RULE) for c in refusal.categories)
        return Judgement(
            stage=Stage.PICTURE,
            signals=[Signal(refusal.by.name, category, 1.0) for category in refusal.categories],
            thresholds={},
            policy=self.policy.stamp,
            models=[refusal.by],
            seconds=0.0,
            verdict=Verdict(Action.BLOCK, Stage.PICTURE, self.policy.stamp, reasons),
            picture_index=index,
        )

    def nothing_drawn(self) -> ContentRefused:
        """Why a request fails whose every picture the model itself refused."""
        first = self.undrawn[0]
        return self.refused("model", "blocked", Told(first.categories), first.decision_id)

    def nothing_to_show(self, state: State) -> GatewayError:
        """Why a request without a released picture fails: not one could be judged, or the policy keeps them back."""
        if not any(drawn.judged for drawn in self.pictures):
            return ClassifierUnavailable(
                "The pictures could not be judged. They wait for a moderator.", retry_after_s=5
            )
        if state is State.HELD and self.hold:
            return self.refused("image", "held", self.told, self.decision_id)
        worst = next(drawn for drawn in self.pictures if drawn.state is state)
        outcome = "held" if state is State.HELD else "blocked"
        return self.refused("image", outcome, Told(worst.categories), worst.decision_id)


def told_of(judgement: Judgement, policy: Policy) -> Told:
    """What the policy lets a caller know."""
    verdict = judgement.verdict
    if verdict is None:
        return Told()
    return Told(
        categories=tuple(c for c in verdict.categories if policy.disclosure(c) != "none"),
        spans=tuple((f.start, f.end) for f in judgement.found if policy.disclosure(Category(f.category)) == "span"),
        in_unread_language=verdict.in_unread_language,
    )


def pictures_of(asked: Asked) -> list[PictureRequest]:
    """One seed per picture: counted on from the one asked for, or new ones. What shall not be seen is never drawn."""
    first, wanted = asked.seed, split_prompt(asked.prompt).positive
    seeds = [
        secrets.randbelow(MAX_SEED + 1) if first is None else (first + i) % (MAX_SEED + 1) for i in range(asked.count)
    ]
    return [PictureRequest(wanted, seed, asked.size) for seed in seeds]


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
