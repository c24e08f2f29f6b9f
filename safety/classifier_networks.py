"""The networks behind the prompt classifier: any transformers sequence classifier in torch, or a BERT in int8."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils import logging

from policies.identity import IntegrityFailure
from safety.onnx_bert import BertSession, BertShape

Floats = NDArray[np.float32]
Config = Mapping[str, Any]
Windows = tuple[list[list[int]], list[int]]

MAX_WINDOW = 512  # tokens; for models that do not say how much they read
BATCH_SIZE = 32  # windows judged at once
INT8 = "int8"
WEIGHTS = "model.safetensors"


class Logits(Protocol):
    """Something that judges windows."""

    def logits(self, windows: Sequence[Sequence[int]]) -> Floats:
        """float32 (windows, labels) of token ids."""
        ...


class Network:
    """A classifier of token windows with its tokenizer.

    config: what config.json says; labels: the name of each output.
    """

    def __init__(self, config: Config, tokenizer: Tokenizer, network: Logits) -> None:
        self.config = config
        self.labels = {int(index): str(label) for index, label in config["id2label"].items()}
        self.outputs = len(self.labels)
        self._tokenizer = tokenizer
        self._network = network

    def windows(self, texts: Sequence[str]) -> Windows:
        """Token ids of each text's overlapping windows (a quarter shared), and the number of the text each is from."""
        windows, owners = [], []
        for owner, encoded in enumerate(self._tokenizer.encode_batch_fast(list(texts))):
            parts = [encoded.ids, *(part.ids for part in encoded.overflowing)]
            windows += parts
            owners += [owner] * len(parts)
        return windows, owners

    def logits(self, windows: Sequence[Sequence[int]]) -> Floats:
        """float32 (windows, labels)."""
        return self._network.logits(windows)


def load_network(folder: Path, served_as: str | None = None) -> Network:
    """The folder's network: in int8 where its config.json says that this was measured, else in torch's float32.

    served_as: overrules config.json, to compare.

    Raises IntegrityFailure when the tokenizer or a weight is missing.
    """
    config = AutoConfig.from_pretrained(folder, local_files_only=True).to_dict()
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise IntegrityFailure(f"{folder} has no tokenizer.json: long prompts could not be read whole")
    tokenizer = Tokenizer.from_file(str(path))
    window = config.get("window_tokens", MAX_WINDOW)
    tokenizer.no_padding()
    tokenizer.enable_truncation(window, stride=window // 4)
    network: Logits = _int8(folder, config) if (served_as or config.get("served_as")) == INT8 else _TorchNetwork(folder)
    return Network(config, tokenizer, network)


def _int8(folder: Path, config: Config) -> BertSession:
    shape = BertShape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        width=config["hidden_size"],
        norm_epsilon=config["layer_norm_eps"],
    )
    try:
        return BertSession(load_file(folder / WEIGHTS), shape)
    except KeyError as missing:
        raise IntegrityFailure(f"{folder} lacks weights that config.json asks for: {missing}") from missing


class _TorchNetwork:
    """Any architecture that transformers knows, judged in batches of like length."""

    def __init__(self, folder: Path) -> None:
        self._model = _load_model(folder)
        self._outputs = len(self._model.config.id2label or {})
        self._padding = int(self._model.config.pad_token_id or 0)

    @torch.inference_mode()
    def logits(self, windows: Sequence[Sequence[int]]) -> Floats:
        """float32 (windows, labels)."""
        order = sorted(range(len(windows)), key=lambda at: len(windows[at]))
        logits = torch.full((len(windows), self._outputs), torch.nan)
        for start in range(0, len(order), BATCH_SIZE):
            batch = order[start : start + BATCH_SIZE]
            logits[batch] = self._model(**self._padded([windows[at] for at in batch])).logits.float()
        return logits.numpy()

    def _padded(self, windows: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
        """input_ids and attention_mask, int64 (windows, longest)."""
        rows = [torch.tensor(window) for window in windows]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=self._padding)
        lengths = torch.tensor([len(window) for window in windows])
        return {"input_ids": ids, "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long()}


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
