import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from safety.evaluation import peers
from safety.evaluation.gate import Judged
from safety.evaluation.page import CURVES, Material, write_page
from safety.evaluation.peers import PEERS, sample
from safety.evaluation.plots import NothingToPlot, draw_curves
from safety.evaluation.prompt_rows import PromptRow, PromptSet
from safety.evaluation.scorecard import tabulate
from safety.evaluation.thresholds import Thresholds
from tests.safety.evaluation.gates import by_hash, gate

FIXED = Thresholds({"en": {0.01: 0.8, 0.02: 0.7}}, "fixed elsewhere")
WHO = {"policy test@1": "a" * 64}
QUICK = tuple(peer for peer in PEERS if peer.most_rows is None)


def judge(prompts: PromptSet) -> list[Judged]:
    return gate(by_hash).judge(prompts.texts)


def drawn(name: str, rows: int, unsafe: bool | None) -> PromptSet:
    """Texts that can be found again if a page holds one; every other is unsafe where `unsafe` is None."""
    texts = ((f"{name} mustnotbequoted {at}", at % 2 == 0 if unsafe is None else unsafe) for at in range(rows))
    return PromptSet(
        name, tuple(PromptRow(text + (" harm" if bad else ""), bad, "en", ("kind",)) for text, bad in texts)
    )


@pytest.fixture
def material() -> Material:
    sets = [drawn("bad", 40, True), drawn("good", 60, False), drawn("mixed", 120, None)]
    return Material(sets, drawn("dev", 150, False), "")


@pytest.fixture(autouse=True)
def _quick_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("safety.evaluation.page.PEERS", QUICK)


def written(material: Material, fixed: Thresholds | None, out: Path) -> dict[str, str]:
    write_page(material, judge, fixed, WHO, out)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.iterdir()}


def test_a_second_run_writes_the_same_page_and_pictures(material: Material, tmp_path: Path) -> None:
    first, again = (written(material, FIXED, tmp_path / name) for name in ("first", "again"))
    assert first == again
    assert len(first) == 3


def test_the_page_names_every_set_and_where_thresholds_and_verdicts_are_from_and_quotes_no_prompt(
    material: Material, tmp_path: Path
) -> None:
    page = write_page(material, judge, FIXED, WHO, tmp_path).read_text()
    for told in ("| mixed |", "| bad (areas against good) |", "| good |", "fixed elsewhere", "policy test@1", "0.8000",
                 "make scorecard", "AUPRC 0.887", "cannot tell", *(peer.name for peer in QUICK)):  # fmt: skip
        assert told in page
    assert "mustnotbequoted" not in page
    assert "nan" not in page.split()


def test_without_fixed_thresholds_they_are_set_on_benign_prompts_that_are_in_no_set(
    material: Material, tmp_path: Path
) -> None:
    assert "fixed beforehand on benign prompts that are in no set below (dev)" in (
        write_page(material, judge, None, WHO, tmp_path).read_text()
    )


def test_without_peers_and_benchmarks_the_page_says_so_and_goes_on(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers.Peer, "is_installed", property(lambda _: False))
    alone = replace(material, sets=material.sets[2:], missing="No benchmarks were there.")
    page = write_page(alone, judge, FIXED, WHO, tmp_path).read_text()
    assert "Not installed, and therefore left out: alt-profanity-check, safetext" in page
    assert "No benchmarks were there." in page


def test_peers_score_every_text_between_0_and_1_and_profanity_highest() -> None:
    for peer in PEERS:
        if peer.is_installed:
            lake, oath = peer.scores(["a quiet lake at dawn", "what the fuck, you asshole"], ["en", ""])
            assert 0 <= lake < peer.decides <= oath <= 1


def test_a_sample_is_the_same_every_time_and_keeps_the_order() -> None:
    prompts = drawn("many", 500, None)
    some = sample(prompts, 50)
    assert some == sample(prompts, 50)
    assert len(some.rows) == 50
    places = [prompts.rows.index(row) for row in some.rows]
    assert places == sorted(places)
    assert sample(prompts, None) is prompts


def test_curves_of_one_kind_of_rows_are_refused(tmp_path: Path) -> None:
    good = drawn("good", 10, False)
    with pytest.raises(NothingToPlot, match="good"):
        draw_curves({"good": tabulate(good, judge(good), None)}, tmp_path / CURVES)
