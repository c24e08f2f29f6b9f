"""Pictures drawn together and handed back together: for whoever has no waiting line (commands, benchmarks, tests)."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Outcome,
    PictureRequest,
    require_drawable,
)

Progress = Callable[[float], None]  # 0..1, share of all pictures drawn
Cancelled = Callable[[], bool]


class PartlyDrawn(Exception):
    """Some pictures were refused by the model itself, or failed each for itself.

    outcomes: one per request, in order.
    """

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        super().__init__(outcomes)
        self.outcomes = outcomes


def draw_at_once(
    generator: ImageGenerator,
    requests: Sequence[PictureRequest],
    progress: Progress = lambda _: None,
    cancelled: Cancelled = lambda: False,
) -> list[GeneratedImage]:
    """One picture per request, in order.

    Raises ValueError for what must not be asked, GenerationFailed when every picture failed, PartlyDrawn when some did
    or were refused, GenerationCancelled within a step of cancelled() having turned true.
    """
    require_drawable(requests, generator)
    together = _Together(requests, progress, cancelled)
    left = len(requests)
    while left:
        generator.draw(together)
        if len(together.waiting) == left:
            raise GenerationFailed("the generator took nothing of what it was asked for")
        left = 0 if cancelled() else len(together.waiting)
    return together.images()


class _Together:
    """The orders of one call."""

    def __init__(self, requests: Sequence[PictureRequest], progress: Progress, cancelled: Cancelled) -> None:
        self._orders = [_Order(request, self) for request in requests]
        self.waiting = deque(self._orders)
        self.cancelled = cancelled
        self._progress = progress
        self._told = 0.0

    def take(self, most: int) -> list["_Order"]:
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def tell(self) -> None:
        """Pass on how far all of them are, unless it is what was told before."""
        share = sum(order.share for order in self._orders) / len(self._orders)
        if share > self._told:
            self._told = share
            self._progress(share)

    def images(self) -> list[GeneratedImage]:
        outcomes = [order.outcome or GenerationFailed("the generator left it unfinished") for order in self._orders]
        images = [outcome for outcome in outcomes if isinstance(outcome, GeneratedImage)]
        if len(images) == len(outcomes):
            return images
        if self.cancelled():
            raise GenerationCancelled
        failures = [outcome for outcome in outcomes if isinstance(outcome, GenerationFailed)]
        raise failures[0] if len(failures) == len(outcomes) else PartlyDrawn(outcomes)


@dataclass(slots=True, eq=False)
class _Order:
    request: PictureRequest
    _together: _Together
    share: float = 0.0
    outcome: Outcome | None = None

    @property
    def wanted(self) -> bool:
        return not self._together.cancelled()

    def advance(self, share: float) -> None:
        self.share = share
        self._together.tell()

    def end(self, outcome: Outcome) -> None:
        self.outcome = outcome
        if not isinstance(outcome, GenerationCancelled):
            self.advance(1.0)
