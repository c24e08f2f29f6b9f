"""The waiting line before a generator: bounded, fair between callers, pictures of several requests side by side."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from threading import Lock
from time import monotonic
from types import TracebackType

import torch

from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Orders,
    Outcome,
    PictureRequest,
    Refusal,
    sides_of,
)

BREAKER_FAILURES, BREAKER_WINDOW_S, BREAKER_REST_S = (
    5,
    600,
    30,
)  # reference 4.4, row 67: 5 failures in 10 minutes
FIRST_GUESS_S = 0.5  # a picture's time before any was measured
MEASURED_BATCHES = 4  # so many pictures' times make the estimate, in full batches

Drawing = GeneratedImage | Refusal  # how a picture's way through the line may end; what failed is raised
Shares = Callable[[int, float], None]  # index of a picture, 0..1 of it drawn; called by the thread that draws


class LineFull(Exception):
    """No place left. retry_after_s: when one is likely free."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("The waiting line is full.")
        self.retry_after_s = retry_after_s


class GeneratorResting(GenerationFailed):
    """The generator failed too often; it is left alone for a while."""


@dataclass(eq=False, slots=True)
class _Ticket:
    request: PictureRequest
    on_share: Callable[[float], None]
    future: "asyncio.Future[Drawing]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it: its caller left, or was told that it failed."""
        return self.future.done()

    def settle(self, outcome: Outcome) -> None:
        if isinstance(outcome, GenerationFailed | GenerationCancelled):
            self.fail(outcome)
        elif not self.abandoned:
            self.future.set_result(outcome)

    def fail(self, error: Exception) -> None:
        if not self.abandoned:
            self.future.set_exception(GenerationFailed(f"the generator failed with {type(error).__name__}"))


class _Waiting:
    """Tickets that nobody draws yet, in turns by caller. For any thread."""

    def __init__(self) -> None:
        self._by_caller: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        self._lock = Lock()

    def __bool__(self) -> bool:
        return bool(self._by_caller)

    def add(self, tickets: Sequence[_Ticket], caller: str) -> None:
        with self._lock:
            self._by_caller.setdefault(caller, deque()).extend(tickets)

    def take(self, most: int) -> list[_Ticket]:
        """One picture of each caller in turn."""
        taken: list[_Ticket] = []
        with self._lock:
            while self._by_caller and len(taken) < most:
                caller, tickets = self._by_caller.popitem(last=False)
                ticket = tickets.popleft()
                if tickets:
                    self._by_caller[caller] = tickets
                if not ticket.abandoned:
                    taken.append(ticket)
        return taken


class _Sitting:
    """The orders of one call of the generator: from the first picture until there is none left to draw."""

    def __init__(self, waiting: _Waiting, on_end: Callable[[_Ticket, Outcome, float], None]) -> None:
        self.being_drawn: dict[_Ticket, float] = {}  # since when
        self.drawn = 0
        self.closed = False  # given up: nothing more to take, nothing of it is wanted
        self._waiting = waiting
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._measured = monotonic()
        self._asked = False

    def take(self, most: int) -> list["_Order"]:
        tickets = [] if self.closed else self._waiting.take(most)
        self._asked = True
        self.being_drawn |= dict.fromkeys(tickets, monotonic())
        return [_Order(ticket, self) for ticket in tickets]

    def end(self, ticket: _Ticket, outcome: Outcome) -> None:
        """Told by the thread that draws; whoever waits hears of it on the loop."""
        if self.closed or self.being_drawn.pop(ticket, None) is None:
            return
        now = monotonic()
        took, self._measured = now - self._measured, now
        self.drawn += isinstance(outcome, Drawing)
        with suppress(RuntimeError):  # the loop is gone, and everybody with it
            self._loop.call_soon_threadsafe(self._on_end, ticket, outcome, took)

    def require_done(self) -> None:
        """Raises GenerationFailed when the generator came back and somebody still waits for what it was to draw."""
        if not self._asked or not all(ticket.abandoned for ticket in self.being_drawn):
            raise GenerationFailed("the generator left pictures unfinished")

    def fail(self, error: Exception) -> None:
        """All that is not ended; of a generator that took nothing, what it would have been given."""
        for ticket in [*self.being_drawn] if self._asked else self._waiting.take(1):
            ticket.fail(error)

    def time_left(self, limit_s: float) -> float:
        """Seconds until a picture has been drawn for longer than it may."""
        now = monotonic()
        return min(list(self.being_drawn.values()), default=now) + limit_s - now


@dataclass(frozen=True, slots=True)
class _Order:
    """A ticket as the generator sees it."""

    _ticket: _Ticket
    _sitting: _Sitting

    @property
    def request(self) -> PictureRequest:
        return self._ticket.request

    @property
    def wanted(self) -> bool:
        return not (self._sitting.closed or self._ticket.abandoned)

    def advance(self, share: float) -> None:
        if self.wanted:
            self._ticket.on_share(share)

    def end(self, outcome: Outcome) -> None:
        self._sitting.end(self._ticket, _sound(self._ticket.request, outcome))


