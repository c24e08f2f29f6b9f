"""The letters AI in a corner, in the pixels themselves: a label that needs no tool, no network and no language.

Two plain letters are what the drafts of the European code of practice on labelling take for an icon until there is one;
on a plate of their own they are legible on any picture.
"""

from functools import cache

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

SHARE = 0.085  # of the shorter side that the plate is high
LEAST_HEIGHT = 16  # pixels: below it the letters run together
MARGIN = 0.25  # of the plate's height, to both edges
ASPECT = 1.5  # plate, width to height
OVERSAMPLING = 8  # the plate is drawn so much larger and scaled down, for smooth edges
PLATE, INK = (16, 16, 16), (255, 255, 255)
OPACITY = 0.86  # of the plate and its rim; the letters are opaque
# The letters in units of the plate's height, origin at its left upper corner.
STEM = 0.12
LEFT, RIGHT, TOP, BOTTOM = 0.26, 0.86, 0.22, 0.78
I_LEFT = 1.06
CROSSBAR = 0.60


def label(pixels: Tensor) -> Tensor:
    """The picture with the letters AI in its lower right corner. pixels: uint8 (3, height, width) RGB; kept as it was.

    Always the same for the same picture, so that it can be judged as it will be served.
    """
    plate, opacity = _plate(_height(min(pixels.shape[1:])))
    high, wide = opacity.shape
    bottom, right = (round(side - MARGIN * high) for side in pixels.shape[1:])
    rows, columns = slice(max(0, bottom - high), bottom), slice(max(0, right - wide), right)
    under = pixels[:, rows, columns].float()
    plate, opacity = plate[:, -under.shape[1] :, -under.shape[2] :], opacity[-under.shape[1] :, -under.shape[2] :]
    labelled = pixels.clone()
    labelled[:, rows, columns] = (under + (plate - under) * opacity).round().to(torch.uint8)
    return labelled


def _height(side: int) -> int:
    return max(LEAST_HEIGHT, round(SHARE * side))


@cache
def _plate(height: int) -> tuple[Tensor, Tensor]:
    """Colours float32 (3, height, width) and opacity float32 (height, width) of the plate with its letters."""
    unit = height * OVERSAMPLING
    size = round(unit * ASPECT), unit
    colours, opacity = Image.new("RGB", size, PLATE), Image.new("L", size, 0)
    shape = (0, 0, size[0] - 1, size[1] - 1)
    radius, rim = unit * 0.24, round(unit * 0.05)
    ImageDraw.Draw(colours).rounded_rectangle(shape, radius, outline=INK, width=rim)
    ImageDraw.Draw(opacity).rounded_rectangle(shape, radius, fill=round(255 * OPACITY))
    for drawn, ink in ((colours, INK), (opacity, 255)):
        _write(ImageDraw.Draw(drawn), unit, ink)
    small = round(height * ASPECT), height
    scaled = [np.array(drawn.resize(small, Image.Resampling.BOX), np.float32) for drawn in (colours, opacity)]
    return torch.from_numpy(scaled[0]).permute(2, 0, 1), torch.from_numpy(scaled[1]) / 255


def _write(draw: ImageDraw.ImageDraw, unit: int, ink: int | tuple[int, int, int]) -> None:
    """Both letters as shapes: no font has to be there."""
    middle, slope = (LEFT + RIGHT) / 2, (RIGHT - LEFT) / 2 / (BOTTOM - TOP)
    half = STEM * 0.62
    for side in (-1, 1):
        foot = middle + side * (RIGHT - LEFT) / 2
        _fill(
            draw, unit, ink, [(middle - half, TOP), (middle + half, TOP), (foot + half, BOTTOM), (foot - half, BOTTOM)]
        )
    reach = slope * (CROSSBAR - TOP)
    bar = [(middle - reach, CROSSBAR), (middle + reach, CROSSBAR)]
    _fill(draw, unit, ink, [*bar, *((x, y + STEM * 0.8) for x, y in reversed(bar))])
    _fill(draw, unit, ink, [(I_LEFT, TOP), (I_LEFT + STEM * 1.1, TOP), (I_LEFT + STEM * 1.1, BOTTOM), (I_LEFT, BOTTOM)])


def _fill(
    draw: ImageDraw.ImageDraw, unit: int, ink: int | tuple[int, int, int], corners: list[tuple[float, float]]
) -> None:
    draw.polygon([(x * unit, y * unit) for x, y in corners], fill=ink)
