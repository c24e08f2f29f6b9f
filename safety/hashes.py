"""Hashes of what pictures look like, without the means to make one: sizes, limits and distances."""

import numpy as np
from numpy.typing import NDArray

BYTES = 32
RADIUS = 31  # bits: the distance that ThreatExchange calls a confident match
QUALITY_FLOOR = 50  # 0 to 100: below it a picture has too few edges to be told from others of its kind

Hash = NDArray[np.uint8]  # (32,), or (n, 32) for several


def distance(one: str, other: str) -> int:
    """In how many of 256 bits two hashes in hexadecimal differ."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
