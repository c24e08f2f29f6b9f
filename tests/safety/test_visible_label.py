"""The letters AI can be read on any picture of any usual size, and cover a corner and no more."""

import pytest
import torch
from torch import Tensor

from safety.provenance.visible_label import label
from safety.provenance.watermark import KEY_BYTES, Watermark

SIDES = (64, 256, 512, 1024)
CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3: of text with what is behind it."""


def flat(side: int, grey: int, wide: int | None = None) -> Tensor:
    return torch.full((3, side, wide or side), grey, dtype=torch.uint8)


def changed(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns that the label touches."""
    places = (before != after).any(0).nonzero()
    return places[:, 0], places[:, 1]


def luminance(grey: float) -> float:
    share = grey / 255
    return float(share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("grey", [0, 90, 128, 200, 255])
def test_the_letters_stand_out_from_their_plate_on_light_and_dark_pictures(side: int, grey: int) -> None:
    after = label(flat(side, grey))
    height = max(16, round(0.085 * side))
    plate = after[0, side - round(1.25 * height) : side - round(0.25 * height), -round(1.75 * height) : -height // 4]
    inner = plate[height // 4 : -height // 4, height // 5 : -height // 5].float()
    letters, ground = float(inner.max()), float(inner.quantile(0.3))
    assert (luminance(letters) + 0.05) / (luminance(ground) + 0.05) >= CONTRAST
    assert 0.15 < float((inner > 200).float().mean()) < 0.65


@pytest.mark.parametrize("side", SIDES)
def test_it_covers_a_corner_and_leaves_the_rest_as_it_was(side: int) -> None:
    before = flat(side, 128)
    rows, columns = changed(before, label(before))
    assert rows.min() > 0.6 * side
    assert columns.min() > 0.55 * side
    assert max(rows.max(), columns.max()) < side - 2
    assert len(rows) < 0.16 * side * side


@pytest.mark.parametrize(("high", "wide"), [(256, 1024), (1024, 256), (8, 8), (20, 300)])
def test_wide_high_and_very_small_pictures_keep_their_shape(high: int, wide: int) -> None:
    before = flat(high, 100, wide)
    after = label(before)
    assert after.shape == before.shape
    assert not torch.equal(after, before)
    assert torch.equal(before, flat(high, 100, wide))  # the one that was given is left alone


def test_it_is_always_the_same_for_the_same_picture() -> None:
    picture = torch.randint(0, 256, (3, 128, 128), dtype=torch.uint8)
    assert torch.equal(label(picture), label(picture))


@pytest.mark.parametrize("side", [256, 512])
def test_the_watermark_is_read_from_a_labelled_picture(side: int) -> None:
    watermark, payload = Watermark(bytes(KEY_BYTES)), 0x0123456789ABCDEF
    generator = torch.Generator().manual_seed(0)
    blobs = torch.rand(1, 3, 16, 16, generator=generator) * 200 + 20
    picture = torch.nn.functional.interpolate(blobs, (side, side), mode="bicubic")[0].clamp(0, 255).to(torch.uint8)
    assert watermark.find(watermark.embed(label(picture), payload)).payload == payload
