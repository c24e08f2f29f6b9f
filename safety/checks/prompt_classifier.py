"""Judges prompts with a transformers sequence classifier: guard-nano, or any other whose labels are named."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.identity import ModelIdentity, verify_folder
from policies.signals import Category, Signal
from policies.verdict import CouldNotJudge
from safety.classifier_networks import Network, load_network
from safety.language import guess_language
from safety.normalize import NormalizedPrompt
from safety.word_weights import WordWeights

Floats = NDArray[np.float32]

LABELS_FILE = "labels.json"  # optional: {a model's own label: category, "unsafe", or null for "says nothing"}
UNSAFE = "unsafe"


class UnknownLabel(Exception):
    """A label of the model is no category and not named in labels.json. The service must not start."""


@dataclass(frozen=True, slots=True)
class LabelManifest:
    """What each output of a model stands for.

    columns: for each category the outputs that report it.
    unsafe: the output for "anything unsafe", if there is one.
    """

    columns: Mapping[Category, tuple[int, ...]]
    unsafe: int | None

    @classmethod
    def read(cls, folder: Path, id2label: Mapping[int, str]) -> "LabelManifest":
        """The labels of config.json, renamed by labels.json if the folder has one.

        Raises UnknownLabel when a label is no category of ours, or no category is reported at all.
        """
        renamed = _read_labels_file(folder)
        meanings = {index: renamed.get(label, label) for index, label in id2label.items()}
        unknown = [id2label[index] for index, name in meanings.items() if name not in {UNSAFE, None, *Category}]
        columns = {
            category: tuple(index for index, name in meanings.items() if name == category)
            for category in Category
            if category in meanings.values()
        }
        if unknown or not columns:
            raise UnknownLabel(f"{folder}: say in {LABELS_FILE} which categories these labels mean: {unknown}")
        return cls(columns, next((index for index, name in meanings.items() if name == UNSAFE), None))


def _read_labels_file(folder: Path) -> dict[str, str | None]:
    path = folder / LABELS_FILE
    if not path.is_file():
        return {}
    labels: dict[str, str | None] = json.loads(path.read_text(encoding="utf-8"))
    return labels


ANY_LANGUAGE = "any"
UNCALIBRATED = {ANY_LANGUAGE: {"scale": 1.0, "offset": 0.0}}


class Calibration:
    """Platt scaling per language: probability = activation(scale * logit + words * word logit + offset).

    It applies to the "unsafe" output, or to all outputs of a model without one.
    stored: {language or "any": {"scale": number, "offset": number, maybe "words": number}}, the "calibration" of
    config.json; the first entry stands for languages that have none. words: the model of words that it may weigh.
    measured: False when there is none at all, which changes nothing.
    """

    def __init__(self, stored: Mapping[str, Mapping[str, float]] | None, words: WordWeights | None) -> None:
        self.measured = bool(stored)
        self._by_language = stored or UNCALIBRATED
        self._words = words

    def __call__(self, texts: Sequence[str]) -> Floats:
        """float32 (texts, 2): the scale and the offset for the logits of each whole prompt."""
        return np.array(list(map(self._of, texts)), dtype=np.float32)

    def _of(self, text: str) -> tuple[float, float]:
        several = len(self._by_language) > 1
        code = guess_language(text).code if several else ANY_LANGUAGE
        numbers = self._by_language.get(code) or next(iter(self._by_language.values()))
        rude = numbers.get("words", 0.0) * self._words.logit(text) if self._words else 0.0
        return numbers["scale"], numbers["offset"] + rude


class PromptClassifier:
    """One forward pass per window of a prompt; the worst window speaks for the prompt.

    With an "unsafe" output, a category's score is P(unsafe) * p_c / max_k p_k: the likeliest category carries
    the calibrated P(unsafe), the others their share of it. Without one, it is the label's own probability.
    words: a linear model of words that the calibration weighs beside the network's logit, if it has one.
    """

    name = "prompt_classifier"

    def __init__(
        self, identity: ModelIdentity, network: Network, labels: LabelManifest, words: WordWeights | None = None
    ) -> None:
        self.identity = identity
        self.reports = frozenset(labels.columns)
        self._network = network
        self._labels = labels
        self._words = words
        self._calibration = Calibration(network.config.get("calibration"), words)
        self._exclusive = network.config.get("problem_type") != "multi_label_classification" and network.outputs > 1
        self._judge(["warm up: the first pass allocates"])

    @classmethod
    def load(cls, folder: Path) -> "PromptClassifier":
        """Load a model folder: config.json, model.safetensors, tokenizer.json, manifest.json, maybe words.safetensors
        and labels.json.

        Raises IntegrityFailure when a file is not the one published or weights are missing, UnknownLabel when
        a label has no meaning here.
        """
        identity = verify_folder(folder)
        network = load_network(folder)
        return cls(identity, network, LabelManifest.read(folder, network.labels), WordWeights.read(folder))

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """One signal per prompt and reported category. Raises CouldNotJudge when a score is not finite."""
        if not prompts:
            return []
        scores = self._judge([prompt.folded for prompt in prompts]).tolist()
        return [self._signals(row) for row in scores]

    def unsafe_logits(self, prompts: Sequence[NormalizedPrompt]) -> Floats:
        """float32 (prompts,): the greatest "unsafe" logit over each prompt's windows, before calibration.

        Raises TypeError for a model without such an output.
        """
        if self._labels.unsafe is None:
            raise TypeError(f'{self.identity.name} has no "{UNSAFE}" output')
        windows, owners = self._network.windows([prompt.folded for prompt in prompts])
        return _greatest(self._network.logits(windows)[:, self._labels.unsafe], owners, len(prompts))

    def word_logits(self, prompts: Sequence[NormalizedPrompt]) -> Floats:
        """float32 (prompts,): what the model of words says of each prompt; zeros where there is none."""
        logits = [self._words.logit(prompt.folded) if self._words else 0.0 for prompt in prompts]
        return np.array(logits, dtype=np.float32)

    def _signals(self, scores: Sequence[float]) -> list[Signal]:
        measured = self._calibration.measured
        return [
            Signal(self.name, category, score, calibrated=measured)
            for category, score in zip(self._labels.columns, scores, strict=True)
        ]

    def _judge(self, texts: Sequence[str]) -> Floats:
        """float32 (texts, categories): the greatest score over each text's windows."""
        windows, owners = self._network.windows(texts)
        scores = self._scores(self._network.logits(windows), self._calibration(texts)[owners])
        if not np.isfinite(scores).all():
            raise CouldNotJudge(self.name, "nan", f"{self.identity.name} gave a score that is not finite")
        return _greatest(scores, owners, len(texts))

    def _scores(self, logits: Floats, calibration: Floats) -> Floats:
        """float32 (windows, categories) in [0, 1]; NaN stays NaN. calibration (windows, 2): scales and offsets."""
        at = self._labels.unsafe
        calibrated = calibration[:, :1] * logits + calibration[:, 1:]
        if at is None:
            return self._by_category(self._probabilities(calibrated))
        shares = self._by_category(self._probabilities(logits))
        logits = logits.copy()
        logits[:, at] = calibrated[:, at]
        unsafe = self._probabilities(logits)[:, at, None]
        likeliest: Floats = shares.max(axis=1, keepdims=True)
        return unsafe * shares / likeliest

    def _probabilities(self, logits: Floats) -> Floats:
        return _softmax(logits) if self._exclusive else _sigmoid(logits)

    def _by_category(self, probabilities: Floats) -> Floats:
        """float32 (windows, categories): the likeliest of the labels that stand for each category."""
        columns = self._labels.columns.values()
        return np.stack([probabilities[:, list(at)].max(axis=1) for at in columns], axis=1)


def _greatest(values: Floats, owners: Sequence[int], count: int) -> Floats:
    """The maximum over each owner's rows; values: (rows, ...), owners: the owner of each row."""
    greatest = np.full((count, *values.shape[1:]), -np.inf, dtype=np.float32)
    np.maximum.at(greatest, list(owners), values)
    return greatest


def _sigmoid(logits: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-logits)), dtype=np.float32)


def _softmax(logits: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)
