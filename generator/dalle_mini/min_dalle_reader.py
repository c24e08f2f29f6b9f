"""Reads what min-dalle (kuprel/min-dalle) stores: encoder.pt, decoder.pt, detoker.pt, vocab.json and merges.txt.

It keeps no config.json: sizes are read from the tensors; what tensors do not tell is as in both released models.
"""

import json
import pickle
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor

from generator.dalle_mini.flax_reader import CheckpointInvalid, State
from generator.dalle_mini.tokenizer import END, SPECIAL_TOKENS, START

ENCODER, DECODER, DETOKENIZER = "encoder.pt", "decoder.pt", "detoker.pt"
VOCABULARY, MERGES = "vocab.json", "merges.txt"
HEAD_WIDTH = 64
CODES = 16384  # of the VQGAN; the first id after them starts a drawing (min-dalle itself starts with 16383, a code)

_MODULES = {
    "pre_self_attn_layer_norm": "self_attn_ln_pre",
    "self_attn_layer_norm": "self_attn_ln_post",
    "pre_encoder_attn_layer_norm": "cross_attn_ln_pre",
    "encoder_attn": "cross_attn",
    "encoder_attn_layer_norm": "cross_attn_ln_post",
    "glu.ln0": "ffn.ln_in",
    "glu.fc0": "ffn.wi_gate",
    "glu.fc1": "ffn.wi_up",
    "glu.ln1": "ffn.ln_mid",
    "glu.fc2": "ffn.wo",
}
_EMBEDDING = ("embed_tokens", "embed_positions", "layernorm_embedding")


def _read(path: Path) -> State:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise CheckpointInvalid(f"{path}: not a file of tensors alone: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise CheckpointInvalid(f"{path}: not a table of named tensors")
    return found


def _module_name(module: str) -> str:
    if module in _EMBEDDING:
        return f"embedding.{module}"
    if not module.startswith("layers."):
        return module  # final_ln, lm_head
    layers, number, inner = module.split(".", 2)
    part, _, projection = inner.partition(".")
    if inner not in _MODULES and part in _MODULES:  # encoder_attn.q_proj
        return f"{layers}.{number}.{_MODULES[part]}.{projection}"
    return f"{layers}.{number}.{_MODULES.get(inner, inner)}"


def _half(folder: Path, file: str, half: str) -> State:
    named = ((name.rpartition("."), tensor) for name, tensor in _read(folder / file).items())
    return {f"{half}.{_module_name(module)}.{leaf}": tensor for (module, _, leaf), tensor in named}


def read_transformer(folder: Path) -> State:
    """Both halves under our names. Raises CheckpointInvalid naming the file."""
    return _half(folder, ENCODER, "encoder") | _half(folder, DECODER, "decoder")


def read_vqgan(folder: Path) -> State:
    """The picture decoder under our names. Raises CheckpointInvalid naming the file."""
    return {
        "codebook.weight" if name == "embedding.weight" else name: tensor
        for name, tensor in _read(folder / DETOKENIZER).items()
    }


def _layers(state: State, half: str) -> int:
    return len({name.split(".")[2] for name in state if name.startswith(f"{half}.layers.")})


def transformer_keys(state: State) -> dict[str, Any]:
    """The config.json that these tensors had. Raises CheckpointInvalid when they are not all there."""
    try:
        words, width = state["encoder.embedding.embed_tokens.weight"].shape
        return {
            "d_model": width,
            "encoder_layers": _layers(state, "encoder"),
            "decoder_layers": _layers(state, "decoder"),
            "encoder_attention_heads": width // HEAD_WIDTH,
            "decoder_attention_heads": width // HEAD_WIDTH,
            "encoder_ffn_dim": len(state["encoder.layers.0.ffn.wi_up.weight"]),
            "decoder_ffn_dim": len(state["decoder.layers.0.ffn.wi_up.weight"]),
            "encoder_vocab_size": words,
            "image_vocab_size": len(state["decoder.lm_head.weight"]) - 1,
            "max_text_length": len(state["encoder.embedding.embed_positions.weight"]),
            "image_length": len(state["decoder.embedding.embed_positions.weight"]),
            "decoder_start_token_id": CODES,
            "normalize_text": True,
        }
    except (KeyError, ValueError) as error:
        raise CheckpointInvalid(f"{ENCODER} and {DECODER} are not min-dalle's: {error}") from error


def _pair(line: str) -> tuple[str, str]:
    left, right = line.split(" ")
    return left, right


def tokenizer_json(folder: Path) -> str:
    """vocab.json and merges.txt as one tokenizer.json, reading like BART's. Raises CheckpointInvalid."""
    try:
        vocabulary = json.loads((folder / VOCABULARY).read_text("utf-8"))
        lines = (folder / MERGES).read_text("utf-8").splitlines()
        merges = [_pair(line) for line in lines if line and not line.startswith("#version")]
        tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token=SPECIAL_TOKENS[3]))
    except Exception as error:  # whatever is wrong with the files; the library raises bare Exception
        raise CheckpointInvalid(f"{folder}: {VOCABULARY} and {MERGES} make no tokenizer: {error}") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    start, end = (SPECIAL_TOKENS[START], START), (SPECIAL_TOKENS[END], END)
    tokenizer.post_processor = processors.RobertaProcessing(end, start, add_prefix_space=False)
    written: str = tokenizer.to_str(pretty=True)
    return written
