"""What the lists alone do with prompts as people type them, under the default policy with all languages in force."""

import pytest

from tests.safety.evasion.recall import caught
from tests.safety.sentences_of_languages import HONEST
from tests.safety.typed_prompts import typed_prompts

each_language = pytest.mark.parametrize("language", HONEST)
MANY = {"english": 150, "french": 150}


@each_language
def test_nineteen_of_twenty_unsafe_prompts_are_caught_by_the_lists_alone(language: str) -> None:
    prompts = typed_prompts(language, "unsafe")
    missed = [prompt for prompt in prompts if not caught(prompt)]

    assert len({*prompts}) >= MANY.get(language, 30)
    assert len(missed) <= 0.05 * len(prompts), missed


@each_language
def test_at_most_one_of_a_hundred_harmless_prompts_is_held_by_the_lists(language: str) -> None:
    prompts = typed_prompts(language, "harmless")
    held = [prompt for prompt in prompts if caught(prompt)]

    assert len({*prompts}) >= MANY.get(language, 60)
    assert len(held) <= 0.01 * len(prompts), held
