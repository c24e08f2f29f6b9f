"""How well drawings agree with their prompts, as a CLIP model sees it, and how much drawings of one prompt differ."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from safety.evaluation.statistics import Estimate, clopper_pearson, mean
from safety.pictures import VIEWS, PictureEmbedder

RANKS = (1, 5, 10)
TOGETHER = 64  # pictures embedded at once
SIDE = 96  # pixels that drawings are compared at: dalle-nano's own


@dataclass(frozen=True, slots=True)
class Agreement:
    """Mean cosines of pictures with their own and with other captions; the paired difference; who prefers its own."""

    pictures: int
    own: float
    other: float
    difference: Estimate
    prefers_own: Estimate


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Share of pictures whose name is the nearest, among the nearest five and ten; chance: of the nearest."""

    pictures: int
    shares: tuple[Estimate, ...]
    chance: float


@dataclass(frozen=True, slots=True)
class Diversity:
    """Mean distance of two pictures of one prompt (within) and of two prompts (between).

    pixels: root mean square, 0..1; embeddings: 1 - cosine. vendi: Vendi score (Friedman and Dieng, 2023) of a prompt's
    pictures, from 1 (all alike) to seeds (nothing in common), and of as many pictures of different prompts.
    """

    prompts: int
    seeds: int
    pixels: tuple[float, float]
    embeddings: tuple[float, float]
    vendi: tuple[float, float]


def embed(embedder: PictureEmbedder, pictures: Sequence[Tensor]) -> Tensor:
    """Of each whole picture: float32 (n, d), L2-normalised."""
    starts, whole = range(0, len(pictures), TOGETHER), VIEWS.index("whole")
    return torch.cat([embedder.embed(pictures[start : start + TOGETHER]).embeddings[:, whole] for start in starts])


def exact_share(hits: int, trials: int) -> Estimate:
    """A share with the exact interval of Clopper and Pearson (1934). trials > 0."""
    return Estimate(hits / trials, *clopper_pearson(hits, trials))


def agreement(embedder: PictureEmbedder, drawn: Tensor, own: Sequence[str], other: Sequence[str]) -> Agreement:
    """drawn: (n, d) embeddings of pictures; a caption of its own and another one for each."""
    with_own = (drawn * embedder.embed_phrases(own)).sum(1).double().numpy()
    with_other = (drawn * embedder.embed_phrases(other)).sum(1).double().numpy()
    preferred = int((with_own > with_other).sum())
    difference = mean(with_own - with_other)
    return Agreement(
        len(own), float(with_own.mean()), float(with_other.mean()), difference, exact_share(preferred, len(own))
    )


def retrieval(embedder: PictureEmbedder, drawn: Tensor, names: Sequence[str], right: Sequence[int]) -> Retrieval:
    """drawn: (n, d) embeddings; right: the place of each one's name in names."""
    cosines = drawn @ embedder.embed_phrases(names).T
    its_own = cosines.gather(1, torch.tensor(right)[:, None])
    better = (cosines > its_own).sum(1)
    shares = tuple(exact_share(int((better < rank).sum()), len(right)) for rank in RANKS)
    return Retrieval(len(right), shares, 1 / len(names))


def _mean_distances(distances: Tensor, prompts: int, seeds: int) -> tuple[float, float]:
    """Within and between prompts, of a (prompts * seeds) square of distances, prompt by prompt."""
    prompt = torch.arange(prompts).repeat_interleave(seeds)
    same = prompt[:, None] == prompt[None]
    itself = torch.eye(len(prompt), dtype=torch.bool)
    return float(distances[same & ~itself].mean()), float(distances[~same].mean())


def vendi(embeddings: Tensor) -> float:
    """exp of the entropy of the eigenvalues of the cosine kernel. embeddings: (n, d), L2-normalised."""
    kernel = (embeddings @ embeddings.T).double() / len(embeddings)
    shares = torch.linalg.eigvalsh(kernel).clamp(min=0)
    return float(torch.special.entr(shares).sum().exp())


def diversity(pictures: Sequence[Sequence[Tensor]], embedder: PictureEmbedder) -> Diversity:
    """pictures: for each of two or more prompts the same number, two or more, of uint8 (3, height, width) pictures."""
    prompts, seeds = len(pictures), len(pictures[0])
    flat = [picture for of_prompt in pictures for picture in of_prompt]
    small = functional.interpolate(torch.stack(flat).float() / 255, SIDE, mode="area").flatten(1)
    embeddings = embed(embedder, flat)
    grid = embeddings.view(prompts, seeds, -1)
    mixed = torch.stack([grid[(np.arange(seeds) + first) % prompts, np.arange(seeds)] for first in range(prompts)])
    return Diversity(
        prompts,
        seeds,
        _mean_distances(torch.cdist(small, small) / small.shape[1] ** 0.5, prompts, seeds),
        _mean_distances(1 - embeddings @ embeddings.T, prompts, seeds),
        (float(np.mean([vendi(each) for each in grid])), float(np.mean([vendi(each) for each in mixed]))),
    )
