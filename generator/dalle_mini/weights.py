"""Loads a model folder: configuration, tokenizer and weights, checked before a tensor is used.

A folder holds manifest.json, tokenizer.json and, for the transformer and the VQGAN:
    config.json         transformer.safetensors  or  flax_model.msgpack        (as released)
    vqgan_config.json   vqgan.safetensors        or  vqgan_flax_model.msgpack  (as released, renamed)
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.flax_reader import CheckpointInvalid, State, read_transformer, read_vqgan
from generator.dalle_mini.tokenizer import TextTokenizer
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from policies.identity import ModelIdentity, verify_folder

TRANSFORMER_CONFIG = "config.json"
VQGAN_CONFIG = "vqgan_config.json"
TOKENIZER = "tokenizer.json"
TRANSFORMER_WEIGHTS = "transformer.safetensors"
VQGAN_WEIGHTS = "vqgan.safetensors"
RELEASED_TRANSFORMER = "flax_model.msgpack"
RELEASED_VQGAN = "vqgan_flax_model.msgpack"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """Everything of one folder, ready to draw; the networks are in evaluation mode, float32."""

    identity: ModelIdentity
    config: DalleMiniConfig
    tokenizer: TextTokenizer
    transformer: DalleMiniTransformer
    vqgan: VQGANDecoder


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointInvalid(f"{path}: {error}") from error


def _read_either(folder: Path, ours: str, released: str) -> Path:
    for name in (ours, released):
        if (folder / name).is_file():
            return folder / name
    raise CheckpointInvalid(f"{folder} holds neither {ours} nor {released}")


def _problems(expected: State, found: State) -> list[str]:
    problems = [f"{name} is missing" for name in expected.keys() - found.keys()]
    problems += [f"{name} is unknown" for name in found.keys() - expected.keys()]
    problems += [
        f"{name} has shape {tuple(found[name].shape)}, config.json says {tuple(tensor.shape)}"
        for name, tensor in expected.items()
        if name in found and found[name].shape != tensor.shape
    ]
    return sorted(problems)


def check_fits(network: nn.Module, found: State, path: Path) -> None:
    """The same names, the same shapes, nothing left over. Raises CheckpointInvalid naming the file."""
    if problems := _problems(network.state_dict(), found):
        shown = "; ".join(problems[:5]) + (f"; and {len(problems) - 5} more" if len(problems) > 5 else "")
        raise CheckpointInvalid(f"{path}: {shown}")


def fill(network: nn.Module, found: State, path: Path) -> None:
    """Put tensors into a network, in place of its own, as float32. Empties found: it may be most of the memory.

    Raises CheckpointInvalid naming the file.
    """
    check_fits(network, found, path)
    network.load_state_dict({name: found.pop(name).float() for name in tuple(found)}, assign=True)
    network.eval().requires_grad_(False)


def empty_transformer(config: TransformerConfig) -> DalleMiniTransformer:
    """Shapes without memory: to compare tensors with, or to fill."""
    with torch.device("meta"):
        return DalleMiniTransformer(config)


def empty_vqgan(config: VQGANConfig) -> VQGANDecoder:
    """Shapes without memory."""
    with torch.device("meta"):
        return VQGANDecoder(config)


def transformer_state(folder: Path, config: TransformerConfig) -> tuple[State, Path]:
    """The tensors of a folder under our names and the file they are from. Raises CheckpointInvalid."""
    path = _read_either(folder, TRANSFORMER_WEIGHTS, RELEASED_TRANSFORMER)
    released = path.name == RELEASED_TRANSFORMER
    return (read_transformer(path, config) if released else _read_safetensors(path)), path


def vqgan_state(folder: Path) -> tuple[State, Path]:
    """The tensors of a folder under our names and the file they are from. Raises CheckpointInvalid."""
    path = _read_either(folder, VQGAN_WEIGHTS, RELEASED_VQGAN)
    return (read_vqgan(path) if path.name == RELEASED_VQGAN else _read_safetensors(path)), path


def load_transformer(folder: Path, config: TransformerConfig) -> DalleMiniTransformer:
    """Raises CheckpointInvalid."""
    network = empty_transformer(config)
    fill(network, *transformer_state(folder, config))
    return network


def load_vqgan(folder: Path, config: VQGANConfig) -> VQGANDecoder:
    """Raises CheckpointInvalid."""
    network = empty_vqgan(config)
    fill(network, *vqgan_state(folder))
    return network


def load_config(folder: Path) -> DalleMiniConfig:
    """Both config.json files. Raises UnsupportedConfig naming the file."""
    return DalleMiniConfig(TransformerConfig.load(folder / TRANSFORMER_CONFIG), VQGANConfig.load(folder / VQGAN_CONFIG))


def load_tokenizer(folder: Path, config: TransformerConfig) -> TextTokenizer:
    """Raises TokenizerInvalid, or CheckpointInvalid when it has more ids than the network reads."""
    tokenizer = TextTokenizer(folder / TOKENIZER, config.max_text_length)
    if tokenizer.vocabulary_size > config.encoder_vocab_size:
        raise CheckpointInvalid(f"{folder / TOKENIZER} has more ids than encoder_vocab_size in config.json")
    return tokenizer


def check_folder(folder: Path) -> int:
    """Everything that load_model checks beyond the manifest, without building a network: how many tensors there are.

    Raises UnsupportedConfig, TokenizerInvalid or CheckpointInvalid, each naming the file.
    """
    config = load_config(folder)
    load_tokenizer(folder, config.transformer)
    transformer, transformer_path = transformer_state(folder, config.transformer)
    check_fits(empty_transformer(config.transformer), transformer, transformer_path)
    vqgan, vqgan_path = vqgan_state(folder)
    check_fits(empty_vqgan(config.vqgan), vqgan, vqgan_path)
    return len(transformer) + len(vqgan)


def load_model(folder: Path) -> LoadedModel:
    """Check the manifest, then load.

    Raises IntegrityFailure, UnsupportedConfig, TokenizerInvalid or CheckpointInvalid, each naming the file.
    """
    identity = verify_folder(folder)
    config = load_config(folder)
    return LoadedModel(
        identity,
        config,
        load_tokenizer(folder, config.transformer),
        load_transformer(folder, config.transformer),
        load_vqgan(folder, config.vqgan),
    )


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's tensors as float16 safetensors."""
    halves: dict[str, Tensor] = {
        name: tensor.to(torch.float16).contiguous() for name, tensor in network.state_dict().items()
    }
    save_file(halves, path)
