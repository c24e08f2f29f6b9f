"""Audit runs: every picture through the whole house, nothing dropped, and a killed run ends like any other."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlmodel import select
from torch import Tensor
from typer.testing import CliRunner

from gateway.assembly import shipped_models
from gateway.audit_runs import begin, carry_out
from gateway.cli import app
from gateway.errors import DatabaseUnavailable, GeneratorUnavailable
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine, reading
from gateway.store.tables import PictureRow
from generator.at_once import Cancelled
from generator.contract import GeneratedImage, GenerationFailed, PictureRequest
from policies.identity import MANIFEST
from policies.signals import Category, Signal
from safety.bias_audit.analysis import analyse
from safety.bias_audit.probes import NEUTRAL
from safety.bias_audit.report import as_json
from safety.bias_audit.runs import OUTCOMES, Fate
from safety.normalize import NormalizedPrompt
from tests.fakes import FakeGenerator, FakePromptCheck
from tests.gateway.audit_house import audit_house, paint_people, wanted
from tests.houses import Parts
from tests.safety.bias_audit.audit_runs import probe_content, write_probe

real_models = pytest.mark.skipif(
    not all((folder / MANIFEST).is_file() for folder in shipped_models()), reason="the models are not made yet"
)


def test_every_picture_passes_the_house_and_stands_in_the_ledger(tmp_path: Path) -> None:
    house = audit_house(tmp_path / "data")
    run = begin(house, wanted(tmp_path))
    assert carry_out(house, run) is not None
    outcomes = run.finished()
    assert {outcome.fate for outcome in outcomes.values()} == {Fate.RELEASED}
    with reading(open_engine(house.settings.database)) as session:
        rows = {row.sha256: row for row in session.exec(select(PictureRow))}
    for ask in run.asks:
        file = run.folder / outcomes[ask.key].file
        row = rows[hashlib.sha256(file.read_bytes()).hexdigest()]
        assert (row.state, row.seed) == ("released", ask.seed)
    ended = CliRunner().invoke(app, ["ledger", "verify", "--data", str(tmp_path / "data")])
    assert ended.exit_code == 0, ended.output


def test_a_run_that_is_killed_ends_like_one_that_was_not(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    program = subprocess.Popen([sys.executable, "-m", "tests.gateway.audit_house", str(killed)])
    path, deadline = killed / "run" / OUTCOMES, time.monotonic() + 240
    while not (path.exists() and path.read_bytes().count(b"\n") >= 5):
        assert program.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    program.send_signal(signal.SIGKILL)
    program.wait()
    house = audit_house(killed / "data")
    run = begin(house, wanted(killed))
    done = run.outcomes()
    assert 5 <= len(done) < len(run.asks)
    carry_out(house, run)
    after = run.finished()
    assert {key: after[key].decision_id for key in done} == {key: told.decision_id for key, told in done.items()}
    house = audit_house(tmp_path / "whole" / "data")
    whole = begin(house, wanted(tmp_path / "whole"))
    carry_out(house, whole)
    assert json.dumps(as_json(analyse(run))) == json.dumps(as_json(analyse(whole)))


def test_nothing_is_drawn_again_when_nothing_is_left(tmp_path: Path) -> None:
    house = audit_house(tmp_path / "data")
    run = begin(house, wanted(tmp_path))
    carry_out(house, run)
    parts = Parts(generator=FakeGenerator(on_draw=paint_people))
    again = audit_house(tmp_path / "data", parts)
    assert carry_out(again, begin(again, wanted(tmp_path))) is None
    assert parts.generator.asked == []


def refusing(prompt: str) -> FakePromptCheck:
    """Finds violence in prompts that hold these words."""

    def check(prompts: Sequence[NormalizedPrompt]) -> object:
        scores = [1.0 if prompt in one.original else 0.0 for one in prompts]
        return [
            [Signal("prompt_classifier", c, score if c is Category.VIOLENCE else 0.0) for c in Category]
            for score in scores
        ]

    return FakePromptCheck("prompt_classifier", on_check=check)


def test_refused_prompts_and_withheld_pictures_are_outcomes_with_their_decision(tmp_path: Path) -> None:
    parts = Parts(generator=FakeGenerator(on_draw=paint_people), classifier=refusing("a worker 1 outside"))

    def dark(pixels: Tensor) -> list[Signal] | None:
        if float(pixels.float().mean((1, 2))[2]) < 150:  # everything but blue
            return None
        return [Signal("image_concepts", c, 1.0 if c is Category.VIOLENCE else 0.0) for c in Category]

    parts.pictures[0].on_picture = dark
    house = audit_house(tmp_path / "data", parts)
    run = begin(house, wanted(tmp_path))
    carry_out(house, run)
    outcomes = run.finished()
    refused = [ask for ask in run.asks if outcomes[ask.key].fate is Fate.PROMPT_REFUSED]
    assert {(ask.filler, ask.template, ask.arm) for ask in refused} == {("job 1", 2, NEUTRAL)}
    stopped = [told for told in outcomes.values() if told.fate in (Fate.WITHHELD, Fate.HELD)]
    assert stopped
    assert all(told.decision_id and told.categories == ("violence",) and not told.file for told in stopped)


def test_a_generator_that_fails_stops_the_run_and_what_was_drawn_is_kept(tmp_path: Path) -> None:
    drawn: list[int] = []

    def fail_later(requests: Sequence[PictureRequest], cancelled: Cancelled) -> list[GeneratedImage]:
        drawn.append(len(requests))
        if len(drawn) > 6:
            raise GenerationFailed("out of paint")
        return paint_people(requests, cancelled)

    house = audit_house(tmp_path / "data", Parts(generator=FakeGenerator(on_draw=fail_later)))
    run = begin(house, wanted(tmp_path))
    with pytest.raises(GeneratorUnavailable):
        carry_out(house, run)
    assert 0 < len(run.outcomes()) < len(run.asks)
    house = audit_house(tmp_path / "data")
    carry_out(house, begin(house, wanted(tmp_path)))
    assert len(run.finished()) == len(run.asks)


def test_a_database_that_is_busy_for_a_while_does_not_stop_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house, busy = audit_house(tmp_path / "data"), [2]
    real = Decisions.received

    def sometimes(self: Decisions, *args: Any) -> str:
        if busy[0]:
            busy[0] -= 1
            raise DatabaseUnavailable("The database cannot be used at the moment.", retry_after_s=0)
        return real(self, *args)

    monkeypatch.setattr(Decisions, "received", sometimes)
    run = begin(house, wanted(tmp_path))
    carry_out(house, run)
    assert {told.fate for told in run.finished().values()} == {Fate.RELEASED}


@real_models
def test_a_smoke_run_of_dalle_nano_ends_with_a_signed_report(tmp_path: Path) -> None:
    small = wanted(tmp_path)
    labels = yaml.safe_load(small.weak_labels.read_text())
    labels["smoke_contexts"] = 1
    small.weak_labels.write_text(yaml.safe_dump(labels))
    content = probe_content(fillers=1)
    words = {"en": "a doctor", "fr": "un médecin"}
    content["fillers"] = [{"name": "doctor", "group": "health", "neutral": words,
                           "explicit": {"feminine": words, "masculine": words}}]  # fmt: skip
    probe = write_probe(tmp_path / "probe", content)
    data, out = str(tmp_path / "data"), tmp_path / "report"
    asked = ["--probe", str(probe), "--weak-labels", str(small.weak_labels), "--smoke", "--per-cell", "1"]
    ended = CliRunner().invoke(app, ["audit", "run", *asked, "--data", data, "--out", str(out), "--language", "fr"])
    assert ended.exit_code == 0, ended.output
    told = json.loads((out / "report.json").read_text())
    assert told["plan"]["generator"] == "dalle-nano"
    assert sum(sum(row.values()) for row in told["outcomes"].values()) == 15 + 3 * 3
    assert told["outcomes"]["neutral"]["released"] == 3
    assert "pictures a second" in ended.stderr
    assert "Essai à blanc" in (out / "report.html").read_text()
    verified = CliRunner().invoke(app, ["audit", "verify", str(out), "--data", data])
    assert verified.exit_code == 0, verified.output
    (out / "report.json").write_text("{}")
    assert CliRunner().invoke(app, ["audit", "verify", str(out), "--data", data]).exit_code == 4
    runs = [str(folder) for folder in (tmp_path / "data" / "audits").iterdir()]
    compared = CliRunner().invoke(app, ["audit", "gate", runs[0], runs[0]])
    assert (compared.exit_code, "smoke" in compared.stderr) == (2, True)


def test_a_probe_that_says_nothing_to_the_generator_is_a_usage_error() -> None:
    ended = CliRunner().invoke(app, ["audit", "report", "nowhere", "--out", "nowhere"])
    assert ended.exit_code == 2
    assert "not the folder of an audit run" in ended.stderr
