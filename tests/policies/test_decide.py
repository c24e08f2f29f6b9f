import math
import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.decide import decide, thresholds_of, unreported
from policies.loader import load_policy, shipped_policies
from policies.schema import SEXUAL_MINORS_FLOOR, Policy
from policies.signals import Category, Descriptor, Signal, Stage
from policies.verdict import Action, CouldNotJudge, Verdict
from tests.policies.builders import ASKS, LISTENS, QUESTION, UNREAD, optional, policy, reports, required

SHIPPED = {name: load_policy(path) for name, path in shipped_policies().items()}
SMALL = policy()
ASKING = policy(ASKS, QUESTION, LISTENS, UNREAD)


@st.composite
def judged(
    draw: st.DrawFn, names: tuple[str, ...] = (*SHIPPED, "small", "asking")
) -> tuple[Policy, Stage, list[Signal]]:
    """A policy, a stage, and sound signals for it, with many scores at a threshold or just below one.

    The required signals come first, then a few that the policy does not require.
    """
    judge = {**SHIPPED, "small": SMALL, "asking": ASKING}[draw(st.sampled_from(names))]
    stage = draw(st.sampled_from(list(Stage)))
    edges = sorted(set(thresholds_of(judge, stage).values()))
    score = st.one_of(
        st.floats(0, 1),
        st.sampled_from(edges),
        st.sampled_from(edges).map(lambda edge: math.nextafter(edge, 0)),
    )
    unasked = optional(judge, stage)
    more = draw(st.lists(st.sampled_from(unasked), max_size=3)) if unasked else []
    usually_low = st.one_of(st.just(0.0), st.just(0.0), score)
    signals = [
        Signal(source, subject, draw(usually_low), calibrated=draw(st.booleans()))
        for source, subject in [*required(judge, stage), *more]
    ]
    return judge, stage, signals


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("stage", Stage)
def test_all_scores_at_zero_are_allowed_without_reasons(name: str, stage: Stage) -> None:
    judge = SHIPPED[name]
    assert decide(reports(judge, stage), judge, stage) == Verdict(Action.ALLOW, stage, judge.stamp)


@pytest.mark.parametrize(
    ("score", "action"),
    [
        pytest.param(math.nextafter(0.6, 0), Action.ALLOW, id="just below review"),
        pytest.param(0.6, Action.REVIEW, id="at review"),
        pytest.param(math.nextafter(0.8, 0), Action.REVIEW, id="just below block"),
        pytest.param(0.8, Action.BLOCK, id="at block"),
        pytest.param(1.0, Action.BLOCK, id="surely"),
    ],
)
def test_an_action_follows_from_its_threshold_on(score: float, action: Action) -> None:
    signals = reports(SMALL, Stage.PROMPT, prompt_classifier__gore=score)
    assert decide(signals, SMALL, Stage.PROMPT).action is action


def test_a_reason_names_the_signal_its_threshold_and_its_rule() -> None:
    verdict = decide(reports(SMALL, Stage.PICTURE, weapons=0.55), SMALL, Stage.PICTURE)
    (reason,) = verdict.reasons
    assert (reason.action, reason.category, reason.source) == (
        Action.REVIEW,
        Category.WEAPONS,
        "image_concepts",
    )
    assert (reason.score, reason.threshold, reason.rule) == (0.55, 0.5, "picture/weapons/review")
    assert verdict.policy == SMALL.stamp


def test_reasons_come_gravest_first_then_by_severity_then_by_score() -> None:
    scores = {"gore": 0.4, "hate": 0.35, "shocking": 0.45, "weapons": 0.95}
    verdict = decide(reports(SMALL, Stage.PICTURE, **scores), SMALL, Stage.PICTURE)
    assert [reason.category for reason in verdict.reasons] == ["weapons", "hate", "shocking", "gore"]
    assert verdict.action is Action.BLOCK
    assert verdict.categories == (Category.WEAPONS,)


def test_thresholds_belong_to_the_check_that_reports() -> None:
    by_list = reports(SMALL, Stage.PROMPT, blocklist__violence=0.9)
    by_classifier = reports(SMALL, Stage.PROMPT, prompt_classifier__violence=0.9)
    assert decide(by_list, SMALL, Stage.PROMPT).action is Action.ALLOW
    assert decide(by_classifier, SMALL, Stage.PROMPT).action is Action.BLOCK


