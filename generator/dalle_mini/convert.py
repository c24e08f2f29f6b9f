"""Any layout that DALL-E Mini is spread in -> a folder of ours: safetensors, settings, tokenizer, manifest.

A source is one of
    ours, or the released files as `gardefou models pull` lays them (generator.dalle_mini.weights),
    a clone of a hub repository: config.json, flax_model.msgpack, tokenizer.json,
    a folder of min-dalle: encoder.pt, decoder.pt, vocab.json, merges.txt (generator.dalle_mini.min_dalle_reader).
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from safetensors.torch import save_file

from generator.dalle_mini import min_dalle_reader
from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.flax_reader import CheckpointInvalid, State, read_vqgan
from generator.dalle_mini.generator import WORD_LIST
from generator.dalle_mini.weights import (
    RELEASED_TRANSFORMER,
    TOKENIZER,
    TRANSFORMER_CONFIG,
    TRANSFORMER_WEIGHTS,
    VQGAN_CONFIG,
    VQGAN_WEIGHTS,
    check_fits,
    empty_transformer,
    empty_vqgan,
    load_tokenizer,
    transformer_state,
    vqgan_state,
)
from policies.identity import ModelIdentity, verify_folder, write_manifest

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class _Transformer:
    keys: dict[str, Any]
    config: TransformerConfig
    tokenizer: str
    state: State
    path: Path


def _min_dalle_transformer(folder: Path) -> _Transformer:
    state = min_dalle_reader.read_transformer(folder)
    keys = min_dalle_reader.transformer_keys(state)
    tokenizer = min_dalle_reader.tokenizer_json(folder)
    return _Transformer(keys, TransformerConfig.from_keys(keys), tokenizer, state, folder)


def _transformer(folder: Path) -> _Transformer:
    if (folder / min_dalle_reader.ENCODER).is_file():
        return _min_dalle_transformer(folder)
    config = TransformerConfig.load(folder / TRANSFORMER_CONFIG)
    keys = json.loads((folder / TRANSFORMER_CONFIG).read_text("utf-8"))
    tokenizer = (folder / TOKENIZER).read_text("utf-8")
    return _Transformer(keys, config, tokenizer, *transformer_state(folder, config))


def _vqgan(folder: Path) -> tuple[VQGANConfig, State, Path]:
    if (folder / min_dalle_reader.DETOKENIZER).is_file():
        return VQGANConfig(), min_dalle_reader.read_vqgan(folder), folder / min_dalle_reader.DETOKENIZER
    if (folder / VQGAN_CONFIG).is_file():
        return VQGANConfig.load(folder / VQGAN_CONFIG), *vqgan_state(folder)
    config = VQGANConfig.load(folder / TRANSFORMER_CONFIG)  # a clone of the VQGAN's own repository
    return config, read_vqgan(folder / RELEASED_TRANSFORMER), folder / RELEASED_TRANSFORMER


def _cast(state: State, dtype: torch.dtype | None, path: Path) -> State:
    """Empties state. Raises CheckpointInvalid for a number that the type does not hold."""
    cast = {}
    for name in tuple(state):
        cast[name] = state.pop(name).to(dtype).contiguous()
        if not cast[name].isfinite().all():
            as_type = f" as {dtype}; bfloat16 has the range of float32" if dtype == torch.float16 else ""
            raise CheckpointInvalid(f"{path}: {name} is not finite{as_type}")
    return cast


@contextmanager
def _whole_or_not_at_all(folder: Path) -> Iterator[Path]:
    """A folder to write in; it becomes `folder` when all went well, and is removed otherwise."""
    if folder.exists():
        raise FileExistsError(f"{folder} exists: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        yield draft
        for path in draft.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        draft.chmod(0o755)
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft)
        raise


def convert(source: Path, vqgan: Path | None, out: Path, name: str, dtype: str | None) -> ModelIdentity:
    """Write `out`, a new folder that load_model loads; its numbers in dtype, None: as they are stored.

    vqgan: the folder of the picture decoder; None: it lies in source.
    Raises FileExistsError, other OSError, UnsupportedConfig, TokenizerInvalid or CheckpointInvalid: nothing is left.
    """
    with _whole_or_not_at_all(out) as draft:
        text = _transformer(source)
        vqgan_config, vqgan_tensors, vqgan_path = _vqgan(vqgan or source)
        DalleMiniConfig(text.config, vqgan_config)
        check_fits(empty_transformer(text.config), text.state, text.path)
        check_fits(empty_vqgan(vqgan_config), vqgan_tensors, vqgan_path)
        (draft / TRANSFORMER_CONFIG).write_text(json.dumps(text.keys, indent=2) + "\n", "utf-8")
        (draft / VQGAN_CONFIG).write_text(vqgan_config.model_dump_json(indent=2) + "\n", "utf-8")
        (draft / TOKENIZER).write_text(text.tokenizer, "utf-8")
        load_tokenizer(draft, text.config)
        if (source / WORD_LIST).is_file():
            shutil.copyfile(source / WORD_LIST, draft / WORD_LIST)
        numbers = DTYPES[dtype] if dtype else None
        save_file(_cast(text.state, numbers, text.path), draft / TRANSFORMER_WEIGHTS)
        save_file(_cast(vqgan_tensors, numbers, vqgan_path), draft / VQGAN_WEIGHTS)
        write_manifest(draft, name)
    return verify_folder(out)
