"""Random weights by name and shape, the same on every platform and in every library version."""

from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
SPREAD = 0.3  # large enough that a forgotten term is seen


def random_leaves(shapes: dict[str, tuple[int, ...]], seed: int) -> dict[str, Array]:
    """Scales of norms around 1, all else around 0; kernels of convolutions so that pictures stay in range."""
    stream = np.random.RandomState(seed)  # the one stream that numpy promises never to change
    leaves = {}
    for name, shape in sorted(shapes.items()):
        noise = stream.standard_normal(shape) * (1 / sqrt(prod(shape[1:])) if len(shape) == 4 else SPREAD)
        is_scale = name.endswith("/scale") or (name.endswith(".weight") and len(shape) == 1)
        leaves[name] = (noise + is_scale).astype(np.float32)
    return leaves
