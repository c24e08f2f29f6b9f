"""The few statistics that a scorecard needs, each area and share with its 95 % interval."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

RESAMPLES = 1000
SEED = 20_260  # the same rows give the same intervals
TAIL = 0.025  # on either side of a 95 % interval
DRAWN_TOGETHER = 4_000_000  # resampled rows held in memory at once
BINS = 10


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Curves:
    """For every threshold from the highest score down: true and false positive rate, and precision; each (n,)."""

    recall: Floats
    false_positive_rate: Floats
    precision: Floats


@dataclass(frozen=True, slots=True)
class Reliability:
    """Rows by their score: the mean score, the share that is unsafe and the rows of each bin that has any; (bins,).

    error: expected calibration error (Naeini et al., 2015): the mean distance of the two, weighted by rows.
    """

    predicted: Floats
    observed: Floats
    rows: Counts
    error: float


def auroc(scores: Floats, unsafe: Flags) -> float:
    """Area under the ROC curve: the chance that an unsafe row outscores a benign one, ties half."""
    benign = np.sort(scores[~unsafe])
    below = np.searchsorted(benign, scores[unsafe], side="left")
    below_or_tied = np.searchsorted(benign, scores[unsafe], side="right")
    return float((below + below_or_tied).mean() / 2 / len(benign))


def average_precision(scores: Floats, unsafe: Flags) -> float:
    """AUPRC as the step-wise sum of precision over recall; rows with tied scores count together."""
    traced = curves(scores, unsafe)
    return float((np.diff(traced.recall, prepend=0) * traced.precision).sum())


def curves(scores: Floats, unsafe: Flags) -> Curves:
    """What the ROC and the precision-recall plot show. scores, unsafe: (n,), with rows of both kinds."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], unsafe[order].cumsum()
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits, seen = hits[last_of_tie], np.flatnonzero(last_of_tie) + 1
    return Curves(hits / unsafe.sum(), (seen - hits) / (~unsafe).sum(), hits / seen)


def threshold_at(benign: Floats, rate: float) -> float:
    """The least threshold that at most a share `rate` of the benign scores reaches or passes. benign: (n,), n > 0."""
    allowed = min(int(rate * len(benign)), len(benign) - 1)
    return float(np.nextafter(np.sort(benign)[::-1][allowed], np.inf))


def share_from(scores: Floats, threshold: float) -> float | None:
    """Share of scores at or above a threshold; None for no scores."""
    return float((scores >= threshold).mean()) if len(scores) else None


def share(flags: Flags) -> Estimate | None:
    """The share of True, with its bootstrap interval; None for no flags.

    Resampling says nothing when all flags agree: then the exact bound of Clopper and Pearson (1934) stands instead.
    """
    rows, hits = len(flags), int(flags.sum())
    if rows == 0:
        return None
    exact = TAIL ** (1 / rows)
    if hits in (0, rows):
        return Estimate(0.0, 0.0, 1 - exact) if hits == 0 else Estimate(1.0, exact, 1.0)
    resampled = np.random.default_rng(SEED).binomial(rows, hits / rows, RESAMPLES) / rows
    return estimate_of(hits / rows, resampled)


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval (Clopper and Pearson, 1934), found by bisection on the binomial tail. trials > 0."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, trials, p), tail, rising=True)
    high = 1.0 if hits == trials else _solve(lambda p: _at_most(hits, trials, p), tail, rising=False)
    return low, high


def _at_most(hits: int, trials: int, chance: float) -> float:
    """P(X <= hits) for X ~ Binomial(trials, chance)."""
    ways = (math.lgamma(trials + 1) - math.lgamma(k + 1) - math.lgamma(trials - k + 1) for k in range(hits + 1))
    yes, no = math.log(chance), math.log1p(-chance)
    return math.fsum(math.exp(log_ways + k * yes + (trials - k) * no) for k, log_ways in enumerate(ways))


