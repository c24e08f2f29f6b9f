import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from generator.dalle_mini.flax_reader import CheckpointInvalid
from generator.dalle_mini.weights import load_model, load_transformer, load_vqgan
from policies.identity import IntegrityFailure, write_manifest
from tests.generator import tiny


def write_released(folder: Path, scan: bool) -> Path:
    """The released layout: msgpack files, layers stacked or not."""
    tiny.write_configs(folder)
    leaves = tiny.flax_transformer(tiny.transformer())
    tiny.write_msgpack(tiny.scanned(leaves) if scan else leaves, folder / "flax_model.msgpack")
    tiny.write_msgpack(tiny.flax_vqgan(tiny.vqgan()), folder / "vqgan_flax_model.msgpack")
    write_manifest(folder, "released")
    return folder


@pytest.mark.parametrize("scan", [True, False])
def test_released_weights_load_tensor_for_tensor(tmp_path: Path, scan: bool) -> None:
    model = load_model(write_released(tmp_path, scan))
    for name, tensor in tiny.transformer().state_dict().items():
        assert torch.equal(model.transformer.state_dict()[name], tensor), name
    for name, tensor in tiny.vqgan().state_dict().items():
        assert torch.equal(model.vqgan.state_dict()[name], tensor), name


def test_our_own_layout_keeps_half_precision(tmp_path: Path) -> None:
    model = load_model(tiny.write_folder(tmp_path))
    for name, tensor in tiny.transformer().state_dict().items():
        assert torch.equal(model.transformer.state_dict()[name], tensor.half().float()), name


def test_the_identity_is_the_manifests(tmp_path: Path) -> None:
    assert load_model(tiny.write_folder(tmp_path)).identity.name == "tiny"


@pytest.mark.parametrize(
    "name",
    ["transformer.safetensors", "vqgan.safetensors", "config.json", "vqgan_config.json", "tokenizer.json"],
)
def test_a_truncated_file_is_refused_by_name(tmp_path: Path, name: str) -> None:
    path = tiny.write_folder(tmp_path) / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(IntegrityFailure, match=name):
        load_model(tmp_path)


def test_an_edited_weight_is_refused_by_name(tmp_path: Path) -> None:
    path = tiny.write_folder(tmp_path) / "transformer.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityFailure, match=r"transformer\.safetensors"):
        load_model(tmp_path)


def test_a_truncated_file_with_a_fresh_manifest_is_still_refused(tmp_path: Path) -> None:
    path = tiny.write_folder(tmp_path) / "transformer.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    write_manifest(tmp_path, "tiny")
    with pytest.raises(CheckpointInvalid, match=r"transformer\.safetensors"):
        load_model(tmp_path)


def change(folder: Path, edit: Callable[[dict[str, Tensor]], object]) -> None:
    path = tiny.write_folder(folder) / "transformer.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    change(tmp_path, lambda tensors: tensors.pop("decoder.final_ln.bias"))
    with pytest.raises(CheckpointInvalid, match=r"decoder\.final_ln\.bias is missing"):
        load_transformer(tmp_path, tiny.TRANSFORMER)


def test_an_unknown_tensor_is_named(tmp_path: Path) -> None:
    change(tmp_path, lambda tensors: tensors.update(extra=torch.zeros(1)))
    with pytest.raises(CheckpointInvalid, match="extra is unknown"):
        load_transformer(tmp_path, tiny.TRANSFORMER)


def test_a_wrong_shape_is_named(tmp_path: Path) -> None:
    change(tmp_path, lambda tensors: tensors.update({"decoder.final_ln.bias": torch.zeros(31)}))
    with pytest.raises(CheckpointInvalid, match=r"has shape \(31,\), config\.json says \(32,\)"):
        load_transformer(tmp_path, tiny.TRANSFORMER)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointInvalid, match="neither"):
        load_vqgan(tmp_path, tiny.VQGAN)


def test_a_checkpoint_with_other_depth_is_refused(tmp_path: Path) -> None:
    folder = write_released(tmp_path, scan=True)
    deeper = tiny.TRANSFORMER_KEYS | {"decoder_layers": 4}
    (folder / "config.json").write_text(json.dumps(deeper))
    write_manifest(folder, "released")
    with pytest.raises(CheckpointInvalid, match="5 layers"):
        load_model(folder)
