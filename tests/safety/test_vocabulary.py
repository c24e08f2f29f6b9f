import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.vocabulary import LONGEST_FUSED, Vocabulary, skeleton, vocabulary

SMALL = Vocabulary(
    dictionary=["peel", "dragonfly"], common=["a", "the", "big", "cat"], listed=["dragon", "menu"], names=["draco"]
)
LETTERS = st.text(st.sampled_from("abcdegnortu"), min_size=1, max_size=LONGEST_FUSED)


@pytest.mark.parametrize("word", ["cat", "peel", "dragon", "draco", "dragonfly"])
def test_words_of_every_source_are_known(word: str) -> None:
    assert SMALL.unknown([word]) == frozenset()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("nogard", "dragon"),
        ("rnenu", "menu"),
        ("menv", "menu"),
        ("bigdragon", "big dragon"),
        ("bigdragonmenu", "big dragon menu"),
    ],
)
def test_an_unknown_word_means_the_listed_ones_that_it_resembles_or_is_made_of(typed: str, meant: str) -> None:
    assert SMALL.meanings([typed]) == {typed: meant}


@pytest.mark.parametrize("word", ["leep", "tac", "zebra", "bigzebra", "x" * 100])
def test_other_unknown_words_mean_nothing_else(word: str) -> None:
    """Not even common words mirrored: only listed ones are worth a second look."""
    assert SMALL.meanings([word]) == {}


@given(LETTERS)
def test_a_cut_keeps_every_letter_and_says_how_many_are_known(fused: str) -> None:
    cut = SMALL.cut(fused)

    assert "".join(cut.words) == fused
    known = sum(len(word) for word in cut.words if not SMALL.unknown([word]))
    assert cut.covered <= known / len(fused) <= 1


def test_a_cut_prefers_few_words_and_words_to_names() -> None:
    assert SMALL.cut("dragonfly").words == ("dragon", "fly")
    assert vocabulary().cut("onthebeachatsunset").words == ("on", "the", "beach", "at", "sunset")


@given(st.text(st.sampled_from("abilmw")))
def test_look_alikes_have_one_skeleton(word: str) -> None:
    for shown, read in (("i", "l"), ("m", "rn"), ("w", "vv")):
        assert skeleton(word.replace(shown, read)) == skeleton(word)


def test_the_shipped_dictionaries_know_honest_words_that_look_like_listed_ones() -> None:
    honest = ["therapist", "setup", "despicable", "cocktail", "dekan", "pomo"]

    assert vocabulary().unknown(honest) == frozenset()


def test_thousands_of_unknown_words_are_not_remembered_for_good() -> None:
    start = time.process_time()
    for number in range(3):
        SMALL.meanings(f"qx{'abcdefghij'[number]}{place:05}".translate(DIGITS) for place in range(15_000))

    assert len(SMALL._meanings) <= 20_000
    assert time.process_time() - start < 10


DIGITS = str.maketrans("0123456789", "klmnopqrst")
