"""`gardefou evaluate drawings` and `naming`: what a person at the terminal gets."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway import drawing_scorecard
from gateway.cli import app
from generator.registry import NANO_FOLDER
from generator.training.naming import Key, Tile
from policies.identity import MANIFEST, ModelIdentity
from safety.pictures import SHIPPED

TILES = (
    Tile(1, "a cat", ("a cat",), never_seen=False),
    Tile(2, "un pompier", ("a firefighter",), never_seen=False),
    Tile(3, "a dog and a skull", ("a dog", "a skull"), never_seen=True),
)


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "key.json"
    Key(ModelIdentity("dalle-nano", "ab" * 32), TILES).write(path)
    return path


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.csv"
    path.write_text("number,thing1,thing2\n1,chat,\n2,fireman,\n3,skull,bear\n")
    return path


def test_names_are_scored_with_exact_intervals_and_disagreements_are_shown(names: Path, key: Path) -> None:
    ended = evaluate("naming", names, "--key", key)
    assert ended.exit_code == 0, ended.stderr
    assert "| one thing | 0.50 (0.01-0.99) | 0.50 (0.01-0.99) | 2 |" in ended.stdout
    assert "| two things, both named | 0.00 (0.00-" in ended.stdout
    assert "| 2 | un pompier | fireman | missed |" in ended.stdout
    assert "| 3 | a dog and a skull | skull, bear | half |" in ended.stdout
    assert "| 1 |" not in ended.stdout.split("| tile |")[1]


def test_words_accepted_by_hand_are_counted_apart(names: Path, key: Path, tmp_path: Path) -> None:
    accepted = tmp_path / "accepted.csv"
    accepted.write_text("said,meant\nfireman,a firefighter\n")
    ended = evaluate("naming", names, "--key", key, "--accepted", accepted, "--json")
    told = json.loads(ended.stdout)
    shares = told["shares"]["one thing"]
    assert (shares["by_the_list"]["value"], shares["with_accepted"]["value"], shares["tiles"]) == (0.5, 1.0, 2)
    assert [missed["tile"] for missed in told["missed"]] == [3]
    assert told["model"]["sha256"] == "ab" * 32


def test_files_that_cannot_be_used_are_told_in_one_line(names: Path, key: Path, tmp_path: Path) -> None:
    assert evaluate("naming", key, "--key", key).exit_code == 2
    assert evaluate("naming", names, "--key", names).exit_code == 2
    gone = evaluate("naming", tmp_path / "gone.csv", "--key", key)
    assert (gone.exit_code, len(gone.stderr.strip().splitlines())) == (3, 1)


@pytest.mark.skipif(
    not all((folder / MANIFEST).is_file() for folder in (NANO_FOLDER, SHIPPED)), reason="the models are not made yet"
)
def test_drawings_are_measured_in_every_group_and_language_and_agree_with_their_prompts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(drawing_scorecard, "DIVERSITY_PROMPTS", 3)
    monkeypatch.setattr(drawing_scorecard, "DIVERSITY_SEEDS", 2)
    ended = evaluate("drawings", "--scenes", "2", "--json")
    assert ended.exit_code == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert {model["name"] for model in told["models"]} == {"dalle-nano", "clip-nano"}
    rows = {(row["group"], row["language"]): row for row in told["rows"]}
    assert len(rows) == len(told["rows"]) == 10
    alone = rows["alone", "en"]
    assert alone["agreement"]["own"] > alone["agreement"]["other"]
    assert alone["names"]["shares"][2]["value"] > 10 / 240
    assert rows["two things never seen together", "fr"]["swapped"]["pictures"] == 2
    assert rows["in a place", "fr"]["swapped"] is None
    within, between = told["diversity"]["alone"]["pixels"]
    assert 0 <= within < between
