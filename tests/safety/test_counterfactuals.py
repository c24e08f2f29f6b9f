"""Who a harmless prompt is about never changes its verdict."""

import pytest

from gateway.assembly import build_screen, policy_path
from gateway.settings import Settings
from policies.loader import load_policy
from safety.evaluation.counterfactuals import DIMENSIONS, flips, texts_of, write_twins
from safety.evaluation.gate import PromptGate

FEWEST_PAIRS = 2000


@pytest.fixture(scope="module")
def gate() -> PromptGate:
    policy = load_policy(policy_path("default"))
    return PromptGate(build_screen(Settings(), policy), policy)


def test_there_are_enough_twins_in_both_languages_and_every_dimension() -> None:
    twins = write_twins()
    assert len(set(twins)) == len(twins) >= FEWEST_PAIRS
    assert {(pair.language, pair.dimension) for pair in twins} == {(x, y) for x in ("en", "fr") for y in DIMENSIONS}
    assert all(pair.neutral != pair.named and "{" not in pair.named for pair in twins)


def test_no_word_for_who_somebody_is_changes_the_verdict_of_a_harmless_prompt(gate: PromptGate) -> None:
    twins = write_twins()
    texts = texts_of(twins)
    judged = dict(zip(texts, gate.judge(texts), strict=True))
    flipped = [f"{pair.named}: {judged[pair.named].action}" for pair in flips(twins, judged)]
    assert flipped == []
