"""Ask a gate and let the policy decide: in a worker thread, within a time limit, and never "allow" by accident."""

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from anyio import to_thread

from gateway import metrics
from gateway.picture_line import Answer, Asked, Judged, Models, PictureLine
from gateway.store.decisions import Judgement
from policies.decide import decide, thresholds_of
from policies.identity import ModelIdentity
from policies.likeness import carried
from policies.schema import Policy
from policies.signals import Category, Signal, Stage, Subject
from policies.verdict import Action, CouldNotJudge, Verdict
from safety.bans import SOURCE as BANNED_PICTURES
from safety.explanation import Weight, weigh_words
from safety.screen import PictureCheck, Pixels, PromptCheck, Screen
from safety.self_test import blind_models

VIEWS_TOGETHER = 32  # a network's memory for one question, and what it does within its time

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Look:
    """A first look at a picture. label: it must bear the visible one. signals: what was seen, for the second look."""

    label: bool
    signals: Sequence[Signal] = ()


class Judge:
    """The two gates. A judgement without a verdict means "could not judge"."""

    def __init__(self, screen: Screen, seconds: float, picture_batch: int) -> None:
        """seconds: for one question to a gate. picture_batch: pictures of several requests in one question."""
        self._screen = screen
        self._seconds = seconds
        self._line = PictureLine(self._ask_about, picture_batch)

    @property
    def screen(self) -> Screen:
        """The checks in force."""
        return self._screen

    def exchange(self, check: PromptCheck) -> None:
        """Put a prompt check in the place of the one of its name; what is being judged keeps the old one."""
        self._screen = self._screen.replacing(check)

    def exchange_picture_check(self, check: PictureCheck) -> None:
        """The same of a picture check."""
        self._screen = self._screen.replacing_picture_check(check)

    async def prompt(self, text: str, policy: Policy) -> Judgement:
        """Judge what somebody typed."""
        return (await self.prompts([text], policy))[0]

    async def canary(self, text: str, policy: Policy, instead: PromptCheck | None = None) -> Action | None:
        """What would become of a prompt that nobody sent: not counted, not kept. None when it cannot be judged.

        instead: a check that takes the place of the one of its name for this once.
        """
        screen = self._screen.replacing(instead) if instead else self._screen
        try:
            (signals,) = await self._ask(lambda: screen.prompts([text]))
            return decide(signals, policy, Stage.PROMPT).action
        except CouldNotJudge:
            return None

    async def blind_models(self) -> list[str]:
        """Which models answer without seeing what they are asked about, or give no sound answer."""
        try:
            return await self._ask(lambda: blind_models(self._screen))
        except CouldNotJudge as failure:
            return [failure.source]

    @property
    def prompt_models(self) -> dict[str, str]:
        """Who judges prompts: name -> sha256."""
        return {model.name: model.sha256 for model in self._screen.prompt_models}

    async def weigh(self, text: str, category: Category, source: str) -> list[Weight] | None:
        """The words that weighed most with a check, heaviest first; None when that cannot be told in time."""
        try:
            return await self._ask(lambda: weigh_words(self._screen, text, category, source))
        except CouldNotJudge:
            return None

    async def prompts(self, texts: Sequence[str], policy: Policy) -> list[Judgement]:
        """Judge several prompts together: one judgement each."""
        started, screen = time.perf_counter(), self._screen
        try:
            answers: Sequence[Answer] = await self._ask(lambda: screen.prompts(texts))
        except CouldNotJudge as failure:
            answers = [failure] * len(texts)
        seconds = time.perf_counter() - started
        return [self._conclude(Stage.PROMPT, answer, policy, seconds, screen.prompt_models) for answer in answers]

    async def pictures(
        self, pictures: Sequence[Pixels], policy: Policy, said: Sequence[Signal], looks: Sequence[Look] = ()
    ) -> list[Judgement]:
        """Judge what was drawn: one judgement per picture, from the tensors that will be served.

        said: of the pictures' prompt; `NOTHING_MEANT` for pictures without one. looks: the first ones at the same
        pictures, if any: the higher score of the two looks counts.
        """
        return await self.sent_pictures([[picture] for picture in pictures], policy, said, looks)

    async def sent_pictures(
        self, pictures: Sequence[Sequence[Pixels]], policy: Policy, said: Sequence[Signal], looks: Sequence[Look] = ()
    ) -> list[Judgement]:
        """Judge pictures of several views each: one judgement per picture, as grave as its worst view."""
        started = time.perf_counter()
        seen = iter(await self._see([view for picture in pictures for view in picture]))
        judged = [_of_one_picture([*islice(seen, len(picture))]) for picture in pictures]
        seconds = time.perf_counter() - started
        before = [look.signals for look in looks] or [()] * len(pictures)
        joined = [_joined(one.answer, said, first, policy) for one, first in zip(judged, before, strict=True)]
        return [
            self._conclude(Stage.PICTURE, answer, policy, seconds, one.models)
            for answer, one in zip(joined, judged, strict=True)
        ]

    async def looks(self, pictures: Sequence[Pixels], policy: Policy, said: Sequence[Signal]) -> list[Look]:
        """Which pictures must bear the visible label, judged before they do; one that cannot be judged must."""
        return [_look(one.answer, said, policy) for one in await self._see(pictures)]

    async def _see(self, views: Sequence[Pixels]) -> list[Judged]:
        seen: list[Judged] = []
        for first in range(0, len(views), VIEWS_TOGETHER):
            seen += await self._line.judge(views[first : first + VIEWS_TOGETHER])
        return seen

    def _ask_about(self, pictures: Sequence[Pixels]) -> Asked:
        """Who judges is told from the very screen that does: it may be exchanged while pictures wait, or are judged."""
        screen = self._screen
        return screen.picture_models, self._ask(lambda: screen.pictures(pictures))

    async def _ask(self, question: Callable[[], Result]) -> Result:
        try:
            return await asyncio.wait_for(to_thread.run_sync(question, abandon_on_cancel=True), self._seconds)
        except TimeoutError as error:
            raise CouldNotJudge("gate", "timeout", f"no answer within {self._seconds:g} s") from error
        except CouldNotJudge:
            raise
        except Exception as error:  # whatever a model throws, it is no verdict
            raise CouldNotJudge("gate", "exception", f"failed with {type(error).__name__}") from error

    def _conclude(
        self, stage: Stage, signals: Answer, policy: Policy, seconds: float, models: Sequence[ModelIdentity]
    ) -> Judgement:
        metrics.gate_seconds.labels(stage).observe(seconds)
        verdict, failure = _decide(signals, policy, stage)
        if isinstance(signals, list):
            _count_banned(signals)
        if failure:
            metrics.gate_failures.labels(stage, failure.reason).inc()
        if verdict:
            category = verdict.categories[0] if verdict.categories else "none"
            metrics.decisions.labels(stage, verdict.action, category, policy.name).inc()
        return Judgement(
            stage=stage,
            signals=signals if isinstance(signals, list) else [],
            thresholds=thresholds_of(policy, stage),
            policy=policy.stamp,
            models=models,
            seconds=seconds,
            verdict=verdict,
            failure=f"{failure.reason}: {failure}" if failure else None,
        )