@pytest.mark.parametrize("stage", Stage)
def test_a_report_that_was_not_required_is_judged_by_the_defaults(stage: Stage) -> None:
    source = {Stage.PROMPT: "prompt_classifier", Stage.PICTURE: "image_concepts"}[stage]
    signals = [*reports(SMALL, stage), Signal(source, Category.PRIVACY, 0.9)]
    assert decide(signals, SMALL, stage).categories == (Category.PRIVACY,)
    assert thresholds_of(SMALL, stage)[f"{stage}/privacy/{source}/review"] == SMALL.stage(stage).defaults[source].review


@pytest.mark.parametrize("subject", [Category.SEXUAL_MINORS, Category.PRIVACY])
@pytest.mark.parametrize("score", [0.0, 1.0])
def test_a_report_that_nothing_can_judge_is_no_verdict(subject: Category, score: float) -> None:
    table = {**{key: {"image_concepts": {"block": 0.5}} for key in Category}, subject: "not_scored"}
    defaults = {"image_concepts": {"block": 0.9}} if subject is Category.SEXUAL_MINORS else {}
    judge = policy(("picture.defaults", defaults), ("picture.categories", table))
    signals = [*reports(judge, Stage.PICTURE), Signal("image_concepts", subject, score)]
    with pytest.raises(CouldNotJudge, match=f"has no thresholds for {subject}"):
        decide(signals, judge, Stage.PICTURE)


def test_what_checks_will_not_report_can_be_asked_before_the_first_request() -> None:
    reported = {
        "image_concepts": {*Category} - {Category.GORE, Category.SEXUAL},
        "realism": {Descriptor.PHOTOREALISM, Descriptor.PERSON},
    }
    assert unreported(SMALL, Stage.PICTURE, reported) == [
        ("person", "anything"),
        ("image_concepts", "sexual"),
        ("image_concepts", "gore"),
        ("person", "person"),
        ("any", "sexual"),
    ]
    assert unreported(SMALL, Stage.PROMPT, {key: set(Category) for key in SMALL.prompt.checks}) == []


@pytest.mark.parametrize("name", SHIPPED)
def test_an_uncalibrated_score_that_would_refuse_flags_and_no_more(name: str) -> None:
    judge = SHIPPED[name]
    hate = Signal("blocklist", Category.HATE, 1.0)
    sure, unsure = ([*reports(judge, Stage.PROMPT), signal] for signal in (hate, replace(hate, calibrated=False)))
    assert decide(sure, judge, Stage.PROMPT).action.refuses
    assert decide(unsure, judge, Stage.PROMPT).action is Action.REVIEW


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("score", [0.0, 0.2, 1.0])
def test_a_picture_scored_without_calibration_is_neither_released_nor_refused_but_looked_at(
    name: str, score: float
) -> None:
    judge = SHIPPED[name]
    unsure = [replace(s, score=score, calibrated=False) for s in reports(judge, Stage.PICTURE)]
    assert decide(unsure, judge, Stage.PICTURE).action is Action.REVIEW


def test_one_category_that_nothing_calibrated_speaks_for_keeps_a_picture_back_and_is_named() -> None:
    signals = reports(SMALL, Stage.PICTURE, gore=0.1)
    unsure = [replace(s, calibrated=s.subject not in (Category.GORE, Category.HATE)) for s in signals]
    (reason,) = decide(unsure, SMALL, Stage.PICTURE).reasons
    assert (reason.action, reason.category, reason.rule) == (
        Action.REVIEW,
        Category.GORE,
        "picture/uncalibrated/review",
    )
    assert (reason.source, reason.score, reason.threshold) == ("image_concepts", 0.1, 0.0)


def test_a_second_uncalibrated_opinion_beside_a_calibrated_score_holds_nothing_back() -> None:
    signals = [*reports(SMALL, Stage.PROMPT), Signal("prompt_classifier", Category.GORE, 0.0, calibrated=False)]
    assert decide(signals, SMALL, Stage.PROMPT).action is Action.ALLOW


def test_a_doubtful_prompt_of_a_category_that_asks_is_to_be_confirmed() -> None:
    verdict = decide(reports(ASKING, Stage.PROMPT, prompt_classifier__shocking=0.4), ASKING, Stage.PROMPT)
    assert (verdict.action, verdict.categories) == (Action.CONFIRM, (Category.SHOCKING,))
    assert not verdict.action.refuses


