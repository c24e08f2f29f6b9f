"""A linear model of words beside the network: it knows the rare and rude ones that a small network met too seldom."""

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from policies.identity import IntegrityFailure

Floats = NDArray[np.float32]
Fingerprints = NDArray[np.uint32]

FILE = "words.safetensors"
WORD = re.compile(r"\b\w\w+\b")


def fingerprint(word: str) -> int:
    """CRC-32 of a word: of any few thousand words hardly two share one."""
    return zlib.crc32(word.encode())


class WordWeights:
    """offset + sum of weight x tf-idf of a text's words, the tf-idf vector being of length one.

    keys: sorted fingerprints (words,). rarity: inverse document frequencies; weights: both (words,).
    Source: tf-idf and linear support vectors as in scikit-learn's TfidfVectorizer and LinearSVC.
    """

    def __init__(self, keys: Fingerprints, rarity: Floats, weights: Floats, offset: float) -> None:
        self._rarity: dict[int, float] = dict(zip(keys.tolist(), rarity.astype(float).tolist(), strict=True))
        self._weights: dict[int, float] = dict(zip(keys.tolist(), weights.astype(float).tolist(), strict=True))
        self._offset = offset

    @classmethod
    def read(cls, folder: Path) -> "WordWeights | None":
        """Those of a model folder; None where it has none. Raises IntegrityFailure for a file that lacks some."""
        path = folder / FILE
        if not path.is_file():
            return None
        tensors = load_file(path)
        try:
            return cls(tensors["keys"], tensors["rarity"], tensors["weights"], float(tensors["offset"][0]))
        except KeyError as missing:
            raise IntegrityFailure(f"{path} lacks {missing}") from missing

    @staticmethod
    def write(folder: Path, words: Sequence[str], rarity: Floats, weights: Floats, offset: float) -> None:
        """Keep a model's words as fingerprints, its numbers as float16."""
        keys = np.array(list(map(fingerprint, words)), dtype=np.uint32)
        order = np.argsort(keys)
        tensors: dict[str, NDArray[Any]] = {
            "keys": keys[order],
            "rarity": rarity[order].astype(np.float16),
            "weights": weights[order].astype(np.float16),
            "offset": np.array([offset], dtype=np.float32),
        }
        save_file(tensors, folder / FILE)

    def logit(self, folded: str) -> float:
        """How rude a folded text is: 0 as likely as not. A text of unknown words has the offset."""
        counts = Counter(key for key in map(fingerprint, WORD.findall(folded)) if key in self._weights)
        values = {key: count * self._rarity[key] for key, count in counts.items()}
        length = math.hypot(*values.values()) or 1.0
        return self._offset + sum(value * self._weights[key] for key, value in values.items()) / length
