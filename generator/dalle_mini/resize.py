"""Enlarges drawings with the Lanczos filter where they are, so that pixels need not leave a GPU to be judged."""

from functools import lru_cache

import torch
from torch import Tensor

LOBES = 3


@lru_cache(maxsize=32)
def _filter(source: int, target: int, device: torch.device) -> Tensor:
    """(target, source) weights, each row of sum 1."""
    scale = source / target
    stretch = max(scale, 1.0)
    centres = (torch.arange(target, dtype=torch.float64)[:, None] + 0.5) * scale
    away = (torch.arange(source, dtype=torch.float64) + 0.5 - centres) / stretch
    weights = (torch.sinc(away) * torch.sinc(away / LOBES)).masked_fill(away.abs() >= LOBES, 0)
    return (weights / weights.sum(1, keepdim=True)).float().to(device)


def enlarge(pixels: Tensor, size: str) -> Tensor:
    """uint8 (3, h, w) -> uint8 (3, height, width) of "WIDTHxHEIGHT", rows before columns as Pillow does."""
    width, height = (int(side) for side in size.split("x"))
    if pixels.shape[1:] == (height, width):
        return pixels.contiguous()
    wide = (pixels.float() @ _filter(pixels.shape[2], width, pixels.device).T).round().clamp(0, 255)
    large = (_filter(pixels.shape[1], height, pixels.device) @ wide).round().clamp(0, 255)
    return large.to(torch.uint8)
