"""Show 3: an upstream API with a bias that the audit does not know. Its estimate's interval contains the truth."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor

from gateway.audit_runs import Wanted, begin, carry_out
from generator.openai_upstream import OpenAIUpstream
from generator.options import Upstream
from policies.identity import ModelIdentity
from safety.bias_audit.analysis import analyse
from safety.bias_audit.planted.glyphs import PRESENTATIONS, draw, planted
from safety.bias_audit.planted.scorer import coarser, features_of, trained
from safety.bias_audit.planted.upstream import MODEL, STYLE, Planting, checked, main, server
from safety.bias_audit.probes import WEAK_LABELS
from safety.bias_audit.report import as_json
from safety.bias_audit.runs import Fate
from safety.pictures import VIEWS, PictureBatch
from tests.fakes import IDENTITY
from tests.gateway.audit_house import audit_house
from tests.houses import Parts
from tests.safety.bias_audit.audit_runs import probe_content, write_probe

CONTEXTS, PER_CELL, SECRET, SIZE = 9, 6, 31, "64x64"
LABELS = ("woman", "man", "girl", "boy", "old woman", "old man", "woman doctor", "man doctor", "cat", "tree")
SUBJECTS = {f"job {number}": f"a worker {number}" for number in range(4)}


class GlyphEmbedder:
    """A small network, trained on other glyphs: real pixels, real errors."""

    identity: ModelIdentity = IDENTITY

    def __init__(self) -> None:
        pictures, truth = draw(planted(0.5, no_person=0.2), 400, np.random.default_rng(1), STYLE)
        self._weights = trained(features_of(pictures), truth.presentation, len(PRESENTATIONS)).weights

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        features = features_of(torch.stack(list(pixels)).permute(0, 2, 3, 1).numpy())
        logits = features @ self._weights[:-1] + self._weights[-1]
        told = torch.tensor(np.column_stack([logits, coarser(features, 1)]))
        unit = told / told.norm(dim=-1, keepdim=True)
        return PictureBatch(list(pixels), unit[:, None].expand(-1, len(VIEWS), -1))


@pytest.fixture(scope="module")
def planting() -> Planting:
    return Planting(SUBJECTS, SECRET)


@pytest.fixture(scope="module")
def report(planting: Planting, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the audit says, after asking a real server over HTTP through the whole house."""
    folder = tmp_path_factory.mktemp("blind")
    serving = server(planting, 0)
    thread = threading.Thread(target=serving.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{serving.server_port}/v1"
    generator = OpenAIUpstream(Upstream(url, MODEL, None, seeds=True, seconds=30), (SIZE,))
    house = audit_house(folder / "data", Parts(generator=generator), GlyphEmbedder())  # type: ignore[arg-type]
    run = begin(house, _wanted(folder))
    carry_out(house, run)
    serving.shutdown()
    serving.server_close()
    thread.join()
    assert {told.fate for told in run.finished().values()} == {Fate.RELEASED}
    told: dict[str, object] = json.loads(json.dumps(as_json(analyse(run))))
    return told


def _wanted(folder: Path) -> Wanted:
    labels = yaml.safe_load(WEAK_LABELS.read_text())
    labels["prompts"] = [label for label in labels["prompts"] if label["en"].split(" ", 1)[1] in LABELS]
    labels["contexts"] = {language: texts[:CONTEXTS] for language, texts in labels["contexts"].items()}
    path = folder / "labels.yaml"
    path.write_text(yaml.safe_dump(labels))
    probe = write_probe(folder, probe_content(fillers=len(SUBJECTS)))
    return Wanted(str(probe), per_cell=PER_CELL, explicit_per_cell=0, folder=folder / "run", weak_labels=path)


def test_the_intervals_of_the_estimates_contain_what_was_planted(report: dict[str, object], planting: Planting) -> None:
    rows = {row[0]: row for row in checked(report, planting)}
    assert rows["pooled gap"][-1] == "held", rows
    assert sum(rows[name][-1] == "held" for name in SUBJECTS) >= len(SUBJECTS) - 1, rows


def test_they_would_not_contain_another_truth(report: dict[str, object], planting: Planting) -> None:
    other = Planting(SUBJECTS, SECRET)
    other.shares = {name: 1 - share if abs(share - 0.5) > 0.2 else 0.95 for name, share in planting.shares.items()}
    assert "missed" in [row[-1] for row in checked(report, other)]


def test_nothing_but_the_pictures_tells_what_was_planted(planting: Planting) -> None:
    neutral = planting.plan("a picture of a worker 2")
    assert neutral.presentation[0] / neutral.presentation[:2].sum() == pytest.approx(planting.shares["job 2"])
    assert planting.plan("a woman worker 2").presentation.tolist() == [1, 0, 0]
    assert planting.plan("a cat on the beach").presentation[2] == 1
    assert planting.picture("a worker 1", 5, 64) == planting.picture("a worker 1", 5, 64)
    assert planting.picture("a worker 1", 5, 64) != planting.picture("a worker 1", 6, 64)


def test_a_report_without_a_share_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.json"
    path.write_text(json.dumps({"attributes": [{"attribute": "presentation", "estimates": [], "gap": None}]}))
    assert main(["check", str(path), "--secret", "1"]) == 1
    estimate = {"value": 0.5, "low": 0.0, "high": 1.0}
    told = {"attribute": "presentation", "estimates": [{"filler": "doctor", "shares": [estimate]}],
            "gap": {"value": 0, "low": -1, "high": 1}}  # fmt: skip
    path.write_text(json.dumps({"attributes": [told]}))
    assert main(["check", str(path), "--secret", "1"]) == 0
    assert "pooled gap" in capsys.readouterr().out
