import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.dalle_mini.text_normalizer import HashtagSplitter, TextNormalizer

ORIGINAL = json.loads((Path(__file__).parent / "golden" / "texts.json").read_text("utf-8"))  # tests/parity/golden.py
SPLIT = HashtagSplitter(ORIGINAL["words"].split())


@pytest.mark.parametrize(("prompt", "read"), ORIGINAL["read"].items())
def test_prompts_read_as_the_original_reads_them(prompt: str, read: str) -> None:
    assert TextNormalizer(SPLIT)(prompt) == read


def test_without_a_word_list_a_hashtag_is_one_word() -> None:
    assert TextNormalizer()("#dogonmoon") == " dogonmoon"


def test_a_letter_of_another_script_reads_as_something() -> None:
    assert TextNormalizer()("猫 Қазақ ქართული").isascii()


def test_several_persons_become_people_and_one_becomes_a_person() -> None:
    assert TextNormalizer()("<PERSON>, <PERSON> and <PERSON> with <PERSON>") == " people with a person"


@given(st.text(max_size=60))
def test_any_prompt_is_readable_plain_ascii_in_lower_case_after_one_space(prompt: str) -> None:
    read = TextNormalizer(SPLIT)(prompt)
    assert read.startswith(" ")
    assert not read.startswith("  ")
    assert read.isascii()
    assert read == read.lower()
