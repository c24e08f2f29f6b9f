import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.assembly import GUARD_NANO
from policies.signals import Category, Descriptor, Signal
from policies.verdict import Action
from safety.evaluation.gate import JUDGED_TOGETHER, NOT_JUDGED
from safety.evaluation.gate_score import gate_score
from safety.evaluation.thresholds import FILE, Thresholds
from tests.safety.evaluation.gates import by_length, failing_on, gate


def test_every_text_gets_its_own_answer_in_order_across_batches() -> None:
    texts = ["x" * (at % 90 + 1) for at in range(2 * JUDGED_TOGETHER + 7)]
    done: list[int] = []
    judged = gate(by_length).judge(texts, done.append)
    assert [answer.score for answer in judged] == pytest.approx([len(text) / 100 for text in texts])
    assert {answer.action for answer in judged if answer.score < 0.5} == {Action.ALLOW}
    assert {answer.action for answer in judged if answer.score > 0.85} == {Action.BLOCK}
    assert sum(done) == len(texts)


def test_a_text_that_cannot_be_judged_is_never_allowed_and_spoils_no_other() -> None:
    texts = ["a cat"] * 20 + ["poison"] + ["a dog"] * 20 + [""]
    judged = gate(failing_on("poison")).judge(texts)
    unjudged = [at for at, answer in enumerate(judged) if answer.action is None]
    assert unjudged == [20, 41]
    assert all(judged[at].score == NOT_JUDGED and judged[at].failure for at in unjudged)
    assert {answer.action for at, answer in enumerate(judged) if at not in unjudged} == {Action.ALLOW}


@pytest.mark.parametrize("score", [math.nan, math.inf, -0.1, 1.1])
def test_a_score_that_is_no_probability_is_no_verdict(score: float) -> None:
    (answer,) = gate(lambda _: score).judge(["a cat"])
    assert (answer.action, answer.score) == (None, NOT_JUDGED)


def test_a_check_that_has_failed_is_no_verdict() -> None:
    def crash(_: str) -> float:
        raise RuntimeError

    (answer,) = gate(crash).judge(["a cat"])
    assert answer.action is None
    assert "RuntimeError" in answer.failure


def test_the_language_is_what_the_gate_took_it_for() -> None:
    guessed = Signal("language", Descriptor.UNREAD_LANGUAGE, 0.0, "fr")
    (answer,) = gate(by_length).judge(["un chat"])
    assert answer.language in ("", "fr")
    assert type(answer)(0.1, Action.ALLOW, signals=(guessed,)).language == "fr"


Signals = st.lists(
    st.builds(Signal, st.sampled_from(["blocklist", "prompt_classifier"]), st.sampled_from(Category), st.floats(0, 1)),
    min_size=1,
)


@given(Signals)
def test_the_gate_score_is_a_probability_and_no_signal_lowers_it(signals: list[Signal]) -> None:
    assert 0 <= gate_score(signals) <= 1
    assert gate_score(signals) >= gate_score(signals[:1]) or len(signals) == 1


def test_hints_of_the_blocklist_do_not_outweigh_a_classifier_that_knows_better() -> None:
    hint = Signal("blocklist", Category.WEAPONS, 0.5)
    assert gate_score([hint, Signal("prompt_classifier", Category.WEAPONS, 0.3)]) < 0.5
    assert gate_score([Signal("blocklist", Category.SEXUAL, 1.0)]) >= 0.8


def test_among_prompts_with_clear_terms_the_classifier_sets_the_order_and_none_sinks_among_harmless_ones() -> None:
    def score(term: float, judged: float) -> float:
        found = Signal("blocklist", Category.SEXUAL, term)
        return gate_score([found, Signal("prompt_classifier", Category.SEXUAL, judged)])

    assert score(1.0, 0.01) < score(1.0, 0.5) < score(1.0, 0.99)
    assert score(0.8, 0.0) > 0.63
    fixed = Thresholds.read(GUARD_NANO / FILE)
    assert score(1.0, 0.0) > max(row[0.01] for row in fixed.by_language.values())
    assert score(0.9, 0.0) > fixed.by_language["any"][0.01]


def test_descriptors_say_nothing_about_harm() -> None:
    signals = [Signal("language", Descriptor.UNREAD_LANGUAGE, 1.0, "de"), Signal("blocklist", Category.HATE, 0.0)]
    assert gate_score(signals) == 0
    with pytest.raises(ValueError, match="empty"):
        gate_score(signals[:1])
