"""Leave-one-out: the words that a check's score hangs on come first, wherever they stand, at a bounded cost."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals import Category, Signal, Span
from policies.verdict import CouldNotJudge
from safety.checks.prompt_classifier import PromptClassifier
from safety.explanation import MAX_CHARS, MAX_PARTS, Weight, parts_of, weigh_words
from safety.normalize import NormalizedPrompt
from safety.screen import Screen
from tests.fakes import FakeEmbedder, FakePromptCheck
from tests.safety.test_prompt_classifier import GUARD_NANO

CLASSIFIER = "prompt_classifier"
BAD = {"blood": 0.6, "knife": 0.3}


def classified(prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
    def score(text: str) -> float:
        return sum(weight for word, weight in BAD.items() if word in text)

    return [
        [Signal(CLASSIFIER, c, score(p.original) if c is Category.GORE else 0.0) for c in Category] for p in prompts
    ]


def screen(check: FakePromptCheck | None = None) -> Screen:
    return Screen([check or FakePromptCheck(CLASSIFIER, on_check=classified)], FakeEmbedder(), [])


def test_the_words_that_the_score_hangs_on_come_first() -> None:
    text = "a knife 🔪 full of blood"
    heaviest, second, *others = weigh_words(screen(), text, Category.GORE, CLASSIFIER)
    assert [text[w.span.start : w.span.end] for w in (heaviest, second)] == ["blood", "knife"]
    assert [heaviest.drop, second.drop] == pytest.approx([0.6, 0.3])
    assert all(weight.drop == pytest.approx(0) for weight in others)


def test_another_check_and_another_category_have_no_weight() -> None:
    for category, source in ((Category.HATE, CLASSIFIER), (Category.GORE, "blocklist")):
        assert {weight.drop for weight in weigh_words(screen(), "blood", category, source)} == {0.0}


def test_a_clause_buried_in_a_long_prompt_is_found() -> None:
    text = "a calm tree " * 300 + "blood " + "a calm lake " * 300
    heaviest = weigh_words(screen(), text, Category.GORE, CLASSIFIER)[0]
    assert "blood" in text[heaviest.span.start : heaviest.span.end]
    assert heaviest.drop == pytest.approx(0.6)


@given(st.text(max_size=300) | st.integers(1, 20_000).map(lambda count: "ab " * count))
def test_the_cost_is_bounded_and_every_word_stands_in_one_part(text: str) -> None:
    parts = parts_of(text)
    assert len(parts) <= MAX_PARTS
    assert len(parts) <= 1 or (len(parts) + 1) * len(text) <= MAX_CHARS
    assert all(0 <= part.start < part.end <= len(text) for part in parts)
    assert all(before.end <= after.start for before, after in pairwise(parts))
    outside = "".join(text[before.end : after.start] for before, after in pairwise(parts))
    assert not any(char.isalnum() for char in outside)


def test_a_text_without_words_has_no_weights() -> None:
    assert weigh_words(screen(), "🔪!", Category.GORE, CLASSIFIER) == []


def test_a_check_that_fails_gives_no_weights() -> None:
    def broken(_: Sequence[NormalizedPrompt]) -> object:
        raise RuntimeError

    with pytest.raises(CouldNotJudge):
        weigh_words(screen(FakePromptCheck(CLASSIFIER, on_check=broken)), "blood", Category.GORE, CLASSIFIER)


def test_the_shipped_classifier_is_explained_even_down_to_no_word_at_all() -> None:
    real = Screen([PromptClassifier.load(GUARD_NANO)], FakeEmbedder(), [])
    (only,) = weigh_words(real, "beheading", Category.GORE, CLASSIFIER)
    assert only == Weight(Span(0, 9), only.drop)
    assert only.drop > 0
