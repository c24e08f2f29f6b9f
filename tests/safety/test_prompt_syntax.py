import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.normalize import normalize, read_prompt
from safety.prompt_syntax import split_prompt

SPLIT = {
    "A1111, own line": ("a cat\nNegative prompt: blurry\nSteps: 20", "a cat", "blurry\nSteps: 20"),
    "A1111, inline": ("a cat, negative prompt: blurry, grain", "a cat", "blurry, grain"),
    "in capitals": ("a cat. NEGATIVE PROMPTS = blurry", "a cat.", "blurry"),
    "French": ("un chat, prompt négatif : flou", "un chat", "flou"),
    "French, without accent": ("un chat\nprompt negatif: flou", "un chat", "flou"),
    "a short marker at the start of a line": ("a cat\nnegative: blurry", "a cat", "blurry"),
    "AI-Horde": ("a cat ### blurry", "a cat", "blurry"),
    "Midjourney": ("a cat --no blur, grain --ar 16:9", "a cat", "blur, grain"),
    "Midjourney, twice": ("a cat --no blur --v 5.2 --no grain", "a cat", "blur grain"),
    "named again": ("Negative prompt: blur\nPrompt: a cat", "a cat", "blur"),
    "both named": ("Positive prompt: a cat Negative prompt: blur", "a cat", "blur"),
    "JSON": ('{"prompt": "a cat", "negative_prompt": "blur"}', '{"prompt": "a cat"', 'blur"}'),
    "code": ("a cat negative_prompt='blur'", "a cat", "blur'"),
    "markdown": ("a cat\n**Negative prompt:** blur", "a cat", "blur"),
    "parameters alone": ("a cat --ar 16:9 --seed 7 --niji", "a cat", ""),
    "a word between parts": ("a cat BREAK a dog", "a cat  a dog", ""),
    "nothing wanted": ("negative prompt: a dog on a bed", "", "a dog on a bed"),
    "nothing unwanted": ("a cat, negative prompt:", "a cat", ""),
}


@pytest.mark.parametrize(("text", "positive", "negative"), SPLIT.values(), ids=SPLIT.keys())
def test_a_prompt_is_taken_apart_as_its_writer_means(text: str, positive: str, negative: str) -> None:
    parts = split_prompt(text)

    assert (parts.positive, parts.negative) == (positive, negative)


@pytest.mark.parametrize(
    "text",
    [
        "a film negative: a lake",
        "a poster that explains negative prompts",
        "a sign with the text prompt: enter your name",
        "### Heading\na cat",
        "a cat #### a dog",
        "no people, an empty street",
        "a train - no smoke -- only steam",
        "BREAK DANCE CREW",
        "a break in the clouds",
        "the command git --none, --notable",
        "n e g a t i v e  p r o m p t: a dog",
        "(cat:1.3), [dog:fox:0.5], <lora:castle:0.8>, ((moon))",
    ],
)
def test_what_is_not_clearly_negative_is_wanted(text: str) -> None:
    assert (split_prompt(text).positive, split_prompt(text).negative) == (text, "")


PIECES = st.sampled_from(
    ["a cat", "naked", "\n", " ", "negative prompt:", "prompt:", " --no ", "###", " --ar 1:1", "BREAK", ",", "{", '"']
)


@given(st.lists(PIECES).map("".join) | st.text())
def test_every_character_of_a_part_is_where_it_says_and_in_one_part_only(text: str) -> None:
    parts = split_prompt(text)

    assert "".join(text[place] for place in parts.positive_at) == parts.positive
    assert "".join(text[place] for place in parts.negative_at) == parts.negative
    assert set(parts.positive_at).isdisjoint(parts.negative_at)


@given(st.lists(PIECES).map("".join))
def test_what_may_be_drawn_is_what_is_judged(text: str) -> None:
    """The judged reading is that of the wanted part alone, or, when nothing is wanted, of all the text."""
    wanted = split_prompt(text).positive or text

    assert read_prompt(text).folded == normalize(wanted).folded


def test_spans_of_both_parts_lead_back_to_the_prompt_as_typed() -> None:
    prompt = "--no (glasses:1.2) --ar 16:9 a big cat"
    read = read_prompt(prompt)

    for view, word in ((read.views[0], "cat"), (read.negative and read.negative.views[0], "glasses")):
        assert view
        start = view.text.index(word)
        first, last = view.span(start, start + len(word))
        assert prompt[first:last] == word


@pytest.mark.parametrize(
    "unit", ["negative prompt: ", "prompt: ", "--no x ", "### ", "x ###", '"""(((', "--ar 1:1 ", "BREAK "]
)
def test_time_grows_no_faster_than_the_prompt(unit: str) -> None:
    long = unit * (40_000 // len(unit))

    assert _seconds(long) < 24 * _seconds(long[: len(long) // 8]) + 0.02


def _seconds(prompt: str) -> float:
    start = time.process_time()
    split_prompt(prompt)
    return time.process_time() - start
