"""`gardefou evaluate pictures`: the real scorer over labelled pictures, and a calibration for a model that has none."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from typer.testing import CliRunner, Result

from gateway.assembly import load_picture_scorer
from gateway.cli import app
from gateway.settings import Settings
from policies.identity import write_manifest
from policies.signals import Category
from safety.canary_pictures import cat, knife
from safety.checks.image_concepts import ImageConcepts
from safety.concept_banks import Calibrations
from safety.pictures import HEADS, SHIPPED
from tests.safety.pictures_drawn_here import drawing_of_house, skull

WEIGHTS = "open_clip_model.safetensors"
VARIANTS = 12


def evaluate(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", "pictures", *map(str, arguments)])


def varied(picture: Tensor, number: int) -> Image.Image:
    """Moved, turned a little, darker or lighter: so that no two pictures are the same."""
    image = Image.fromarray(picture.permute(1, 2, 0).numpy()).resize((96, 96))
    turned = image.rotate(7 * number - 40, fillcolor="white", translate=(number % 5 - 2, number % 3 - 1))
    return turned.point([min(255, round(level * (0.85 + number / 80))) for level in range(256)] * 3)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Knives, skulls, cats and houses; the odd ones to measure, the even ones to fit on."""
    folder = tmp_path_factory.mktemp("pictures")
    lines = ["file,shows,unclear,use"]
    for name, draw, shows in (
        ("knife", knife, "weapons"),
        ("skull", skull, "shocking"),
        ("cat", cat, ""),
        ("house", drawing_of_house, ""),
    ):
        for number in range(2 * VARIANTS):
            varied(draw(), number).save(folder / f"{name}-{number}.png")
            lines.append(f"{name}-{number}.png,{shows},,{'evaluate' if number % 2 else 'calibrate'}")
    (folder / "labels.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="module", params=["with heads", "phrases alone"])
def another_model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that nothing was fitted for."""
    folder = tmp_path_factory.mktemp("model") / "another"
    shutil.copytree(SHIPPED, folder)
    weights = load_file(folder / WEIGHTS)
    weights["logit_scale"] = torch.tensor(3.0)
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    if request.param == "phrases alone":
        (folder / HEADS).unlink()
    write_manifest(folder, "another")
    return folder


def test_the_shipped_scorer_is_judged_by_its_own_thresholds(labelled: Path, tmp_path: Path) -> None:
    scores, plot = tmp_path / "scores.csv", tmp_path / "curves.png"
    ended = evaluate(labelled, "--scores", scores, "--plot", plot, "--json")
    assert ended.exit_code == 0, ended.stderr
    told = json.loads(ended.stdout)
    assert told["model"]["name"] == "clip-nano"
    assert told["pictures"] == 8 * VARIANTS
    found = {card["subject"]: card for card in told["subjects"]}
    assert found.keys() == {"weapons", "shocking"}, "subjects that no picture shows have no figures"
    for card in found.values():
        assert (card["shown"], card["benign"]) == (2 * VARIANTS, 6 * VARIANTS)
        assert card["flag"]["threshold"] <= card["block"]["threshold"]
        assert card["at_one_percent"]["recall"]["low"] <= card["at_one_percent"]["recall"]["value"]
        assert 0 <= card["calibration"]["error"] <= 1
    assert found["shocking"]["auroc"]["value"] > 0.9
    assert plot.read_bytes().startswith(b"\x89PNG")
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 * VARIANTS
    assert all(0 <= float(row["weapons"]) <= 1 for row in rows)


def test_a_model_without_a_calibration_gets_one_and_the_service_scores_by_it(
    labelled: Path, another_model: Path, tmp_path: Path
) -> None:
    before = evaluate(labelled, "--model", another_model)
    assert before.exit_code == 0, before.stderr
    assert "uncalibrated" in before.stdout

    file = tmp_path / "another.yaml"
    fitted = evaluate(labelled, "--model", another_model, "--fit", file, "--json")
    assert fitted.exit_code == 0, fitted.stderr
    told = json.loads(fitted.stdout)
    assert told["fitted"] == ["shocking", "weapons"]
    assert told["pictures"] == 4 * VARIANTS, "what was fitted on is not measured on"
    assert all(card["block"] for card in told["subjects"])

    again = json.loads(evaluate(labelled, "--model", another_model, "--calibration", file, "--json").stdout)
    assert again["subjects"][0]["block"]["threshold"] == told["subjects"][0]["block"]["threshold"]

    embedder, banks = load_picture_scorer(Settings(picture_scorer=str(another_model), picture_calibration=file))
    (signals,) = ImageConcepts(embedder, banks).check(embedder.embed([knife()]))
    calibrated = {signal.subject for signal in signals if signal.calibrated}
    assert calibrated == {Category.WEAPONS, Category.SHOCKING}


def test_a_file_of_one_model_leaves_another_uncalibrated(labelled: Path, another_model: Path, tmp_path: Path) -> None:
    file = tmp_path / "another.yaml"
    assert evaluate(labelled, "--model", another_model, "--fit", file).exit_code == 0
    _, banks = load_picture_scorer(Settings(picture_calibration=file))
    shipped = Calibrations.read(file).calibrations["weapons"]
    assert banks["weapons"].calibration_for("0" * 64) is None
    assert banks["weapons"].calibration_for(shipped.checkpoint) == shipped
    assert len(banks["weapons"].calibrations) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("file,shows\nknife-0.png,guns\n", "labels.csv, line 2: no subject guns"),
        ("file,shows\nabsent.png,weapons\n", "labels.csv, line 2: there is no file"),
        ("file,shows\nlabels.csv,weapons\n", "line 2: "),
    ],
)
def test_a_row_that_cannot_be_used_is_told_by_its_line(tmp_path: Path, content: str, told: str) -> None:
    Image.new("RGB", (32, 32)).save(tmp_path / "knife-0.png")
    (tmp_path / "labels.csv").write_text(content)
    ended = evaluate(tmp_path)
    assert ended.exit_code == 2
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr


def test_too_few_pictures_to_fit_or_plot_are_told(labelled: Path, tmp_path: Path) -> None:
    few = tmp_path / "labels.csv"
    shutil.copy(labelled / "cat-0.png", tmp_path)
    few.write_text("file,shows,use\ncat-0.png,,calibrate\n")
    ended = evaluate(few, "--fit", tmp_path / "out.yaml")
    assert ended.exit_code == 2
    assert "no subject is shown by 10" in ended.stderr
    assert not (tmp_path / "out.yaml").exists()
    assert "a plot needs" in evaluate(few, "--plot", tmp_path / "out.png").stderr
    assert evaluate(few, "--scores", tmp_path / "nowhere" / "out.csv").exit_code == 2


@pytest.mark.parametrize("content", ["model: a\n", "model: a\ncalibrations: {weapons: {flag: 2}}\n", "[", ""])
def test_a_malformed_calibration_is_refused_by_name(labelled: Path, tmp_path: Path, content: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(content)
    ended = evaluate(labelled, "--calibration", file)
    assert ended.exit_code == 4
    assert "broken.yaml" in ended.stderr
