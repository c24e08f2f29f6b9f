import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from generator.dalle_mini.config import TransformerConfig, UnsupportedConfig, VQGANConfig
from generator.dalle_mini.convert import convert
from generator.dalle_mini.flax_reader import CheckpointInvalid
from generator.dalle_mini.min_dalle_reader import tokenizer_json
from generator.dalle_mini.tokenizer import TextTokenizer
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.dalle_mini.weights import load_model
from generator.registry import NANO_FOLDER
from tests.generator import tiny

LIKE_RELEASED = {"decoder_start_token_id": 16384, "image_vocab_size": 16384, "image_length": 16}
HEADS = {"d_model": 64, "encoder_attention_heads": 1, "decoder_attention_heads": 1}  # min-dalle: 64 wide
MIN_DALLE_KEYS = tiny.TRANSFORMER_KEYS | LIKE_RELEASED | HEADS


def write_clones(folder: Path) -> tuple[Path, Path]:
    """Two hub repositories as git clones them: no manifest, the VQGAN apart."""
    text, picture = folder / "dalle-mini", folder / "vqgan"
    tiny.write_configs(text)
    picture.mkdir()
    (text / "vqgan_config.json").rename(picture / "config.json")
    (text / "enwiki-words-frequency.txt").write_text("the 9\ncat 3\n")
    tiny.write_msgpack(tiny.scanned(tiny.flax_transformer(tiny.transformer())), text / "flax_model.msgpack")
    tiny.write_msgpack(tiny.flax_vqgan(tiny.vqgan()), picture / "flax_model.msgpack")
    return text, picture


def same(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    expected = network.state_dict()
    assert expected.keys() == tensors.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensors[name], tensor), name


def test_clones_of_the_hub_become_one_folder_that_loads_tensor_for_tensor(tmp_path: Path) -> None:
    text, picture = write_clones(tmp_path)
    identity = convert(text, picture, tmp_path / "ours", "mine", None)
    model = load_model(tmp_path / "ours")
    assert model.identity == identity
    assert identity.name == "mine"
    same(tiny.transformer(), dict(model.transformer.state_dict()))
    same(tiny.vqgan(), dict(model.vqgan.state_dict()))
    assert (tmp_path / "ours" / "enwiki-words-frequency.txt").read_text() == "the 9\ncat 3\n"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_numbers_are_stored_in_the_type_asked_for(tmp_path: Path, dtype: str) -> None:
    convert(tiny.write_folder(tmp_path / "tiny"), None, tmp_path / "ours", "tiny", dtype)
    for file in ("transformer.safetensors", "vqgan.safetensors"):
        tensors = load_file(tmp_path / "ours" / file)
        assert {tensor.dtype for tensor in tensors.values()} == {getattr(torch, dtype)}
    assert load_model(tmp_path / "ours").transformer.decoder.lm_head.weight.dtype == torch.float32


def test_a_number_too_large_for_float16_is_refused_by_name_and_leaves_nothing(tmp_path: Path) -> None:
    text, picture = write_clones(tmp_path)
    leaves = tiny.flax_transformer(tiny.transformer())
    leaves["lm_head/kernel"] = leaves["lm_head/kernel"] * 1e6
    tiny.write_msgpack(leaves, text / "flax_model.msgpack")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CheckpointInvalid, match=r"decoder\.lm_head\.weight is not finite as torch\.float16; bfloat16"):
        convert(text, picture, tmp_path / "ours", "mine", "float16")
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_exists_is_not_written_over(tmp_path: Path) -> None:
    ours = tiny.write_folder(tmp_path / "tiny")
    with pytest.raises(FileExistsError, match="name a new folder"):
        convert(ours, None, ours, "tiny", None)


def test_a_switch_that_is_not_implemented_leaves_nothing(tmp_path: Path) -> None:
    text, picture = write_clones(tmp_path)
    (text / "config.json").write_text(json.dumps(tiny.TRANSFORMER_KEYS | {"use_head_scale": True}))
    with pytest.raises(UnsupportedConfig, match="use_head_scale"):
        convert(text, picture, tmp_path / "ours", "mine", None)
    assert not (tmp_path / "ours").exists()


# min-dalle's own files, written: the inverse of generator.dalle_mini.min_dalle_reader.

