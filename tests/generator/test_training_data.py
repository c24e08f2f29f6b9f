"""The training data of dalle-nano: its words and its scenes, without the artwork."""

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.dalle_mini.tokenizer import TextTokenizer
from generator.registry import NANO_FOLDER
from generator.training.backgrounds import COLOURS, PLACES, SIDE
from generator.training.captions import Captioner
from generator.training.concepts import load_concepts, without_article
from generator.training.scenes import Scene, SceneMaker, render

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
