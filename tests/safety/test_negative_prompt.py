import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals import Category
from policies.wordlists import load_blocklists
from safety.checks.blocklist import Blocklist
from safety.checks.negative_prompt import NegativePrompt
from safety.normalize import read_prompt

LISTS = load_blocklists(("english", "french"))
CHECK = NegativePrompt.from_lists(LISTS)
BLOCKLIST = Blocklist.from_lists(LISTS)


def _found(prompt: str) -> dict[Category, float]:
    (signals,) = CHECK.check([read_prompt(prompt)])
    return {signal.subject: signal.score for signal in signals if isinstance(signal.subject, Category) if signal.score}


@pytest.mark.parametrize(
    "prompt",
    [
        "a cat on a chair",
        "a quiet street. Negative prompt: nudity, naked, blood, gore, weapons, nsfw",
        "portrait of a woman in a winter coat. Negative prompt: bra, bikini, lingerie, cleavage, nudity",
        "un village, prompt négatif : nudité, sang, armes",
        "a knight --no blood, corpses --ar 16:9",
        "portrait of a man, negative prompt: glasses, hat, tie, beard",
        "a street in Paris ### old, cars, people",
        "a birthday party. negative prompt: child, children",
        "a bakery. negative prompt: old, adult",
    ],
)
def test_a_wish_not_to_see_something_is_harmless(prompt: str) -> None:
    assert _found(prompt) == {}
    assert all(signal.score == 0 for signal in BLOCKLIST.check([read_prompt(prompt)])[0])


@pytest.mark.parametrize(
    ("prompt", "score"),
    [
        ("a woman on a bed. Negative prompt: clothes, bra, dressed", 0.9),
        ("a woman on a bed. Negative prompt: c.l.o.t.h.e.s", 0.9),
        ("une femme sur un lit, prompt négatif : vêtements", 0.9),
        ("somebody famous on the beach --no clothing", 0.9),
        ("two men ### fully clothed", 0.9),
        ("a woman --no bra, panties", 0.8),
        ("a dog in a garden --no clothes", 0.5),
    ],
)
def test_the_absence_of_clothes_is_nakedness(prompt: str, score: float) -> None:
    assert _found(prompt) == {Category.SEXUAL: score}


def test_a_child_without_clothes_is_gravest() -> None:
    assert _found("a child at the beach. Negative prompt: clothes")[Category.SEXUAL_MINORS] == 1.0
    assert _found("un enfant à la plage, prompt négatif : vêtements")[Category.SEXUAL_MINORS] == 1.0
    assert _found("a child at the beach. Negative prompt: hat, dog") == {}


def test_nobody_asks_for_somebody_younger_in_a_sexual_picture() -> None:
    assert _found("sexy woman in lingerie. Negative prompt: adult")[Category.SEXUAL_MINORS] == 0.9
    assert _found("femme sexy, prompt négatif : adulte")[Category.SEXUAL_MINORS] == 0.9
    assert _found("sexy woman in lingerie. Negative prompt: mature")[Category.SEXUAL_MINORS] == 0.5
    assert _found("sexy woman in lingerie. Negative prompt: old, wrinkles")[Category.SEXUAL_MINORS] == 0.3


def test_slurs_demean_whoever_is_not_to_be_seen() -> None:
    assert _found("a crowd. Negative prompt: beaners") == {Category.HATE: 1.0}
    assert _found("une foule, prompt négatif : bougnoules") == {Category.HATE: 1.0}


def test_a_negative_marker_is_no_shield_for_what_is_wanted() -> None:
    shield = "a naked woman on a bed, negative prompt: nothing"

    assert max(signal.score for signal in BLOCKLIST.check([read_prompt(shield)])[0]) == 1


def test_without_a_wanted_part_all_of_it_is_judged_as_wanted() -> None:
    shield = "negative prompt: a naked woman on a bed"

    assert read_prompt(shield).negative is None
    assert max(signal.score for signal in BLOCKLIST.check([read_prompt(shield)])[0]) == 1


def test_spans_show_what_is_absent_in_the_prompt_as_typed() -> None:
    prompt = "a woman, negative prompt: (clothes:1.4), hat"
    (signals,) = CHECK.check([read_prompt(prompt)])
    (signal,) = [signal for signal in signals if signal.score]

    assert [prompt[span.start : span.end] for span in signal.spans] == ["clothes"]
    assert signal.source == CHECK.name
    assert signal.evidence == "negative_clothes_en:clothes@folded"


@given(st.text() | st.lists(st.sampled_from(["a girl", " --no ", "clothes", "adult", "nude", ", "])).map("".join))
def test_every_category_is_reported_once_with_a_sound_score(prompt: str) -> None:
    (signals,) = CHECK.check([read_prompt(prompt)])

    assert [signal.subject for signal in signals] == list(Category)
    assert all(0 <= signal.score <= 1 and signal.source == CHECK.name for signal in signals)


def test_the_identity_follows_the_lists() -> None:
    assert CHECK.identity == NegativePrompt.from_lists(LISTS).identity
    assert CHECK.identity != NegativePrompt.from_lists(load_blocklists(("english",))).identity
