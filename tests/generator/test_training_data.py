"""The training data of dalle-nano: its words and its scenes, without the artwork."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from generator.dalle_mini.tokenizer import TextTokenizer
from generator.registry import NANO_FOLDER
from generator.training.backgrounds import CELL, COLOURS, PLACES, SIDE
from generator.training.captions import Captioner, plain_prompt
from generator.training.concepts import load_concepts, without_article
from generator.training.patch_codes import CODES, CODES_FILE, encode, load_codes, save_codes
from generator.training.recover_codes import means
from generator.training.scenes import Scene, SceneMaker, Thing, render
from generator.training.sheets import sheet

CONCEPTS = load_concepts()


def scenes(number: int) -> list[Scene]:
    maker = SceneMaker(CONCEPTS, 0)
    return [maker.any() for _ in range(number)]


def test_no_name_means_two_things() -> None:
    for language in ("en", "fr"):
        names = [name for concept in CONCEPTS for name in concept.names[language]]
        assert len(names) == len(set(names))


def test_every_thing_has_a_picture_and_a_name_in_both_languages() -> None:
    for concept in CONCEPTS:
        assert concept.emoji
        assert concept.names["en"]
        assert concept.names["fr"]


@pytest.mark.parametrize("name", ["a cat", "a dog", "the moon", "a firefighter", "a knife", "a drop of blood"])
def test_the_things_the_product_needs_are_known(name: str) -> None:
    known = {known_name for concept in CONCEPTS for known_name in concept.names["en"]}
    assert name in known


@pytest.mark.parametrize(
    ("name", "bare"), [("a cat", "cat"), ("une souris", "souris"), ("l'eau", "l'eau"), ("de l'argent", "argent")]
)
def test_an_article_can_be_left_out(name: str, bare: str) -> None:
    assert without_article(name) == bare


def test_captions_fit_the_text_encoder_and_need_no_unknown_token() -> None:
    tokenizer = TextTokenizer(NANO_FOLDER / "tokenizer.json", 64)
    captioner = Captioner(0)
    for scene in scenes(300):
        ids = tokenizer.ids(captioner(scene))
        assert len(ids) < 40
        assert 3 not in ids


def test_things_in_one_scene_do_not_overlap_and_stay_inside() -> None:
    for scene in scenes(300):
        covered = np.zeros((12, 12), int)
        for left, top, size in scene.boxes:
            assert left + size <= 12
            assert top + size <= 12
            covered[top : top + size, left : left + size] += 1
        assert covered.max() == 1


class RedSquares:
    """Drawings that are all the same opaque red."""

    def render(self, emoji: str, size: int) -> NDArray[np.float32]:
        """(size, size, 4)."""
        return np.tile(np.array([1, 0, 0, 1], np.float32), (size, size, 1))


def test_a_scene_is_drawn_where_its_boxes_are() -> None:
    scene = SceneMaker(CONCEPTS, 0).coloured()
    picture = render(scene, RedSquares())
    assert picture.shape == (SIDE, SIDE, 3)
    assert picture[SIDE // 2, SIDE // 2].tolist() == [1, 0, 0]
    np.testing.assert_allclose(picture[0, 0] * 255, COLOURS[scene.background], atol=1e-3)


def test_backgrounds_look_different() -> None:
    maker = SceneMaker(CONCEPTS, 0)
    places = {scene.background: render(scene, RedSquares()) for scene in (maker.placed() for _ in range(200))}
    assert places.keys() == PLACES.keys()
    for first, second in itertools.combinations(places.values(), 2):
        assert not np.allclose(first, second, atol=0.1)


def test_a_plain_prompt_says_what_is_there_in_the_fewest_words() -> None:
    by_name = {concept.names["en"][0]: concept for concept in CONCEPTS}
    cat, skull = (Thing(by_name[name], by_name[name].emoji[0]) for name in ("a cat", "a skull"))
    box = (0, 0, 6)
    assert plain_prompt(Scene((cat,), (box,), "white"), "en") == "a cat"
    assert plain_prompt(Scene((cat,), (box,), "red"), "fr") == "un chat sur fond rouge"
    assert plain_prompt(Scene((cat, skull), (box, box), "moon"), "en") == "a cat and a skull on the moon"


def test_the_mix_says_which_scenes_are_made() -> None:
    maker = SceneMaker(CONCEPTS, 0, (0, 0, 0, 1, 0))
    assert all(len({thing.concept.index for thing in maker.any().things}) == 2 for _ in range(50))


def test_the_codes_that_training_goes_on_with_are_kept_and_survive_a_file(tmp_path: Path) -> None:
    centres = load_codes(CODES_FILE)
    assert centres.shape == (CODES, 3 * CELL * CELL)
    assert 0 <= float(centres.min()) < float(centres.max()) <= 1
    save_codes(centres, tmp_path / "codes.safetensors")
    assert torch.equal(load_codes(tmp_path / "codes.safetensors"), centres)


def test_a_code_whose_cell_is_drawn_is_found_again() -> None:
    centres = torch.unique(load_codes(CODES_FILE), dim=0)
    codes = torch.arange(144)
    drawn = functional.fold(centres[codes].T[None], (SIDE, SIDE), CELL, stride=CELL)
    assert torch.equal(encode(drawn, centres)[0], codes)


def test_the_mean_cell_of_a_code_replaces_a_guess_and_an_unused_code_keeps_its_own() -> None:
    guess = torch.rand(CODES, 4)
    better = means(torch.tensor([3, 3, 5]), torch.tensor([[0.0] * 4, [1.0] * 4, [0.25] * 4]), guess)
    assert better[3].tolist() == [0.5] * 4
    assert better[5].tolist() == [0.25] * 4
    assert torch.equal(better[6:], guess[6:])


def test_a_sheet_has_room_for_every_tile_and_its_text() -> None:
    tiles = [torch.zeros(3, 32, 32, dtype=torch.uint8)] * 5
    drawn = sheet(tiles, ["une crêpe très très très très longue", *"abcd"], columns=4, tile=32)
    assert drawn.size[0] >= 4 * 32
    assert drawn.size[1] >= 2 * 32
    assert drawn.getpixel((10, 10)) == (0, 0, 0)
    assert drawn.getcolors(10_000) is not None
