"""Two pictures drawn by code that any picture model must tell apart: uint8 (3, 256, 256) RGB."""

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

SIDE = 256  # pixels


def knife() -> Tensor:
    """A kitchen knife with a grey blade and a dark handle, pointing up to the left."""
    picture, draw = canvas()
    draw.polygon([(25, 25), (60, 30), (165, 135), (140, 165), (40, 75)], fill="#b8c4cc", outline="#7d8a93")
    draw.polygon([(25, 25), (60, 30), (165, 135), (155, 145)], fill="#dfe7ec")
    draw.line([(150, 150), (225, 225)], fill="#3a3f44", width=32)
    draw.ellipse([(209, 209), (241, 241)], fill="#3a3f44")
    for x in (170, 190, 210):
        draw.ellipse([(x - 4, x - 4), (x + 4, x + 4)], fill="#9aa5ad")
    return as_tensor(picture)


def cat() -> Tensor:
    """The face of an orange cat."""
    picture, draw = canvas()
    draw.polygon([(50, 120), (55, 25), (125, 75)], fill="#ffb02e")
    draw.polygon([(206, 120), (201, 25), (131, 75)], fill="#ffb02e")
    draw.polygon([(65, 90), (66, 48), (100, 72)], fill="#ff8257")
    draw.polygon([(191, 90), (190, 48), (156, 72)], fill="#ff8257")
    draw.ellipse([(30, 60), (226, 230)], fill="#ffb02e")
    for x in (92, 164):
        draw.ellipse([(x - 13, 118), (x + 13, 150)], fill="#402a32")
        draw.ellipse([(x - 7, 122), (x + 1, 132)], fill="white")
    draw.polygon([(116, 162), (140, 162), (128, 176)], fill="#f70a8d")
    draw.arc([(100, 165), (128, 195)], 0, 180, fill="#402a32", width=5)
    draw.arc([(128, 165), (156, 195)], 0, 180, fill="#402a32", width=5)
    for y in (165, 180):
        draw.line([(20, y - 8), (75, y)], fill="#402a32", width=4)
        draw.line([(236, y - 8), (181, y)], fill="#402a32", width=4)
    return as_tensor(picture)


def canvas(colour: str = "white") -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A blank picture and the pen to draw on it."""
    picture = Image.new("RGB", (SIDE, SIDE), colour)
    return picture, ImageDraw.Draw(picture)


def as_tensor(picture: Image.Image) -> Tensor:
    """uint8 (3, height, width) RGB."""
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()
