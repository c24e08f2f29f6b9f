"""Bytes that a stranger calls a picture -> pixels of the size asked for, or nothing."""

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from generator.contract import GenerationFailed, sides_of

FORMATS = ("PNG", "JPEG", "WEBP")
MOVING_FORMATS = ("PNG", "WEBP")  # a JPEG's second frame is a thumbnail or a depth map, which viewers do not show
BYTES_PER_PIXEL = 8  # four channels of 16 bits that no compression helps
METADATA_BYTES = 1 << 20  # content credentials, colour profiles


def most_bytes(size: str) -> int:
    """No honest file of a picture of "WIDTHxHEIGHT" is larger."""
    width, height = sides_of(size)
    return width * height * BYTES_PER_PIXEL + METADATA_BYTES


def decode(content: bytes, size: str) -> Tensor:
    """A still PNG, JPEG or WebP of exactly this size as uint8 (3, height, width) RGB, transparent parts on white.

    The size is read from the header before any pixel is unpacked. Raises GenerationFailed.
    """
    if len(content) > most_bytes(size):
        raise GenerationFailed(f"a picture has {len(content)} bytes: too many for {size}")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            _require_still(picture, sides_of(size))
            pixels = np.array(_on_white(picture))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise GenerationFailed("a picture is no readable PNG, JPEG or WebP") from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _require_still(picture: Image.Image, sides: tuple[int, int]) -> None:
    if picture.size != sides:
        raise GenerationFailed(
            f"a picture is {picture.width}x{picture.height}, and {sides[0]}x{sides[1]} was asked for: "
            "set GARDEFOU_GENERATOR_SIZES to what the model draws"
        )
    if picture.format in MOVING_FORMATS and getattr(picture, "is_animated", False):
        raise GenerationFailed("a picture moves")


def _on_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
