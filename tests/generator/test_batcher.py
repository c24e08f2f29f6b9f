"""What the waiting line promises: bounded, fair, pictures side by side, honest estimates, and an end to everything."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

import pytest

from generator import batcher
from generator.at_once import Cancelled
from generator.batcher import Drawing, GeneratorResting, LineFull, WaitingLine
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    ImageGenerator,
    Order,
    Orders,
    PictureRequest,
)
from tests.fakes import IDENTITY, FakeGenerator, paint

LIMIT_S = 10.0
Drawn = list[tuple[int, Drawing]]


def pictures(prompt: str, count: int) -> list[PictureRequest]:
    return [PictureRequest(prompt, seed, "64x64") for seed in range(count)]


async def drawn(line: WaitingLine, prompt: str, count: int, caller: str = "one") -> list[Drawn]:
    """Every group of a request, as it came."""
    async with aclosing(line.draw(pictures(prompt, count), caller)) as groups:
        return [group async for group in groups]


def working(
    generator: ImageGenerator,
    use: Callable[[WaitingLine], Awaitable[None]],
    capacity: int = 64,
    limit_s: float = LIMIT_S,
) -> None:
    async def run() -> None:
        async with WaitingLine(generator, capacity, limit_s) as line:
            await use(line)

    asyncio.run(run())


class Batches:
    """Remembers each batch by its prompts, and may keep the generator busy until told to go on."""

    def __init__(self, hold: bool = False) -> None:
        self.seen: list[list[str]] = []
        self.started, self.go_on = threading.Event(), threading.Event()
        if not hold:
            self.go_on.set()

    def __call__(self, requests: Sequence[PictureRequest], _: Cancelled) -> None:
        self.seen.append([request.prompt for request in requests])
        self.started.set()
        self.go_on.wait(10)


async def until(condition: Callable[[], bool]) -> None:
    """Raises TimeoutError after ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (what is waited for happens in other threads)
            await asyncio.sleep(0.005)


def test_every_picture_comes_once_with_its_index_and_seed() -> None:
    async def use(line: WaitingLine) -> None:
        groups = await drawn(line, "a cat", 7)
        images = [(index, image) for group in groups for index, image in group if isinstance(image, GeneratedImage)]
        assert [(index, image.seed) for index, image in images] == [(i, i) for i in range(7)]

    working(FakeGenerator(batch_size=3), use)


def test_a_full_line_takes_nothing_more_and_says_when_to_come_back() -> None:
    batches = Batches(hold=True)

    async def use(line: WaitingLine) -> None:
        waiting = asyncio.create_task(drawn(line, "a cat", 4))
        await until(batches.started.is_set)
        with pytest.raises(LineFull) as full:
            await drawn(line, "a dog", 1)
        assert full.value.retry_after_s > 0
        with pytest.raises(LineFull):
            line.require_place(1)
        batches.go_on.set()
        await waiting
        line.require_place(4)

    working(FakeGenerator(batches), use, capacity=4)


def test_a_request_larger_than_the_whole_line_is_refused_at_once() -> None:
    async def use(line: WaitingLine) -> None:
        with pytest.raises(LineFull):
            await drawn(line, "a cat", 5)
        assert line.count == 0

    working(FakeGenerator(), use, capacity=4)


def test_two_callers_take_turns_however_much_one_of_them_asks() -> None:
    batches = Batches(hold=True)

    async def use(line: WaitingLine) -> None:
        greedy = asyncio.create_task(drawn(line, "greedy", 9, caller="greedy"))
        await until(batches.started.is_set)
        modest = asyncio.create_task(drawn(line, "modest", 2, caller="modest"))
        await until(lambda: line.count == 11)
        batches.go_on.set()
        await modest
        finished_before = [prompt for batch in batches.seen[1:] for prompt in batch].index("modest")
        assert finished_before <= 1
        assert batches.seen[1:3] == [["greedy", "modest"], ["greedy", "modest"]]
        await greedy

    working(FakeGenerator(batches, batch_size=2), use)


