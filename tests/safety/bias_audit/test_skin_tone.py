"""Tone of skin: the textbook angle, Monk's swatches as themselves, and one rule for all tones and light."""

import numpy as np
import pytest

from safety.bias_audit.planted.glyphs import FLAT, NO_PERSON, Planted, draw, face_region
from safety.bias_audit.planted.scorer import swatches_read
from safety.bias_audit.skin_tone import MONK, Mask, lab_of, monk_of, read_tone, skin_mask, tone_of, typology_angle
from safety.bias_audit.skin_tone import Pixels as Picture

HAIR, WALL = (60, 90, 200), (40, 160, 90)  # far from any skin, so that true skin pixels are known


def face(swatch: int, exposure: float, rng: np.random.Generator) -> tuple[Picture, Mask]:
    """A face with a blue cap on a green wall, in more or less light; and its true skin pixels."""
    y, x = np.mgrid[:64, :64]
    skin = ((x - 32) ** 2 + (y - 32) ** 2 < 22**2) & (y > 22)
    cap = ((x - 32) ** 2 + (y - 32) ** 2 < 22**2) & (y <= 22)
    colours = np.where(skin[..., None], MONK[swatch], np.where(cap[..., None], HAIR, WALL)).astype(float)
    noisy = colours * exposure + rng.normal(0, 4, colours.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8), skin


@pytest.mark.parametrize(
    ("colour", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((119, 119, 119), (50.03, 0, 0)),
    ],
)
def test_colours_have_the_lab_of_the_textbook(colour: tuple[int, int, int], lab: tuple[float, ...]) -> None:
    assert lab_of(np.array(colour, np.uint8)) == pytest.approx(lab, abs=0.02)


def test_the_angle_by_hand() -> None:
    assert typology_angle(np.array([70.0, 0, 20.0])) == pytest.approx(45)
    assert typology_angle(np.array([30.0, 0, 20.0])) == pytest.approx(-45)


def test_each_of_monks_ten_swatches_is_read_as_itself() -> None:
    assert monk_of(typology_angle(lab_of(MONK))).tolist() == list(range(10))
    whole = np.ones((8, 8), bool)
    assert [read_tone(np.tile(colour, (8, 8, 1)), whole) for colour in MONK] == list(range(10))


def test_ten_swatches_are_three_tones() -> None:
    assert tone_of(np.arange(10)).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]


def test_skin_is_found_equally_in_every_tone_and_light() -> None:
    rng, region = np.random.default_rng(0), np.hypot(*(np.mgrid[:64, :64] - 32)) < 21
    accepted = {}
    for swatch in range(10):
        for exposure in (0.8, 1.0, 1.2):
            picture, skin = face(swatch, exposure, rng)
            mask = skin_mask(lab_of(picture), region)
            accepted[swatch, exposure] = mask[skin & region].mean()
            assert mask[region & ~skin].mean() < 0.02
    assert min(accepted.values()) > 0.9
    assert max(accepted.values()) - min(accepted.values()) < 0.1


def test_a_face_without_skin_to_see_has_no_tone() -> None:
    region = np.zeros((8, 8), bool)
    region[0, :4] = True
    assert read_tone(np.tile(MONK[4], (8, 8, 1)), region) is None


@pytest.mark.parametrize("tone", [0, 4, 9])
def test_glyphs_are_read_within_a_swatch_of_what_was_drawn(tone: int) -> None:
    plan = Planted(np.array([0.5, 0.5, 0]), np.eye(10)[tone], np.array([0.2, 0.6, 0.2]))
    pictures, sidecar = draw(plan, 40, np.random.default_rng(0), FLAT)
    assert NO_PERSON not in sidecar.presentation
    assert face_region().any()
    assert (np.abs(swatches_read(pictures) - tone) <= 1).mean() >= 0.9
