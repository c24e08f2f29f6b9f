"""Random weights by name and shape, the same on every platform and in every library version."""

from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SPREAD = 0.3  # of biases, scales and embeddings: large enough that a forgotten term is seen


def _spread(name: str, shape: tuple[int, ...]) -> float:
    """Of a kernel so that what goes through it keeps its size: differences then are those of the arithmetic."""
    if len(shape) == 4:
        return 1 / sqrt(prod(shape[1:]))  # out, in, height, width
    return 1 / sqrt(shape[-2]) if name.endswith("/kernel") else SPREAD


def random_leaves(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Array]:
    """Scales of norms around 1, all else around 0."""
    stream = np.random.RandomState(seed)  # the one stream that numpy promises never to change
    leaves = {}
    for name, shape in sorted(shapes.items()):
        noise = stream.standard_normal(shape) * _spread(name, shape)
        is_scale = name.endswith("/scale") or (name.endswith(".weight") and len(shape) == 1)
        leaves[name] = (noise + is_scale).astype(np.float32)
    return leaves
