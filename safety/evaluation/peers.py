"""Other people's filters for texts, run as they come on the prompts that we are measured on."""

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np

from safety.evaluation.prompt_rows import PromptSet
from safety.evaluation.statistics import Floats

SEED = 7
SLOW_ROWS = 300  # of each set, for what takes ten milliseconds or more a prompt


@dataclass(frozen=True, slots=True)
class Peer:
    """A filter. scores: float (n,) in [0, 1] for n texts and their languages ("" where unknown).

    decides: the score from which it flags by itself.
    most_rows: how many rows of a set it is given; None for all.
    """

    name: str
    module: str
    function: str
    decides: float
    most_rows: int | None
    scores: Callable[[Sequence[str], Sequence[str]], Floats]

    @property
    def is_installed(self) -> bool:
        """Whether the package is there."""
        return find_spec(self.module) is not None

    @property
    def version(self) -> str:
        """Of the installed package."""
        return version(self.name)


def sample(prompts: PromptSet, most_rows: int | None) -> PromptSet:
    """At most so many rows, drawn the same way every time."""
    if most_rows is None or len(prompts.rows) <= most_rows:
        return prompts
    chosen = sorted(random.Random(SEED).sample(range(len(prompts.rows)), most_rows))  # noqa: S311  no secret
    return PromptSet(prompts.name, tuple(prompts.rows[at] for at in chosen))


def _alt_profanity_scores(texts: Sequence[str], _: Sequence[str]) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its model was saved by another version of scikit-learn
        return np.asarray(import_module("profanity_check").predict_prob(list(texts)), dtype=np.float64)


@cache
def _better_profanity() -> Any:
    profanity = import_module("better_profanity").profanity
    profanity.load_censor_words()
    return profanity


def _better_profanity_scores(texts: Sequence[str], _: Sequence[str]) -> Floats:
    return np.array([float(_better_profanity().contains_profanity(text)) for text in texts])


@cache
def _safetext(language: str) -> Any:
    return import_module("safetext").SafeText(language=language)


def _safetext_scores(texts: Sequence[str], languages: Sequence[str]) -> Floats:
    lists = ("fr" if language == "fr" else "en" for language in languages)
    found = [bool(_safetext(one).check_profanity(text=text)) for text, one in zip(texts, lists, strict=True)]
    return np.array(found, dtype=np.float64)


PEERS = (
    Peer("alt-profanity-check", "profanity_check", "predict_prob", 0.5, None, _alt_profanity_scores),
    Peer("better_profanity", "better_profanity", "contains_profanity", 0.5, SLOW_ROWS, _better_profanity_scores),
    Peer("safetext", "safetext", "check_profanity", 0.5, None, _safetext_scores),
)
