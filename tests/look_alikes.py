"""Pictures with enough detail to be known again, and what happens to pictures on their way."""

import io
from collections.abc import Callable, Mapping

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def detailed(seed: int = 0, side: int = 256) -> Image.Image:
    """A picture with shapes of many sizes, so that its hash tells it from others."""
    chance = np.random.default_rng(seed)
    layers = [
        Image.fromarray(chance.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize((side, side), 3)
        for cells in (3, 6, 12, 24)
    ]
    return Image.fromarray(np.mean([np.asarray(layer, dtype=np.float32) for layer in layers], 0).astype(np.uint8))


def recompressed(picture: Image.Image, quality: int = 50) -> Image.Image:
    """The same after JPEG."""
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return Image.open(io.BytesIO(encoded.getvalue())).convert("RGB")


def pixels_of(picture: Image.Image) -> Tensor:
    """uint8 (3, height, width)."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


CHANGES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "recompressed": recompressed,
    "halved": lambda picture: picture.resize((picture.width // 2, picture.height // 2)),
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "turned": lambda picture: picture.transpose(Image.Transpose.ROTATE_90),
}
