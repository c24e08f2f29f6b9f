"""A generator small enough to test everything with: random weights, 4x4 codes, 16-pixel drawings."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import torch
from torch import Tensor, nn

from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.generator import DalleMini
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.dalle_mini.weights import save_weights
from generator.registry import NANO_FOLDER
from policies.identity import write_manifest

TRANSFORMER_KEYS: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 40,
    "decoder_ffn_dim": 48,
    "encoder_vocab_size": 1536,
    "image_vocab_size": 50,
    "max_text_length": 64,
    "image_length": 16,
    "decoder_start_token_id": 50,
    "normalize_text": True,
}
VQGAN_KEYS: dict[str, Any] = {
    "ch": 8,
    "ch_mult": [1, 2, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [4],
    "resolution": 16,
    "z_channels": 8,
    "embed_dim": 4,
    "n_embed": 48,
    "num_groups": 4,
}
TRANSFORMER = TransformerConfig.from_keys(TRANSFORMER_KEYS)
VQGAN = VQGANConfig.from_keys(VQGAN_KEYS)
CONFIG = DalleMiniConfig(TRANSFORMER, VQGAN)


def randomise(network: nn.Module, seed: int) -> None:
    """Every tensor random, norms and biases too, so that no term can be forgotten unnoticed."""
    stream = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        noise = torch.randn(parameter.shape, generator=stream) * 0.3
        is_scale = name.endswith("weight") and parameter.ndim == 1
        parameter.data.copy_(noise + 1 if is_scale else noise)
    network.eval().requires_grad_(False)


def transformer(seed: int = 0) -> DalleMiniTransformer:
    """Random."""
    network = DalleMiniTransformer(TRANSFORMER)
    randomise(network, seed)
    return network


def vqgan(seed: int = 0) -> VQGANDecoder:
    """Random."""
    network = VQGANDecoder(VQGAN)
    randomise(network, seed)
    return network


def write_configs(folder: Path) -> None:
    """config.json, vqgan_config.json and a tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(TRANSFORMER_KEYS))
    (folder / "vqgan_config.json").write_text(json.dumps(VQGAN_KEYS))
    shutil.copy(NANO_FOLDER / "tokenizer.json", folder / "tokenizer.json")


def write_folder(folder: Path, network: DalleMiniTransformer | None = None) -> Path:
    """A complete model folder in our own layout."""
    write_configs(folder)
    save_weights(network or transformer(), folder / "transformer.safetensors")
    save_weights(vqgan(), folder / "vqgan.safetensors")
    write_manifest(folder, "tiny")
    return folder


def generator(folder: Path, batch_size: int = 9, **settings: Any) -> DalleMini:
    """Loaded from a folder."""
    return DalleMini(folder, SamplingSettings(**settings), batch_size)


# The released format, written: the inverse of generator.dalle_mini.flax_reader.

_FLAX_LAYER = {
    "self_attn_ln_pre": "LayerNorm_0",
    "self_attn_ln_post": "LayerNorm_1",
    "cross_attn_ln_pre": "LayerNorm_2",
    "cross_attn_ln_post": "LayerNorm_3",
    "ffn.ln_in": "GLU_0/LayerNorm_0",
    "ffn.wi_gate": "GLU_0/Dense_0",
    "ffn.wi_up": "GLU_0/Dense_1",
    "ffn.ln_mid": "GLU_0/LayerNorm_1",
    "ffn.wo": "GLU_0/Dense_2",
}


def _flax_module(name: str) -> str:
    if name.startswith(("self_attn.", "cross_attn.")):
        number = 0 if name.startswith("self") else 1
        return f"FlaxBartAttention_{number}/{name.partition('.')[2]}"
    return _FLAX_LAYER[name]


def _flax_leaf(module: str, leaf: str, tensor: Tensor) -> tuple[str, Tensor]:
    if leaf == "bias":
        return leaf, tensor
    if ("embed" in module.rpartition(".")[2] and "norm" not in module) or module == "codebook":
        return "embedding", tensor
    if tensor.ndim == 1:
        return "scale", tensor
    return "kernel", tensor.permute(2, 3, 1, 0) if tensor.ndim == 4 else tensor.mT


def _flax_transformer_leaves(network: DalleMiniTransformer) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in network.state_dict().items():
        module, _, leaf = name.rpartition(".")
        flax_leaf, laid = _flax_leaf(module, leaf, tensor)
        half, _, rest = module.partition(".")
        if rest.startswith("layers."):
            _, number, inner = rest.split(".", 2)
            layer = f"FlaxBart{half.capitalize()}Layer_{number}"
            yield f"model/{half}/layers/{layer}/{_flax_module(inner)}/{flax_leaf}", laid
        elif rest == "lm_head":
            yield f"lm_head/{flax_leaf}", laid
        else:
            yield f"model/{half}/{rest.removeprefix('embedding.')}/{flax_leaf}", laid


def flax_transformer(network: DalleMiniTransformer) -> dict[str, Tensor]:
    """Leaves of the unscanned layout."""
    return dict(_flax_transformer_leaves(network))


def scanned(leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same with all layers of a half stacked in one leaf."""
    stacks: dict[str, list[Tensor]] = {}
    for name, tensor in leaves.items():
        for number in range(9):
            name = name.replace(f"Layer_{number}/", "Layers/")
        stacks.setdefault(name, []).append(tensor)
    return {name: torch.stack(found) if "Layers/" in name else found[0] for name, found in stacks.items()}


def flax_vqgan(network: VQGANDecoder) -> dict[str, Tensor]:
    """Leaves, with a piece of the encode side that a loader must skip."""
    leaves = {"quant_conv/bias": torch.zeros(3)}
    for name, tensor in network.state_dict().items():
        module, _, leaf = name.rpartition(".")
        flax_leaf, laid = _flax_leaf(module, leaf, tensor)
        path = "quantize/embedding" if module == "codebook" else module.replace(".", "/")
        for part in ("up", "block", "attn"):
            path = path.replace(f"/{part}/", f"/{part}_")
        leaves[f"{path}/{flax_leaf}"] = laid
    return leaves


def write_msgpack(leaves: dict[str, Tensor], path: Path) -> None:
    """As flax.serialization does."""
    tree: dict[str, Any] = {}
    for name, tensor in leaves.items():
        *parents, leaf = name.split("/")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        array = np.ascontiguousarray(tensor.numpy())
        packed = msgpack.packb([list(array.shape), array.dtype.name, array.tobytes()])
        node[leaf] = msgpack.ExtType(1, packed)
    path.write_bytes(msgpack.packb(tree))