def test_pictures_of_several_requests_share_a_batch() -> None:
    batches = Batches(hold=True)

    async def use(line: WaitingLine) -> None:
        first = asyncio.create_task(drawn(line, "first", 1))
        await until(batches.started.is_set)
        others = [asyncio.create_task(drawn(line, name, 1, caller=name)) for name in ("a", "b", "c")]
        await until(lambda: line.count == 4)
        batches.go_on.set()
        await asyncio.gather(first, *others)
        assert batches.seen == [["first"], ["a", "b", "c"]]

    working(FakeGenerator(batches), use)


def test_what_nobody_waits_for_any_more_stops_within_one_step_and_gives_its_places_back() -> None:
    steps: list[bool] = []
    started = threading.Event()

    def draw(_: Sequence[PictureRequest], cancelled: Cancelled) -> None:
        started.set()
        while len(steps) < 1000:
            steps.append(cancelled())
            if steps[-1]:
                raise GenerationCancelled
            time.sleep(0.005)

    async def use(line: WaitingLine) -> None:
        leaving = asyncio.create_task(drawn(line, "a cat", 6))
        await until(started.is_set)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert line.count == 0
        await until(lambda: steps[-1])
        line._generator.on_draw = lambda *_: None  # type: ignore[attr-defined]
        await drawn(line, "a dog", 1)

    generator = FakeGenerator(draw)
    working(generator, use)
    assert [request.prompt for request in generator.asked] == ["a cat"] * 3 + ["a dog"]
    assert steps.count(True) == 1


def test_a_batch_goes_on_while_one_of_its_callers_still_waits() -> None:
    batches, asked_to_stop = Batches(hold=True), []

    def draw(requests: Sequence[PictureRequest], cancelled: Cancelled) -> None:
        batches(requests, cancelled)
        asked_to_stop.append(cancelled())

    async def use(line: WaitingLine) -> None:
        first = asyncio.create_task(drawn(line, "first", 1))
        await until(batches.started.is_set)
        leaving = asyncio.create_task(drawn(line, "leaving", 1, caller="a"))
        staying = asyncio.create_task(drawn(line, "staying", 1, caller="b"))
        await until(lambda: line.count == 3)
        batches.go_on.set()
        batches.go_on.clear()
        await first
        await until(lambda: len(batches.seen) == 2)
        leaving.cancel()
        batches.go_on.set()
        assert len(await staying) == 1

    working(FakeGenerator(draw), use)
    assert asked_to_stop == [False, False]


def test_a_hung_batch_fails_at_the_limit_is_told_to_stop_and_the_next_one_is_drawn() -> None:
    release, told_to_stop = threading.Event(), threading.Event()

    def draw(requests: Sequence[PictureRequest], cancelled: Cancelled) -> None:
        if requests[0].prompt == "hang":
            release.wait(10)
            if cancelled():
                told_to_stop.set()

    async def use(line: WaitingLine) -> None:
        with pytest.raises(GenerationFailed):
            await drawn(line, "hang", 1)
        assert line.count == 0
        assert len(await drawn(line, "a cat", 1)) == 1
        release.set()
        await until(told_to_stop.is_set)

    working(FakeGenerator(draw), use, limit_s=0.2)


def test_a_generator_that_stops_of_itself_leaves_nobody_waiting() -> None:
    def draw(*_: object) -> None:
        raise GenerationCancelled

    async def use(line: WaitingLine) -> None:
        async with asyncio.timeout(5):
            with pytest.raises(GenerationFailed):
                await drawn(line, "a cat", 1)

    working(FakeGenerator(draw), use)


def test_a_failure_reaches_every_caller_of_the_batch_and_no_other() -> None:
    batches = Batches(hold=True)

    def draw(requests: Sequence[PictureRequest], cancelled: Cancelled) -> None:
        batches(requests, cancelled)
        if len(requests) > 1:
            raise RuntimeError("out of memory")

    async def use(line: WaitingLine) -> None:
        first = asyncio.create_task(drawn(line, "first", 1))
        await until(batches.started.is_set)
        both = [asyncio.create_task(drawn(line, name, 1, caller=name)) for name in ("a", "b")]
        await until(lambda: line.count == 3)
        batches.go_on.set()
        assert len(await first) == 1
        for failed in both:
            with pytest.raises(GenerationFailed, match="RuntimeError"):
                await failed
        assert line.count == 0

    working(FakeGenerator(draw), use)