class WaitingLine:
    """`async with WaitingLine(...)` runs the generator on a thread of its own, as long as there is something to draw.

    capacity: most pictures waiting or being drawn. time_limit_s: when a picture takes longer, all that is drawn beside
    it has failed; the thread is left to its generator, which ends what hangs, and what waits gets a fresh one.
    """

    def __init__(
        self,
        generator: ImageGenerator,
        capacity: int,
        time_limit_s: float,
        on_change: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._generator = generator
        self._capacity = capacity
        self._time_limit_s = time_limit_s
        self._on_change = on_change
        self._waiting = _Waiting()
        self._count = 0
        self._arrived = asyncio.Event()
        self._seconds: deque[float] = deque(maxlen=MEASURED_BATCHES * generator.batch_size)  # per picture
        self._failed_in_a_row = 0
        self._failures: deque[float] = deque(maxlen=BREAKER_FAILURES)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "WaitingLine":
        self._task = asyncio.create_task(self._work(), name="waiting line")
        return self

    async def __aexit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    @property
    def count(self) -> int:
        """Pictures waiting or being drawn."""
        return self._count

    def estimate_s(self, pictures: int) -> float:
        """Seconds until so many more pictures would be done, from how fast the last ones came."""
        return (self._count + pictures) * (fmean(self._seconds) if self._seconds else FIRST_GUESS_S)

    def require_place(self, pictures: int) -> None:
        """Raises LineFull or GeneratorResting when draw would."""
        if self._is_resting():
            raise GeneratorResting("the generator failed repeatedly and is resting")
        if self._count + pictures > self._capacity:
            raise LineFull(self.estimate_s(0))

    async def draw(
        self, requests: Sequence[PictureRequest], caller: str, on_share: Shares = lambda *_: None
    ) -> AsyncGenerator[list[tuple[int, Drawing]], None]:
        """Pictures, or the model's own refusals, with their index, in groups as they are finished.

        Raises LineFull, GeneratorResting, GenerationFailed. Leaving the iterator gives the places back; what nobody
        waits for any more stops within one step.
        """
        self.require_place(len(requests))
        tickets = [_Ticket(request, partial(on_share, index)) for index, request in enumerate(requests)]
        self._waiting.add(tickets, caller)
        self._change(len(tickets))
        self._arrived.set()
        try:
            pending = {ticket.future: index for index, ticket in enumerate(tickets)}
            while pending:
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                indices = {pending.pop(future): future for future in done}
                failed = next((error for future in done if (error := future.exception())), None)
                if drawn := sorted(index for index, future in indices.items() if not future.exception()):
                    yield [(index, indices[index].result()) for index in drawn]
                if failed:
                    raise failed
        finally:
            self._leave(tickets)

    def _leave(self, tickets: Sequence[_Ticket]) -> None:
        for ticket in tickets:
            if ticket.future.done() and not ticket.future.cancelled():
                ticket.future.exception()  # seen: asyncio need not warn about the siblings of a failure
            ticket.future.cancel()
        self._change(-len(tickets))

    def _change(self, by: int) -> None:
        self._count += by
        self._on_change(self._count)

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._sit()

    async def _sit(self) -> None:
        sitting = _Sitting(self._waiting, self._note)
        try:
            await self._watched(sitting)
            sitting.require_done()
        except GenerationCancelled as error:  # should the generator stop of itself: nobody is to wait for ever
            sitting.fail(error)
        except Exception as error:  # noqa: BLE001 (whatever a model throws, its callers are told it failed)
            self._note_failure()
            sitting.fail(error)
        else:
            if self._failed_in_a_row and not sitting.drawn:
                self._note_failure()

    async def _watched(self, sitting: _Sitting) -> None:
        """One call of the generator. Raises what it raises, and TimeoutError when a picture takes too long."""
        drawing = asyncio.ensure_future(_in_own_thread(self._generator.draw, sitting))
        try:
            while not drawing.done():
                await asyncio.wait([drawing], timeout=max(0.0, sitting.time_left(self._time_limit_s)))
                if not drawing.done() and sitting.time_left(self._time_limit_s) <= 0:
                    raise TimeoutError
            drawing.result()
        finally:
            sitting.closed = True
            drawing.cancel()

    def _note(self, ticket: _Ticket, outcome: Outcome, took: float) -> None:
        ticket.settle(outcome)
        if isinstance(outcome, Drawing):
            self._seconds.append(took)
            self._failed_in_a_row = 0
        elif isinstance(outcome, GenerationFailed):
            self._failed_in_a_row += 1
        if self._failed_in_a_row >= self._generator.batch_size:
            self._note_failure()

    def _note_failure(self) -> None:
        self._failures.append(monotonic())
        self._failed_in_a_row = 0

    def _is_resting(self) -> bool:
        if len(self._failures) < BREAKER_FAILURES:
            return False
        now = monotonic()
        return now - self._failures[0] < BREAKER_WINDOW_S and now - self._failures[-1] < BREAKER_REST_S


def _sound(request: PictureRequest, outcome: Outcome) -> Outcome:
    """GenerationFailed instead of a picture of a wrong size or type, or one that is black all over."""
    if isinstance(outcome, Refusal | GenerationFailed | GenerationCancelled):
        return outcome
    try:
        _require_sound(request, outcome)
    except Exception as error:  # noqa: BLE001 (what is no picture at all fails in its own ways)
        return GenerationFailed(str(error))
    return outcome


def _require_sound(request: PictureRequest, image: GeneratedImage) -> None:
    width, height = sides_of(request.size)
    pixels = image.pixels
    if pixels.dtype != torch.uint8 or tuple(pixels.shape) != (3, height, width):
        raise GenerationFailed(f"a picture is {pixels.dtype} {tuple(pixels.shape)}, not {request.size} in 8 bits")
    if int(pixels.max()) == 0:
        raise GenerationFailed("a picture is black all over")


async def _in_own_thread(draw: Callable[[Orders], None], orders: Orders) -> None:
    """A thread for this call alone: when it hangs it is left behind, and holds up nobody else."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, thread_name_prefix="generator")
    try:
        await loop.run_in_executor(executor, draw, orders)
    finally:
        executor.shutdown(wait=False)
