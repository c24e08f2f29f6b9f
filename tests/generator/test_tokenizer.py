from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.dalle_mini.tokenizer import END, PAD, START, TextTokenizer, TokenizerInvalid
from generator.registry import NANO_FOLDER

TOKENIZER = TextTokenizer(NANO_FOLDER / "tokenizer.json", 64)


def test_the_blank_prompt_is_start_and_end() -> None:
    assert TOKENIZER.ids("") == [START, END]


def test_a_long_prompt_is_cut_and_still_ends() -> None:
    ids = TOKENIZER.ids(" cat" * 500)
    assert len(ids) == 64
    assert ids[-1] == END


def test_shorter_prompts_are_padded_on_the_right_and_masked() -> None:
    ids, visible = TOKENIZER.batch([" a cat", ""])
    assert ids[1].tolist() == [START, END] + [PAD] * (ids.shape[1] - 2)
    assert visible[1].tolist() == [True, True] + [False] * (ids.shape[1] - 2)


@given(st.text(max_size=40))
def test_any_text_has_ids(text: str) -> None:
    ids = TOKENIZER.ids(text)
    assert ids[0] == START
    assert ids[-1] == END
    assert max(ids) < TOKENIZER.vocabulary_size


def test_a_tokenizer_with_other_special_tokens_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text((NANO_FOLDER / "tokenizer.json").read_text().replace('"<pad>"', '"<hole>"'))
    with pytest.raises(TokenizerInvalid, match="<hole>"):
        TextTokenizer(path, 64)


def test_a_damaged_file_is_refused_naming_it(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text("{}")
    with pytest.raises(TokenizerInvalid, match=r"tokenizer\.json"):
        TextTokenizer(path, 64)
