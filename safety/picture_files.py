"""Read a picture that somebody sent: few formats, bounded size, pixels only."""

import io

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP")


class NotAPicture(ValueError):
    """The bytes are no readable PNG, JPEG or WebP."""


class PictureTooLarge(ValueError):
    """More pixels than are judged."""


def decode_picture(content: bytes, max_pixels: int) -> Tensor:
    """The first frame as uint8 (3, height, width) RGB; metadata is dropped.

    The size is read from the header before any pixel is unpacked. Raises NotAPicture, PictureTooLarge.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            if picture.width * picture.height > max_pixels:
                raise PictureTooLarge(f"{picture.width} x {picture.height} pixels are more than {max_pixels}")
            pixels = np.array(picture.convert("RGB"))
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        if isinstance(error, PictureTooLarge):
            raise
        raise NotAPicture("not a readable PNG, JPEG or WebP picture") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()
