"""Pictures of several requests judged together: what comes while the gate is busy makes up the next batch."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import islice

from policies.identity import ModelIdentity
from policies.signals import Signal
from policies.verdict import CouldNotJudge
from safety.screen import Pixels

Answer = list[Signal] | CouldNotJudge
Models = tuple[ModelIdentity, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate said of one picture, and which models said it: they may be exchanged from one batch to the next."""

    answer: Answer
    models: Models


Asked = tuple[Models, Awaitable[Sequence[Answer]]]
AskGate = Callable[[Sequence[Pixels]], Asked]


@dataclass(frozen=True, slots=True)
class _Group:
    """What one request wants judged."""

    pictures: Sequence[Pixels]
    judged: "asyncio.Future[list[Judged]]"

    def tell(self, judged: Sequence[Judged]) -> None:
        if not self.judged.done():  # whoever asked may have gone away
            self.judged.set_result(list(judged))


class PictureLine:
    """One batch at a time. Nothing waits for company: a group that finds the gate idle is judged at once.

    A batch that cannot be judged is asked about again request by request, and then picture by picture, beside the line:
    so a picture that breaks or stops the gate keeps back itself alone.
    """

    def __init__(self, ask_gate: AskGate, most: int) -> None:
        """most: pictures in a batch of several groups.

        ask_gate: who will judge, and what they will answer: one for each picture, or CouldNotJudge for all.
        """
        self._ask_gate = ask_gate
        self._most = most
        self._waiting: deque[_Group] = deque()
        self._running: asyncio.Task[None] | None = None
        self._asking_again: set[asyncio.Task[None]] = set()

    async def judge(self, pictures: Sequence[Pixels]) -> list[Judged]:
        """One answer per picture, in their order."""
        group = _group(pictures)
        self._waiting.append(group)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await group.judged

    async def _run(self) -> None:
        try:
            while groups := self._next_batch():
                await self._judge_together(groups)
        finally:
            self._running = None

    def _next_batch(self) -> list[_Group]:
        """Whole groups in the order they came, at least one; nobody waits any more for one that was cancelled."""
        batch: list[_Group] = []
        room = self._most
        while self._waiting and (not batch or len(self._waiting[0].pictures) <= room):
            group = self._waiting.popleft()
            if not group.judged.done():
                batch.append(group)
                room -= len(group.pictures)
        return batch

    async def _judge_together(self, groups: Sequence[_Group]) -> None:
        pictures = [picture for group in groups for picture in group.pictures]
        models: Models = ()
        try:
            models, answering = self._ask_gate(pictures)
            answers = _one_for_each(pictures, await answering)
        except CouldNotJudge as failure:
            self._ask_again(groups, Judged(failure, models))
            return
        except Exception as error:  # noqa: BLE001 (whoever waits is told, or would wait for ever)
            unread = CouldNotJudge("gate", "schema", f"gave no answers: {type(error).__name__}")
            self._ask_again(groups, Judged(unread, models))
            return
        remaining = iter([Judged(answer, models) for answer in answers])
        for group in groups:
            group.tell(list(islice(remaining, len(group.pictures))))

    def _ask_again(self, groups: Sequence[_Group], failure: Judged) -> None:
        if len(groups) > 1:
            for group in groups:
                self._beside_the_line(self._judge_together([group]))
        elif len(groups[0].pictures) > 1:
            self._beside_the_line(self._judge_each(groups[0]))
        else:
            groups[0].tell([failure])

    async def _judge_each(self, group: _Group) -> None:
        alone = [_group([picture]) for picture in group.pictures]
        await asyncio.gather(*(self._judge_together([one]) for one in alone))
        group.tell([(await one.judged)[0] for one in alone])

    def _beside_the_line(self, asking: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(asking)
        self._asking_again.add(task)
        task.add_done_callback(self._asking_again.discard)


def _one_for_each(pictures: Sequence[Pixels], answers: Sequence[Answer]) -> Sequence[Answer]:
    if len(answers) != len(pictures):
        raise CouldNotJudge("gate", "schema", f"gave {len(answers)} answers for {len(pictures)} pictures")
    return answers


def _group(pictures: Sequence[Pixels]) -> _Group:
    return _Group(pictures, asyncio.get_running_loop().create_future())
