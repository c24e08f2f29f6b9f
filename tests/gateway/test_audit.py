"""`gardefou audit gateway` at the terminal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.assembly import shipped_models
from gateway.cli import app
from policies.identity import MANIFEST
from safety.bias_audit.twins import Kind, Twins

real_models = pytest.mark.skipif(
    not all((folder / MANIFEST).is_file() for folder in shipped_models()), reason="the models are not made yet"
)


def twins(*named: str) -> list[Twins]:
    return [Twins(Kind.HARMLESS, "en", "gender", who, "reading", "a person reading", who) for who in named]


@real_models
def test_what_flips_is_a_found_problem_and_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.audit.write_twins", lambda: twins("a man reading", "a woman reading"))
    passed = CliRunner().invoke(app, ["audit", "gateway", "--out", str(tmp_path / "docs")])
    assert passed.exit_code == 0, passed.stderr
    assert "**Passed**" in (tmp_path / "docs" / "audit-gateway.md").read_text()
    monkeypatch.setattr("gateway.audit.write_twins", lambda: twins("a man reading", "a naked woman"))
    ended = CliRunner().invoke(app, ["audit", "gateway", "--json"])
    told = json.loads(ended.stdout)
    assert ended.exit_code == 1
    assert [pair["named"] for pair in told["flips"]] == ["a naked woman"]
    assert told["passed"] is False
    assert told["policy"]["name"].startswith("default@")
