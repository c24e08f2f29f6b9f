import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.dalle_mini.text_normalizer import HashtagSplitter, TextNormalizer

SPLIT = HashtagSplitter(["the", "on", "a", "dog", "moon", "cat"])

GOLDEN = {  # what the original gives, with the same word list
    "Sunset over a lake, in the mountains!": " sunset over a lake, in the mountains",
    "Dali's painting of WALL·E": " dali's painting of wall * e",
    "a cat wearing a top-hat (3D render) 1,000 dogs": " a cat wearing a top hat, 3d render, 1000 dogs",
    "#dogonmoon café 🥑 http://x.y/z soooooo good": " dog on moon cafe, avocado, so good",
    "the <PERSON> at 10/12/2020, 3.5 km": " the a person at 10/12/2020, 3.5 km",
    "": " ",
    "🙂": " slightly smiling face",
    "ｎｕｄｅ": " nude",
    "nuuuude": " nude",
    "n&#117;de": " nude",
    "🍆": " eggplant",
    "n\u200bu\u200bd\u200be": " n u d e",
    "n.u.d.e": " n.u, d.e",
    "n-u-d-e": " n u, d e",
    "<b>nu</b>de": " nu de",
}


@pytest.mark.parametrize(("prompt", "read"), GOLDEN.items())
def test_prompts_read_as_the_original_reads_them(prompt: str, read: str) -> None:
    assert TextNormalizer(SPLIT)(prompt) == read


def test_without_a_word_list_a_hashtag_is_one_word() -> None:
    assert TextNormalizer()("#dogonmoon") == " dogonmoon"


def test_a_hashtag_the_list_cannot_spell_stays_whole() -> None:
    assert SPLIT("xyzzy") == "xyzzy"


def test_several_persons_become_people_and_one_becomes_a_person() -> None:
    assert TextNormalizer()("<PERSON>, <PERSON> and <PERSON> with <PERSON>") == " people with a person"


@given(st.text(max_size=60))
def test_any_prompt_is_readable_plain_ascii_in_lower_case_after_one_space(prompt: str) -> None:
    read = TextNormalizer(SPLIT)(prompt)
    assert read.startswith(" ")
    assert not read.startswith("  ")
    assert read.isascii()
    assert read == read.lower()
