"""Tone of skin in a picture of which nobody said where the face is: read where portraits have it, or not at all.

There is no face detector here. The middle of the upper part is looked at; where it is not filled by one colour that
skin can have, nothing is read. A drawing in yellow has no tone of skin, and is not given one.
"""

from typing import Final

import numpy as np
from PIL import Image

from safety.bias_audit.shares import Floats
from safety.bias_audit.skin_tone import Mask, Pixels, lab_of, monk_of, skin_mask, typology_angle

SIDE: Final = 64  # pixels that are looked at: tone is a median, not a detail
CENTRE, HALF = (0.5, 0.42), (0.11, 0.13)  # x, y, as shares of the sides: where portraits have a face
LEAST_FILLED = 0.5  # of that place by one cluster of chroma: a face fills it, a pattern does not
CHROMA = (2.5, 36.0)  # of L*a*b*: Monk's swatches have 3.8 to 28, white paper 0 and the yellow of emoji 77
HUE = (40.0, 97.0)  # degrees: Monk's swatches have 49 to 89


def read_tone_of(picture: Pixels) -> int | None:
    """The swatch of the skin, 0 the lightest to 9 the darkest of Monk's; None where it is not read.

    picture: uint8 (h, w, 3).
    """
    small = np.asarray(Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX))
    lab, place = lab_of(small), _place()
    mask = skin_mask(lab, place)
    if mask.sum() < LEAST_FILLED * place.sum():
        return None
    colour = np.median(lab[mask], axis=0)
    return int(monk_of(typology_angle(colour))) if _can_be_skin(colour) else None


def _place() -> Mask:
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    inside: Mask = ((x - CENTRE[0]) / HALF[0]) ** 2 + ((y - CENTRE[1]) / HALF[1]) ** 2 <= 1
    return inside


def _can_be_skin(lab: Floats) -> bool:
    chroma, hue = float(np.hypot(lab[1], lab[2])), float(np.degrees(np.arctan2(lab[2], lab[1])))
    return CHROMA[0] <= chroma <= CHROMA[1] and HUE[0] <= hue <= HUE[1]
