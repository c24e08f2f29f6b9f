"""The watermark: unseen by people, found again after what people do to pictures, and only with its key."""

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from safety.canary_pictures import cat, knife
from safety.provenance.watermark import Watermark
from tests.safety.pictures_drawn_here import skull

PAYLOAD = 0xFEDC_BA98_7654_3210
PINNED = [-4, -2, 1, 3, 3, 2, 1, -1, -2, -1, 1, 0]  # the first pixels of grey with PAYLOAD
OURS = Watermark(b"k" * 32)


def image(pixels: Tensor) -> Image.Image:
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())


def tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)


def scaled(pixels: Tensor, width: int, height: int) -> Tensor:
    return tensor(image(pixels).resize((width, height), Image.Resampling.LANCZOS))


def saved(output_format: str, quality: int) -> Callable[[Tensor], Tensor]:
    def save(pixels: Tensor) -> Tensor:
        encoded = io.BytesIO()
        image(pixels).save(encoded, output_format, quality=quality)
        return tensor(Image.open(encoded))

    return save


def small_drawing(picture: Tensor) -> Tensor:
    """As dalle-nano draws: 96 pixels, enlarged."""
    return scaled(scaled(picture, 96, 96), 256, 256)


PICTURES = {"cat": small_drawing(cat()), "knife": knife(), "skull": small_drawing(skull()),
            "grey": torch.full((3, 256, 256), 128, dtype=torch.uint8)}  # fmt: skip


MANIPULATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "nothing": lambda pixels: pixels,
    "JPEG 75": saved("jpeg", 75),
    "JPEG 50": saved("jpeg", 50),
    "WebP 80": saved("webp", 80),
    "half size and back": lambda pixels: scaled(scaled(pixels, 128, 128), 256, 256),
    "cropped": lambda pixels: pixels[:, 9:249, 7:247],
    "mirrored": lambda pixels: pixels.flip(2),
    "turned": lambda pixels: pixels.rot90(1, (1, 2)),
    "mirrored, turned, cropped, JPEG 85": lambda pixels: saved("jpeg", 85)(pixels.flip(2).rot90(1, (1, 2))[:, 5:, 3:]),
}


@pytest.mark.parametrize("manipulation", MANIPULATIONS)
@pytest.mark.parametrize("picture", PICTURES)
def test_the_payload_survives_what_people_do_to_pictures(picture: str, manipulation: str) -> None:
    marked = OURS.embed(PICTURES[picture], PAYLOAD)
    assert OURS.find(MANIPULATIONS[manipulation](marked)).payload == PAYLOAD


@pytest.mark.parametrize("picture", PICTURES)
def test_nobody_sees_it(picture: str) -> None:
    before, marked = PICTURES[picture].float(), OURS.embed(PICTURES[picture], PAYLOAD).float()
    assert 10 * torch.log10(255**2 / (marked - before).square().mean()) > 35
    assert (marked - before).abs().max() < 30


@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_without_a_mark_has_none_whatever_the_key(picture: str) -> None:
    assert not OURS.find(PICTURES[picture]).found
    assert not Watermark(b"x" * 32).find(OURS.embed(PICTURES[picture], PAYLOAD)).found


@pytest.mark.parametrize("size", [(96, 96), (200, 120), (512, 512), (1024, 640)])
def test_every_size_can_be_marked(size: tuple[int, int]) -> None:
    marked = OURS.embed(scaled(PICTURES["cat"], *size), PAYLOAD)
    assert marked.shape == (3, size[1], size[0])
    assert OURS.find(marked).payload == PAYLOAD


@pytest.mark.parametrize("payload", [0, 1, 2**64 - 1])
def test_every_payload_can_be_read(payload: int) -> None:
    assert OURS.find(OURS.embed(PICTURES["cat"], payload)).payload == payload


def test_marks_of_this_version_are_found_by_every_other() -> None:
    """A pinned trace of the pattern: when it changes, pictures that are out in the world are lost."""
    grey = PICTURES["grey"]
    added = OURS.embed(grey, PAYLOAD).int() - grey.int()
    assert added[0, 0, :12].tolist() == PINNED


@pytest.mark.parametrize(
    "pixels",
    [torch.full((3, 64, 64), torch.nan), torch.zeros(3, 64, 64), torch.zeros(4, 64, 64, dtype=torch.uint8),
     torch.zeros(64, 64, dtype=torch.uint8)],
    ids=["NaN", "float", "four channels", "no channels"],
)  # fmt: skip
def test_what_is_no_picture_is_not_marked(pixels: Tensor) -> None:
    with pytest.raises(ValueError, match="expected uint8"):
        OURS.embed(pixels, PAYLOAD)
