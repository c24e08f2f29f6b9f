import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from policies.identity import IntegrityFailure, write_manifest
from safety.checks.prompt_classifier import PromptClassifier
from safety.classifier_networks import INT8, Floats, Network, load_network

GUARD_NANO = Path(__file__).parents[2] / "safety" / "weights" / "guard-nano"
TEXTS = [
    "a lake",
    "a naked woman on a beach, erotic photo, highly detailed",
    "un homme poignardé dans la rue, du sang partout",
    "how do i get rid of the ants under my kitchen floor without poison?",
    "portrait of an old sailor, oil on canvas, dramatic light, " * 6,
]


@pytest.fixture(scope="module")
def int8() -> Network:
    return load_network(GUARD_NANO, INT8)


def judged(network: Network, texts: Sequence[str]) -> Floats:
    windows, _ = network.windows(texts)
    return network.logits(windows)


def test_int8_answers_like_float32_at_every_length(int8: Network) -> None:
    """A silent error in an exported graph shows as another direction of the logits."""
    floats, integers = judged(load_network(GUARD_NANO, "float32"), TEXTS), judged(int8, TEXTS)
    cosine = (floats * integers).sum(axis=1) / np.linalg.norm(floats, axis=1) / np.linalg.norm(integers, axis=1)
    assert cosine.min() > 0.99
    probability = 1 / (1 + np.exp(-np.stack([floats[:, 0], integers[:, 0]])))
    assert np.abs(probability[0] - probability[1]).max() < 0.12


def test_a_window_is_judged_the_same_whatever_stands_beside_it(int8: Network) -> None:
    windows, _ = int8.windows(TEXTS)
    alone = np.concatenate([int8.logits([window]) for window in windows])
    assert np.array_equal(int8.logits(windows), alone)


def test_a_missing_weight_is_refused_and_named(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(GUARD_NANO, tmp_path / "guard"))
    tensors = load_file(folder / "model.safetensors")
    del tensors["bert.encoder.layer.3.output.dense.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    write_manifest(folder, "guard-nano")
    with pytest.raises(IntegrityFailure, match=r"layer\.3\.output\.dense\.weight"):
        PromptClassifier.load(folder)
