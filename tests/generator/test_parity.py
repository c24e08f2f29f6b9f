"""Ours beside what the original JAX code gave for the same random network: golden/, by tests/parity/golden.py."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.flax_reader import read_transformer
from generator.dalle_mini.tokenizer import PAD, TextTokenizer
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.weights import fill
from generator.registry import NANO_FOLDER
from tests.generator.drawing import most_likely
from tests.parity.random_vqgan import KEYS, random_vqgan, unclipped

GOLDEN = Path(__file__).parent / "golden"
LAYOUTS = ["scanned", "unscanned"]
CONFIG = TransformerConfig.load(GOLDEN / "config.json")
SMALL = DalleMiniConfig(CONFIG, VQGANConfig(ch=32, ch_mult=(1, 2), resolution=8, n_embed=CONFIG.image_vocab_size))
TEXTS: dict[str, Any] = json.loads((GOLDEN / "texts.json").read_text("utf-8"))


def golden(name: str) -> Tensor:
    with np.load(GOLDEN / "numbers.npz") as numbers:
        return torch.from_numpy(numbers[name])


def loaded(layout: str) -> DalleMiniTransformer:
    path = GOLDEN / f"{layout}.msgpack"
    network = DalleMiniTransformer(CONFIG)
    fill(network, read_transformer(path, CONFIG), path)
    return network


def visible() -> Tensor:
    return golden("ids") != PAD


@pytest.mark.parametrize("layout", LAYOUTS)
def test_prompts_are_encoded_as_by_the_original(layout: str) -> None:
    states = loaded(layout).encoder(golden("ids"), visible())
    torch.testing.assert_close(states[visible()], golden("states")[visible()], atol=1e-5, rtol=0)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_logits_are_the_originals(layout: str) -> None:
    logits = loaded(layout)(golden("ids"), visible(), golden("codes"))
    torch.testing.assert_close(logits, golden("logits"), atol=2e-5, rtol=0)


@pytest.mark.parametrize(("row", "scale"), [(0, 1.0), (1, 10.0)])
def test_the_most_likely_drawing_is_the_originals_code_for_code(row: int, scale: float) -> None:
    ids = golden("ids")
    codes = most_likely(loaded("scanned"), SMALL, ids, ids[-1:], scale)
    assert codes.tolist() == golden("drawn")[row].tolist()


def test_guidance_changes_the_drawing_so_that_the_test_above_can_tell() -> None:
    without, guided = golden("drawn")
    assert (without[:3] != guided[:3]).float().mean() > 0.5


def test_the_vqgan_paints_what_taming_transformers_paints() -> None:
    with np.load(GOLDEN / "picture.npz") as numbers:
        codes, picture = torch.from_numpy(numbers["codes"]), torch.from_numpy(numbers["picture"])
    painted = unclipped(random_vqgan(VQGANConfig.from_keys(KEYS)), codes)
    torch.testing.assert_close(painted, picture, atol=2e-5, rtol=0)


@pytest.mark.parametrize(("text", "ids"), TEXTS["ids"].items(), ids=range(len(TEXTS["ids"])))
def test_texts_have_the_ids_that_the_originals_tokenizer_gives(text: str, ids: str) -> None:
    found = TextTokenizer(NANO_FOLDER / "tokenizer.json", 64).ids(text)
    assert found == [int(number) for number in ids.split() if int(number) != PAD]