def _of_one_picture(views: Sequence[Judged]) -> Judged:
    """Every model that judged one of its views, each once: views are judged in several batches when there are many."""
    models: Models = tuple(dict.fromkeys(model for view in views for model in view.models))
    return Judged(worst([view.answer for view in views]), models)


def worst(views: Sequence[Answer]) -> Answer:
    """What is reported of a picture that was looked at several times: of each report the highest score.

    So the record holds what led to the verdict, and replaying it gives the same. One view that could not be judged
    is a picture that could not be judged.
    """
    if failures := [view for view in views if isinstance(view, CouldNotJudge)]:
        return failures[0]
    if len(views) == 1:
        return views[0]
    return _highest(signal for view in views if isinstance(view, list) for signal in view)


def _highest(signals: Iterable[Signal]) -> list[Signal]:
    """Of each report the highest score; what is no number counts as the highest, for `decide` to find."""
    reports = defaultdict[tuple[str, Subject, bool], list[Signal]](list)
    for signal in signals:
        reports[signal.source, signal.subject, signal.calibrated].append(signal)
    return [max(alike, key=lambda signal: (math.isnan(signal.score), signal.score)) for alike in reports.values()]


def _joined(answer: Answer, said: Sequence[Signal], before: Sequence[Signal], policy: Policy) -> Answer:
    """What is seen, the higher of two looks, and what the prompt means, if the policy asks for it."""
    if isinstance(answer, CouldNotJudge):
        return answer
    meant = carried(said) if policy.picture.likeness else []
    return [*(_highest([*answer, *before]) if before else answer), *meant]


def _look(answer: Answer, said: Sequence[Signal], policy: Policy) -> Look:
    verdict, _ = _decide(_joined(answer, said, (), policy), policy, Stage.PICTURE)
    seen = answer if isinstance(answer, list) else []
    return Look(label=verdict is None or verdict.visible_label, signals=seen)


def _count_banned(signals: Sequence[Signal]) -> None:
    for signal in signals:
        if signal.source == BANNED_PICTURES and signal.score > 0:
            metrics.banned_matches.labels(signal.subject).inc()


def _decide(signals: Answer, policy: Policy, stage: Stage) -> tuple[Verdict | None, CouldNotJudge | None]:
    if isinstance(signals, CouldNotJudge):
        return None, signals
    try:
        return decide(signals, policy, stage), None
    except CouldNotJudge as failure:
        return None, failure
