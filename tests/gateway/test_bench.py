"""The benchmark's figures are what they say: stages in their order that add up to the whole."""

import time
from pathlib import Path

import pytest

from gateway.bench import DRAW, PICTURE, PROMPT, STAGES, WHOLE, measure, table
from tests.fakes import FakePromptCheck
from tests.houses import Parts, build


def test_the_stages_of_a_request_add_up_to_its_whole_time_and_each_is_told_apart(tmp_path: Path) -> None:
    parts = Parts(classifier=FakePromptCheck("prompt_classifier", on_check=lambda _: time.sleep(0.1)))
    parts.generator.on_draw = lambda *_: time.sleep(0.2)
    parts.pictures[0].on_picture = lambda _: time.sleep(0.02)
    measured = measure(build(tmp_path, parts), 1)
    medians = {name: row["median"] for name, row in measured["stages"].items()}
    assert list(medians) == [*STAGES, WHOLE]
    assert sum(medians[name] for name in STAGES) == pytest.approx(medians[WHOLE], abs=1e-4)
    assert medians[PROMPT] >= 0.1
    assert medians[PICTURE] >= 9 * 0.02
    assert medians[DRAW] >= 0.2
    assert all(seconds >= 0 for seconds in medians.values())
    assert measured["peak_mb"] > 50


def test_the_table_names_every_stage(tmp_path: Path) -> None:
    stages = {name: {"median": 0.5, "worst": 1.0} for name in (*STAGES, WHOLE)}
    told = table({"stages": stages, "requests": 3, "pictures": 9, "start_s": 2.0, "peak_mb": 900.0})
    assert [line.split("  ")[0] for line in told.splitlines()[1:-1]] == [*STAGES, WHOLE]
    assert "start 2.0 s, peak memory 900 MB" in told
