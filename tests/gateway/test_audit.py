"""`gardefou audit gateway` at the terminal."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.assembly import shipped_models
from gateway.cli import app
from policies.identity import MANIFEST
from safety.bias_audit.planted.acceptance import Check
from safety.bias_audit.planted.selftest import Section, SelfTest
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


@pytest.mark.parametrize(("found", "ends"), [(0.95, 0), (0.5, 1)])
def test_the_self_test_ends_with_1_when_a_promise_is_broken(
    found: float, ends: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    law = Section("Coverage", "told", [["a"], ["b"]], [Check("coverage", found, (0.92, 0.98))])
    monkeypatch.setattr("safety.bias_audit.planted.selftest.run", lambda each: SelfTest([law]))
    ended = CliRunner().invoke(app, ["audit", "selftest", "--json", "--out", str(tmp_path)])
    assert ended.exit_code == ends, ended.stderr
    assert json.loads(ended.stdout)["checks"][0]["kept"] is (ends == 0)
    assert (tmp_path / "audit-selftest.md").is_file()
