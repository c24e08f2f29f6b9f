"""Draws the codes of a batch of pictures, one position at a time, each picture with its own random stream."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generator.contract import GenerationFailed
from generator.dalle_mini.config import DalleMiniConfig
from generator.dalle_mini.image_decoder import CodeCache, EncodedText
from generator.dalle_mini.transformer import DalleMiniTransformer

OnStep = Callable[[int], None]  # how many positions are drawn; may raise to stop


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
    """Super-conditioning (R. Wings): (2n, v), the blank prompt's rows last -> (n, v)."""
    if condition_scale == 1:
        return logits
    conditioned, blank = logits.chunk(2)
    return blank + condition_scale * (conditioned - blank)


def choose(logits: Tensor, uniform: Tensor, settings: SamplingSettings) -> Tensor:
    """(n, v) guided logits and (n,) numbers in [0, 1) -> (n,) ids: temperature, top-k, top-p, inverse CDF."""
    logits = logits.double() / settings.temperature
    if settings.top_k is not None:
        logits = _keep_top_k(logits, settings.top_k)
    if settings.top_p is not None:
        logits = _keep_top_p(logits, settings.top_p)
    cumulated = logits.softmax(-1).cumsum(-1)
    return torch.searchsorted(cumulated, uniform[:, None] * cumulated[:, -1:], right=True)[:, 0]


def random_streams(seeds: Sequence[int], steps: int) -> Tensor:
    """(n, steps) in [0, 1), float64: row k depends on seeds[k] alone."""
    return torch.stack(
        [torch.rand(steps, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) for seed in seeds]
    )


def sample_codes(
    transformer: DalleMiniTransformer,
    config: DalleMiniConfig,
    text: EncodedText,
    seeds: Sequence[int],
    settings: SamplingSettings,
    on_step: OnStep,
) -> Tensor:
    """One picture's codes per seed: (n, image_length).

    text: n rows, or 2n with the blank prompt last when condition_scale is not 1.
    Raises GenerationFailed when the network gives no finite logits, and whatever on_step raises.
    """
    rows, length = text.mask.shape[0], config.transformer.image_length
    uniform = random_streams(seeds, length)
    cache = CodeCache(config.transformer, rows, text.layers[0][0].dtype)
    codes = torch.zeros(len(seeds), length, dtype=torch.long)
    previous = torch.full((rows,), config.transformer.decoder_start_token_id)
    for position in range(length):
        logits = guide(transformer.decoder.step(previous, position, text, cache), settings.condition_scale)
        if not logits.isfinite().all():
            raise GenerationFailed("the network's logits are not finite: the weights are damaged")
        with_code = logits[:, : config.vqgan.n_embed]  # ids beyond have no code
        codes[:, position] = choose(with_code, uniform[:, position], settings)
        previous = codes[:, position].repeat(rows // len(seeds))
        on_step(position + 1)
    return codes
