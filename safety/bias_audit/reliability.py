"""How often a scorer is right when it says that it is so sure: its reliability curve."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from safety.bias_audit.shares import TAIL, Counts, Floats, Interval

BINS = 10  # of confidence, from 0 to 1


@dataclass(frozen=True, slots=True)
class Bin:
    """Labelled pictures that were read with about the same confidence. confidence: its mean over them."""

    pictures: int
    confidence: float
    right: int

    @property
    def accuracy(self) -> Interval:
        """The share that was read rightly (Clopper and Pearson, 1934)."""
        wrong = self.pictures - self.right
        low = float(stats.beta.ppf(TAIL, self.right, wrong + 1)) if self.right else 0.0
        high = float(stats.beta.ppf(1 - TAIL, self.right + 1, wrong)) if wrong else 1.0
        return Interval(self.right / self.pictures, low, high)


def reliability(probabilities: Floats, labels: Counts) -> tuple[Bin, ...]:
    """Bins in order of confidence, empty ones left out. probabilities: (n, K) of pictures new to the scorer.

    labels: int (n,). Confidence is the probability of the likeliest class.
    """
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    places = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    inside = [places == place for place in np.unique(places)]
    return tuple(Bin(int(here.sum()), float(sure[here].mean()), int(right[here].sum())) for here in inside)


def calibration_error(bins: Sequence[Bin]) -> float:
    """Mean distance of confidence and accuracy over all pictures, in [0, 1] (Naeini et al., 2015)."""
    pictures = sum(each.pictures for each in bins)
    return sum(abs(each.right - each.confidence * each.pictures) for each in bins) / pictures if pictures else 0.0
