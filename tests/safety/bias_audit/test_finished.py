"""Finished runs are found with the figures of their report, and nothing else in the folder is taken for one."""

import json
import os
from pathlib import Path

import pytest

from safety.bias_audit.analysis import analyse
from safety.bias_audit.finished import FIGURES, finished_run, finished_runs
from safety.bias_audit.probes import WEAK, Ask, Sizes
from safety.bias_audit.report import write_report
from safety.bias_audit.runs import Fate
from tests.safety.bias_audit.audit_runs import make_run, share_of_women

SIZES = Sizes(15, 2, 16)


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with a report, the second one of a scorer that is blind; one without a report; and other things."""
    folder = tmp_path_factory.mktemp("finished")
    truth = share_of_women({"job 0": 0.05, "job 1": 0.95, "job 2": 0.5, "job 3": 0.5})
    for name, noise in (("clear", 0.15), ("blind", 5.0), ("unreported", 0.15)):
        (folder / name).mkdir()
        fate = _first_withheld if name == "clear" else _released
        run = make_run(folder / "audits" / name, truth, fate, noise, sizes=SIZES)
        if name != "unreported":
            write_report(analyse(run), folder / name, "en")
    (folder / "audits" / "notes.txt").write_text("not a run")
    (folder / "audits" / "broken").mkdir()
    (folder / "audits" / "broken" / FIGURES).write_text('{"plan": {}}')
    os.utime(folder / "audits" / "clear" / FIGURES, (1_700_000_000, 1_700_000_000))
    return folder / "audits"


def _released(_: Ask) -> Fate:
    return Fate.RELEASED


def _first_withheld(ask: Ask) -> Fate:
    return Fate.WITHHELD if ask.arm != WEAK and ask.k == 0 else Fate.RELEASED


def test_runs_with_a_report_are_listed_latest_first(audits: Path) -> None:
    assert [run.name for run in finished_runs(audits)] == ["blind", "clear"]
    assert finished_runs(audits / "nowhere") == []


def test_headline_figures_are_those_of_the_report(audits: Path) -> None:
    run = finished_run(audits / "clear")
    assert run is not None
    told = json.loads((audits.parent / "clear" / "report.json").read_text())
    (headline,), (figures,) = run.headlines, told["attributes"]
    assert headline.gap is not None
    assert headline.above is not None
    assert (headline.gap.value, headline.gap.low) == (figures["gap"]["value"], figures["gap"]["low"])
    assert headline.above.high == figures["variation"]["above"]["high"]
    assert headline.findings == ("job 0", "job 1")
    assert (headline.tested, headline.slope, headline.too_weak) == (4, None, None)
    assert (run.asked, run.missing) == (sum(sum(row.values()) for row in told["outcomes"].values()), 4 * 3 * 3)
    assert (run.command, run.calibration_sha256) == (told["command"], told["calibration_sha256"])


def test_a_scorer_that_is_too_weak_has_no_headline_figure(audits: Path) -> None:
    run = finished_run(audits / "blind")
    assert run is not None
    (headline,) = run.headlines
    assert headline.too_weak
    assert (headline.gap, headline.above, headline.findings, headline.tested) == (None, None, (), 0)