MIN_DALLE_NAMES = (
    (".ffn.ln_in", ".glu.ln0"),
    (".ffn.wi_gate", ".glu.fc0"),
    (".ffn.wi_up", ".glu.fc1"),
    (".ffn.ln_mid", ".glu.ln1"),
    (".ffn.wo", ".glu.fc2"),
    (".self_attn_ln_pre", ".pre_self_attn_layer_norm"),
    (".self_attn_ln_post", ".self_attn_layer_norm"),
    (".cross_attn_ln_pre", ".pre_encoder_attn_layer_norm"),
    (".cross_attn_ln_post", ".encoder_attn_layer_norm"),
    (".cross_attn.", ".encoder_attn."),
)


def min_dalle_name(name: str) -> str:
    for ours, theirs in MIN_DALLE_NAMES:
        name = name.replace(ours, theirs)
    return name.removeprefix("embedding.")


def halves(network: nn.Module, part: str, dtype: torch.dtype) -> dict[str, Tensor]:
    return {
        min_dalle_name(name.removeprefix(part)): tensor.to(dtype)
        for name, tensor in network.state_dict().items()
        if name.startswith(part)
    }


def write_min_dalle(
    folder: Path, text: DalleMiniTransformer, picture: VQGANDecoder, dtype: torch.dtype = torch.float16
) -> Path:
    folder.mkdir()
    torch.save(halves(text, "encoder.", dtype), folder / "encoder.pt")
    torch.save(halves(text, "decoder.", dtype), folder / "decoder.pt")
    detoker = {name.replace("codebook", "embedding"): tensor for name, tensor in halves(picture, "", dtype).items()}
    torch.save(detoker, folder / "detoker.pt")
    model = json.loads((NANO_FOLDER / "tokenizer.json").read_text())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(" ".join(pair) + "\n" for pair in model["merges"]))
    return folder


@pytest.fixture
def released_vqgan(monkeypatch: pytest.MonkeyPatch) -> VQGANConfig:
    """min-dalle stores no sizes of its picture decoder: here those of a small one are the released ones."""
    small = VQGANConfig.from_keys(tiny.VQGAN_KEYS | {"n_embed": 16384})
    monkeypatch.setattr("generator.dalle_mini.convert.VQGANConfig", lambda: small)
    return small


def test_min_dalles_files_become_a_folder_with_sizes_read_from_the_tensors(
    tmp_path: Path, released_vqgan: VQGANConfig
) -> None:
    config = TransformerConfig.from_keys(MIN_DALLE_KEYS)
    text, picture = DalleMiniTransformer(config), VQGANDecoder(released_vqgan)
    tiny.randomise(text, 0)
    tiny.randomise(picture, 1)
    convert(write_min_dalle(tmp_path / "min-dalle", text, picture), None, tmp_path / "ours", "mini", None)
    model = load_model(tmp_path / "ours")
    assert model.config.transformer == config
    same(text.half().float(), dict(model.transformer.state_dict()))
    same(picture.half().float(), dict(model.vqgan.state_dict()))


def test_a_torch_file_with_code_in_it_is_refused_and_not_run(tmp_path: Path, released_vqgan: VQGANConfig) -> None:
    ran = tmp_path / "ran"

    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (ran,)

    text = DalleMiniTransformer(TransformerConfig.from_keys(MIN_DALLE_KEYS))
    folder = write_min_dalle(tmp_path / "min-dalle", text, VQGANDecoder(released_vqgan))
    torch.save({"embed_tokens.weight": Payload()}, folder / "encoder.pt")
    with pytest.raises(CheckpointInvalid, match=r"encoder\.pt: not a file of tensors alone"):
        convert(folder, None, tmp_path / "ours", "mini", None)
    assert not ran.exists()


def test_a_tokenizer_made_of_vocabulary_and_merges_reads_as_the_whole_one(
    tmp_path: Path, released_vqgan: VQGANConfig
) -> None:
    text = DalleMiniTransformer(TransformerConfig.from_keys(MIN_DALLE_KEYS))
    folder = write_min_dalle(tmp_path / "min-dalle", text, VQGANDecoder(released_vqgan))
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(folder))
    made, whole = TextTokenizer(tmp_path / "tokenizer.json", 64), TextTokenizer(NANO_FOLDER / "tokenizer.json", 64)
    for prompt in ("", " a red cat", "it's l'été 🥑 12,5", " cat" * 80):
        assert made.ids(prompt) == whole.ids(prompt)
