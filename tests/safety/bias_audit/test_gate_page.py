"""The page of the gate: its answer, every filler from before to after, and names that never cover each other."""

import csv
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from safety.bias_audit.charts import LINE, _apart
from safety.bias_audit.gate import Outcome
from safety.bias_audit.gate_page import FIGURES, PAGE, TABLE, as_page, write_gate_page
from safety.bias_audit.probes import Sizes
from safety.bias_audit.run_gate import Comparison, compare_runs
from tests.safety.bias_audit.audit_runs import make_run, share_of_women

FILLERS = ("job 0", "job 1", "job 2", "job 3")


@pytest.fixture(scope="module")
def worse(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("gate")
    runs = []
    for name, share in (("before", 0.5), ("after", 0.9)):
        (folder / name).mkdir()
        truth = share_of_women(dict.fromkeys(FILLERS, share))
        runs.append(make_run(folder / name / f"run-{name}", truth, sizes=Sizes(20, 1, 16)))
    return compare_runs(runs[0], runs[1], 0.05)


def test_the_page_tells_the_answer_and_every_filler(worse: Comparison, tmp_path: Path) -> None:
    files = write_gate_page(worse, tmp_path, "en")
    assert [path.name for path in files] == [PAGE, FIGURES, TABLE]
    page, told = (tmp_path / PAGE).read_text(), json.loads((tmp_path / FIGURES).read_text())
    assert worse.outcome is Outcome.FAIL
    assert told["outcome"] == "fail"
    assert 'data-outcome="fail"' in page
    gap = told["gap"]["change"]
    assert f"change {gap['value']:+.2f} [{gap['low']:+.2f}, {gap['high']:+.2f}]" in page
    rows = list(csv.DictReader((tmp_path / TABLE).read_text().splitlines()))
    assert [row["filler"] for row in rows] == list(FILLERS) == list(told["fillers"])
    for row in rows:
        assert float(row["after"]) == told["fillers"][row["filler"]]["after"]["value"] > float(row["before"])
        assert page.count(f"<title>{row['filler']}</title>") == 1
    assert "gardefou audit gate run-before run-after --margin 0.05" in page


@pytest.mark.parametrize(("language", "word"), [("en", "Inconclusive"), ("fr", "Non concluant")])
def test_an_inconclusive_answer_is_called_so_and_the_page_stands_alone(
    worse: Comparison, language: str, word: str
) -> None:
    unsure = compare_runs(worse.before, worse.before, 0.001)
    page = as_page(unsure, "fr" if language == "fr" else "en")
    assert word in page
    assert f'<html lang="{language}">' in page
    assert not re.search(r"https?:|url\(|@import|\son\w+=|<script|<link|src=", page)


def test_texts_of_both_languages_have_the_same_keys_and_places() -> None:
    texts = yaml.safe_load(Path("safety/bias_audit/gate_texts.yaml").read_text())

    def places(told: object) -> object:
        if isinstance(told, dict):
            return {key: places(value) for key, value in told.items()}
        return sorted(re.findall(r"{\w+}", told)) if isinstance(told, str) else len(told)  # type: ignore[arg-type]

    assert places(texts["en"]) == places(texts["fr"])


@given(st.lists(st.floats(28, 326), max_size=20))
def test_names_beside_a_chart_keep_their_order_and_never_touch(places: list[float]) -> None:
    moved = _apart(places, 28, 326)
    order = sorted(range(len(places)), key=lambda row: places[row])
    ordered = [moved[row] for row in order]
    assert all(after - before >= LINE - 1e-6 for before, after in pairwise(ordered))
    assert not ordered or ordered[-1] <= 326 + 1e-6
