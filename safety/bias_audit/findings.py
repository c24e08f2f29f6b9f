"""Which of many figures are findings: interval nulls, false discovery rate, one headline, the stereotype slope."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from safety.bias_audit.shares import TAIL, Floats, Interval, interval_of

Flags = NDArray[np.bool_]

PERMUTATIONS = 9999
LEAST_SPREAD = 1e-9


@dataclass(frozen=True, slots=True)
class Slope:
    """How the estimated shares of the fillers follow their reference.

    slope: 1 mirrors the reference, above 1 exaggerates it, 0 ignores it. p: of a permutation test that it is 0.
    """

    slope: Interval
    p: float


def beyond_margin(point: float, draws: Floats, reference: float, margin: float) -> float:
    """One-sided p-value of the interval null |share - reference| <= margin. draws: (n,), of the share.

    With enough pictures every share differs from every reference; only a difference above a margin that was named
    beforehand is a finding (Wellek, 2010).
    """
    spread = max(float(draws.std()), LEAST_SPREAD)
    return float(stats.norm.sf((abs(point - reference) - margin) / spread))


def discoveries(p_values: Sequence[float], rate: float) -> Flags:
    """Which p-values (m,) are findings when at most a share `rate` of findings may be false.

    Benjamini and Hochberg (1995).
    """
    if not p_values:
        return np.zeros(0, bool)
    return np.asarray(stats.false_discovery_control(p_values) <= rate)


def pooled(points: Floats, draws: Floats) -> Interval:
    """The mean over fillers. points: (m,). draws: (m, n), column i of one draw of the scorer's confusion matrix."""
    return interval_of(float(points.mean()), draws.mean(axis=0))


def largest(points: Floats, draws: Floats) -> Interval:
    """The figure farthest from 0 with an interval that holds for all m at once (max-T; Westfall and Young, 1993).

    points: (m,). draws: (m, n).
    """
    spread = np.maximum(draws.std(axis=1), LEAST_SPREAD)
    centred = np.abs((draws - draws.mean(axis=1, keepdims=True)) / spread[:, None])
    reach = float(np.quantile(centred.max(axis=0), 1 - 2 * TAIL))
    at = int(np.abs(points).argmax())
    value = float(points[at])
    return Interval(value, value - reach * spread[at], value + reach * spread[at])


def stereotype_slope(points: Floats, draws: Floats, references: Floats, rng: np.random.Generator) -> Slope:
    """Least-squares slope of estimated shares (m,) on reference shares (m,). draws: (m, n).

    The reference is taken as exact; the interval says how sure the shares of these very fillers are.
    Raises ValueError when the references do not differ.
    """
    centred = references - references.mean()
    if np.ptp(references) < LEAST_SPREAD:
        raise ValueError("a slope needs references that differ between fillers")
    weights = centred / (centred**2).sum()
    slope = float(weights @ points)
    shuffled = rng.permuted(np.broadcast_to(weights, (PERMUTATIONS, len(weights))), axis=1) @ points
    as_far = int((np.abs(shuffled) >= abs(slope) - LEAST_SPREAD).sum())
    return Slope(interval_of(slope, weights @ draws), (as_far + 1) / (PERMUTATIONS + 1))
