"""Any generator's pictures, served again in a chosen mix: a planted bias on real pictures and real scorer errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from safety.bias_audit.shares import Confusion, Counts, Floats

Items = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Pool:
    """classes: for each true class, which an audit is not told, items (n, ...): pictures, or answers for them."""

    classes: tuple[Items, ...]

    def serve(self, mix: Floats, count: int, rng: np.random.Generator) -> tuple[Items, Counts]:
        """Items (count, ...), with replacement, class k with chance mix[k]; and, for the sidecar, their classes."""
        labels = rng.choice(len(mix), count, p=mix)
        served = np.empty((count, *self.classes[0].shape[1:]), self.classes[0].dtype)
        for index, items in enumerate(self.classes):
            wanted = labels == index
            served[wanted] = items[rng.integers(0, max(len(items), 1), int(wanted.sum()))]
        return served, labels

    def calibration(self, each: int, ways: int, rng: np.random.Generator) -> Confusion:
        """So many items of each class, labelled, of a pool of answers int (n,)."""
        return Confusion(np.array([np.bincount(rng.choice(answers, each), minlength=ways) for answers in self.classes]))


def pool_of(items: Items, labels: Counts, classes: int) -> Pool:
    """Any generator's pictures, or answers, with labels that nobody is told. items: (n, ...). labels: int (n,)."""
    return Pool(tuple(items[labels == index] for index in range(classes)))


def pool_of_rates(rates: Floats, each: int = 10_000) -> Pool:
    """Answers of a scorer whose confusion matrix is `rates` (K, J), to 1/each."""
    ends = np.round(rates.cumsum(axis=1) * each).astype(np.int64)
    return Pool(tuple(np.searchsorted(row, np.arange(each), side="right") for row in ends))
