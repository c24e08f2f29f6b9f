"""Draw many prompts with one generator."""

from collections.abc import Sequence

from torch import Tensor

from generator.at_once import draw_at_once
from generator.contract import ImageGenerator, PictureRequest

Pictures = list[Tensor]  # each uint8 (3, height, width)


def draw_all(generator: ImageGenerator, prompts: Sequence[str], seeds: Sequence[int]) -> Pictures:
    """256 pixels wide, for each prompt with its seed, at the generator's own sampling."""
    requests = [PictureRequest(prompt, seed, generator.sizes[0]) for prompt, seed in zip(prompts, seeds, strict=True)]
    return [image.pixels for image in draw_at_once(generator, requests)]