@given(judged(names=("asking",)))
def test_hard_beats_soft_whatever_else_was_found(case: tuple[Policy, Stage, list[Signal]]) -> None:
    judge, stage, signals = case
    assume(stage is Stage.PROMPT)
    alone = decide(signals, judge, stage)
    asking = decide([*signals, Signal("prompt_classifier", Category.SHOCKING, 0.4)], judge, stage)
    assert asking.action is max(alone.action, Action.CONFIRM, key=lambda action: action.gravity)


@pytest.mark.parametrize(
    ("score", "action"),
    [(0.0, Action.ALLOW), (0.29, Action.ALLOW), (0.3, Action.LABEL), (0.5, Action.REVIEW), (1.0, Action.REVIEW)],
)
def test_r28_an_unread_language_is_judged_by_the_policy(score: float, action: Action) -> None:
    verdict = decide(reports(ASKING, Stage.PROMPT, unread_language=score), ASKING, Stage.PROMPT)
    assert (verdict.action, verdict.categories) == (action, ())
    assert verdict.in_unread_language == (action is not Action.ALLOW)
    assert [reason.rule for reason in verdict.reasons] == [f"prompt/unsupported_language/{action}"] * len(
        verdict.reasons
    )


def test_harm_found_in_an_unread_language_is_told_before_the_language() -> None:
    scores = {"unread_language": 0.9, "prompt_classifier__gore": 0.7}
    verdict = decide(reports(ASKING, Stage.PROMPT, **scores), ASKING, Stage.PROMPT)
    assert [reason.category for reason in verdict.reasons] == [Category.GORE, None]
    assert verdict.categories == (Category.GORE,)
    assert verdict.in_unread_language


def test_r28_a_language_check_that_did_not_report_is_no_verdict() -> None:
    signals = [s for s in reports(ASKING, Stage.PROMPT) if s.subject is not Descriptor.UNREAD_LANGUAGE]
    with pytest.raises(CouldNotJudge, match="language: has not reported"):
        decide(signals, ASKING, Stage.PROMPT)
    assert unreported(ASKING, Stage.PROMPT, {key: set(Category) for key in ASKING.prompt.checks}) == [
        ("language", "unread_language")
    ]


def test_r28_a_language_that_the_policy_does_not_judge_is_no_verdict() -> None:
    signals = [*reports(SMALL, Stage.PROMPT), Signal("blocklist", Descriptor.UNREAD_LANGUAGE, 0.0)]
    with pytest.raises(CouldNotJudge, match="does not judge"):
        decide(signals, SMALL, Stage.PROMPT)


LIKENESS = {"photorealism": 0.7, "person": 0.7, "sexual": 0.2}


def test_a_rule_acts_when_all_its_conditions_are_met() -> None:
    verdict = decide(reports(SMALL, Stage.PICTURE, **LIKENESS), SMALL, Stage.PICTURE)
    assert verdict.action is Action.BLOCK
    assert verdict.categories == (Category.DECEPTION,)
    assert verdict.reasons[0].rule == "likeness/photoreal_sexual"


@pytest.mark.parametrize("subject", LIKENESS)
def test_a_rule_rests_when_one_condition_is_just_not_met(subject: str) -> None:
    scores = {**LIKENESS, subject: math.nextafter(LIKENESS[subject], 0)}
    assert decide(reports(SMALL, Stage.PICTURE, **scores), SMALL, Stage.PICTURE).action is Action.ALLOW


def test_a_condition_that_names_a_check_ignores_the_others() -> None:
    signals = reports(SMALL, Stage.PICTURE, **{**LIKENESS, "person": 0.1})
    signals.append(Signal("realism", Descriptor.PERSON, 1.0))
    assert decide(signals, SMALL, Stage.PICTURE).action is Action.ALLOW


def test_a_rule_met_only_with_an_uncalibrated_score_is_capped() -> None:
    signals = reports(SMALL, Stage.PICTURE, **LIKENESS)
    unsure = [replace(s, calibrated=s.subject is not Descriptor.PHOTOREALISM) for s in signals]
    assert decide(unsure, SMALL, Stage.PICTURE).action is Action.REVIEW
    sure_too = [*unsure, Signal("realism", Descriptor.PHOTOREALISM, 0.7)]
    assert decide(sure_too, SMALL, Stage.PICTURE).action is Action.BLOCK


