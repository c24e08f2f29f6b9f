import numpy as np
import pytest
import torch
from PIL import Image

from generator.dalle_mini.resize import enlarge


@pytest.mark.parametrize(("side", "size"), [(96, "256x256"), (16, "1024x512"), (256, "1024x1024"), (512, "256x256")])
def test_a_drawing_is_enlarged_as_pillow_does(side: int, size: str) -> None:
    pixels = torch.randint(256, (3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    width, height = (int(number) for number in size.split("x"))
    picture = Image.fromarray(pixels.permute(1, 2, 0).numpy()).resize((width, height), Image.Resampling.LANCZOS)
    expected = torch.from_numpy(np.array(picture)).permute(2, 0, 1).int()
    difference = (enlarge(pixels, size).int() - expected).abs()
    assert difference.max() <= 1
    assert (difference > 0).float().mean() < 0.01


def test_a_drawing_of_the_size_asked_for_stays_as_it_is() -> None:
    pixels = torch.randint(256, (3, 256, 256), dtype=torch.uint8)
    assert torch.equal(enlarge(pixels, "256x256"), pixels)
