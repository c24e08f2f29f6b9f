from pathlib import Path

import pytest

from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, UnsupportedConfig, VQGANConfig
from tests.generator.tiny import TRANSFORMER_KEYS, VQGAN, VQGAN_KEYS

SWITCHES = {
    "use_cosine_attention": True,
    "use_head_scale": True,
    "use_absolute_position_embeddings": False,
    "use_swin_position_embeddings": True,
    "use_deepnet_scaling": True,
    "use_subln_init": True,
    "use_alibi": True,
    "sinkhorn_iters": 2,
    "ln_type": "rmsnorm",
    "ln_positions": "postln",
    "use_glu": False,
    "use_bias": True,
    "tie_word_embeddings": True,
    "activation_function": "relu",
}


@pytest.mark.parametrize(("switch", "value"), SWITCHES.items())
def test_a_switch_that_is_not_implemented_is_refused_by_name(switch: str, value: object) -> None:
    with pytest.raises(UnsupportedConfig, match=switch):
        TransformerConfig.from_keys(TRANSFORMER_KEYS | {switch: value})


def test_the_released_values_of_every_switch_are_accepted() -> None:
    keys = TRANSFORMER_KEYS | {"use_scan": True, "use_alibi": False, "sinkhorn_iters": 1, "dropout": 0.0}
    assert TransformerConfig.from_keys(keys).d_model == 32


def test_text_is_normalised_only_when_the_config_says_so_as_in_the_original() -> None:
    keys = {name: value for name, value in TRANSFORMER_KEYS.items() if name != "normalize_text"}
    assert not TransformerConfig.from_keys(keys).normalize_text


def test_an_absent_start_token_is_the_first_id_after_the_codes() -> None:
    keys = {name: value for name, value in TRANSFORMER_KEYS.items() if name != "decoder_start_token_id"}
    assert TransformerConfig.from_keys(keys).decoder_start_token_id == 50


def test_a_start_token_without_an_embedding_is_refused() -> None:
    with pytest.raises(UnsupportedConfig, match="decoder_start_token_id 51"):
        TransformerConfig.from_keys(TRANSFORMER_KEYS | {"decoder_start_token_id": 51})


def test_a_missing_size_is_named() -> None:
    with pytest.raises(UnsupportedConfig, match="d_model"):
        TransformerConfig.from_keys({"encoder_layers": 2})


def test_a_config_that_is_not_json_is_refused_naming_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text("{")
    with pytest.raises(UnsupportedConfig, match=r"config\.json"):
        TransformerConfig.load(path)


def test_halves_with_different_numbers_of_codes_are_refused() -> None:
    transformer = TransformerConfig.from_keys(TRANSFORMER_KEYS | {"image_length": 64})
    with pytest.raises(UnsupportedConfig, match="image_length 64"):
        DalleMiniConfig(transformer, VQGAN)


def test_a_codebook_larger_than_the_vocabulary_is_refused() -> None:
    transformer = TransformerConfig.from_keys(TRANSFORMER_KEYS)
    with pytest.raises(UnsupportedConfig, match="image_vocab_size 50"):
        DalleMiniConfig(transformer, VQGANConfig.from_keys(VQGAN_KEYS | {"n_embed": 52}))


def test_the_released_vqgan_has_16_by_16_codes() -> None:
    assert VQGANConfig().grid == 16