def test_a_subject_that_only_a_rule_asks_for_must_be_reported_too() -> None:
    signals = [s for s in reports(SMALL, Stage.PICTURE) if s.subject is not Descriptor.PHOTOREALISM]
    signals.append(Signal("realism", Descriptor.PERSON, 0.0))
    with pytest.raises(CouldNotJudge, match="has not reported photorealism"):
        decide(signals, SMALL, Stage.PICTURE)


def test_the_reason_of_a_rule_names_the_condition_that_was_met_most_narrowly() -> None:
    scores = {"photorealism": 0.95, "person": 0.75, "sexual": 0.29}
    (reason,) = decide(reports(SMALL, Stage.PICTURE, **scores), SMALL, Stage.PICTURE).reasons
    assert (reason.source, reason.score, reason.threshold) == ("person", 0.75, 0.7)


def test_the_record_holds_every_threshold_in_force() -> None:
    in_force = thresholds_of(SMALL, Stage.PICTURE)
    assert in_force["picture/gore/image_concepts/review"] == 0.5
    assert in_force["likeness/photoreal_sexual/photorealism/any"] == 0.7
    assert in_force["likeness/photoreal_sexual/person/person"] == 0.7
    assert len(in_force) == 11 * 3 + 3
    assert thresholds_of(SMALL, Stage.PROMPT)["prompt/sexual_minors/blocklist/escalate"] == 0.5
    assert thresholds_of(ASKING, Stage.PROMPT)["prompt/shocking/prompt_classifier/confirm"] == 0.4
    assert thresholds_of(ASKING, Stage.PROMPT)["prompt/unread_language/review"] == 0.5


def _with_score(score: object) -> list[Signal]:
    signals = reports(SMALL, Stage.PROMPT)
    return [*signals[:-1], replace(signals[-1], score=score)]  # type: ignore[arg-type]


STRANGER = Signal("stranger", Descriptor.PERSON, 0.0)
UNKNOWN_LABEL = Signal("blocklist", "hate", 0.0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("signals", "reason"),
    [
        pytest.param([], "missing", id="no signals"),
        pytest.param(None, "missing", id="None"),
        pytest.param([None], "schema", id="not a signal"),
        pytest.param(_with_score(math.nan), "nan", id="NaN"),
        pytest.param(_with_score(math.inf), "nan", id="infinite"),
        pytest.param(_with_score(-math.inf), "nan", id="minus infinite"),
        pytest.param(_with_score(-0.1), "schema", id="below 0"),
        pytest.param(_with_score(1.1), "schema", id="above 1"),
        pytest.param(_with_score(None), "schema", id="no score"),
        pytest.param(_with_score("0.1"), "schema", id="score as text"),
        pytest.param(_with_score(False), "schema", id="score as bool"),
        pytest.param([*reports(SMALL, Stage.PROMPT), STRANGER], "schema", id="a check that is not listed"),
        pytest.param([*reports(SMALL, Stage.PROMPT), UNKNOWN_LABEL], "schema", id="unknown label"),
        pytest.param([Signal("blocklist", Category.HATE, 1.0)], "missing", id="a check is absent"),
    ],
)
def test_what_cannot_be_judged_is_no_verdict(signals: list[Signal], reason: str) -> None:
    with pytest.raises(CouldNotJudge) as failure:
        decide(signals, SMALL, Stage.PROMPT)
    assert failure.value.reason == reason


def test_a_listed_check_without_thresholds_must_report_too() -> None:
    judge = policy(("picture.rules", []))
    with pytest.raises(CouldNotJudge, match="realism: has not reported anything"):
        decide(reports(judge, Stage.PICTURE), judge, Stage.PICTURE)


def test_a_failure_names_the_check_and_the_category() -> None:
    signals = [s for s in reports(SMALL, Stage.PROMPT) if (s.source, s.subject) != ("blocklist", "gore")]
    with pytest.raises(CouldNotJudge, match="blocklist: has not reported gore") as failure:
        decide(signals, SMALL, Stage.PROMPT)
    assert failure.value.source == "blocklist"


