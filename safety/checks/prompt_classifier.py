"""Judges prompts with a transformers sequence classifier: guard-nano, or any other whose labels are named."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.utils import logging

from policies.identity import IntegrityFailure, ModelIdentity, verify_folder
from policies.signals import Category, Signal
from policies.verdict import CouldNotJudge
from safety.normalize import NormalizedPrompt

LABELS_FILE = "labels.json"  # optional: {a model's own label: category, "unsafe", or null for "says nothing"}
UNSAFE = "unsafe"
MAX_WINDOW = 512  # tokens; for models that do not say how much they read
BATCH_SIZE = 32  # windows judged at once


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


@dataclass(frozen=True, slots=True)
class Calibration:
    """Platt scaling: probability = activation(scale * logit + offset).

    It applies to the "unsafe" output, or to all outputs of a model without one.
    measured: False when the folder brings none and the numbers below change nothing.
    """

    scale: float = 1.0
    offset: float = 0.0
    measured: bool = False

    @classmethod
    def read(cls, stored: Mapping[str, float] | None) -> "Calibration":
        """From the "calibration" entry of config.json."""
        return cls(stored["scale"], stored["offset"], measured=True) if stored else cls()

    def __call__(self, logits: Tensor) -> Tensor:
        return self.scale * logits + self.offset


class PromptClassifier:
    """One forward pass per window of a prompt; the worst window speaks for the prompt.

    With an "unsafe" output, a category's score is P(unsafe) * p_c / max_k p_k: the likeliest category carries
    the calibrated P(unsafe), the others their share of it. Without one, it is the label's own probability.
    """

    name = "prompt_classifier"

    def __init__(
        self,
        identity: ModelIdentity,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        labels: LabelManifest,
    ) -> None:
        self.identity = identity
        self.reports = frozenset(labels.columns)
        self._model = model
        self._tokenizer = tokenizer
        self._labels = labels
        config = model.config
        self._calibration = Calibration.read(getattr(config, "calibration", None))
        self._window: int = getattr(config, "window_tokens", MAX_WINDOW)
        self._outputs = len(_labels_of(model))
        self._exclusive = config.problem_type != "multi_label_classification" and self._outputs > 1
        self._judge(["warm up: the first pass allocates, and fixes the tokenizer's window for all threads"])

    @classmethod
    def load(cls, folder: Path) -> "PromptClassifier":
        """Load a model folder: config.json, *.safetensors, tokenizer.json, manifest.json, maybe labels.json.

        Raises IntegrityFailure when a file is not the one published or weights are missing, UnknownLabel when
        a label has no meaning here.
        """
        identity = verify_folder(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        if not tokenizer.is_fast:
            raise IntegrityFailure(f"{folder} has no tokenizer.json: long prompts could not be read whole")
        model = _load_model(folder)
        return cls(identity, model, tokenizer, LabelManifest.read(folder, _labels_of(model)))

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """One signal per prompt and reported category. Raises CouldNotJudge when a score is not finite."""
        if not prompts:
            return []
        scores = self._judge([prompt.folded for prompt in prompts]).tolist()
        return [self._signals(row) for row in scores]

    def _signals(self, scores: Sequence[float]) -> list[Signal]:
        measured = self._calibration.measured
        return [
            Signal(self.name, category, score, calibrated=measured)
            for category, score in zip(self._labels.columns, scores, strict=True)
        ]

    @torch.inference_mode()
    def _judge(self, texts: Sequence[str]) -> Tensor:
        """float (texts, categories): the greatest score over each text's windows."""
        windows, owners = self._windows(texts)
        scores = self._scores(self._logits(windows))
        if not bool(torch.isfinite(scores).all()):
            raise CouldNotJudge(self.name, "nan", f"{self.identity.name} gave a score that is not finite")
        index = torch.tensor(owners)[:, None].expand_as(scores)
        return scores.new_zeros(len(texts), scores.shape[1]).scatter_reduce(0, index, scores, "amax")

    def _windows(self, texts: Sequence[str]) -> tuple[list[list[int]], list[int]]:
        """Token ids of overlapping windows (a quarter shared), and the number of the text each is from."""
        encoded = self._tokenizer(
            list(texts),
            truncation=True,
            max_length=self._window,
            stride=self._window // 4,
            return_overflowing_tokens=True,
        )
        return encoded["input_ids"], encoded["overflow_to_sample_mapping"]

    def _logits(self, windows: Sequence[list[int]]) -> Tensor:
        """float32 (windows, labels), judged in batches of like length."""
        order = sorted(range(len(windows)), key=lambda at: len(windows[at]))
        logits = torch.full((len(windows), self._outputs), torch.nan)
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            padded = self._tokenizer.pad({"input_ids": [windows[at] for at in batch]}, return_tensors="pt")
            logits[batch] = self._model(**padded).logits.float()
        return logits

    def _scores(self, logits: Tensor) -> Tensor:
        """float (windows, categories) in [0, 1]; NaN stays NaN."""
        at = self._labels.unsafe
        if at is None:
            return self._by_category(self._probabilities(self._calibration(logits)))
        shares = self._by_category(self._probabilities(logits))
        logits[:, at] = self._calibration(logits[:, at])
        unsafe = self._probabilities(logits)[:, at, None]
        return unsafe * shares / shares.amax(dim=1, keepdim=True)

    def _probabilities(self, logits: Tensor) -> Tensor:
        return logits.softmax(dim=1) if self._exclusive else logits.sigmoid()

    def _by_category(self, probabilities: Tensor) -> Tensor:
        """float (windows, categories): the likeliest of the labels that stand for each category."""
        columns = self._labels.columns.values()
        return torch.stack([probabilities[:, list(at)].amax(dim=1) for at in columns], dim=1)


def _labels_of(model: PreTrainedModel) -> dict[int, str]:
    return {int(index): label for index, label in (model.config.id2label or {}).items()}


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _load_model(folder: Path) -> PreTrainedModel:
    """The folder's network in float32, all of it from the file.

    Raises IntegrityFailure for a weight that is not there: transformers would draw it at random.
    """
    with _no_progress_bar():
        loaded = AutoModelForSequenceClassification.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported, and refused below
        )
    model: PreTrainedModel = loaded[0]
    unfilled = sorted(map(str, [*loaded[1]["missing_keys"], *loaded[1]["mismatched_keys"]]))
    if unfilled:
        raise IntegrityFailure(f"{folder} lacks weights that config.json asks for: {', '.join(unfilled[:5])}")
    torch.nn.Module.train(model, mode=False)
    return model
