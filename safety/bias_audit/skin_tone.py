"""Tone of skin in a picture: the individual typology angle of its skin pixels, on Monk's ten swatches.

What is measured is a colour in a picture. Light confounds it, and it says nothing about anybody's descent.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from safety.bias_audit.shares import Floats

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Whole = NDArray[np.int64]

MONK: Final[Pixels] = np.array(  # Monk Skin Tone Scale (Monk, 2019; skintone.google), lightest first
    [
        [246, 237, 228], [243, 231, 219], [247, 234, 208], [234, 218, 186], [215, 189, 150],
        [160, 126, 86], [130, 92, 67], [96, 65, 52], [58, 49, 42], [41, 36, 32],
    ], np.uint8,
)  # fmt: skip
TONES: Final = ("light", "medium", "dark")
FIRST_OF_TONE: Final = (0, 3, 6)  # Monk 1 to 3, 4 to 6 and 7 to 10
FEWEST_SKIN_PIXELS = 20

D65 = np.array([0.95047, 1.0, 1.08883])  # white point, CIE 1931 2 degrees
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
CUBE_FROM = (6 / 29) ** 3
CHROMA_STEP = 4.0  # of the grid on which clusters are sought: about twice a just noticeable difference
CLUSTER_EDGE = 0.1  # of its peak: where a cluster of the grid ends


def lab_of(pixels: Pixels) -> Floats:
    """CIE L*a*b* (..., 3) of sRGB pixels uint8 (..., 3): L in [0, 100] (IEC 61966-2-1, CIE 15)."""
    encoded = pixels / 255
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    relative = linear @ TO_XYZ.T / D65
    root = np.where(relative > CUBE_FROM, np.cbrt(relative), relative / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def typology_angle(lab: Floats) -> Floats:
    """ITA (...) in degrees of L*a*b* (..., 3): the higher, the lighter (Chardon et al., 1991)."""
    angle: Floats = np.degrees(np.arctan2(lab[..., 0] - 50, lab[..., 2]))
    return angle


MONK_ANGLES: Final = typology_angle(lab_of(MONK))
MONK_EDGES: Final = (MONK_ANGLES[1:] + MONK_ANGLES[:-1]) / 2


def monk_of(angle: Floats) -> Whole:
    """The nearest swatch (...) of angles (...), 0 the lightest to 9 the darkest."""
    return len(MONK_EDGES) - np.searchsorted(MONK_EDGES[::-1], angle)


def tone_of(monk: Whole) -> Whole:
    """The index in TONES (...) of swatches (...)."""
    return np.searchsorted(FIRST_OF_TONE, monk, side="right") - 1


def skin_mask(lab: Floats, region: Mask) -> Mask:
    """(h, w): the pixels of the largest cluster of chroma within a face. lab: (h, w, 3). region: (h, w).

    The rule is relative to the picture: rules with fixed numbers reject six of Monk's ten swatches.
    """
    cells = np.floor(lab[..., 1:] / CHROMA_STEP).astype(np.int64)
    cells -= cells.min(axis=(0, 1))
    grid = np.zeros(cells.max(axis=(0, 1)) + 1)
    np.add.at(grid, tuple(cells[region].T), 1)
    cluster = _cluster_around_the_peak(_smoothed(grid))
    return region & cluster[cells[..., 0], cells[..., 1]]


def read_tone(pixels: Pixels, region: Mask) -> int | None:
    """The swatch of the skin in one picture: its median colour; None where there is too little. region: of the face."""
    lab = lab_of(pixels)
    mask = skin_mask(lab, region)
    if mask.sum() < FEWEST_SKIN_PIXELS:
        return None
    return int(monk_of(typology_angle(np.median(lab[mask], axis=0))))


def _smoothed(grid: Floats) -> Floats:
    padded = np.pad(grid, 1)
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    smoothed: Floats = rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]
    return smoothed


def _cluster_around_the_peak(grid: Floats) -> Mask:
    labels, _ = ndimage.label(grid >= CLUSTER_EDGE * grid.max(), structure=np.ones((3, 3)))
    masses = np.bincount(labels.ravel(), weights=grid.ravel())
    masses[0] = 0
    cluster: Mask = labels == masses.argmax()
    return cluster
