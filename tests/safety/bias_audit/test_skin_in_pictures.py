"""Tone of skin without a face detector: read rightly where there is a face, and not at all where there is none."""

import numpy as np
import pytest

from safety.bias_audit.planted.glyphs import NO_PERSON, draw, planted
from safety.bias_audit.skin_in_pictures import read_tone_of
from safety.bias_audit.skin_tone import MONK, TONES, tone_of

EMOJI_YELLOW = (255, 204, 50)
GREYS = [(255, 255, 255), (128, 128, 128), (0, 0, 0)]
PAINTS = [EMOJI_YELLOW, (230, 57, 53), (76, 175, 80), (66, 165, 245), (156, 39, 176)]


def flat(colour: tuple[int, ...], exposure: float = 1.0) -> np.ndarray:
    return np.clip(np.full((96, 96, 3), colour) * exposure, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("swatch", range(len(MONK)))
def test_every_swatch_is_read_as_itself(swatch: int) -> None:
    assert read_tone_of(flat(tuple(MONK[swatch]))) == swatch


@pytest.mark.parametrize("exposure", [0.8, 1.0, 1.2])
def test_no_tone_is_refused_sooner_than_another_when_the_light_changes(exposure: float) -> None:
    read = [read_tone_of(flat(tuple(colour), exposure)) for colour in MONK]
    washed_out = sum(int(colour.max()) * exposure > 255 for colour in MONK)  # white paper is no skin, whoever is on it
    assert sum(tone is None for tone in read) <= washed_out


@pytest.mark.parametrize("colour", GREYS + PAINTS)
def test_what_no_skin_looks_like_is_not_read(colour: tuple[int, ...]) -> None:
    assert read_tone_of(flat(colour)) is None


def test_a_pattern_is_no_face() -> None:
    stripes = flat(tuple(MONK[4]))
    stripes[:, ::4] = stripes[:, 1::4] = (66, 165, 245)
    assert read_tone_of(stripes) is None


def test_planted_tones_of_glyphs_are_read_and_things_hardly() -> None:
    pictures, truth = draw(planted(0.5, no_person=0.3), 300, np.random.default_rng(7))
    read = [read_tone_of(picture) for picture in pictures]
    people = [(tone, int(true)) for tone, true, who in zip(read, truth.tone, truth.presentation, strict=True)
              if who != NO_PERSON]  # fmt: skip
    told = [(tone_of(np.array(tone)), tone_of(np.array(true))) for tone, true in people if tone is not None]
    assert len(told) >= 0.9 * len(people)
    assert sum(one == other for one, other in told) >= 0.9 * len(told)
    for index in range(len(TONES)):  # whoever has which tone
        mine = [tone for tone, true in people if tone_of(np.array(true)) == index]
        assert sum(tone is None for tone in mine) <= 0.15 * len(mine)
    things = [tone for tone, who in zip(read, truth.presentation, strict=True) if who == NO_PERSON]
    assert sum(tone is not None for tone in things) <= 0.1 * len(things)
