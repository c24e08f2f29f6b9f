"""Reads flax_model.msgpack without flax: msgpack and numpy only, no code is ever run."""

import mmap
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import torch
from torch import Tensor

from generator.dalle_mini.config import TransformerConfig

_ARRAY, _SCALAR = 1, 3  # extension types of flax.serialization
_CHUNKED = "__msgpack_chunked_array__"
_NUMBERS = ("float32", "float16", "bfloat16")  # what weights are stored in

Tree = dict[str, Any]
State = dict[str, Tensor]


class CheckpointInvalid(Exception):
    """A weight file that cannot be read, or whose tensors are not those of the configured network."""


def _array(packed: bytes) -> Tensor:
    shape, dtype, raw = msgpack.unpackb(packed, raw=False)
    if dtype not in _NUMBERS:
        raise CheckpointInvalid(f"an array of {dtype}; weights are {', '.join(_NUMBERS)}")
    if dtype == "bfloat16":  # not a numpy type
        return torch.frombuffer(bytearray(raw), dtype=torch.bfloat16).reshape(shape)
    return torch.from_numpy(np.frombuffer(raw, dtype).reshape(shape).copy())


def _extension(kind: int, packed: bytes) -> Tensor:
    if kind not in (_ARRAY, _SCALAR):
        raise CheckpointInvalid(f"msgpack extension type {kind} is not an array")
    return _array(packed)


def _join_chunks(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if not node.get(_CHUNKED):
        return {name: _join_chunks(child) for name, child in node.items()}
    chunks = [node["chunks"][str(index)] for index in range(len(node["chunks"]))]
    shape = [int(node["shape"][str(index)]) for index in range(len(node["shape"]))]
    return torch.cat([chunk.flatten() for chunk in chunks]).reshape(shape)


def _leaves(node: Tree, path: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, child in node.items():
        if isinstance(child, dict):
            yield from _leaves(child, f"{path}{name}/")
        else:
            yield path + name, child


def read_leaves(path: Path) -> State:
    """ "model/encoder/final_ln/bias" -> tensor, for every leaf. Raises CheckpointInvalid naming the file."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as packed:
            tree = msgpack.unpackb(packed, ext_hook=_extension, raw=False, strict_map_key=False)
        tree = _join_chunks(tree.get("params", tree))
        return dict(_leaves(tree))
    except Exception as error:  # whatever is wrong with the bytes, the file is not a checkpoint
        raise CheckpointInvalid(f"{path}: not a flax checkpoint: {error!r}") from error


# Left: the released names, flax's own numbering of the modules in dalle_mini/model/modeling.py.
_ENCODER_NAMES = {
    "LayerNorm_0": "self_attn_ln_pre",
    "FlaxBartAttention_0": "self_attn",
    "LayerNorm_1": "self_attn_ln_post",
    "GLU_0/LayerNorm_0": "ffn.ln_in",
    "GLU_0/Dense_0": "ffn.wi_gate",
    "GLU_0/Dense_1": "ffn.wi_up",
    "GLU_0/LayerNorm_1": "ffn.ln_mid",
    "GLU_0/Dense_2": "ffn.wo",
}
_DECODER_NAMES = _ENCODER_NAMES | {
    "LayerNorm_2": "cross_attn_ln_pre",
    "FlaxBartAttention_1": "cross_attn",
    "LayerNorm_3": "cross_attn_ln_post",
}
_LEAF_NAMES = {"kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias"}
_LAYER = re.compile(r"model/(encoder|decoder)/layers/FlaxBart(?i:\1)Layer(s|_\d+)/(.+)/(\w+)")
_OTHER = re.compile(r"model/(encoder|decoder)/(\w+)/(\w+)")


def _torch_layout(leaf: str, tensor: Tensor) -> Tensor:
    """A flax kernel is (in, out), or height, width, in, out for a convolution. A copy: leaves can then be let go."""
    if leaf != "kernel":
        return tensor.clone()
    return tensor.permute(3, 2, 0, 1).contiguous() if tensor.ndim == 4 else tensor.mT.contiguous()


def _layer_name(half: str, inner: str) -> str:
    names = _ENCODER_NAMES if half == "encoder" else _DECODER_NAMES
    if inner in names:
        return names[inner]
    module, _, projection = inner.partition("/")  # FlaxBartAttention_0/q_proj
    return f"{names[module]}.{projection}"


def _layer_tensors(match: re.Match[str], tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    half, number, inner, leaf = match.groups()
    name = f"{_layer_name(half, inner)}.{_LEAF_NAMES[leaf]}"
    if number != "s":
        yield f"{half}.layers.{number[1:]}.{name}", _torch_layout(leaf, tensor)
        return
    for index, slice_ in enumerate(tensor):  # scanned: all layers stacked in one leaf
        yield f"{half}.layers.{index}.{name}", _torch_layout(leaf, slice_)


def _transformer_tensors(path: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if path == "lm_head/kernel":
        yield "decoder.lm_head.weight", _torch_layout("kernel", tensor)
    elif match := _LAYER.fullmatch(path):
        yield from _layer_tensors(match, tensor)
    elif match := _OTHER.fullmatch(path):
        half, module, leaf = match.groups()
        prefix = "" if module == "final_ln" else "embedding."
        yield f"{half}.{prefix}{module}.{_LEAF_NAMES[leaf]}", _torch_layout(leaf, tensor)
    else:
        raise CheckpointInvalid(f"unknown tensor {path}")


def _gather(leaves: State, tensors: Callable[[str, Tensor], Iterable[tuple[str, Tensor]]], path: Path) -> State:
    """Every leaf under our names; leaves are let go one by one, so that a large file is not held twice."""
    state: State = {}
    while leaves:
        leaf, tensor = leaves.popitem()
        try:
            parts = dict(tensors(leaf, tensor))
        except (KeyError, CheckpointInvalid) as error:
            raise CheckpointInvalid(f"{path}: {leaf}: {error}") from error
        if twice := state.keys() & parts.keys():
            raise CheckpointInvalid(f"{path}: {leaf}: {min(twice)} is there twice")
        state |= parts
    return state


def read_transformer(path: Path, config: TransformerConfig) -> State:
    """The transformer's tensors under our names; scanned (stacked) and unscanned layers alike.

    Raises CheckpointInvalid naming the file.
    """
    state = _gather(read_leaves(path), _transformer_tensors, path)
    found = sum(name.endswith("ffn.wo.weight") for name in state)
    if found != config.encoder_layers + config.decoder_layers:
        raise CheckpointInvalid(f"{path}: {found} layers, config.json says otherwise")
    return state


_ENCODE_SIDE = ("encoder/", "quant_conv/")


def _vqgan_name(path: str) -> str:
    if path == "quantize/embedding/embedding":
        return "codebook.weight"
    *modules, leaf = path.split("/")
    if "mid" not in modules:  # block_1, attn_1, block_2 are names there, numbers elsewhere
        modules = [re.sub(r"^(block|attn|up)_(\d+)$", r"\1.\2", module) for module in modules]
    return ".".join([*modules, _LEAF_NAMES[leaf]])


def _vqgan_tensors(path: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    if not path.startswith(_ENCODE_SIDE):
        yield _vqgan_name(path), _torch_layout(path.rpartition("/")[2], tensor)


def read_vqgan(path: Path) -> State:
    """The decode side of a flax VQGAN under taming's names. Raises CheckpointInvalid naming the file."""
    return _gather(read_leaves(path), _vqgan_tensors, path)
