"""What a picture looks like in 256 bits: it is known again when it was re-encoded, resized, turned or mirrored.

PDQ (Facebook, 2019; github.com/facebook/ThreatExchange/tree/main/pdq): the signs of the lowest 16 x 16 frequencies of a
picture of 64 x 64. Hashes of unlike pictures lie about 128 bits apart, of one picture before and after mild changes
mostly under 31. It does not survive a crop of a fifth of the picture, nor a collage.
"""

from dataclasses import dataclass

import numpy as np
import pdqhash
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from safety.hashes import QUALITY_FLOOR, Hash

LARGEST_SIDE = 512  # pixels: larger ones are averaged down first, as the reference implementation does
SMALLEST_SIDE = 8
SIDE, MEDIAN = 16, 127  # of the frequencies: 16 x 16, and the place of their lower median


class NotHashable(ValueError):
    """The picture is not a uint8 RGB tensor of usable size."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """A picture's hashes. forms: uint8 (8, 32), as it is, turned and mirrored; quality: 0 to 100."""

    forms: Hash
    quality: int

    @property
    def hash(self) -> str:
        """Of the picture as it is: 64 hexadecimal digits, as ThreatExchange writes them."""
        return bytes(self.forms[0]).hex()

    @property
    def is_telling(self) -> bool:
        """Whether it may be compared at all."""
        return self.quality >= QUALITY_FLOOR


def fingerprint(picture: Tensor) -> Fingerprint:
    """The hashes of a picture in its eight dihedral forms.

    Each mirrored form is hashed from mirrored pixels; transposing frequencies gives the other four. (pdqhash's own
    `compute_dihedral` changes the signs of frequencies instead, and ends up 35 bits on average from the hash of the
    mirrored picture: its filter is not symmetric.)
    picture: uint8 (3, height, width) RGB. Raises NotHashable.
    """
    if picture.dtype != torch.uint8 or picture.ndim != 3 or picture.shape[0] != 3:
        raise NotHashable(f"expected uint8 (3, height, width), got {picture.dtype} {tuple(picture.shape)}")
    if min(picture.shape[1:]) < SMALLEST_SIDE:
        raise NotHashable(f"a side of {min(picture.shape[1:])} pixels is too small")
    pixels = _averaged_down(picture).permute(1, 2, 0).numpy()
    mirrored = (pixels, pixels[:, ::-1], pixels[::-1], pixels[::-1, ::-1])
    spectra = [pdqhash.compute_float(np.ascontiguousarray(one)) for one in mirrored]
    forms = [_signs(turned) for spectrum, _ in spectra for turned in (spectrum, spectrum.reshape(SIDE, SIDE).T.ravel())]
    return Fingerprint(np.packbits(np.stack(forms), axis=1), int(spectra[0][1]))


def _signs(spectrum: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which of the 256 frequencies lie above their median; PDQ takes the lower one of the two in the middle."""
    above: NDArray[np.bool_] = spectrum > np.partition(spectrum, MEDIAN)[MEDIAN]
    return above


def _averaged_down(picture: Tensor) -> Tensor:
    height, width = (min(side, LARGEST_SIDE) for side in picture.shape[1:])
    if (height, width) == tuple(picture.shape[1:]):
        return picture
    averaged = functional.interpolate(picture[None].float(), (height, width), mode="area")[0]
    return averaged.round().clamp(0, 255).to(torch.uint8)
