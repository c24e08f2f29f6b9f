from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from generator.dalle_mini.flax_reader import CheckpointInvalid, read_leaves, read_transformer
from tests.generator.tiny import TRANSFORMER, flax_transformer, scanned, transformer, write_msgpack


def test_leaves_are_read_with_their_path(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    write_msgpack({"a/b/kernel": torch.arange(6.0).reshape(2, 3), "c": torch.ones(1)}, path)
    leaves = read_leaves(path)
    assert leaves.keys() == {"a/b/kernel", "c"}
    assert torch.equal(leaves["a/b/kernel"], torch.arange(6.0).reshape(2, 3))


def pack(array: NDArray[Any], dtype: str) -> msgpack.ExtType:
    return msgpack.ExtType(1, msgpack.packb([list(array.shape), dtype, array.tobytes()]))


def test_bfloat16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    bits = np.array([0x3F80, 0x4000], np.uint16)  # 1, 2
    path.write_bytes(msgpack.packb({"x": pack(bits, "bfloat16")}))
    assert read_leaves(path)["x"].tolist() == [1.0, 2.0]


def test_half_precision_is_read(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(msgpack.packb({"x": pack(np.array([0.5, 2], np.float16), "float16")}))
    assert read_leaves(path)["x"].dtype == torch.float16
    assert read_leaves(path)["x"].tolist() == [0.5, 2.0]


@pytest.mark.parametrize("dtype", ["int64", "float64", "object", "complex64"])
def test_what_is_no_weight_is_refused_by_its_type(tmp_path: Path, dtype: str) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(msgpack.packb({"x": pack(np.zeros(2, np.int64), dtype)}))
    with pytest.raises(CheckpointInvalid, match=dtype):
        read_leaves(path)


def test_a_leaf_cut_into_chunks_is_joined(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    values = np.arange(6, dtype=np.float32)
    leaf = {
        "__msgpack_chunked_array__": True,
        "shape": {"0": 2, "1": 3},
        "chunks": {"0": pack(values[:4], "float32"), "1": pack(values[4:], "float32")},
    }
    path.write_bytes(msgpack.packb({"params": {"x": leaf}}))
    assert read_leaves(path)["x"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("content", [b"", b"\xc1", b"PK\x03\x04", msgpack.packb({"x": msgpack.ExtType(9, b"")})])
def test_a_file_that_is_no_checkpoint_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(content)
    with pytest.raises(CheckpointInvalid, match=r"flax_model\.msgpack"):
        read_leaves(path)


def test_an_unknown_tensor_is_named(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    write_msgpack({"model/encoder/layers/FlaxBartEncoderLayers/Surprise_0/kernel": torch.zeros(1, 2, 2)}, path)
    with pytest.raises(CheckpointInvalid, match="Surprise_0"):
        read_transformer(path, TRANSFORMER)


def test_a_layer_that_is_there_stacked_and_single_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    single = flax_transformer(transformer())
    write_msgpack(scanned(single) | single, path)
    with pytest.raises(CheckpointInvalid, match="is there twice"):
        read_transformer(path, TRANSFORMER)


def test_a_layer_of_the_other_half_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "flax_model.msgpack"
    write_msgpack({"model/encoder/layers/FlaxBartDecoderLayer_0/LayerNorm_0/bias": torch.zeros(32)}, path)
    with pytest.raises(CheckpointInvalid, match="unknown tensor model/encoder/layers/FlaxBartDecoderLayer_0"):
        read_transformer(path, TRANSFORMER)
