"""The audit of the gate finds the bias that is there, and none that is not."""

from pathlib import Path

import numpy as np
import pytest

from policies.verdict import Action
from safety.bias_audit.gateway_audit import GatewayAudit, audit
from safety.bias_audit.gateway_page import as_text, write_page
from safety.bias_audit.twins import Kind, Twins, texts_of
from safety.evaluation.gate import Judged

PEOPLE = [f"person {number}" for number in range(8)]


def pairs(kind: Kind, scenes: int = 40) -> list[Twins]:
    return [
        Twins(kind, "en", "religion", who, f"scene {scene}", f"somebody {scene}", f"{who} {scene}")
        for scene in range(scenes)
        for who in PEOPLE
    ]


def judged_with(twins: list[Twins], neutral: float, named: float, seed: int = 0) -> GatewayAudit:
    """A gate that stops so many of the prompts about nobody, and about somebody, at random."""
    rng, judged = np.random.default_rng(seed), {}
    for pair in twins:
        judged[pair.named] = _answer(rng.random() < named)
        judged.setdefault(pair.neutral, _answer(rng.random() < neutral))
    return audit(twins, judged)


def _answer(stopped: bool) -> Judged:
    return Judged(0.9 if stopped else 0.1, Action.BLOCK if stopped else Action.ALLOW)


@pytest.mark.parametrize(("named", "direction"), [(0.9, 1), (0.25, -1)])
def test_people_who_are_stopped_more_or_protected_less_are_found(named: float, direction: int) -> None:
    found = judged_with(pairs(Kind.GRAVE), 0.5, named)
    (row,) = found.dimensions
    assert not row.is_fair
    assert (row.ratio.value - 1) * direction > 0
    assert (row.shift.value * direction) > 0
    assert row.p < 0.001
    assert found.unfair[0] == row
    assert not found.is_passed


def test_a_fair_gate_is_seldom_called_unfair() -> None:
    called = [bool(judged_with(pairs(Kind.GRAVE), 0.5, 0.5, seed).unfair) for seed in range(20)]
    assert sum(called) <= 4  # 20 tries of about 5 %: above 4 in 3 of 1000 runs


def test_one_kind_of_people_alone_is_found_among_the_others() -> None:
    twins, rng = pairs(Kind.GRAVE), np.random.default_rng(1)
    judged = {pair.neutral: _answer(rng.random() < 0.5) for pair in twins}
    judged |= {pair.named: judged[pair.neutral] for pair in twins}
    judged |= {pair.named: _answer(stopped=True) for pair in twins if pair.person == PEOPLE[3]}
    found = audit(twins, judged)
    assert [row.name for row in found.unfair] == [PEOPLE[3]]


def test_a_harmless_pair_with_two_verdicts_fails_though_both_go_through_and_one_not_judged_is_stopped() -> None:
    twins = pairs(Kind.HARMLESS, 1)
    judged = {pair.neutral: _answer(stopped=False) for pair in twins}
    judged |= {pair.named: _answer(stopped=False) for pair in twins}
    assert audit(twins, judged).is_passed
    judged[twins[2].named] = Judged(0.3, Action.LABEL)
    assert [pair.person for pair in audit(twins, judged).flips] == [PEOPLE[2]]
    judged[twins[2].named] = Judged(1.0, None)
    found = audit(twins, judged)
    assert found.dimensions[0].stopped == (1, 0)
    assert not found.is_passed


def spoken_as_scots(refused: int, labelled: int) -> tuple[list[Twins], dict[str, Judged]]:
    """A hundred wordings, so many of them refused or labelled; what is said in the standard passes."""
    said = [f"bairn {number}" for number in range(100)]
    twins = [Twins(Kind.HARMLESS, "en", "dialect", "Scots", text[6:], f"child {text[6:]}", text) for text in said]
    judged = {text: _answer(stopped=False) for text in texts_of(twins)}
    judged |= {text: _answer(stopped=True) for text in said[:refused]}
    judged |= {text: Judged(0.1, Action.LABEL) for text in said[refused : refused + labelled]}
    return twins, judged


def test_a_few_wordings_of_a_dialect_are_told_and_many_fail(tmp_path: Path) -> None:
    twins, judged = spoken_as_scots(refused=2, labelled=1)
    found = audit(twins, judged)
    assert found.is_passed
    assert (found.misheard, found.labelled) == (twins[:2], twins[2:3])
    page = write_page(found, {}, tmp_path).read_text()
    assert "Stopped, though harmless: 2 of 100 wordings in dialects: “bairn 0” (Scots); “bairn 1” (Scots)." in page
    assert "does not read: 1 of 100 wordings in dialects: “bairn 2” (Scots)." in page
    assert "labelled: 'bairn 2'" in as_text(found)
    many = audit(*spoken_as_scots(refused=8, labelled=0))
    assert not many.is_passed
    assert [row.name for row in many.unfair if row in many.dimensions] == ["dialect"]


def test_dialects_are_told_apart_on_the_page(tmp_path: Path) -> None:
    twins = [
        Twins(Kind.HARMLESS, "fr", "dialect", who, f"scene {number}", f"scene {number}", f"{who} {number}")
        for number in range(10)
        for who in ("Québec", "banlieue")
    ]
    judged = {text: _answer(text.startswith("Québec")) for text in texts_of(twins)}
    page = write_page(audit(twins, judged), {}, tmp_path).read_text()
    told = page.partition("## Each dialect")[2]
    assert "| Québec | fr | 10 | 10 / 0 |" in told
    assert "| banlieue | fr | 10 | 0 / 0 |" in told


def test_mcnemar_by_hand() -> None:
    twins = pairs(Kind.GRAVE, 1)
    judged = {pair.neutral: _answer(stopped=False) for pair in twins}
    judged |= {pair.named: _answer(stopped=number < 6) for number, pair in enumerate(twins)}
    (row,) = audit(twins, judged).dimensions
    assert (row.only_named, row.only_neutral) == (6, 0)
    assert row.p == pytest.approx(2 * 0.5**6)


def test_the_page_and_the_text_say_what_was_found(tmp_path: Path) -> None:
    found = judged_with(pairs(Kind.GRAVE), 0.5, 0.95)
    page = write_page(found, {"policy p@1": "ab" * 32}, tmp_path).read_text()
    assert "**Not passed**" in page
    assert "religion" in page
    assert "unfair: religion (en, grave)" in as_text(found)
    assert "**Passed**" in write_page(judged_with(pairs(Kind.HARMLESS), 0, 0), {}, tmp_path).read_text()
