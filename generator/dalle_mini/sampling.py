"""How the next code of each picture is chosen from the network's logits."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class SamplingSettings:
    """How boldly to draw. condition_scale: super-conditioning, 1 is off. top_k, top_p: None is off."""

    condition_scale: float = 10.0
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        """Refuse values that no distribution has. Raises ValueError."""
        if not self.condition_scale >= 1 or not self.temperature > 0:
            raise ValueError(f"condition_scale must be >= 1 and temperature > 0: {self}")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top_k must be >= 1: {self}")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"top_p must be in (0, 1]: {self}")


def _keep_top_k(logits: Tensor, top_k: int) -> Tensor:
    smallest = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
    return logits.masked_fill(logits < smallest, -torch.inf)


def _keep_top_p(logits: Tensor, top_p: float) -> Tensor:
    ordered, order = logits.sort(descending=True)
    shares = ordered.softmax(-1)
    beyond = shares.cumsum(-1) - shares >= top_p  # the first is always kept
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), -torch.inf)


def guide(logits: Tensor, condition_scale: float) -> Tensor:
    """Super-conditioning (R. Wings): (2n, v), each picture's row and then its blank prompt's -> (n, v)."""
    if condition_scale == 1:
        return logits
    conditioned, blank = logits.view(-1, 2, logits.shape[1]).unbind(1)
    return blank + (conditioned - blank) * condition_scale


def choose(logits: Tensor, uniform: Tensor, settings: SamplingSettings) -> Tensor:
    """(n, v) guided logits and (n,) numbers in [0, 1) -> (n,) ids: temperature, top-k, top-p, inverse CDF."""
    logits = logits.double() / settings.temperature
    if settings.top_k is not None:
        logits = _keep_top_k(logits, settings.top_k)
    if settings.top_p is not None:
        logits = _keep_top_p(logits, settings.top_p)
    cumulated = logits.softmax(-1).cumsum(-1)
    chosen = torch.searchsorted(cumulated, uniform[:, None] * cumulated[:, -1:], right=True)[:, 0]
    return chosen.clamp_(max=logits.shape[1] - 1)  # beyond the last one only where logits are no numbers


def random_stream(seed: int, steps: int) -> Tensor:
    """(steps,) numbers in [0, 1), float64, drawn on the processor: the same for every device."""
    return torch.rand(steps, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