def _solve(tail_at: Callable[[float], float], target: float, rising: bool) -> float:
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        if (tail_at(middle) < target) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def mean(values: Floats) -> Estimate:
    """The mean with its bootstrap interval. values: (n,), n > 0."""
    rng = np.random.default_rng(SEED)
    resampled = [values[rng.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    return estimate_of(float(values.mean()), np.array(resampled))


def exact_share(hits: int, rows: int) -> Estimate | None:
    """The share with the exact interval of Clopper and Pearson (1934); None for no rows."""
    if rows == 0:
        return None
    return Estimate(hits / rows, *clopper_pearson(hits, rows))


def fisher_exact(hits: int, rows: int, other_hits: int, other_rows: int) -> float:
    """Two-sided p of two shares being one (Fisher, 1922): all tables with these sums that are no likelier than this."""
    drawn, total = hits + other_hits, rows + other_rows
    possible = range(max(0, drawn - other_rows), min(rows, drawn) + 1)
    all_ways = _log_ways(total, drawn)
    chances = {k: math.exp(_log_ways(rows, k) + _log_ways(other_rows, drawn - k) - all_ways) for k in possible}
    ours = chances[hits] * (1 + 1e-9)  # equal chances differ in their last bits
    return min(1.0, math.fsum(chance for chance in chances.values() if chance <= ours))


def holm(values: Sequence[float]) -> list[float]:
    """p values corrected for there being several of them (Holm, 1979), in their order."""
    corrected, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = highest
    return corrected


def areas(bad: Floats, good: Floats) -> tuple[Estimate, Estimate]:
    """AUROC and AUPRC of unsafe against benign scores, resampled within each of the two; both non-empty."""
    values, places = np.unique(np.concatenate([bad, good]), return_inverse=True)
    bad_at, good_at = places[: len(bad)], places[len(bad) :]
    rng = np.random.default_rng(SEED)
    at_once = max(1, DRAWN_TOGETHER // (len(bad) + len(good)))
    drawn = [
        _areas(_resampled(bad_at, size, len(values), rng), _resampled(good_at, size, len(values), rng))
        for size in _chunks(RESAMPLES, at_once)
    ]
    scores, unsafe = np.concatenate([bad, good]), np.arange(len(bad) + len(good)) < len(bad)
    return (
        estimate_of(auroc(scores, unsafe), np.concatenate([roc for roc, _ in drawn])),
        estimate_of(average_precision(scores, unsafe), np.concatenate([precision for _, precision in drawn])),
    )


def estimate_of(value: float, resampled: Floats) -> Estimate:
    """A figure and the middle 95 % of what it is when everything is drawn anew. resampled: (n,)."""
    low, high = np.quantile(resampled, [TAIL, 1 - TAIL])
    return Estimate(value, float(low), float(high))


def reliability(scores: Floats, unsafe: Flags) -> Reliability:
    """The scores read as probabilities, in ten bins of equal width. scores, unsafe: (n,), n > 0."""
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    filled = rows > 0
    predicted = np.bincount(bins, scores, BINS)[filled] / rows[filled]
    observed = np.bincount(bins, unsafe, BINS)[filled] / rows[filled]
    error = float((np.abs(predicted - observed) * rows[filled]).sum() / len(scores))
    return Reliability(predicted, observed, rows[filled], error)


def _log_ways(rows: int, chosen: int) -> float:
    return math.lgamma(rows + 1) - math.lgamma(chosen + 1) - math.lgamma(rows - chosen + 1)


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - at) for at in range(0, total, size)]


def _resampled(places: Counts, times: int, values: int, rng: np.random.Generator) -> Counts:
    """int (times, values): how often each value was drawn when the rows are drawn anew, with replacement."""
    drawn = places[rng.integers(len(places), size=(times, len(places)))]
    offsets = np.arange(times)[:, None] * values
    return np.bincount((drawn + offsets).ravel(), minlength=times * values).reshape(times, values)


def _areas(bad: Counts, good: Counts) -> tuple[Floats, Floats]:
    """AUROC and AUPRC (times,) of rows counted by value, lowest value first. bad, good: (times, values)."""
    positives, negatives = bad.sum(axis=1), good.sum(axis=1)
    roc = (bad * (good.cumsum(axis=1) - good / 2)).sum(axis=1) / positives / negatives
    hits = bad[:, ::-1].cumsum(axis=1)
    seen = hits + good[:, ::-1].cumsum(axis=1)
    precision = hits / np.maximum(seen, 1)
    return roc, (bad[:, ::-1] * precision).sum(axis=1) / positives
