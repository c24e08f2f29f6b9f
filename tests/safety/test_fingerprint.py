"""A picture is known again after what happens to pictures on their way, and told from others."""

import itertools

import numpy as np
import pdqhash
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safety.fingerprint import LARGEST_SIDE, NotHashable, fingerprint
from safety.hashes import QUALITY_FLOOR, RADIUS, distance
from tests.look_alikes import detailed, pixels_of, recompressed

TURNED = (None, *Image.Transpose)


def nearest(one: Image.Image, other: Image.Image) -> int:
    """Bits between the hash of one and the nearest of the eight forms of the other."""
    seen = fingerprint(pixels_of(one)).hash
    return min(distance(seen, bytes(form).hex()) for form in fingerprint(pixels_of(other)).forms)


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), width=st.integers(64, 300), height=st.integers(64, 300))
def test_the_hash_is_that_of_the_reference_implementation(seed: int, width: int, height: int) -> None:
    picture = detailed(seed).resize((width, height))
    bits, quality = pdqhash.compute(np.array(picture))
    seen = fingerprint(pixels_of(picture))
    assert (seen.hash, seen.quality) == (np.packbits(bits.astype(np.uint8)).tobytes().hex(), quality)


@pytest.mark.parametrize("turn", TURNED, ids=str)
def test_turned_or_mirrored_it_is_the_very_same(turn: Image.Transpose | None) -> None:
    picture = detailed(3, 200)
    assert nearest(picture, picture if turn is None else picture.transpose(turn)) == 0


@pytest.mark.parametrize("turn", TURNED, ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_it_is_known_again_after_jpeg_and_at_half_the_size(seed: int, turn: Image.Transpose | None) -> None:
    picture = detailed(seed)
    other = picture if turn is None else picture.transpose(turn)
    assert nearest(picture, recompressed(other, 50)) <= RADIUS
    assert nearest(picture, other.resize((128, 128))) <= RADIUS
    assert nearest(picture, recompressed(other.resize((128, 128)), 50)) <= RADIUS


def test_other_pictures_are_far_away() -> None:
    pictures = [detailed(seed) for seed in range(8)]
    assert min(nearest(one, other) for one, other in itertools.combinations(pictures, 2)) > 2 * RADIUS


def test_a_large_picture_is_averaged_down_first() -> None:
    large = detailed(5, 2 * LARGEST_SIDE)
    assert nearest(large, large.resize((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.BOX)) <= 2


def test_a_plain_picture_is_not_telling_and_a_detailed_one_is() -> None:
    assert not fingerprint(torch.full((3, 128, 128), 90, dtype=torch.uint8)).is_telling
    assert fingerprint(pixels_of(detailed())).quality >= QUALITY_FLOOR


@pytest.mark.parametrize(
    "picture",
    [torch.zeros(3, 64, 64), torch.zeros(1, 64, 64, dtype=torch.uint8), torch.zeros(64, 64, dtype=torch.uint8),
     torch.zeros(3, 0, 64, dtype=torch.uint8), torch.zeros(3, 7, 64, dtype=torch.uint8)],
    ids=["floats", "grey", "flat", "empty", "thin"],
)  # fmt: skip
def test_what_cannot_be_hashed_is_said_so(picture: torch.Tensor) -> None:
    with pytest.raises(NotHashable):
        fingerprint(picture)
