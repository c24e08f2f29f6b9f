"""Person-like glyphs with exact attributes: a generator whose bias is known because it was planted.

Each attribute moves several features of a drawing (hair, shoulders, proportions, wrinkles), each with noise, so that a
scorer of pixels has real errors. Nothing here depicts or measures people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from safety.bias_audit.shares import Counts, Floats
from safety.bias_audit.skin_tone import MONK, Mask

Pictures = NDArray[np.uint8]
Colour = tuple[int, int, int]

PRESENTATIONS = ("feminine", "masculine", "no person")
NO_PERSON = 2
AGES = ("child", "adult", "older")
SIDE, CANVAS = 64, 128  # drawn at twice the size for smooth edges

HAIR_COLOURS = ((35, 25, 20), (90, 55, 30), (170, 120, 60), (60, 40, 35))
GREY_HAIR = (190, 190, 188)
FACE_CENTRE, FACE_HALF = (32, 25), (7, 8)  # x, y in pixels: the part of the face that every glyph has


@dataclass(frozen=True, slots=True)
class Sidecar:
    """True labels of pictures, which no audit reads. presentation, tone, age: int (n,), tone 0 to 9 on Monk's scale."""

    presentation: Counts
    tone: Counts
    age: Counts


@dataclass(frozen=True, slots=True)
class Style:
    """How a generator draws. noise: of pixels, in levels. blur: radius in pixels. overlap: spread of the features that
    presentation moves by 1. exposure: spread of the picture's light, as a share."""

    noise: float = 12.0
    blur: float = 0.5
    overlap: float = 0.35
    exposure: float = 0.08
    tint: Colour = (0, 0, 0)


FLAT = Style()
INK = Style(noise=25, blur=1.2, tint=(25, 5, -30))  # what a later version may draw like


@dataclass(frozen=True, slots=True)
class Planted:
    """What is planted for a filler. presentation: (3,). tone: (10,). age: (3,); each sums to 1."""

    presentation: Floats
    tone: Floats
    age: Floats


def planted(feminine: float, no_person: float = 0.05, tone: Floats | None = None, age: Floats | None = None) -> Planted:
    """feminine: its share among the people. no_person: the share of pictures without anybody."""
    people = 1 - no_person
    return Planted(
        np.array([people * feminine, people * (1 - feminine), no_person]),
        np.full(10, 0.1) if tone is None else tone,
        np.array([0.2, 0.6, 0.2]) if age is None else age,
    )


def draw(plan: Planted, count: int, rng: np.random.Generator, style: Style = FLAT) -> tuple[Pictures, Sidecar]:
    """Pictures uint8 (count, 64, 64, 3) and, beside them, what was drawn."""
    truth = Sidecar(*(rng.choice(len(part), count, p=part) for part in (plan.presentation, plan.tone, plan.age)))
    rows = zip(truth.presentation, truth.tone, truth.age, strict=True)
    return np.stack([_picture(int(who), int(tone), int(age), style, rng) for who, tone, age in rows]), truth


def face_region() -> Mask:
    """(64, 64): where a glyph has its face."""
    y, x = np.mgrid[:SIDE, :SIDE]
    inside: Mask = ((x - FACE_CENTRE[0]) / FACE_HALF[0]) ** 2 + ((y - FACE_CENTRE[1]) / FACE_HALF[1]) ** 2 <= 1
    return inside


def _picture(presentation: int, tone: int, age: int, style: Style, rng: np.random.Generator) -> Pictures:
    image = Image.new("RGB", (CANVAS, CANVAS), _colour(rng, 90, 230))
    pen = ImageDraw.Draw(image)
    if presentation == NO_PERSON:
        _things(pen, rng)
    else:
        _person(pen, presentation, tone, age, style, rng)
    return _developed(image, style, rng)


def _developed(image: Image.Image, style: Style, rng: np.random.Generator) -> Pictures:
    small = image.reduce(CANVAS // SIDE).filter(ImageFilter.GaussianBlur(style.blur))
    light = np.exp(rng.normal(0, style.exposure))
    pixels = np.asarray(small, np.float64) * light + style.tint + rng.normal(0, style.noise, (SIDE, SIDE, 3))
    developed: Pictures = np.clip(pixels, 0, 255).astype(np.uint8)
    return developed


def _things(pen: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    for _ in range(rng.integers(2, 6)):
        x, y, width, height = (int(number) for number in rng.integers((5, 5, 15, 15), (90, 90, 60, 60)))
        shape = pen.rectangle if rng.random() < 0.5 else pen.ellipse
        shape((x, y, x + width, y + height), fill=_colour(rng, 20, 230))


def _person(
    pen: ImageDraw.ImageDraw, presentation: int, tone: int, age: int, style: Style, rng: np.random.Generator
) -> None:
    hair, shoulders, lips = (0.5 if presentation == 0 else -0.5) + rng.normal(0, style.overlap, 3)
    x, y = 64 + rng.normal(0, 1.5, 2) + (0, -14)
    head = (18.0, 17.0, 18.0)[age] + rng.normal(0, 0.6)
    skin = tuple(int(level) for level in MONK[tone])
    strands = GREY_HAIR if age == 2 and rng.random() < 0.85 else HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))]
    width = (24, 38, 36)[age] - 5 * shoulders
    _hair(pen, x, y, head, hair, strands)
    pen.rounded_rectangle((x - width, y + head + 10, x + width, CANVAS + 20), 14, fill=_colour(rng, 20, 230))
    pen.rectangle((x - 6, y + head - 2, x + 6, y + head + 12), fill=skin)
    pen.ellipse((x - head, y - head * 1.15, x + head, y + head * 1.15), fill=skin)
    pen.chord((x - head, y - head * 1.2, x + head, y + head * 0.6), 200, 340, fill=strands)
    _features(pen, x, y, lips, age)


def _hair(pen: ImageDraw.ImageDraw, x: float, y: float, head: float, length: float, colour: Colour) -> None:
    reach = y + head * max(-0.2, 0.5 + 0.75 * length)
    pen.ellipse((x - head - 4, y - head * 1.3, x + head + 4, y + head * 0.8), fill=colour)
    pen.rectangle((x - head - 4, y, x + head + 4, max(y, reach)), fill=colour)


def _features(pen: ImageDraw.ImageDraw, x: float, y: float, lips: float, age: int) -> None:
    dark = (25, 20, 20)
    for side in (-7, 7):
        pen.ellipse((x + side - 2, y - 2, x + side + 2, y + 2), fill=dark)
    red = float(np.clip(0.5 + 0.4 * lips, 0, 1))
    pen.rectangle((x - 6, y + 10, x + 6, y + 13), fill=(int(80 + 140 * red), int(45 - 10 * red), int(45 + 15 * red)))
    if age == 2:
        for line in (-9, -6):
            pen.line((x - 9, y + line, x + 9, y + line), fill=(110, 90, 80), width=1)


def _colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = (int(level) for level in rng.integers(low, high, 3))
    return red, green, blue
