"""The blind naming test: its prompts come from a rule, its tiles tell nothing, its scorer is fair."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from generator.training import gallery, naming_test
from generator.training.compositions import held_out, may_be_learnt, never_seen, pair_of, seen_at_first
from generator.training.concepts import load_concepts
from generator.training.gallery_prompts import gallery_prompts
from generator.training.naming import (
    Key,
    Tile,
    UnusableNames,
    folded,
    judge,
    known_names,
    read_accepted,
    read_key,
    read_names,
)
from generator.training.naming_test import write_test
from generator.training.scenes import SceneMaker
from policies.identity import ModelIdentity
from tests.fakes import FakeGenerator

CONCEPTS = load_concepts()
KNOWN = known_names(CONCEPTS)
MODEL = ModelIdentity("dalle-nano", "0" * 64)
ONE = Tile(1, "a cat", ("a cat",), never_seen=False)
TWO = Tile(2, "a dog and a skull", ("a dog", "a skull"), never_seen=True)
KEY = Key(MODEL, (ONE, TWO))


def right(names: dict[int, tuple[str, ...]], accepted: frozenset[tuple[str, str]] = frozenset()) -> list[bool]:
    return [each.right for each in judge(KEY, names, KNOWN, accepted)]


def test_the_gallery_is_half_single_things_and_half_pairs_in_each_language_and_the_same_each_time() -> None:
    prompts = gallery_prompts(CONCEPTS)
    assert [prompt.number for prompt in prompts] == list(range(1, 65))
    for language in ("en", "fr"):
        of_language = [prompt for prompt in prompts if prompt.language == language]
        assert [len(prompt.things) for prompt in of_language] == [1] * 16 + [2] * 16
        assert sum(prompt.never_seen for prompt in of_language) >= 8
        things = [thing.index for prompt in of_language for thing in prompt.things]
        assert len(things) == len(set(things))
    assert prompts == gallery_prompts(CONCEPTS)
    assert prompts != gallery_prompts(CONCEPTS, seed=1)


def test_what_is_called_never_seen_is_in_no_scene_that_training_makes() -> None:
    maker = SceneMaker(CONCEPTS, 5)
    scenes = [scene for scene in (maker.pair() for _ in range(2000)) if pair_of(scene)]
    new = [scene for scene in scenes if never_seen(scene)]
    assert 0.02 < len(new) / len(scenes) < 0.15
    assert not any(may_be_learnt(scene) for scene in new)
    assert not {pair_of(scene) for scene in new} & seen_at_first()
    assert may_be_learnt(maker.alone())


@given(st.sets(st.integers(0, 239), min_size=2, max_size=2))
def test_holding_out_does_not_depend_on_who_comes_first(things: set[int]) -> None:
    first, second = things
    assert held_out(frozenset((first, second))) == held_out(frozenset((second, first)))


def test_tiles_tell_nothing_and_the_key_lies_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming_test, "create_generator", lambda *_: FakeGenerator())
    folder, key = tmp_path / "blind", tmp_path / "key.json"
    write_test(folder, key, None, seed=3, order=1)
    tiles = sorted(path.name for path in folder.iterdir())
    assert tiles == [
        *(f"{number:02}.png" for number in range(1, 65)),
        *(f"sheet-{number}.png" for number in range(1, 5)),
    ]
    for path in folder.iterdir():
        with Image.open(path) as picture:
            assert picture.info == {}
    told = read_key(key)
    prompts = [prompt.text for prompt in gallery_prompts(CONCEPTS, 3)]
    assert sorted(tile.prompt for tile in told.tiles) == sorted(prompts)
    assert [tile.prompt for tile in told.tiles] != prompts


@pytest.mark.parametrize(
    ("said", "name"),
    [("Cat", "a cat"), ("le chaton", "a cat"), ("kittens", "a cat"), ("une TÊTE de mort", "a skull"),
     ("tete-de-mort", "a skull"), ("oeuf", "an egg"), ("chevaux", "a horse"), ("l’eau", "l'eau")],
)  # fmt: skip
def test_synonyms_of_both_languages_count_whatever_their_spelling(said: str, name: str) -> None:
    assert folded(said) in KNOWN.get(name, {folded(name)})


def test_one_thing_is_right_by_the_first_word_alone() -> None:
    assert right({1: ("chat",)})[0]
    assert right({1: ("cat", "moon")})[0]
    assert not right({1: ("dog", "cat")})[0]
    assert not right({})[0]


def test_of_two_things_both_must_be_named_in_any_order_and_one_is_half() -> None:
    assert right({2: ("crâne", "dog")})[1]
    half = judge(KEY, {2: ("skull", "cat")}, KNOWN, frozenset())[1]
    assert not half.right
    assert half.found == {"a skull"}
    assert not right({2: ("dog", "dog")})[1]


def test_one_word_accepted_for_both_things_names_only_one_of_them() -> None:
    accepted = frozenset({("thing", "dog"), ("thing", "skull")})
    assert not right({2: ("thing",)}, accepted)[1]
    assert right({2: ("thing", "a thing")}, accepted)[1]


def test_accepted_words_are_read_and_count(tmp_path: Path) -> None:
    path = tmp_path / "accepted.csv"
    path.write_text("said,meant\nPuppy dog,a dog\nfeline,a cat\n")
    assert right({1: ("Feline",)}, read_accepted(path))[0]


def test_a_table_of_a_spreadsheet_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("number,thing1,thing2,note\n1, Cat ,,sure\n2,skull,dog,\n", "utf-8-sig")
    assert read_names(path) == {1: ("Cat",), 2: ("skull", "dog")}


@pytest.mark.parametrize(
    "content",
    ["number,thing1\n1,cat\n", "number,thing1,thing2\n1,cat,\n1,dog,\n", "number,thing1,thing2\none,cat,\n", ""],
)
def test_a_table_that_is_none_is_told_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "names.csv"
    path.write_text(content)
    with pytest.raises(UnusableNames, match=r"names\.csv"):
        read_names(path)


def test_names_for_tiles_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UnusableNames, match="3"):
        right({3: ("cat",)})


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": {"name": "x", "sha256": "y"}, "tiles": [{}]}'])
def test_a_key_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(content)
    with pytest.raises(UnusableNames):
        read_key(path)


def test_a_key_comes_back_as_it_was_written(tmp_path: Path) -> None:
    KEY.write(tmp_path / "key.json")
    assert read_key(tmp_path / "key.json") == KEY


def test_the_right_names_are_all_right(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    prompts = gallery_prompts(CONCEPTS)
    tiles = tuple(
        Tile(prompt.number, prompt.text, tuple(thing.names["en"][0] for thing in prompt.things), prompt.never_seen)
        for prompt in prompts
    )
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["number", "thing1", "thing2"])
        rows.writerows(
            [prompt.number, *(thing.names["fr"][-1] for thing in prompt.things), ""][:3] for prompt in prompts
        )
    assert all(each.right for each in judge(Key(MODEL, tiles), read_names(path), KNOWN, frozenset()))


def test_a_score_stands_in_the_gallery_only_beside_the_weights_it_was_found_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "create_generator", lambda *_: FakeGenerator())
    (tmp_path / "naming-test").mkdir()
    score = tmp_path / gallery.SCORE
    for sha256, shown in ((FakeGenerator().identity.sha256, True), ("1" * 64, False)):
        score.write_text(f"nine of ten, sha256 `{sha256}`\n")
        gallery.write_gallery(tmp_path, None)
        page = (tmp_path / gallery.PAGE).read_text("utf-8")
        assert ("nine of ten" in page) == shown
        assert page.count("\\*") >= 16
        assert "64. " in page
    assert {path.name for path in tmp_path.glob("*.png")} == {f"gallery-dalle-nano-{each}.png" for each in ("en", "fr")}
