"""Pictures of several requests are judged together, and none of them pays for another's."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gateway.judging import Judge
from gateway.picture_line import Answer, Asked, PictureLine
from policies.identity import ModelIdentity
from policies.likeness import NOTHING_MEANT
from policies.loader import load_policy, shipped_policies
from policies.signals import Category, Signal
from policies.verdict import CouldNotJudge
from safety.checks.banned_pictures import BannedPictures
from safety.pictures import PictureBatch
from safety.screen import Screen
from tests.fakes import FakeEmbedder, fake_picture_checks

MODELS = (ModelIdentity("a model", "0" * 64),)


def a_picture(number: int) -> Tensor:
    return torch.full((3, 8, 8), number, dtype=torch.uint8)


def number_of(picture: Tensor) -> int:
    return int(picture[0, 0, 0])


def answer_for(picture: Tensor) -> list[Signal]:
    return [Signal("image_concepts", Category.GORE, number_of(picture) / 255)]


class SlowGate:
    """Answers a batch when it is let go on; `broken` pictures spoil every batch they are in."""

    def __init__(self, *broken: int) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.broken = set(broken)
        self.at_work = self.most_at_work = 0

    def __call__(self, pictures: Sequence[Tensor]) -> Asked:
        return MODELS, self._answers(pictures)

    async def _answers(self, pictures: Sequence[Tensor]) -> Sequence[Answer]:
        numbers = [number_of(picture) for picture in pictures]
        self.batches.append(numbers)
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await self.open.wait()
        await asyncio.sleep(0)
        self.at_work -= 1
        if self.broken & set(numbers):
            raise CouldNotJudge("gate", "timeout", "no answer")
        return [answer_for(picture) for picture in pictures]


def run(steps: Callable[[], Awaitable[Any]]) -> Any:
    async def within_a_minute() -> Any:
        return await asyncio.wait_for(steps(), 60)

    return asyncio.run(within_a_minute())


async def answers_of(line: PictureLine, group: Sequence[int]) -> list[Answer]:
    return [judged.answer for judged in await line.judge([a_picture(number) for number in group])]


async def asked(line: PictureLine, *groups: Sequence[int]) -> list["asyncio.Task[list[Answer]]"]:
    """A request per group of pictures, all waiting at the line."""
    tasks = [asyncio.create_task(answers_of(line, group)) for group in groups]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


def test_pictures_that_come_while_the_gate_is_busy_make_up_the_next_batch() -> None:
    async def steps() -> None:
        gate = SlowGate()
        line = PictureLine(gate, most=36)
        first = await asked(line, [1])
        assert gate.batches == [[1]]  # the gate was idle: nothing waits for company
        others = await asked(line, [2, 3], [4], [5, 6])
        gate.open.set()
        told = await asyncio.gather(*first, *others)
        assert gate.batches == [[1], [2, 3, 4, 5, 6]]
        assert told == [[answer_for(a_picture(n)) for n in group] for group in ([1], [2, 3], [4], [5, 6])]

    run(steps)


def test_a_batch_is_bounded_and_a_request_is_never_split_nor_overtaken() -> None:
    async def steps() -> None:
        gate = SlowGate()
        line = PictureLine(gate, most=4)
        tasks = await asked(line, [0], [1, 2, 3], [4, 5], [6], [7, 8, 9, 10, 11], [12])
        gate.open.set()
        await asyncio.gather(*tasks)
        assert gate.batches == [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9, 10, 11], [12]]
        assert gate.most_at_work == 1

    run(steps)


def test_one_picture_that_stops_the_gate_is_kept_back_alone_and_the_line_goes_on() -> None:
    async def steps() -> None:
        gate = SlowGate(5)
        line = PictureLine(gate, most=36)
        gate.open.set()
        tasks = await asked(line, [1], [2, 3], [4, 5, 6], [7])
        one, two, three, four = await asyncio.gather(*tasks)
        assert [*one, *two, *four] == [answer_for(a_picture(n)) for n in (1, 2, 3, 7)]
        assert [type(answer) for answer in three] == [list, CouldNotJudge, list]
        assert [5] in gate.batches

    run(steps)


def test_pictures_nobody_waits_for_any_more_are_not_judged() -> None:
    async def steps() -> None:
        gate = SlowGate()
        line = PictureLine(gate, most=36)
        (first,) = await asked(line, [1])
        gone, last = await asked(line, [2], [3])
        gone.cancel()
        await asyncio.sleep(0)
        gate.open.set()
        await asyncio.gather(first, last)
        assert gate.batches == [[1], [3]]

    run(steps)


def test_a_request_that_goes_away_while_it_is_judged_leaves_the_others_their_answers() -> None:
    async def steps() -> None:
        gate = SlowGate()
        line = PictureLine(gate, most=36)
        (gone,) = await asked(line, [1])
        (other,) = await asked(line, [2])
        gone.cancel()
        gate.open.set()
        assert await other == [answer_for(a_picture(2))]

    run(steps)


def test_what_is_no_list_of_answers_leaves_nobody_waiting() -> None:
    async def nothing() -> Any:
        return None

    async def steps() -> list[Answer]:
        line = PictureLine(lambda _: (MODELS, nothing()), most=36)
        first, second = await asyncio.gather(answers_of(line, range(2)), answers_of(line, range(1)))
        return [*first, *second]

    assert all(isinstance(answer, CouldNotJudge) for answer in run(steps))


def test_a_gate_that_cannot_even_be_asked_leaves_nobody_waiting() -> None:
    def broken(_: Sequence[Tensor]) -> Asked:
        raise RuntimeError("as told")

    async def steps() -> list[Answer]:
        line = PictureLine(broken, most=36)
        first, second = await asyncio.gather(answers_of(line, range(2)), answers_of(line, range(1)))
        return [*first, *second, *await answers_of(line, range(1))]

    assert all(isinstance(answer, CouldNotJudge) for answer in run(steps))


def test_too_many_or_too_few_answers_are_no_answers() -> None:
    async def ten_for_nine(pictures: Sequence[Tensor]) -> Sequence[Answer]:
        return [answer_for(picture) for picture in [*pictures, pictures[0]]]

    async def steps() -> None:
        answers = await answers_of(PictureLine(lambda pictures: (MODELS, ten_for_nine(pictures)), most=36), range(9))
        assert [type(answer) for answer in answers] == [CouldNotJudge] * 9
        assert {answer.reason for answer in answers if isinstance(answer, CouldNotJudge)} == {"schema"}

    run(steps)


GROUPS = st.lists(st.lists(st.integers(0, 255), min_size=1, max_size=9), min_size=1, max_size=8)


@given(GROUPS, st.sets(st.integers(0, 255), max_size=3), st.integers(1, 20))
@settings(max_examples=60)
def test_every_picture_gets_its_own_answer_and_only_broken_ones_get_none(
    groups: list[list[int]], broken: set[int], most: int
) -> None:
    async def steps() -> None:
        gate = SlowGate(*broken)
        gate.open.set()
        line = PictureLine(gate, most)
        told = await asyncio.gather(*await asked(line, *groups))
        for group, answers in zip(groups, told, strict=True):
            for number, answer in zip(group, answers, strict=True):
                if number in broken:
                    assert isinstance(answer, CouldNotJudge)
                else:
                    assert answer == answer_for(a_picture(number))

    run(steps)


class CountingEmbedder(FakeEmbedder):
    """Notes how many pictures it is given at once, and takes its time over the first."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.go_on = threading.Event()

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        self.sizes.append(len(pixels))
        self.go_on.wait(30)
        return super().embed(pixels)


