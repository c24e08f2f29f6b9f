"""`gardefou banned`: bans from the terminal, and lists that travel in the shape of ThreatExchange."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from gateway.cli import app
from safety.fingerprint import fingerprint
from tests.look_alikes import detailed, pixels_of


def banned(data: Path, *arguments: str | Path) -> Result:
    told = [str(argument) for argument in arguments]
    return CliRunner().invoke(app, ["banned", *told, "--data", str(data)])


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    detailed().save(path)
    return path


def added(data: Path, picture: Path, *more: str) -> dict[str, Any]:
    ended = banned(data, "add", picture, "--category", "gore", "--reason", "seen before", "--json", *more)
    assert ended.exit_code == 0, ended.output
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_a_picture_is_banned_listed_and_lifted(tmp_path: Path, picture: Path) -> None:
    told = added(tmp_path, picture, "--days", "90")
    assert told["added"] == 1
    assert added(tmp_path, picture)["banned already"] == 1
    (ban,) = json.loads(banned(tmp_path, "list", "--json").stdout)["data"]
    assert (ban["id"], ban["hash"], ban["state"]) == (told["id"], fingerprint(pixels_of(detailed())).hash, "stands")
    assert "gore" in banned(tmp_path, "list").stdout
    assert banned(tmp_path, "disable", told["id"], "--why", "a mistake").exit_code == 0
    assert "lifted" in banned(tmp_path, "list").stdout
    assert banned(tmp_path, "disable", "ban_none", "--why", "x").exit_code == 2
    ended = CliRunner().invoke(app, ["ledger", "verify"], env={"GARDEFOU_DATA": str(tmp_path)})
    assert ended.exit_code == 0


@pytest.mark.parametrize("option", [(), ("--csv",)])
def test_what_is_exported_is_imported_elsewhere(tmp_path: Path, picture: Path, option: tuple[str, ...]) -> None:
    added(tmp_path, picture)
    shared = tmp_path / "shared"
    shared.write_text(banned(tmp_path, "export", *option).stdout)
    ended = banned(tmp_path / "elsewhere", "import", shared, "--json")
    assert json.loads(ended.stdout)["added"] == 1
    assert banned(tmp_path / "elsewhere", "export", *option).stdout.split()[:2] == shared.read_text().split()[:2]


def test_a_file_with_a_bad_line_is_refused_whole_by_line_and_field(tmp_path: Path) -> None:
    shared = tmp_path / "shared.csv"
    good = "ab" * 32
    shared.write_text(f"signal_type,signal_str,tags\npdq,{good},gore\npdq,{good[:-1]},gore\n")
    ended = banned(tmp_path, "import", shared)
    assert ended.exit_code == 2
    assert f"{shared}:3: signal_str: should be 64 hexadecimal digits" in ended.stderr
    assert json.loads(banned(tmp_path, "list", "--json").stdout)["data"] == []


def test_a_plain_picture_and_what_is_none_are_not_banned(tmp_path: Path) -> None:
    plain, text = tmp_path / "plain.png", tmp_path / "text.png"
    Image.new("RGB", (256, 256), (90, 160, 120)).save(plain)
    text.write_text("no picture")
    for path, code in ((plain, 1), (text, 2), (tmp_path / "missing.png", 3)):
        assert banned(tmp_path, "add", path, "--category", "gore", "--reason", "x").exit_code == code
