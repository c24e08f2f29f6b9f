"""The waiting line before a generator: bounded, fair between callers, batching pictures of several requests."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType

import torch

from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Outcome,
    PartlyDrawn,
    PictureRequest,
    Refusal,
)

BREAKER_FAILURES, BREAKER_WINDOW_S, BREAKER_REST_S = (
    5,
    600,
    30,
)  # reference 4.4, row 67: 5 failures in 10 minutes
FIRST_GUESS_S = 0.5  # a picture's time before any was measured
SMOOTHING = 0.3  # weight of the newest batch in the estimate

Drawing = GeneratedImage | Refusal  # how a picture's way through the line may end; what failed is raised


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
    future: "asyncio.Future[Drawing]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def abandoned(self) -> bool:
        """Nobody waits for it: its caller left, or was told that it failed."""
        return self.future.done()


class WaitingLine:
    """`async with WaitingLine(...)` runs the generator on a thread of its own, one batch at a time.

    capacity: most pictures waiting or being drawn. time_limit_s: a batch that takes longer has failed; its thread is
    left to its generator, which ends what hangs, and the next batch gets a fresh one.
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
        self._waiting: OrderedDict[str, deque[_Ticket]] = OrderedDict()
        self._count = 0
        self._arrived = asyncio.Event()
        self._seconds_per_picture = FIRST_GUESS_S
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
        """Seconds until so many more pictures would be done, from the batches measured so far."""
        return (self._count + pictures) * self._seconds_per_picture

    def require_place(self, pictures: int) -> None:
        """Raises LineFull or GeneratorResting when draw would."""
        if self._is_resting():
            raise GeneratorResting("the generator failed repeatedly and is resting")
        if self._count + pictures > self._capacity:
            raise LineFull(self.estimate_s(0))

    async def draw(
        self, requests: Sequence[PictureRequest], caller: str
    ) -> AsyncGenerator[list[tuple[int, Drawing]], None]:
        """Pictures, or the model's own refusals, with their index, in groups as they are finished.

        Raises LineFull, GeneratorResting, GenerationFailed. Leaving the iterator gives the places back; a batch nobody
        waits for any more stops within one step.
        """
        self.require_place(len(requests))
        tickets = [_Ticket(request) for request in requests]
        self._waiting.setdefault(caller, deque()).extend(tickets)
        self._change(len(tickets))
        self._arrived.set()
        try:
            pending = {ticket.future: index for index, ticket in enumerate(tickets)}
            while pending:
                done, _ = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                yield sorted(((pending.pop(future), future.result()) for future in done), key=lambda drawn: drawn[0])
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
            batch = self._next_batch()
            if batch:
                await self._draw_batch(batch)
            else:
                self._arrived.clear()

    def _next_batch(self) -> list[_Ticket]:
        """One picture of each waiting caller in turn, until the batch is full."""
        batch: list[_Ticket] = []
        while self._waiting and len(batch) < self._generator.batch_size:
            caller, tickets = self._waiting.popitem(last=False)
            ticket = tickets.popleft()
            if tickets:
                self._waiting[caller] = tickets
            if not ticket.abandoned:
                batch.append(ticket)
        return batch

    async def _draw_batch(self, batch: Sequence[_Ticket]) -> None:
        started = monotonic()
        try:
            outcomes = await asyncio.wait_for(_in_own_thread(self._run, batch), self._time_limit_s)
        except GenerationCancelled as error:
            _fail(batch, error)  # should the generator stop of itself: nobody is to wait for ever
            return
        except Exception as error:  # noqa: BLE001 (whatever a model throws, its callers are told it failed)
            self._failures.append(monotonic())
            _fail(batch, error)
            return
        taken = (monotonic() - started) / len(batch)
        self._seconds_per_picture += SMOOTHING * (taken - self._seconds_per_picture)
        for ticket, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, GenerationFailed):
                _fail([ticket], outcome)
            elif not ticket.future.done():
                ticket.future.set_result(outcome)

    def _run(self, batch: Sequence[_Ticket]) -> Sequence[Outcome]:
        requests = [ticket.request for ticket in batch]
        try:
            outcomes: Sequence[Outcome] = self._generator.draw(
                requests, lambda _: None, lambda: all(ticket.abandoned for ticket in batch)
            )
        except PartlyDrawn as partly:
            outcomes = partly.outcomes
        _require_sound(requests, outcomes)
        return outcomes

    def _is_resting(self) -> bool:
        if len(self._failures) < BREAKER_FAILURES:
            return False
        now = monotonic()
        return now - self._failures[0] < BREAKER_WINDOW_S and now - self._failures[-1] < BREAKER_REST_S


def _fail(batch: Sequence[_Ticket], error: Exception) -> None:
    for ticket in batch:
        if not ticket.future.done():
            ticket.future.set_exception(GenerationFailed(f"the generator failed with {type(error).__name__}"))


def _require_sound(requests: Sequence[PictureRequest], outcomes: object) -> None:
    """Raises GenerationFailed for a missing picture, a wrong size or type, or one that is blank all over."""
    if not isinstance(outcomes, list) or len(outcomes) != len(requests):
        raise GenerationFailed(f"asked for {len(requests)} pictures, got another number")
    for request, outcome in zip(requests, outcomes, strict=True):
        if not isinstance(outcome, Refusal | GenerationFailed):
            _require_sound_picture(request, outcome)


def _require_sound_picture(request: PictureRequest, image: GeneratedImage) -> None:
    width, height = (int(side) for side in request.size.split("x"))
    pixels = image.pixels
    if pixels.dtype != torch.uint8 or tuple(pixels.shape) != (3, height, width):
        raise GenerationFailed(f"a picture is {pixels.dtype} {tuple(pixels.shape)}, not {request.size} in 8 bits")
    if int(pixels.max()) == 0:
        raise GenerationFailed("a picture is black all over")


async def _in_own_thread(
    run: Callable[[Sequence[_Ticket]], Sequence[Outcome]], batch: Sequence[_Ticket]
) -> Sequence[Outcome]:
    """A thread for this batch alone: when it hangs it is left behind, and holds up nobody else."""
    loop = asyncio.get_running_loop()
    executor = ThreadPoolExecutor(1, thread_name_prefix="generator")
    try:
        return await loop.run_in_executor(executor, run, batch)
    finally:
        executor.shutdown(wait=False)
