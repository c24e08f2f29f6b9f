import json
from pathlib import Path

import numpy as np
import pytest

from safety.evaluation.thresholds import ANY, Thresholds, UnusableThresholds

TABLE = {"en": {"0.01": 0.9, "0.02": 0.8}, "fr": {"0.01": 0.7, "0.02": 0.6}}


def stored(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    read = Thresholds.read(stored(tmp_path / "thresholds.json", json.dumps(TABLE)))
    assert read.as_json() == TABLE
    read.write(tmp_path / "again.json")
    assert Thresholds.read(tmp_path / "again.json").as_json() == TABLE


def test_each_row_has_the_threshold_of_its_language_and_an_unknown_one_that_of_english(tmp_path: Path) -> None:
    read = Thresholds.read(stored(tmp_path / "thresholds.json", json.dumps(TABLE)))
    assert read.at(0.01, ["fr", "en", "", "de"]).tolist() == [0.7, 0.9, 0.9, 0.9]


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "nonsense", '{"en": 0.5}', '{"en": {"0.01": 0.5}}', '{"en": {"0.01": NaN, "0.02": 0.5}}',
     '{"en": {"0.01": "high", "0.02": 0.5}}', '{"fr": {"0.01": 0.5, "0.02": 0.5}}'],
)  # fmt: skip
def test_thresholds_that_are_incomplete_or_no_numbers_are_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UnusableThresholds, match=r"thresholds\.json"):
        Thresholds.read(stored(tmp_path / "thresholds.json", content))


def test_thresholds_are_set_for_all_rows_and_for_each_language_with_enough_of_them() -> None:
    scores = np.concatenate([np.linspace(0, 0.5, 200), np.linspace(0, 1, 200), [0.9]])
    fixed = Thresholds.set_on(scores, ["en"] * 200 + ["fr"] * 200 + ["de"], "mine")
    assert set(fixed.by_language) == {ANY, "en", "fr"}
    assert fixed.at(0.02, ["en"])[0] < fixed.at(0.02, ["de"])[0] < fixed.at(0.02, ["fr"])[0]
    for rate in (0.01, 0.02):
        assert (scores >= fixed.at(rate, [""] * 401)).mean() <= rate


def test_too_few_benign_rows_set_no_threshold() -> None:
    with pytest.raises(UnusableThresholds, match="99 benign rows"):
        Thresholds.set_on(np.zeros(99), [""] * 99, "mine")
