"""What the nine panes of the studio's window show of a request at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby

from gateway.store.views import PictureView, RequestView
from gateway.web.texts import Texts
from policies.reasons import refusal_told
from policies.schema import Policy
from policies.signals import Category


class Face(StrEnum):
    """What one pane shows. Never a black square: each face has its own words."""

    DRAWING = "drawing"
    CHECKING = "checking"
    SHOWN = "shown"
    WITHHELD = "withheld"
    HELD = "held"
    FAILED = "failed"
    STOPPED = "stopped"


class Ending(StrEnum):
    """What became of a request: the words below the box."""

    RUNNING = "running"
    FINISHED = "finished"
    REFUSED = "refused"
    ASKED = "asked"
    ALL_WITHHELD = "all_withheld"
    HELD = "held"
    CANCELLED = "cancelled"
    FAILED = "failed"


_RESTING = {"released": Face.SHOWN, "withheld": Face.WITHHELD, "withdrawn": Face.WITHHELD, "held": Face.HELD}
_INTERRUPTED = {
    "blocked_prompt": Ending.REFUSED,
    "unconfirmed": Ending.ASKED,
    "held": Ending.HELD,
    "cancelled": Ending.CANCELLED,
    "blocked_image": Ending.ALL_WITHHELD,
    "blocked_model": Ending.ALL_WITHHELD,
}


@dataclass(frozen=True, slots=True)
class Pane:
    """One of the nine, counted from 1. image_id: only when shown. why: sentences for whoever asked."""

    number: int
    face: Face
    image_id: str | None = None
    seed: int | None = None
    labels: tuple[str, ...] = ()
    why: tuple[str, ...] = ()
    decision_id: str | None = None

    @property
    def appealable(self) -> bool:
        """Whether we withheld it: what the model itself would not draw has no seed, and is no case for a person."""
        return self.face is Face.WITHHELD and self.seed is not None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some panes show no picture: those that share a face and a category share a reason."""

    panes: tuple[Pane, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories, in everyday words."""
        return self.panes[0].labels

    @property
    def why(self) -> tuple[str, ...]:
        """Sentences for whoever asked."""
        return self.panes[0].why

    @property
    def numbers(self) -> str:
        """The panes, as "2, 5, 9"."""
        return ", ".join(str(pane.number) for pane in self.panes)

    @property
    def decision_ids(self) -> tuple[str, ...]:
        """What to quote when asking about it."""
        return tuple(pane.decision_id for pane in self.panes if pane.decision_id)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A request as the page shows it.

    marked: the prompt in pieces, each with whether it led to the decision; () where that is not told and nothing asked.
    elapsed_s: whole seconds until now, or until it was over.
    """

    request: RequestView
    ending: Ending
    panes: tuple[Pane, ...]
    labels: tuple[str, ...]
    why: tuple[str, ...]
    marked: tuple[tuple[str, bool], ...]
    elapsed_s: int

    @property
    def running(self) -> bool:
        """Whether there is more to come."""
        return self.ending is Ending.RUNNING

    @property
    def has_window(self) -> bool:
        """Whether there is a pane to look at; a prompt that was never drawn has none."""
        return self.running or bool(self.request.pictures)

    @property
    def noticed(self) -> bool:
        """Whether a piece of the prompt is marked."""
        return any(led for _, led in self.marked)

    @property
    def shown(self) -> tuple[Pane, ...]:
        """The panes with a picture that passed."""
        return tuple(pane for pane in self.panes if pane.face is Face.SHOWN)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why pictures were withheld, held or never finished, in the order of the first pane of each reason."""
        groups: dict[tuple[object, ...], list[Pane]] = {}
        for pane in self.panes:
            if pane.face in (Face.WITHHELD, Face.HELD, Face.FAILED):
                groups.setdefault((pane.face, pane.labels), []).append(pane)
        return tuple(Reason(tuple(panes)) for panes in groups.values())

    def count(self, face: str) -> int:
        """How many panes show this face."""
        return sum(pane.face == face for pane in self.panes)

    def neighbours(self, number: int) -> tuple[int | None, int | None]:
        """The pictures shown before and after this one, None at either end."""
        numbers = [pane.number for pane in self.shown]
        before = max((other for other in numbers if other < number), default=None)
        return before, min((other for other in numbers if other > number), default=None)


def draw(request: RequestView, policy: Policy, texts: Texts, now: datetime | None = None) -> Drawing:
    """What the page shows of a request, in the words of the policy and of the reader's language."""
    ending = _ending(request)
    by_index = {picture.index: picture for picture in request.pictures}
    elapsed = (request.finished_at or now or datetime.now(UTC)) - request.created_at
    judged = request.categories if ending in (Ending.REFUSED, Ending.ASKED, Ending.HELD) else ()
    return Drawing(
        request=request,
        ending=ending,
        panes=tuple(_pane(index, by_index.get(index), ending, policy, texts) for index in range(request.asked)),
        labels=_labels(judged, policy, texts),
        why=_asked(judged, policy, texts) if ending is Ending.ASKED else _why(judged, policy, texts),
        marked=_marked(request, ending, policy),
        elapsed_s=max(0, round(elapsed.total_seconds())),
    )


def _ending(request: RequestView) -> Ending:
    if request.outcome is None:
        return Ending.RUNNING
    if any(picture.state == "released" for picture in request.pictures):
        return Ending.FINISHED
    return _INTERRUPTED.get(request.outcome, Ending.FAILED)


def _pane(index: int, picture: PictureView | None, ending: Ending, policy: Policy, texts: Texts) -> Pane:
    face = _face(picture, ending)
    if picture is None:
        return Pane(index + 1, face, why=_plainly(face, texts))
    judged = picture.categories if face in (Face.WITHHELD, Face.HELD) else ()
    return Pane(
        number=index + 1,
        face=face,
        image_id=picture.image_id,
        seed=picture.seed,
        labels=_labels(judged, policy, texts),
        why=_by_person(picture, policy, texts) or _plainly(face, texts) + _why(judged, policy, texts),
        decision_id=picture.decision_id,
    )


def _face(picture: PictureView | None, ending: Ending) -> Face:
    """In a request that is over, a picture without an end of its own failed, or was stopped by its owner."""
    if picture is not None and picture.state in _RESTING:
        return _RESTING[picture.state]
    if ending is Ending.RUNNING:
        return Face.CHECKING if picture else Face.DRAWING
    return Face.STOPPED if ending is Ending.CANCELLED else Face.FAILED


def _plainly(face: Face, texts: Texts) -> tuple[str, ...]:
    sentences = {
        Face.WITHHELD: texts.withheld_picture,
        Face.HELD: texts.held_picture,
        Face.FAILED: texts.failed_picture,
    }
    return (sentences[face],) if face in sentences else ()


def _by_person(picture: PictureView, policy: Policy, texts: Texts) -> tuple[str, ...]:
    """What the person who withheld a picture says of it, with the rule as far as it may be told."""
    clause = " ".join(_why(picture.categories, policy, texts))
    sentence = refusal_told(picture.reason, texts.language, clause) if picture.reason else None
    return (sentence,) if sentence else ()


def _told(names: Sequence[str], policy: Policy) -> list[Category]:
    """The categories that the policy lets a caller know of."""
    known = [Category(name) for name in names if name in set(Category)]
    return [category for category in known if policy.disclosure(category) != "none"]


def _labels(names: Sequence[str], policy: Policy, texts: Texts) -> tuple[str, ...]:
    return tuple(texts.category(category) for category in _told(names, policy))


def _asked(names: Sequence[str], policy: Policy, texts: Texts) -> tuple[str, ...]:
    """The policy in force may have no question for what an earlier one asked about."""
    asked = [category for category in _told(names, policy) if category in policy.questions]
    return tuple(policy.question(category, texts.language) for category in asked)


def _marked(request: RequestView, ending: Ending, policy: Policy) -> tuple[tuple[str, bool], ...]:
    """The prompt cut where something was found that the policy lets a caller see; a question shows all of it."""
    found = [f for f in request.found if policy.disclosure(Category(f.category)) == "span"]
    inside = {at for f in found for at in range(f.start, f.end)}
    runs = groupby(enumerate(request.prompt), key=lambda place: place[0] in inside)
    pieces = tuple(("".join(char for _, char in run), led) for led, run in runs)
    return pieces if ending is Ending.ASKED or (ending is Ending.REFUSED and inside) else ()


def _why(names: Sequence[str], policy: Policy, texts: Texts) -> tuple[str, ...]:
    return tuple(policy.message(category, texts.language) for category in _told(names, policy))
