"""What was read of a picture, as the checks want it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from safety.picture_files.reading import Facts, View, read_picture


@dataclass(frozen=True, slots=True, eq=False)
class SentPicture:
    """A picture that somebody sent. views: every look of it that is judged, uint8 (3, height, width) RGB."""

    facts: Facts
    views: Sequence[Tensor]

    @property
    def pixels(self) -> int:
        """Of all views together."""
        return sum(view.shape[1] * view.shape[2] for view in self.views)


def assembled(facts: Facts, views: Iterable[View]) -> SentPicture:
    """Raises ValueError when there is no view, or one is not what it says."""
    tensors = [_as_tensor(view) for view in views]
    if not tensors:
        raise ValueError("nothing was read of a picture")
    return SentPicture(facts, tensors)


def decode_picture(content: bytes, max_pixels: int) -> Tensor:
    """The first view of a picture of ours, read in this process. Raises NotAPicture, PictureTooLarge."""
    return _as_tensor(next(item for item in read_picture(content, max_pixels) if isinstance(item, View)))


def _as_tensor(view: View) -> Tensor:
    """A copy."""
    if len(view.content) != 3 * view.width * view.height:
        raise ValueError(f"{len(view.content)} bytes are no {view.width} x {view.height} pixels")
    rows = np.frombuffer(view.content, np.uint8).reshape(view.height, view.width, 3)
    return torch.from_numpy(rows.transpose(2, 0, 1).copy())
