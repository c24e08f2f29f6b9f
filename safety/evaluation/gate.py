"""Runs the whole prompt gate over many prompts: signals, the policy's verdict and one score for each."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policies.decide import decide
from policies.schema import Policy
from policies.signals import Category, Descriptor, Signal, Stage
from policies.verdict import Action, CouldNotJudge
from safety.evaluation.gate_score import gate_score
from safety.screen import Screen

JUDGED_TOGETHER = 256
NOT_JUDGED = 1.0  # the score told for a prompt without one: never one that passes

Unreadable = Callable[[str], str | None]  # why the service would not even read a text
Progress = Callable[[int], None]  # told how many more are done


@dataclass(frozen=True, slots=True)
class Judged:
    """What the gate made of one prompt. action: None when it could not be judged; `failure` says why."""

    score: float
    action: Action | None
    categories: tuple[Category, ...] = ()
    signals: tuple[Signal, ...] = ()
    failure: str = ""

    @property
    def language(self) -> str:
        """What the gate took the prompt's language for (ISO 639-1); "" when no check says."""
        languages = (signal.evidence for signal in self.signals if signal.subject is Descriptor.UNREAD_LANGUAGE)
        return next(languages, "")


class PromptGate:
    """The prompt checks of a screen under a policy. unreadable: what the service asks before it judges."""

    def __init__(self, screen: Screen, policy: Policy, unreadable: Unreadable = lambda _: None) -> None:
        self.screen = screen
        self.policy = policy
        self._unreadable = unreadable

    def judge(self, texts: Sequence[str], progress: Progress = lambda _: None) -> list[Judged]:
        """One answer per text, in order; a text that cannot be judged does not spoil the others."""
        judged: list[Judged] = []
        for start in range(0, len(texts), JUDGED_TOGETHER):
            batch = texts[start : start + JUDGED_TOGETHER]
            judged += self._judge_batch(batch)
            progress(len(batch))
        return judged

    def _judge_batch(self, texts: Sequence[str]) -> list[Judged]:
        problems = [self._unreadable(text) for text in texts]
        answers = self._ask([text for text, problem in zip(texts, problems, strict=True) if problem is None])
        return [self._conclude(next(answers)) if problem is None else _not_judged(problem) for problem in problems]

    def _ask(self, texts: Sequence[str]) -> Iterator[list[Signal] | CouldNotJudge]:
        """When one text holds up the batch, its halves are asked about apart."""
        if not texts:
            return
        try:
            answers: list[list[Signal]] = self.screen.prompts(texts)
        except CouldNotJudge as failure:
            yield from self._ask_apart(texts, failure)
        else:
            yield from answers

    def _ask_apart(self, texts: Sequence[str], failure: CouldNotJudge) -> Iterator[list[Signal] | CouldNotJudge]:
        if len(texts) == 1:
            yield failure
            return
        yield from self._ask(texts[: len(texts) // 2])
        yield from self._ask(texts[len(texts) // 2 :])

    def _conclude(self, answer: list[Signal] | CouldNotJudge) -> Judged:
        if isinstance(answer, CouldNotJudge):
            return _not_judged(str(answer))
        try:
            verdict = decide(answer, self.policy, Stage.PROMPT)
        except CouldNotJudge as failure:
            return _not_judged(str(failure))
        return Judged(gate_score(answer), verdict.action, verdict.categories, tuple(answer))


def _not_judged(why: str) -> Judged:
    return Judged(NOT_JUDGED, None, failure=why)
