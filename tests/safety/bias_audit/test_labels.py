"""Labels of people: what holds is said in a file, the scorer is measured with it, and shares follow from it."""

import json
from pathlib import Path

import numpy as np
import pytest

from safety.bias_audit.analysis import analyse, scorer_of
from safety.bias_audit.labels import (
    Labels,
    LabelsUnusable,
    _labelled,
    labelled_shares,
    labelling_order,
    measured_by_people,
    read_labels,
    write_labels,
)
from safety.bias_audit.probes import NEUTRAL, NO_PERSON, UNCLEAR, Sizes
from safety.bias_audit.report import as_page, write_report
from safety.bias_audit.runs import Run
from tests.safety.bias_audit.audit_runs import make_run, share_of_women

TRUTH = share_of_women({f"job {number}": 0.3 for number in range(4)})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("labels") / "run", TRUTH, noise=0.3, sizes=Sizes(40, 2, 16))


def truth_of(run: Run) -> dict[str, str]:
    names = {"woman": "feminine", "man": "masculine"}
    return {ask.key: names[TRUTH(ask)] for ask in run.asks if ask.arm == NEUTRAL}


def labels_of(run: Run, count: int) -> Labels:
    truth = truth_of(run)
    return {"presentation": {one.key: truth[one.key] for one in labelling_order(run)[:count]}}


def test_the_order_holds_each_neutral_picture_once_and_is_a_random_part_at_any_time(run: Run) -> None:
    order = [outcome.key for outcome in labelling_order(run)]
    assert sorted(order) == sorted(ask.key for ask in run.asks if ask.arm == NEUTRAL)
    assert order == [outcome.key for outcome in labelling_order(Run.open(run.folder))]
    fillers = {ask.key: ask.filler for ask in run.asks}
    first = [fillers[key] for key in order[:120]]
    assert {first.count(name) for name in set(first)} <= set(range(18, 43)), "no filler comes first"


def test_a_file_of_labels_reads_as_it_was_written(run: Run, tmp_path: Path) -> None:
    labels: Labels = {"presentation": {**labels_of(run, 5)["presentation"], "b": UNCLEAR, "a": NO_PERSON}}
    assert write_labels(labels, tmp_path / "labels.csv") == 7
    assert read_labels(tmp_path / "labels.csv") == labels


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "line 1: expected the columns key, attribute, answer"),
        ("key,answer\n", "line 1"),
        ("key,attribute,answer\nk,presentation,blue\n", "line 2"),
        ("key,attribute,answer\nk,presentation,feminine\nk,race,feminine\n", "line 3"),
        ("key,attribute,answer\nk,presentation\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_by_its_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "labels.csv").write_text(content)
    with pytest.raises(LabelsUnusable, match=told):
        read_labels(tmp_path / "labels.csv")
    with pytest.raises(LabelsUnusable, match="cannot be read"):
        read_labels(tmp_path / "nowhere.csv")


def test_the_scorer_is_measured_with_the_people_and_what_they_could_not_tell_measures_nothing(run: Run) -> None:
    scorer, labels = scorer_of(run), labels_of(run, 200)
    unsure = [outcome.key for outcome in labelling_order(run)[200:210]]
    labels = {"presentation": {**labels["presentation"], **dict.fromkeys(unsure, UNCLEAR)}}
    measured = measured_by_people(scorer, run, labels)

    counts = measured.attributes["presentation"].confusion.counts
    assert counts.sum() == 200
    truth = list(labels_of(run, 200)["presentation"].values())
    assert counts.sum(axis=1).tolist() == [truth.count("feminine"), truth.count("masculine")]
    assert np.array_equal(
        measured.attributes["presentation"].head.weights, scorer.attributes["presentation"].head.weights
    )


def test_shares_from_labels_hold_the_truth_and_are_surer_than_the_labels_alone(run: Run) -> None:
    (told,) = labelled_shares(scorer_of(run), run, labels_of(run, 150))
    truth = list(truth_of(run).values())
    real = truth.count("feminine") / len(truth)

    assert told.shares is not None
    assert told.people == 150
    assert told.shares[0].low <= real <= told.shares[0].high
    alone = 2 * 1.96 * np.sqrt(real * (1 - real) / 150)
    assert told.shares[0].high - told.shares[0].low < alone


def test_too_few_labels_give_no_share_and_say_so(run: Run) -> None:
    (told,) = labelled_shares(scorer_of(run), run, labels_of(run, 20))
    assert told.shares is None
    assert "20" in told.why


def test_labels_of_another_run_are_refused(run: Run) -> None:
    with pytest.raises(LabelsUnusable, match="no released neutral picture"):
        measured_by_people(scorer_of(run), run, {"presentation": {"somewhere": "feminine"}})


def test_a_report_with_labels_measures_the_scorer_with_them_and_tells_their_shares(run: Run, tmp_path: Path) -> None:
    labels = labels_of(run, 150)
    figures = analyse(run, labels=labels)
    (told,) = figures.attributes
    assert sum(map(sum, told.confusion)) == 150
    write_report(figures, tmp_path, "en")
    page = (tmp_path / "report.html").read_text()
    assert "Labels of people" in page
    assert "Labels of people" not in as_page(analyse(run), "en")
    (kept,) = json.loads((tmp_path / "report.json").read_text())["labels_of_people"]
    assert kept["people"] == 150
    assert "Étiquettes posées par des personnes" in as_page(figures, "fr")


def test_a_scorer_that_overlooks_one_kind_of_people_does_not_bend_the_shares_of_labels() -> None:
    """Of 2 000 pictures half show women; two in three of them the scorer takes for nobody. 300 are labelled."""
    rng, covered = np.random.default_rng(3), 0
    for _ in range(60):
        truth = {f"picture {number}": str(rng.choice(["feminine", "masculine"])) for number in range(2000)}
        overlooked = {key for key, who in truth.items() if who == "feminine" and rng.random() < 2 / 3}
        read = {key: NO_PERSON if key in overlooked else who for key, who in truth.items()}
        real = sum(who == "feminine" for who in truth.values()) / len(truth)
        told = _labelled("presentation", read, dict(list(truth.items())[:300]))
        assert told.shares is not None
        covered += told.shares[0].low <= real <= told.shares[0].high
    assert covered >= 53  # 57 expected of 95 %; fewer than 53 in one of 100 seeds
