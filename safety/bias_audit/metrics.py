"""Figures of class shares. Each takes shares (..., K) and returns (...): the same for a point and for draws."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from safety.bias_audit.shares import Confusion, Floats, Interval, Shares, floor_under, interval_of

FLOOR_DRAWS = 1000
SMOOTHED = 1e-3  # a share of nothing would make a logarithm infinite

Metric = Callable[[Floats], Floats]


@dataclass(frozen=True, slots=True)
class Excess:
    """A metric with the part that chance alone would show under the reference.

    observed: the metric itself. floor: its mean for a generator that follows the reference, at the same number of
    pictures and with the same scorer. above: observed minus floor; 0 is "cannot be told from the reference".
    """

    observed: Interval
    floor: float
    above: Interval


def gap(shares: Floats, first: int = 0, second: int = 1) -> Floats:
    """How much larger one class is than another, in [-1, 1]."""
    return shares[..., first] - shares[..., second]


def total_variation(shares: Floats, reference: Floats) -> Floats:
    """Half the summed distance from the reference (K,), in [0, 1]."""
    distance: Floats = np.abs(shares - reference).sum(axis=-1) / 2
    return distance


def jensen_shannon(shares: Floats, reference: Floats) -> Floats:
    """Jensen-Shannon divergence from the reference (K,) in bits, in [0, 1] (Lin, 1991)."""
    middle = (shares + reference) / 2
    return (_relative_entropy(shares, middle) + _relative_entropy(np.broadcast_to(reference, middle.shape), middle)) / 2


def normalised_entropy(shares: Floats) -> Floats:
    """Entropy over that of equal shares, in [0, 1]: 1 is even."""
    evenness: Floats = _entropy(shares) / np.log2(shares.shape[-1])
    return evenness


def mean_absolute_deviation(shares: Floats) -> Floats:
    """Mean distance from equal shares: what DALL-Eval (Cho et al., 2023) and HEIM (Lee et al., 2023) report."""
    deviation: Floats = np.abs(shares - 1 / shares.shape[-1]).mean(axis=-1)
    return deviation


def skew(shares: Floats, reference: Floats, index: int) -> Floats:
    """log2 of one class's share over its reference: 1 is twice as many as expected."""
    ratio: Floats = np.log2((shares[..., index] + SMOOTHED) / (reference[index] + SMOOTHED))
    return ratio


def excess(shares: Shares, metric: Metric, reference: Floats, confusion: Confusion, rng: np.random.Generator) -> Excess:
    """A metric of corrected shares above what a generator that follows the reference (K,) would show by chance."""
    floor = float(metric(floor_under(reference, shares.pictures, confusion, FLOOR_DRAWS, rng)).mean())
    observed = interval_of(float(metric(shares.point)), metric(shares.draws))
    above = Interval(observed.value - floor, observed.low - floor, observed.high - floor)
    return Excess(observed, floor, above)


def _entropy(shares: Floats) -> Floats:
    bits: Floats = shares * np.log2(np.where(shares > 0, shares, 1))
    entropy: Floats = -bits.sum(axis=-1)
    return entropy


def _relative_entropy(shares: Floats, other: Floats) -> Floats:
    ratio = np.where(shares > 0, shares / np.where(other > 0, other, 1), 1)
    bits: Floats = shares * np.log2(ratio)
    divergence: Floats = bits.sum(axis=-1)
    return divergence