def test_the_estimate_comes_from_batches_measured_and_grows_with_the_line() -> None:
    batch_s = 0.06

    async def use(line: WaitingLine) -> None:
        assert line.estimate_s(2) == 2 * batcher.FIRST_GUESS_S
        for _ in range(6):
            await drawn(line, "a cat", 3)
        per_picture = line.estimate_s(1)
        assert batch_s / 3 <= per_picture < batcher.FIRST_GUESS_S / 2
        assert line.estimate_s(9) == pytest.approx(9 * per_picture)

    working(FakeGenerator(lambda *_: time.sleep(batch_s)), use)


def test_whoever_watches_is_told_how_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    async def run() -> None:
        async with WaitingLine(FakeGenerator(), 64, LIMIT_S, on_change=told.append) as line:
            await drawn(line, "a cat", 4)

    asyncio.run(run())
    assert told == [4, 0]


def test_after_five_failures_it_rests_for_half_a_minute_and_then_tries_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("generator.batcher.monotonic", lambda: now[0])
    broken = [True]

    def draw(*_: object) -> None:
        if broken[0]:
            raise RuntimeError

    async def use(line: WaitingLine) -> None:
        for _ in range(5):
            line.require_place(1)
            with pytest.raises(GenerationFailed):
                await drawn(line, "a cat", 1)
        with pytest.raises(GeneratorResting):
            await drawn(line, "a cat", 1)
        now[0] += batcher.BREAKER_REST_S
        broken[0] = False
        assert len(await drawn(line, "a cat", 1)) == 1

    generator = FakeGenerator(draw)
    working(generator, use)
    assert len(generator.asked) == 6


def test_failures_long_apart_do_not_make_it_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("generator.batcher.monotonic", lambda: now[0])

    def draw(*_: object) -> None:
        raise RuntimeError

    async def use(line: WaitingLine) -> None:
        for _ in range(7):
            with pytest.raises(GenerationFailed):
                await drawn(line, "a cat", 1)
            now[0] += batcher.BREAKER_WINDOW_S / 4
            line.require_place(1)

    working(FakeGenerator(draw), use)


# pictures that enter and leave while others are being drawn


@dataclass
class Board:
    """A continuous generator: a picture takes STEPS steps, each drawn when the test lets it. "bad" fails at its first.

    entered: prompts, and the step before which each entered.
    """

    STEPS = 4
    identity = IDENTITY
    sizes = ("64x64",)
    continuous = True
    batch_size: int = 2
    entered: list[tuple[str, int]] = field(default_factory=list)
    drawn: int = 0
    permits: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def draw(self, orders: Orders) -> None:
        left = self.joined({}, orders)
        while left:
            if not self.permits.acquire(timeout=10):
                raise GenerationFailed("the test forgot this board")
            left = {order: steps - 1 for order, steps in self.joined(left, orders).items()}
            self.drawn += 1
            left = {order: steps for order, steps in left.items() if not self.is_over(order, steps)}
            left = left or self.joined({}, orders)

    def joined(self, left: dict[Order, int], orders: Orders) -> dict[Order, int]:
        taken = orders.take(self.batch_size - len(left))
        self.entered += [(order.request.prompt, self.drawn) for order in taken]
        return left | dict.fromkeys(taken, self.STEPS)

    def is_over(self, order: Order, steps: int) -> bool:
        if not order.wanted:
            order.end(GenerationCancelled())
        elif order.request.prompt == "bad":
            order.end(GenerationFailed("a bad prompt"))
        elif steps == 0:
            order.end(GeneratedImage(paint(order.request), order.request.seed))
        else:
            order.advance(1 - steps / self.STEPS)
            return False
        return True

    async def step(self, count: int = 1) -> None:
        """Let it draw so many steps, and wait until it has."""
        until_drawn = self.drawn + count
        self.permits.release(count)
        await until(lambda: self.drawn == until_drawn)


async def begun(line: WaitingLine, prompt: str, count: int = 1) -> "asyncio.Task[list[Drawn]]":
    """A request that stands in the line."""
    before = line.count
    asking = asyncio.create_task(drawn(line, prompt, count, caller=prompt))
    await until(lambda: line.count == before + count)
    return asking