def test_requests_that_wait_while_the_scorer_is_busy_share_one_forward_and_get_their_own_verdicts() -> None:
    embedder, checks = CountingEmbedder(), fake_picture_checks()
    unsafe = [Signal("image_concepts", category, 0.99) for category in Category]
    checks[0].on_picture = lambda pixels: unsafe if number_of(pixels) == 5 else None
    judge = Judge(Screen([], embedder, [*checks, BannedPictures()]), 60, picture_batch=36)
    policy = load_policy(shipped_policies()["default"])

    async def steps() -> list[list[str]]:
        first = asyncio.create_task(judge.pictures([a_picture(0)], policy, NOTHING_MEANT))
        while not embedder.sizes:  # noqa: ASYNC110  a thread wakes nobody
            await asyncio.sleep(0.01)
        groups = [[1, 2, 3], [4, 5], [6]]
        others = [
            asyncio.create_task(judge.pictures([a_picture(n) for n in group], policy, NOTHING_MEANT))
            for group in groups
        ]
        await asyncio.sleep(0.05)
        embedder.go_on.set()
        told = await asyncio.gather(first, *others)
        return [[judged.verdict.action if judged.verdict else "none" for judged in group] for group in told]

    assert run(steps) == [["allow"], ["allow"] * 3, ["allow", "escalate"], ["allow"]]
    assert embedder.sizes == [1, 6]


class OtherBans(BannedPictures):
    """A bank of bans under another identity."""

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity("other bans", "b" * 64)


def test_the_record_names_the_models_that_judged_though_they_are_exchanged_while_pictures_wait() -> None:
    embedder, policy = CountingEmbedder(), load_policy(shipped_policies()["default"])
    judge = Judge(Screen([], embedder, [*fake_picture_checks(), BannedPictures()]), 60, picture_batch=36)

    async def steps() -> list[set[str]]:
        first = asyncio.create_task(judge.pictures([a_picture(0)], policy, NOTHING_MEANT))
        while not embedder.sizes:  # noqa: ASYNC110  a thread wakes nobody
            await asyncio.sleep(0.01)
        waiting = asyncio.create_task(judge.pictures([a_picture(1)], policy, NOTHING_MEANT))
        await asyncio.sleep(0.05)
        judge.exchange_picture_check(OtherBans())
        embedder.go_on.set()
        told = await asyncio.gather(first, waiting)
        return [{model.name for model in judged[0].models} for judged in told]

    before, after = run(steps)
    assert "other bans" not in before
    assert "other bans" in after
