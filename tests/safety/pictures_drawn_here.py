"""Small pictures drawn by code for tests: uint8 (3, 256, 256) RGB."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor

SIDE = 256


def _tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1).contiguous()


def _canvas(colour: str = "white") -> tuple[Image.Image, ImageDraw.ImageDraw]:
    picture = Image.new("RGB", (SIDE, SIDE), colour)
    return picture, ImageDraw.Draw(picture)


def knife() -> Tensor:
    """A kitchen knife with a grey blade and a dark handle, pointing up to the left."""
    picture, draw = _canvas()
    draw.polygon([(25, 25), (60, 30), (165, 135), (140, 165), (40, 75)], fill="#b8c4cc", outline="#7d8a93")
    draw.polygon([(25, 25), (60, 30), (165, 135), (155, 145)], fill="#dfe7ec")
    draw.line([(150, 150), (225, 225)], fill="#3a3f44", width=32)
    draw.ellipse([(209, 209), (241, 241)], fill="#3a3f44")
    for x in (170, 190, 210):
        draw.ellipse([(x - 4, x - 4), (x + 4, x + 4)], fill="#9aa5ad")
    return _tensor(picture)


def cat() -> Tensor:
    """The face of an orange cat."""
    picture, draw = _canvas()
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
    return _tensor(picture)


def skull() -> Tensor:
    """A pale skull with black eyes, nose and teeth."""
    picture, draw = _canvas()
    draw.ellipse([(30, 20), (226, 190)], fill="#e6e0dc")
    draw.rounded_rectangle([(75, 150), (181, 236)], 24, fill="#e6e0dc")
    for x in (88, 168):
        draw.ellipse([(x - 27, 90), (x + 27, 148)], fill="#2b2b2b")
    draw.polygon([(128, 145), (113, 176), (143, 176)], fill="#2b2b2b")
    for x in (103, 128, 153):
        draw.line([(x, 198), (x, 236)], fill="#2b2b2b", width=6)
    return _tensor(picture)


def drawing_of_house() -> Tensor:
    """A flat house on flat grass under a flat sky."""
    picture, draw = _canvas("#8fd3ff")
    draw.rectangle([(0, 190), (256, 256)], fill="#6cc644")
    draw.rectangle([(70, 110), (186, 215)], fill="#ffcc99")
    draw.polygon([(55, 112), (128, 45), (201, 112)], fill="#c0392b")
    draw.rectangle([(112, 155), (146, 215)], fill="#7b4b2a")
    return _tensor(picture)


def photograph_like() -> Tensor:
    """What a camera gives of a field under clouds: fractal texture at every scale, a lit horizon, grain."""
    random = np.random.default_rng(5)
    texture = _fractal(random, 1.1)
    ground = _fractal(random, 0.75)
    height = np.linspace(0, 1, SIDE)[:, None]
    sky = np.stack([0.45 + 0.35 * texture, 0.55 + 0.3 * texture, 0.68 + 0.22 * texture], -1)
    dark = 0.12 + 0.4 * ground * height
    field = np.stack([dark * 0.95, dark * 1.05, dark * 0.6], -1)
    edge = 0.55 + 0.06 * (_fractal(random, 1.4)[128] - 0.5)
    below = 1 / (1 + np.exp(-(height - edge[None, :]) * 120))
    scene = sky * (1 - below[..., None]) + field * below[..., None]
    grainy = scene + random.normal(0, 0.02, scene.shape)
    picture = Image.fromarray((np.clip(grainy, 0, 1) * 255).astype(np.uint8))
    return _tensor(picture.filter(ImageFilter.GaussianBlur(0.7)))


def _fractal(random: np.random.Generator, roughness: float) -> np.ndarray:
    """float (SIDE, SIDE) in 0..1 with a power-law spectrum, as natural scenes have (Field, 1987)."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None, :])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(random.normal(size=(SIDE, SIDE))) / frequency**roughness
    spectrum[0, 0] = 0
    field = np.fft.ifft2(spectrum).real
    scaled: np.ndarray = (field - field.min()) / (field.max() - field.min())
    return scaled