@given(judged(), st.data())
def test_raising_a_score_never_makes_the_action_milder(
    case: tuple[Policy, Stage, list[Signal]], data: st.DataObject
) -> None:
    judge, stage, signals = case
    at = data.draw(st.integers(0, len(signals) - 1))
    raised = [*signals]
    raised[at] = replace(signals[at], score=data.draw(st.floats(signals[at].score, 1)))
    assert decide(raised, judge, stage).action.gravity >= decide(signals, judge, stage).action.gravity


@given(judged(), st.data())
def test_calibrating_a_score_never_makes_the_action_milder(
    case: tuple[Policy, Stage, list[Signal]], data: st.DataObject
) -> None:
    judge, stage, signals = case
    at = data.draw(st.integers(0, len(signals) - 1))
    sure = [*signals]
    sure[at] = replace(signals[at], calibrated=True)
    assert decide(sure, judge, stage).action.gravity >= settled(decide(signals, judge, stage)).gravity


def settled(verdict: Verdict) -> Action:
    """The action but for what a person is to look at because no calibrated score speaks for a category."""
    actions = [reason.action for reason in verdict.reasons if reason.rule != f"{verdict.stage}/uncalibrated/review"]
    return max(actions, default=Action.ALLOW, key=lambda action: action.gravity)


@given(judged(), st.data(), st.sampled_from([math.nan, math.inf, -math.inf, -0.01, 1.01]))
def test_one_unsound_score_anywhere_is_no_verdict(
    case: tuple[Policy, Stage, list[Signal]], data: st.DataObject, score: float
) -> None:
    judge, stage, signals = case
    at = data.draw(st.integers(0, len(signals) - 1))
    signals[at] = replace(signals[at], score=score)
    with pytest.raises(CouldNotJudge):
        decide(signals, judge, stage)


@given(judged(), st.data())
def test_dropping_any_required_signal_is_no_verdict(
    case: tuple[Policy, Stage, list[Signal]], data: st.DataObject
) -> None:
    judge, stage, signals = case
    needed = required(judge, stage)
    signals = signals[: len(needed)]
    del signals[data.draw(st.integers(0, len(needed) - 1))]
    with pytest.raises(CouldNotJudge) as failure:
        decide(signals, judge, stage)
    assert failure.value.reason == "missing"


@given(judged(), st.data())
def test_one_more_harmless_signal_changes_nothing(
    case: tuple[Policy, Stage, list[Signal]], data: st.DataObject
) -> None:
    judge, stage, signals = case
    harmless = replace(data.draw(st.sampled_from(signals)), score=0.0, calibrated=data.draw(st.booleans()))
    before, after = decide(signals, judge, stage), decide([*signals, harmless], judge, stage)
    assert settled(after) == settled(before)
    assert after == before or harmless.calibrated


@given(judged(), st.randoms(use_true_random=False))
def test_the_order_of_signals_changes_nothing(case: tuple[Policy, Stage, list[Signal]], dice: random.Random) -> None:
    judge, stage, signals = case
    shuffled = dice.sample(signals, len(signals))
    assert decide(shuffled, judge, stage) == decide(signals, judge, stage)


@given(judged())
def test_the_action_is_the_gravest_of_the_reasons(case: tuple[Policy, Stage, list[Signal]]) -> None:
    judge, stage, signals = case
    verdict = decide(signals, judge, stage)
    gravities = [reason.action.gravity for reason in verdict.reasons]
    assert gravities == sorted(gravities, reverse=True)
    assert verdict.action.gravity == max(gravities, default=0)
    assert all(reason.score >= reason.threshold for reason in verdict.reasons)


@given(judged(names=("default",)))
def test_strict_is_never_milder_than_default_nor_default_than_lenient(
    case: tuple[Policy, Stage, list[Signal]],
) -> None:
    _, stage, signals = case
    strict, default, lenient = (
        decide(signals, SHIPPED[name], stage).action.gravity for name in ("strict", "default", "lenient")
    )
    assert strict >= default >= lenient


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("source", ["blocklist", "prompt_classifier"])
def test_every_shipped_policy_refuses_at_the_floor(name: str, source: str) -> None:
    judge = SHIPPED[name]
    signals = reports(judge, Stage.PROMPT, **{f"{source}__sexual_minors": SEXUAL_MINORS_FLOOR})
    assert decide(signals, judge, Stage.PROMPT).action.refuses
