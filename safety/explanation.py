"""Which words of a prompt weighed most with a check: each is left out in turn, and the prompt is judged again."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from policies.signals import Category, Signal, Span
from safety.screen import Screen

MAX_PARTS = 64
MAX_CHARS = 100_000  # judged for one explanation, all variants together
WORD = re.compile(r"\w+(?:['’-]\w+)*")


@dataclass(frozen=True, slots=True)
class Weight:
    """How far a category's score falls when a part of the prompt is left out; below 0 when it rises.

    span: one word; in a long prompt, neighbouring words that were left out together.
    """

    span: Span
    drop: float


def weigh_words(screen: Screen, text: str, category: Category, source: str) -> list[Weight]:
    """Leave-one-out over the words of a prompt, heaviest first. Blocking; judges it at most 65 times.

    source: the check whose score for the category is watched. Raises CouldNotJudge.
    """
    spans = parts_of(text)
    variants = [text, *(text[: span.start] + text[span.end :] for span in spans)]
    whole, *without = [_score(signals, category, source) for signals in screen.prompts(variants)]
    weights = [Weight(span, whole - score) for span, score in zip(spans, without, strict=True)]
    return sorted(weights, key=lambda weight: -weight.drop)


def parts_of(text: str) -> list[Span]:
    """The words of a text, in order: neighbours together where there are more than one explanation may cost."""
    words = [Span(*match.span()) for match in WORD.finditer(text)]
    parts = max(1, min(MAX_PARTS, MAX_CHARS // max(1, len(text)) - 1))
    size = -(-len(words) // parts) or 1
    groups = [words[start : start + size] for start in range(0, len(words), size)]
    return [Span(group[0].start, group[-1].end) for group in groups]


def _score(signals: Sequence[Signal], category: Category, source: str) -> float:
    return max((float(s.score) for s in signals if s.subject is category and s.source == source), default=0.0)