def test_a_late_request_enters_while_another_is_at_work_and_does_not_wait_for_its_end() -> None:
    board = Board()

    async def use(line: WaitingLine) -> None:
        first = await begun(line, "first")
        await board.step()
        late = await begun(line, "late")
        await board.step(Board.STEPS - 1)
        assert len(await first) == 1
        assert not late.done()
        await board.step()
        assert len(await late) == 1

    working(board, use)
    assert board.entered == [("first", 0), ("late", 1)]
    assert board.drawn == Board.STEPS + 1


def test_a_finished_picture_hands_its_place_to_the_next_one_at_once_and_is_not_kept_for_the_others() -> None:
    board = Board()

    async def use(line: WaitingLine) -> None:
        first = await begun(line, "first")
        await board.step(2)
        both = [await begun(line, name) for name in ("second", "third")]
        await board.step(2)
        await first
        await board.step(Board.STEPS)
        await asyncio.gather(*both)

    working(board, use)
    assert board.entered == [("first", 0), ("second", 2), ("third", 4)]


def test_one_that_is_cancelled_frees_its_place_within_a_step() -> None:
    board = Board(batch_size=1)

    async def use(line: WaitingLine) -> None:
        leaving = await begun(line, "leaving")
        await board.step()
        waiting = await begun(line, "waiting")
        leaving.cancel()
        with suppress(asyncio.CancelledError):
            await leaving
        await board.step(1 + Board.STEPS)
        assert len(await waiting) == 1

    working(board, use)
    assert board.entered == [("leaving", 0), ("waiting", 2)]


def test_one_that_fails_on_the_board_fails_nobody_else() -> None:
    board = Board()

    async def use(line: WaitingLine) -> None:
        good = await begun(line, "good")
        await board.step()
        bad = await begun(line, "bad")
        await board.step(Board.STEPS - 1)
        with pytest.raises(GenerationFailed):
            await bad
        assert len(await good) == 1

    working(board, use)


def test_a_modest_caller_gets_the_first_place_that_is_free_however_much_a_greedy_one_waits_for() -> None:
    board = Board()

    async def use(line: WaitingLine) -> None:
        greedy = await begun(line, "greedy", 6)
        await board.step()
        modest = await begun(line, "modest")
        await board.step(2 * Board.STEPS - 1)
        assert len(await modest) == 1
        await board.step(2 * Board.STEPS)
        assert len(await greedy) > 0

    working(board, use)
    assert [prompt for prompt, step in board.entered if step == Board.STEPS] in (
        ["greedy", "modest"],
        ["modest", "greedy"],
    )


def test_how_far_each_picture_is_is_told_at_every_step() -> None:
    board, told = Board(), list[tuple[int, float]]()

    async def use(line: WaitingLine) -> None:
        async def watched() -> None:
            async with aclosing(line.draw(pictures("a cat", 2), "one", lambda *share: told.append(share))) as groups:
                async for _ in groups:
                    pass

        watching = asyncio.create_task(watched())
        await until(lambda: line.count == 2)
        await board.step(Board.STEPS)
        await watching

    working(board, use)
    assert told == [(index, step / Board.STEPS) for step in range(1, Board.STEPS) for index in (0, 1)]


def test_a_board_that_stands_still_fails_at_the_limit_of_its_oldest_picture_and_the_next_request_is_drawn() -> None:
    board = Board()

    async def use(line: WaitingLine) -> None:
        with pytest.raises(GenerationFailed, match="TimeoutError"):
            await drawn(line, "stuck", 1)
        board.permits.release(1 + Board.STEPS)  # the abandoned thread takes one, sees that nobody waits, and ends
        assert len(await drawn(line, "a cat", 1)) == 1

    working(board, use, limit_s=1.0)


def test_a_generator_of_which_every_picture_fails_is_left_alone_however_steadily_it_is_asked() -> None:
    board = Board()
    board.permits.release(1000)

    async def use(line: WaitingLine) -> None:
        asked = 0
        while not line._is_resting():
            asked += 1  # of two pictures one may be given up before it fails: a full batch of failures is one
            assert asked <= Board.batch_size * batcher.BREAKER_FAILURES
            with pytest.raises(GenerationFailed):
                await drawn(line, "bad", 2)
            await until(lambda: line.count == 0)

    working(board, use)
