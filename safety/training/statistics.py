"""The few statistics a scorecard needs."""

from collections.abc import Callable

import torch
from torch import Tensor


def auroc(positive: Tensor, negative: Tensor) -> float:
    """Chance that a positive scores above a negative, ties counted half (Mann-Whitney); NaN without both."""
    if not len(positive) or not len(negative):
        return float("nan")
    ordered = negative.double().sort().values
    values = positive.double()
    below = torch.searchsorted(ordered, values, right=False)
    not_above = torch.searchsorted(ordered, values, right=True)
    return float((below + not_above).double().mean() / 2 / len(negative))


def threshold_at(negative: Tensor, rate: float) -> float:
    """The lowest threshold that at most a share `rate` of `negative` reaches or passes."""
    allowed = int(rate * len(negative))
    ordered = negative.double().sort(descending=True).values
    return float(torch.nextafter(ordered[allowed], torch.tensor(torch.inf, dtype=torch.float64)))


def clopper_pearson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval (Clopper and Pearson, 1934), found by bisection on the binomial tail."""
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _solve(lambda p: 1 - _at_most(hits - 1, trials, p), tail, rising=True)
    high = 1.0 if hits == trials else _solve(lambda p: _at_most(hits, trials, p), tail, rising=False)
    return low, high


def _at_most(hits: int, trials: int, chance: float) -> float:
    """P(X <= hits) for X ~ Binomial(trials, chance)."""
    k = torch.arange(hits + 1, dtype=torch.float64)
    n, p = torch.tensor(float(trials), dtype=torch.float64), torch.tensor(chance, dtype=torch.float64)
    ways = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
    return float((ways + k * p.log() + (n - k) * (-p).log1p()).exp().sum())


def _solve(tail_at: Callable[[float], float], target: float, rising: bool) -> float:
    low, high = 1e-12, 1 - 1e-12
    for _ in range(60):
        middle = (low + high) / 2
        if (tail_at(middle) < target) == rising:
            low = middle
        else:
            high = middle
    return (low + high) / 2
