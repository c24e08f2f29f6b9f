"""A gate for tests: the real screen and the real default policy around checks that answer as a test says."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from policies.identity import ModelIdentity
from policies.loader import load_policy, shipped_policies
from policies.schema import Policy
from policies.signals import MEANT, Category, Descriptor, Signal, Subject
from policies.verdict import CouldNotJudge
from safety.evaluation.gate import PromptGate
from safety.normalize import NormalizedPrompt
from safety.screen import Screen
from tests.fakes import FakeEmbedder

Scorer = Callable[[str], float]


@dataclass
class ScoredCheck:
    """Scores each prompt for violence as a function says; that may raise, or give NaN."""

    name: str
    score: Scorer

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(self.name, "0" * 64)

    @property
    def reports(self) -> frozenset[Subject]:
        return frozenset(Category)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        return [self._signals(self.score(prompt.original)) for prompt in prompts]

    def _signals(self, score: float) -> list[Signal]:
        return [Signal(self.name, c, score if c is Category.VIOLENCE else 0.0) for c in Category]


@dataclass
class NothingDescribed:
    """Finds none of what it looks for: no language that the classifier does not read, nobody that is meant."""

    name: str
    reports: frozenset[Subject]

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(self.name, "0" * 64)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        return [[Signal(self.name, subject, 0.0) for subject in sorted(self.reports)] for _ in prompts]


DESCRIBERS = (
    NothingDescribed("language", frozenset({Descriptor.UNREAD_LANGUAGE})),
    NothingDescribed("private_names", MEANT),
)


@cache
def policy() -> Policy:
    """The default policy."""
    return load_policy(shipped_policies()["default"])


def gate(score: Scorer, blocklist: Scorer = lambda _: 0.0) -> PromptGate:
    """A gate whose classifier and blocklist answer so, and whose other checks find nothing."""
    told = {"prompt_classifier": score, "blocklist": blocklist}
    scored = [name for name in policy().prompt.checks if name not in {check.name for check in DESCRIBERS}]
    checks = [ScoredCheck(name, told.get(name, lambda _: 0.0)) for name in scored]
    screen = Screen([*checks, *DESCRIBERS], FakeEmbedder(), [])
    return PromptGate(screen, policy(), lambda text: None if text else "The text is empty.")


def by_length(text: str) -> float:
    """0.01 per character: what a test can see at a glance."""
    return min(len(text) / 100, 1.0)


def by_hash(text: str) -> float:
    """Like chance, and always the same; texts about harm score higher."""
    noise = hashlib.sha256(text.encode()).digest()[0] / 255
    return 0.5 + noise / 2 if "harm" in text else noise * 0.8


def failing_on(word: str) -> Scorer:
    """Cannot judge what holds the word."""

    def score(text: str) -> float:
        if word in text:
            raise CouldNotJudge("prompt_classifier", "exception", "broken")
        return by_length(text)

    return score
