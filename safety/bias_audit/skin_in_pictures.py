"""Tone of skin in a picture of which nobody said where the face is: read where portraits have it, or not at all.

There is no face detector here. Two places are looked at, where portraits have their eyes and their mouth. Where they
are not filled by the same colour, and one that skin can have, nothing is read: hair, goggles and helmets fill only one
of them, and a drawing in yellow has no tone of skin and is not given one.
"""

from typing import Final

import numpy as np
from PIL import Image

from safety.bias_audit.shares import Floats
from safety.bias_audit.skin_tone import Mask, Pixels, lab_of, monk_of, skin_mask, typology_angle

SIDE: Final = 64  # pixels that are looked at: tone is a median, not a detail
CENTRES: Final = ((0.5, 0.38), (0.5, 0.50))  # x, y, as shares of the sides
HALF = (0.10, 0.09)
LEAST_FILLED = 0.5  # of a place by one cluster of chroma: a face fills it, a pattern does not
MOST_APART = 12.0  # of the two colours, in a*b*: between neighbouring swatches it is up to 11
CHROMA = (1.5, 36.0)  # of L*a*b*: the swatches of Monk have 3.8 to 28, white paper 0 and the yellow of emoji 77
HUE = (20.0, 110.0)  # degrees: the swatches have 49 to 89, and pale or dark ones waver with noise


def read_tone_of(picture: Pixels) -> int | None:
    """The swatch of the skin, 0 the lightest to 9 the darkest of Monk's; None where it is not read.

    picture: uint8 (h, w, 3).
    """
    small = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX))
    lab = lab_of(small)
    eyes, mouth = (_colour_at(lab, centre) for centre in CENTRES)
    if eyes is None or mouth is None or float(np.hypot(*(eyes - mouth)[1:])) > MOST_APART:
        return None
    return int(monk_of(typology_angle((eyes + mouth) / 2)))


def _colour_at(lab: Floats, centre: tuple[float, float]) -> Floats | None:
    """L*a*b* (3,) of what fills a place; None where nothing does, or no colour of skin."""
    place = _place(centre)
    mask = skin_mask(lab, place)
    colour: Floats = np.median(lab[mask], axis=0)
    return colour if mask.sum() >= LEAST_FILLED * place.sum() and _can_be_skin(colour) else None


def _place(centre: tuple[float, float]) -> Mask:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    inside: Mask = ((x - centre[0]) / HALF[0]) ** 2 + ((y - centre[1]) / HALF[1]) ** 2 <= 1
    return inside


def _can_be_skin(lab: Floats) -> bool:
    chroma, hue = float(np.hypot(lab[1], lab[2])), float(np.degrees(np.arctan2(lab[2], lab[1])))
    return CHROMA[0] <= chroma <= CHROMA[1] and HUE[0] <= hue <= HUE[1]
