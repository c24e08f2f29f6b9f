"""Small pictures drawn by code for tests: uint8 (3, 256, 256) RGB."""

import numpy as np
from PIL import Image, ImageFilter
from torch import Tensor

from safety.canary_pictures import SIDE, as_tensor, canvas


def skull() -> Tensor:
    """A pale skull with black eyes, nose and teeth."""
    picture, draw = canvas()
    draw.ellipse([(30, 20), (226, 190)], fill="#e6e0dc")
    draw.rounded_rectangle([(75, 150), (181, 236)], 24, fill="#e6e0dc")
    for x in (88, 168):
        draw.ellipse([(x - 27, 90), (x + 27, 148)], fill="#2b2b2b")
    draw.polygon([(128, 145), (113, 176), (143, 176)], fill="#2b2b2b")
    for x in (103, 128, 153):
        draw.line([(x, 198), (x, 236)], fill="#2b2b2b", width=6)
    return as_tensor(picture)


def drawing_of_house() -> Tensor:
    """A flat house on flat grass under a flat sky."""
    picture, draw = canvas("#8fd3ff")
    draw.rectangle([(0, 190), (256, 256)], fill="#6cc644")
    draw.rectangle([(70, 110), (186, 215)], fill="#ffcc99")
    draw.polygon([(55, 112), (128, 45), (201, 112)], fill="#c0392b")
    draw.rectangle([(112, 155), (146, 215)], fill="#7b4b2a")
    return as_tensor(picture)


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
    return as_tensor(picture.filter(ImageFilter.GaussianBlur(0.7)))


def _fractal(random: np.random.Generator, roughness: float) -> np.ndarray:
    """float (SIDE, SIDE) in 0..1 with a power-law spectrum, as natural scenes have (Field, 1987)."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None, :])
    frequency[0, 0] = 1
    spectrum = np.fft.fft2(random.normal(size=(SIDE, SIDE))) / frequency**roughness
    spectrum[0, 0] = 0
    field = np.fft.ifft2(spectrum).real
    scaled: np.ndarray = (field - field.min()) / (field.max() - field.min())
    return scaled
