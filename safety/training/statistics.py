"""The few statistics a scorecard needs."""

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
