"""Read a picture that somebody sent: few formats, bounded size, pixels only."""

import io

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

FORMATS = ("PNG", "JPEG", "WEBP")
MOVING_FORMATS = ("PNG", "WEBP")  # a JPEG's second frame is a thumbnail or a depth map, which viewers do not show
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


class NotAPicture(ValueError):
    """The bytes are no readable PNG, JPEG or WebP."""


class PictureTooLarge(ValueError):
    """More pixels than are judged."""


def decode_picture(content: bytes, max_pixels: int) -> Tensor:
    """A still, opaque picture as uint8 (3, height, width) RGB; metadata is dropped.

    The size is read from the header before any pixel is unpacked. A moving picture is refused: only its first frame
    would be looked at. So is a transparent one: what a person sees depends on what lies behind it.
    Raises NotAPicture, PictureTooLarge.
    """
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _require_fit(picture, max_pixels)
            _require_opaque(picture)
            pixels = np.array(picture.convert("RGB"))
    except PictureTooLarge:
        raise
    except BOMBS as error:
        raise PictureTooLarge(f"more than {max_pixels} pixels") from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise NotAPicture("not a readable PNG, JPEG or WebP picture") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _require_fit(picture: Image.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise PictureTooLarge(f"{picture.width} x {picture.height} pixels are more than {max_pixels}")
    if picture.format in MOVING_FORMATS and getattr(picture, "is_animated", False):
        raise NotAPicture("a moving picture")


def _require_opaque(picture: Image.Image) -> None:
    if picture.has_transparency_data:
        alpha = picture.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (255, 255):
            raise NotAPicture("a transparent picture")
