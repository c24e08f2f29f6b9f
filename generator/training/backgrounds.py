"""Places and colours behind the things: drawn by rules, the same each time, so that their codes repeat."""

import math
import random
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Canvas = NDArray[np.float32]  # (SIDE, SIDE, 3) in 0..1
CELL = 8  # pixels per code
SIDE = 96  # pixels per picture: 12 x 12 codes
_SCALE = 4  # drawn larger, then averaged
_UNIT = 96  # the drawing functions below count in pixels of a 96-pixel picture

COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (255, 255, 255),
    "red": (229, 57, 53),
    "yellow": (255, 224, 102),
    "green": (129, 199, 132),
    "blue": (100, 181, 246),
    "pink": (248, 187, 208),
    "grey": (176, 190, 197),
    "black": (33, 33, 33),
}


def _hills(draw: ImageDraw.ImageDraw, top: float, height: float, waves: float, colour: str) -> None:
    crest = [(x * _SCALE, (top + height * math.sin(waves * math.tau * x / _UNIT)) * _SCALE) for x in range(_UNIT + 1)]
    draw.polygon([*crest, (_UNIT * _SCALE, _UNIT * _SCALE), (0, _UNIT * _SCALE)], colour)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: str) -> None:
    box = [(value * _SCALE) for value in (x - radius, y - radius, x + radius, y + radius)]
    draw.ellipse(box, colour)


def _box(draw: ImageDraw.ImageDraw, left: float, top: float, right: float, bottom: float, colour: str) -> None:
    draw.rectangle([left * _SCALE, top * _SCALE, right * _SCALE - 1, bottom * _SCALE - 1], colour)


def _stars(draw: ImageDraw.ImageDraw, bottom: int) -> None:
    rng = random.Random(1)  # noqa: S311 - decoration
    for _ in range(22):
        _disc(draw, rng.randrange(3, 93), rng.randrange(3, bottom), rng.choice((0.8, 1.2)), "#fff8e1")


def _moon(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#10131f")
    _stars(draw, 60)
    _hills(draw, 70, 2, 1, "#9e9e9e")
    for x, y, radius in ((12, 84, 6), (84, 80, 5), (48, 90, 4), (70, 91, 3)):
        _disc(draw, x, y, radius, "#757575")


def _space(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#1a1446")
    _stars(draw, 93)
    _disc(draw, 84, 12, 8, "#ef8354")
    _disc(draw, 10, 86, 6, "#4fc3f7")


def _beach(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 48, "#b3e5fc")
    _disc(draw, 84, 12, 8, "#ffee58")
    _box(draw, 0, 48, 96, 64, "#29b6f6")
    _hills(draw, 66, 2, 1.5, "#ffe0a3")


def _forest(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#c8e6c9")
    for x in (8, 88, 24, 72):
        _box(draw, x - 2, 56, x + 2, 72, "#6d4c41")
        for base in (32, 46, 60):
            points = [(x - 12, base), (x + 12, base), (x, base - 24)]
            draw.polygon([(px * _SCALE, py * _SCALE) for px, py in points], "#2e7d32")
    _box(draw, 0, 72, 96, 96, "#66bb6a")


def _city(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#bbdefb")
    for left, right, top in (
        (0, 16, 24),
        (16, 32, 8),
        (32, 48, 40),
        (48, 64, 32),
        (64, 80, 16),
        (80, 96, 32),
    ):
        _box(draw, left, top, right - 1, 80, "#78909c")
        for y in range(top + 4, 72, 8):
            _box(draw, left + 3, y, left + 6, y + 4, "#fff59d")
            _box(draw, left + 9, y, left + 12, y + 4, "#fff59d")
    _box(draw, 0, 80, 96, 96, "#546e7a")


def _snow(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#90caf9")
    for x, peak in ((20, 30), (76, 22)):
        points = [(x - 32, 72), (x + 32, 72), (x, peak)]
        draw.polygon([(px * _SCALE, py * _SCALE) for px, py in points], "#cfd8dc")
    _hills(draw, 70, 3, 1, "#ffffff")


def _sea(draw: ImageDraw.ImageDraw) -> None:
    _box(draw, 0, 0, 96, 96, "#b3e5fc")
    _disc(draw, 12, 12, 8, "#ffee58")
    _hills(draw, 58, 2, 3, "#4fc3f7")
    _hills(draw, 70, 2, 2.5, "#0288d1")
    _hills(draw, 84, 2, 3, "#01579b")


PLACES: dict[str, Callable[[ImageDraw.ImageDraw], None]] = {
    "moon": _moon,
    "space": _space,
    "beach": _beach,
    "forest": _forest,
    "city": _city,
    "snow": _snow,
    "sea": _sea,
}


def place(name: str) -> Canvas:
    """One of PLACES."""
    picture = Image.new("RGB", (_UNIT * _SCALE, _UNIT * _SCALE))
    PLACES[name](ImageDraw.Draw(picture))
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / np.float32(255)


def plain(name: str) -> Canvas:
    """One of COLOURS, everywhere."""
    return np.full((SIDE, SIDE, 3), COLOURS[name], np.float32) / np.float32(255)
