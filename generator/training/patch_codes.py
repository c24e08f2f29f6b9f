"""Picture codes: each 8x8-pixel cell is the nearest of 2048 typical cells, whatever its neighbours.

A thing therefore has the same codes wherever it stands, which makes scenes cheap to learn. The typical cells
are found by k-means: `python -m generator.training.patch_codes`.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.backgrounds import CELL
from generator.training.concepts import load_concepts
from generator.training.scenes import Scene, SceneMaker, render

CODES = 2048
CODES_FILE = Path(__file__).with_name("codes.safetensors")
_BLOCK = 8192  # patches compared at once


def pictures(scenes: list[Scene], artwork: Artwork) -> Tensor:
    """(n, 3, 96, 96) in 0..1."""
    drawn = np.stack([render(scene, artwork) for scene in scenes])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()


def patches(pictures: Tensor) -> Tensor:
    """(n, 3, h, w) -> (n * cells, 192), picture by picture in raster order."""
    cells = functional.unfold(pictures, CELL, stride=CELL)
    return cells.transpose(1, 2).flatten(0, 1)


def nearest(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """For each (192,) point the number of the nearest centre and the squared distance."""
    norms = centres.square().sum(1)
    numbers, distances = [], []
    for block in torch.split(points, _BLOCK):
        best = (norms - 2 * block @ centres.T).min(1)
        numbers.append(best.indices)
        distances.append(best.values + block.square().sum(1))
    return torch.cat(numbers), torch.cat(distances)


def encode(drawn: Tensor, centres: Tensor) -> Tensor:
    """(n, 3, 96, 96) -> (n, 144) code numbers."""
    return nearest(patches(drawn), centres)[0].reshape(len(drawn), -1)


def save_codes(centres: Tensor, path: Path) -> None:
    """centres: (2048, 192) typical cells, 0..1."""
    save_file({"centres": centres.half().contiguous()}, path)


def load_codes(path: Path) -> Tensor:
    """(2048, 192) typical cells, 0..1."""
    return load_file(path)["centres"].float()


def k_means(points: Tensor, clusters: int, rounds: int) -> Tensor:
    """Lloyd's algorithm; a centre that lost all its points moves to one of the worst represented."""
    centres = points[torch.randperm(len(points))[:clusters]].clone()
    for number in range(rounds):
        chosen, distances = nearest(points, centres)
        counts = torch.bincount(chosen, minlength=clusters)
        sums = torch.zeros_like(centres).index_add_(0, chosen, points)
        empty = counts == 0
        centres = sums / counts.clamp(min=1)[:, None]
        centres[empty] = points[distances.topk(int(empty.sum())).indices]
        error = distances.mean() / points.shape[1]
        print(f"round {number}: {float(-10 * error.log10()):.2f} dB, {int(empty.sum())} empty", flush=True)
    return centres


def sample_patches(artwork: Artwork, scenes: int, seed: int) -> Tensor:
    """Distinct cells of every single thing and of random scenes."""
    concepts = load_concepts()
    maker = SceneMaker(concepts, seed)
    drawn = [scene for concept in concepts for scene in maker.alone_each(concept)]
    drawn += [maker.any() for _ in range(scenes)]
    levels = (patches(pictures(drawn, artwork)) * 255).round()
    distinct: Tensor = torch.unique(levels, dim=0)
    return distinct / 255


def main() -> None:
    """Parse the command line, find the codes, save them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artwork", type=Path, default=Path(".training/artwork"))
    parser.add_argument("--out", type=Path, default=CODES_FILE)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    points = sample_patches(Artwork(fetch(NOTO, args.artwork)), args.scenes, args.seed)
    print(f"{len(points)} distinct cells")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_codes(k_means(points, CODES, args.rounds), args.out)


if __name__ == "__main__":
    main()
