"""Run the checks over prompts or pictures: signals come out, or the reason why there are none."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from numbers import Real
from typing import Protocol, TypeVar, runtime_checkable

from torch import Tensor

from policies.identity import ModelIdentity
from policies.signals import Signal, Subject
from policies.verdict import CouldNotJudge
from safety.normalize import NormalizedPrompt, read_prompt
from safety.pictures import PictureBatch

Input = TypeVar("Input", contravariant=True)
Pixels = Tensor  # uint8 (3, height, width) RGB: what those without torch may pass on but not look into


class PromptCheck(Protocol):
    """Reports, for every prompt, one signal for each subject of `reports`."""

    @property
    def name(self) -> str: ...
    @property
    def reports(self) -> frozenset[Subject]: ...
    @property
    def identity(self) -> ModelIdentity: ...
    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]: ...


class PictureCheck(Protocol):
    """Reports, for every picture, one signal for each subject of `reports`."""

    @property
    def name(self) -> str: ...
    @property
    def reports(self) -> frozenset[Subject]: ...
    def check(self, batch: PictureBatch) -> list[list[Signal]]: ...


@runtime_checkable
class HasModel(Protocol):
    """A check that asks a model of its own."""

    @property
    def identity(self) -> ModelIdentity: ...


class Embedder(Protocol):
    """Turns pictures into the one embedding that all picture checks share."""

    @property
    def identity(self) -> ModelIdentity: ...
    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch: ...


class Screen:
    """The checks in force. Blocking: call it from a worker thread."""

    def __init__(
        self, prompt_checks: Sequence[PromptCheck], embedder: Embedder, picture_checks: Sequence[PictureCheck]
    ) -> None:
        self._prompt_checks = prompt_checks
        self._embedder = embedder
        self._picture_checks = picture_checks

    def replacing(self, check: PromptCheck) -> "Screen":
        """The same checks with this one in place of the prompt check of its name."""
        checks = [check if other.name == check.name else other for other in self._prompt_checks]
        return Screen(checks, self._embedder, self._picture_checks)

    def replacing_picture_check(self, check: PictureCheck) -> "Screen":
        """The same checks with this one in place of the picture check of its name."""
        checks = [check if other.name == check.name else other for other in self._picture_checks]
        return Screen(self._prompt_checks, self._embedder, checks)

    @property
    def embedder(self) -> Embedder:
        """The model that all picture checks share."""
        return self._embedder

    @property
    def prompt_models(self) -> tuple[ModelIdentity, ...]:
        """Who judges prompts, for the record."""
        return tuple(check.identity for check in self._prompt_checks)

    @property
    def picture_models(self) -> tuple[ModelIdentity, ...]:
        """Who judges pictures, for the record."""
        own = (check.identity for check in self._picture_checks if isinstance(check, HasModel))
        return self._embedder.identity, *own

    @property
    def prompt_reports(self) -> Mapping[str, Collection[Subject]]:
        """What each prompt check reports, to compare with what a policy needs."""
        return {check.name: check.reports for check in self._prompt_checks}

    @property
    def picture_reports(self) -> Mapping[str, Collection[Subject]]:
        """What each picture check reports, to compare with what a policy needs."""
        return {check.name: check.reports for check in self._picture_checks}

    def prompts(self, texts: Sequence[str]) -> list[list[Signal]]:
        """All signals of each prompt, judged together. Raises CouldNotJudge for the whole batch."""
        normalized = [read_prompt(text) for text in texts]
        return _joined((_run(check, normalized, len(texts)) for check in self._prompt_checks), len(texts))

    def pictures(self, pictures: Sequence[Tensor]) -> list[list[Signal] | CouldNotJudge]:
        """For each picture its signals, or why it could not be judged: one bad picture does not spoil the others."""
        try:
            return list(self._pictures(pictures))
        except CouldNotJudge as failure:
            if len(pictures) == 1:
                return [failure]
        return [self.pictures([picture])[0] for picture in pictures]

    def _pictures(self, pictures: Sequence[Tensor]) -> list[list[Signal]]:
        try:
            batch = self._embedder.embed(pictures)
        except Exception as error:
            raise CouldNotJudge(
                "embedder", "exception", f"could not read the pictures ({type(error).__name__})"
            ) from error
        return _joined((_run(check, batch, len(pictures)) for check in self._picture_checks), len(pictures))


class _Check(Protocol[Input]):
    @property
    def name(self) -> str: ...
    @property
    def reports(self) -> frozenset[Subject]: ...
    def check(self, _: Input, /) -> list[list[Signal]]: ...


def _run(check: _Check[Input], judged: Input, count: int) -> list[list[Signal]]:
    try:
        answers: object = check.check(judged)
    except Exception as error:
        raise CouldNotJudge(check.name, "exception", f"failed with {type(error).__name__}") from error
    if not isinstance(answers, list) or len(answers) != count:
        raise CouldNotJudge(check.name, "schema", f"did not give one answer for each of {count}")
    for signals in answers:
        _require_sound(check.name, check.reports, signals)
    return answers


def _require_sound(source: str, reports: frozenset[Subject], signals: Sequence[object]) -> None:
    if not isinstance(signals, list) or not all(isinstance(signal, Signal) for signal in signals):
        raise CouldNotJudge(source, "schema", "gave something that is no list of signals")
    for signal in signals:
        if isinstance(signal.score, bool) or not isinstance(signal.score, Real):
            raise CouldNotJudge(source, "schema", f"score of {signal.subject} is no number")
        if not math.isfinite(signal.score):
            raise CouldNotJudge(source, "nan", f"score of {signal.subject} is {signal.score}")
        if not 0 <= float(signal.score) <= 1:
            raise CouldNotJudge(source, "schema", f"score of {signal.subject} is {signal.score}, outside 0 to 1")
    missing = reports - {signal.subject for signal in signals}
    if missing:
        raise CouldNotJudge(source, "missing", f"did not report {', '.join(sorted(missing))}")


def _joined(answers: Iterable[list[list[Signal]]], count: int) -> list[list[Signal]]:
    joined: list[list[Signal]] = [[] for _ in range(count)]
    for answer in answers:
        for signals, more in zip(joined, answer, strict=True):
            signals.extend(more)
    return joined
