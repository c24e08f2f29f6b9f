"""Names of people whom nobody knows are found; places, things, tales, the past and satire are not taken for them."""

import pytest

from policies.signals import Descriptor, Signal
from policies.wordlists import load_blocklists
from safety.checks.private_names import PrivateNames
from safety.normalize import read_prompt
from tests.safety.names_in_prompts import NAMESAKES, later, namesakes, private_names
from tests.safety.namesakes import namesake_sentences

NAMES = PrivateNames(load_blocklists(["english", "french"]))
COUNTS = 0.6  # the default policy's threshold


def _signal(prompt: str) -> Signal:
    ((signal,),) = NAMES.check([read_prompt(prompt)])
    return signal


def _found(prompts: list[str]) -> list[str]:
    return [prompt for prompt in prompts if _signal(prompt).score >= COUNTS]


@pytest.mark.parametrize(("language", "recall"), [("en", 0.95), ("fr", 0.6)])
def test_invented_names_are_found_where_they_stand(language: str, recall: float) -> None:
    """In French fewer: many family names are words or places, which dictionaries have."""
    named = list(private_names(language))
    found = [(name, prompt) for name, prompt in named if _signal(prompt).score >= COUNTS]
    assert len(found) >= recall * len(named)
    for name, prompt in found:
        (span, *_) = _signal(prompt).spans
        assert prompt[span.start : span.end] == name


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("kind", NAMESAKES)
def test_namesakes_are_not_taken_for_persons(language: str, kind: str) -> None:
    prompts = namesakes(language, kind)
    assert len(_found(prompts)) <= 0.02 * len(prompts), _found(prompts)


def test_at_most_one_in_a_hundred_of_the_other_suite_of_namesakes_is_taken_for_a_person() -> None:
    assert len(_found(namesake_sentences())) <= 0.01 * 2992


@pytest.mark.parametrize("language", ["en", "fr"])
def test_of_hard_namesakes_that_nothing_was_listed_for_most_are_told_apart(language: str) -> None:
    prompts = later(language)
    assert len(_found(prompts)) <= 0.1 * len(prompts), _found(prompts)


@pytest.mark.parametrize(
    "prompt",
    ["Emmanuel Macron in a garden", "Taylor Swift on stage", "the president of France", "un portrait de Brad Pitt"],
)
def test_who_is_known_is_no_private_person(prompt: str) -> None:
    assert _signal(prompt).score == 0


def test_a_name_that_is_not_to_be_seen_does_not_count() -> None:
    assert _signal("a beach at dusk. Negative prompt: John Smith").score == 0
    assert _signal("John Smith at a beach. Negative prompt: blurry").score == 0.8


@pytest.mark.parametrize(("prompt", "score"), [("photo of john smith", 0.6), ("photo of JOHN SMITH", 0.8),
                                               ("photo of john wetherby", 0.0), ("", 0.0), ("John", 0.0)])  # fmt: skip
def test_without_capitals_both_names_must_be_listed(prompt: str, score: float) -> None:
    assert _signal(prompt).score == score


def test_capitals_tell_nothing_where_every_word_has_one() -> None:
    assert _signal("A Rose Garden With Jordan Wetherstone And White Lilies").score == 0


def test_every_answer_is_about_private_persons_and_nothing_else() -> None:
    assert NAMES.reports == {Descriptor.PRIVATE_PERSON}
    signals = NAMES.check([read_prompt("a cat"), read_prompt("Emma Okonkwo, portrait")])
    assert [[(s.source, s.subject) for s in each] for each in signals] == [[("private_names", "private_person")]] * 2
