"""The likeness matrix: which cell a picture falls into, that its decision names it, and what a matrix may not say."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.decide import decide, may_be_labelled, thresholds_of, unreported
from policies.likeness import FROM_PROMPT, NOTHING_MEANT, carried
from policies.loader import PolicyInvalid, load_policy, shipped_policies
from policies.schema import Policy
from policies.signals import IDENTITIES, MEANT, Category, Descriptor, Signal, Span, Stage, Subject
from policies.verdict import Action, CouldNotJudge, Verdict
from tests.policies.builders import policy, policy_file, reports

DEFAULT, STRICT = (load_policy(shipped_policies()[name]) for name in ("default", "strict"))
MATRIX: dict[str, Any] = {
    "looks": {"lifelike": {"photorealism": 0.3, "person": 0.5}, "photoreal": {"photorealism": 0.7, "person": 0.7}},
    "evidence": {"public_figure": 0.5, "election": 0.5},
    "rows": [
        {"who": "nobody", "drawn": "allow", "lifelike": "allow", "photoreal": "label"},
        {"who": "public_figure", "drawn": "allow", "lifelike": {"action": "label", "label": "visible"},
         "photoreal": "review"},
        {"who": "public_figure", "context": "election", "drawn": "review", "lifelike": "block", "photoreal": "block"},
    ],
}  # fmt: skip
HAS_MATRIX = ("picture.likeness", MATRIX)


def judged(judge: Policy, **scores: float) -> Verdict:
    return decide(reports(judge, Stage.PICTURE, **scores), judge, Stage.PICTURE)


def rules(verdict: Verdict) -> list[str]:
    return [reason.rule for reason in verdict.reasons]


def test_a_cartoon_politician_a_photoreal_crowd_and_a_photoreal_politician_end_differently() -> None:
    cartoon = judged(DEFAULT, public_figure=1.0, photorealism=0.1, person=0.9)
    crowd = judged(DEFAULT, photorealism=0.9, person=0.9)
    politician = judged(DEFAULT, public_figure=1.0, photorealism=0.9, person=0.9)

    assert (cartoon.action, rules(cartoon)) == (Action.ALLOW, ["likeness/public_figure/drawn"])
    assert (crowd.action, rules(crowd)) == (Action.LABEL, ["likeness/nobody/photoreal"])
    assert (politician.action, rules(politician)) == (Action.REVIEW, ["likeness/public_figure/photoreal"])


@pytest.mark.parametrize("who", IDENTITIES)
@pytest.mark.parametrize(
    ("look", "scores"),
    [
        ("drawn", {"photorealism": 0.9, "person": 0.1}),
        ("lifelike", {"photorealism": 0.5, "person": 0.6}),
        ("photoreal", {"photorealism": 0.9, "person": 0.9}),
    ],
)
def test_every_identity_has_a_cell_of_its_own_for_every_look(
    who: Descriptor, look: str, scores: dict[str, float]
) -> None:
    assert f"likeness/{who}/{look}" in rules(judged(DEFAULT, **{who: 1.0}, **scores))


@pytest.mark.parametrize("context", ["election", "crime", "endorsement", "medical"])
def test_a_context_is_judged_graver_and_named(context: str) -> None:
    scores = {"public_figure": 1.0, context: 1.0, "photorealism": 0.9, "person": 0.9}
    verdict = judged(DEFAULT, **scores)
    assert (verdict.action, rules(verdict)[0]) == (Action.BLOCK, f"likeness/public_figure/{context}/photoreal")


@pytest.mark.parametrize("who", IDENTITIES)
def test_somebody_meant_in_a_sexual_picture_is_refused_however_it_is_drawn(who: Descriptor) -> None:
    verdict = judged(DEFAULT, **{who: 1.0}, sexual=0.6)
    assert (verdict.action, verdict.categories) == (Action.BLOCK, (Category.SEXUAL,))
    assert f"likeness/{who}/sexual/drawn" in rules(verdict)


def test_what_is_allowed_by_a_cell_tells_no_category_and_blames_nothing() -> None:
    verdict = judged(DEFAULT, public_figure=1.0)
    assert (verdict.action, verdict.categories, verdict.leading) == (Action.ALLOW, (), ())
    assert not verdict.in_unread_language


@pytest.mark.parametrize("name", shipped_policies())
def test_a_child_in_a_sexual_scene_is_refused_and_nothing_but_the_hash_is_kept(name: str) -> None:
    judge = load_policy(shipped_policies()[name])
    for score in (0.6, 0.75, 1.0):
        verdict = judged(judge, sexual_minors=score)
        assert verdict.action.refuses
        assert verdict.hash_only
    assert not judged(judge, sexual_minors=0.3).hash_only


def test_a_picture_that_an_uncalibrated_score_holds_is_kept_for_the_person_who_looks() -> None:
    told = [
        replace(signal, score=0.9, calibrated=False) if signal.subject is Category.SEXUAL_MINORS else signal
        for signal in reports(DEFAULT, Stage.PICTURE)
    ]
    verdict = decide(told, DEFAULT, Stage.PICTURE)
    assert verdict.action is Action.REVIEW
    assert not verdict.hash_only


def test_a_cell_may_ask_for_the_visible_label_beside_its_action() -> None:
    assert judged(DEFAULT, public_figure=1.0, photorealism=0.5, person=0.9).visible_label
    assert judged(DEFAULT, public_figure=1.0, photorealism=0.9, person=0.9).visible_label
    assert not judged(DEFAULT, public_figure=1.0, photorealism=0.1, person=0.9).visible_label
    assert not judged(DEFAULT, photorealism=0.9, person=0.9).visible_label


@given(st.fixed_dictionaries({subject: st.floats(0, 1) for subject in (*MEANT, "photorealism", "person", "sexual")}))
def test_a_picture_that_needs_the_label_is_never_missed_by_what_its_prompt_means(scores: dict[str, float]) -> None:
    """The first look is skipped where `may_be_labelled` says no: then no look may ask for the label."""
    meant = [Signal(FROM_PROMPT, subject, scores[subject]) for subject in sorted(MEANT)]
    for judge in (DEFAULT, STRICT):
        if judged(judge, **scores).visible_label:
            assert may_be_labelled(judge, meant)


# Near a threshold


def test_default_holds_for_a_person_what_falls_little_short_of_being_refused() -> None:
    near = judged(DEFAULT, private_person=0.8, photorealism=0.66, person=0.9)
    assert near.action is Action.REVIEW
    assert "likeness/private_person/photoreal" in rules(near)
    by_rule = {reason.rule: reason for reason in near.reasons}
    assert by_rule["likeness/private_person/photoreal"].threshold == 0.65


def test_strict_takes_the_stricter_cell_near_a_threshold() -> None:
    assert judged(STRICT, role_holder=1.0, photorealism=0.46, person=0.9).action is Action.BLOCK
    assert judged(STRICT, role_holder=1.0, photorealism=0.44, person=0.9).action is Action.REVIEW


# Fail closed


@pytest.mark.parametrize("subject", sorted(MEANT))
def test_a_picture_whose_prompt_was_not_read_for_somebody_is_not_judged(subject: Descriptor) -> None:
    signals = [signal for signal in reports(DEFAULT, Stage.PICTURE) if signal.subject is not subject]
    with pytest.raises(CouldNotJudge, match=subject):
        decide(signals, DEFAULT, Stage.PICTURE)


def test_only_what_the_prompt_means_may_be_carried_to_a_picture() -> None:
    signals = [*reports(DEFAULT, Stage.PICTURE), Signal(FROM_PROMPT, Category.SEXUAL, 0.0)]
    with pytest.raises(CouldNotJudge, match="not among the checks"):
        decide(signals, DEFAULT, Stage.PICTURE)


def test_an_uncalibrated_look_holds_at_the_most() -> None:
    signals = reports(DEFAULT, Stage.PICTURE, private_person=0.8, person=0.9)
    unsure = [Signal("realism", Descriptor.PHOTOREALISM, 0.9, calibrated=False)]
    rest = [signal for signal in signals if signal.subject is not Descriptor.PHOTOREALISM]
    assert decide([*rest, *unsure], DEFAULT, Stage.PICTURE).action is Action.REVIEW


def test_a_service_without_the_checks_that_tell_who_is_meant_would_not_start() -> None:
    seen: dict[str, set[Subject]] = {
        "image_concepts": {*Category},
        "realism": {Descriptor.PHOTOREALISM},
        "person": {Descriptor.PERSON},
        "banned_pictures": {*Category},
    }
    missing = {subject for _, subject in unreported(DEFAULT, Stage.PICTURE, seen)}
    assert missing == set(MEANT)


# What is carried


def test_the_strongest_report_of_each_is_carried_without_the_place_in_the_prompt() -> None:
    weak = Signal("blocklist", Descriptor.PRIVATE_PERSON, 0.5, "a", (Span(0, 3),))
    strong = Signal("private_names", Descriptor.PRIVATE_PERSON, 0.8, "b", (Span(4, 9),))
    other = Signal("blocklist", Category.SEXUAL, 1.0)
    assert carried([weak, strong, other]) == [Signal(FROM_PROMPT, Descriptor.PRIVATE_PERSON, 0.8, "b")]


def test_a_picture_without_a_prompt_is_one_of_nobody() -> None:
    assert {signal.subject for signal in NOTHING_MEANT} == MEANT
    looks = [s for s in reports(DEFAULT, Stage.PICTURE, photorealism=0.9, person=0.9) if s.source != FROM_PROMPT]
    assert rules(decide([*looks, *NOTHING_MEANT], DEFAULT, Stage.PICTURE)) == ["likeness/nobody/photoreal"]


# What an operator may write


def test_a_cell_is_changed_in_the_file_alone() -> None:
    rows = [*MATRIX["rows"][:1], {**MATRIX["rows"][1], "photoreal": "block"}, *MATRIX["rows"][2:]]
    scores = {"public_figure": 1.0, "photorealism": 0.9, "person": 0.9}
    assert judged(policy(HAS_MATRIX), **scores).action is Action.REVIEW
    assert judged(policy(("picture.likeness", {**MATRIX, "rows": rows})), **scores).action is Action.BLOCK


def test_every_threshold_of_the_matrix_is_kept_with_a_decision() -> None:
    in_force = thresholds_of(policy(HAS_MATRIX), Stage.PICTURE)
    assert in_force["likeness/photoreal/photorealism"] == 0.7
    assert in_force["likeness/evidence/public_figure"] == 0.5


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows": [{"who": "everybody", "drawn": "allow", "lifelike": "allow", "photoreal": "label"}]}, "who"),
        ({"rows": [{"who": "role_holder", "drawn": "allow", "lifelike": "allow", "photoreal": "label"}]},
         "from which score role_holder counts"),
        ({"rows": [{"who": "nobody", "drawn": "block", "lifelike": "allow", "photoreal": "label"}]}, "no milder"),
        ({"rows": [{"who": "nobody", "drawn": "allow", "lifelike": "confirm", "photoreal": "block"}]}, "not confirm"),
        ({"rows": [{"who": "nobody", "drawn": "allow", "lifelike": "allow"}]}, "photoreal"),
        ({"looks": {**MATRIX["looks"], "photoreal": {"photorealism": 0.2, "person": 0.7}}}, "as much as lifelike"),
        ({"near": {"within": 0.5, "take": "review"}}, "within"),
    ],
)  # fmt: skip
def test_a_matrix_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Any, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(PolicyInvalid, match=told) as refused:
        load_policy(policy_file(tmp_path, ("picture.likeness", {**MATRIX, **change})))
    assert all(problem.split(":")[1].isdigit() for problem in refused.value.problems)


def test_a_matrix_stands_under_pictures_and_nothing_shown_is_erased(tmp_path: Any) -> None:
    with pytest.raises(PolicyInvalid, match="should stand under picture"):
        load_policy(policy_file(tmp_path, ("prompt.likeness", MATRIX)))
    kept = {"id": "likeness/kept", "when_all": [{"subject": "sexual", "at_least": 0.5}], "action": "review",
            "category": "sexual", "keep": "hash"}  # fmt: skip
    with pytest.raises(PolicyInvalid, match="can never be shown"):
        load_policy(policy_file(tmp_path, ("picture.rules", [kept])))
