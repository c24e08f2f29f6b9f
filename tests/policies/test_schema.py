import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.decide import decide
from policies.schema import SEXUAL_MINORS_FLOOR, Policy, Thresholds
from policies.signals import Category, Stage
from policies.verdict import Action
from tests.policies.builders import ASKS, LISTENS, QUESTION, document, policy, reports

SCORE = st.floats(0, 1, exclude_min=True)


@st.composite
def thresholds(draw: st.DrawFn) -> dict[str, float]:
    actions = draw(
        st.lists(st.sampled_from(["label", "confirm", "review", "block", "escalate"]), min_size=1, unique=True)
    )
    actions.sort(key=lambda action: Action(action).gravity)
    return dict(zip(actions, sorted(draw(SCORE) for _ in actions), strict=True))


@given(st.dictionaries(st.sampled_from(["blocklist", "prompt_classifier"]), thresholds() | st.just("not_scored")))
def test_whatever_loads_refuses_sexualised_minors_from_the_floor_on(said: dict[str, Any]) -> None:
    try:
        judge = policy(("prompt.categories.sexual_minors", said))
    except ValidationError:
        return
    scored = judge.prompt.table[Category.SEXUAL_MINORS]
    assert scored
    for source in scored:
        signals = reports(judge, Stage.PROMPT, **{f"{source}__sexual_minors": SEXUAL_MINORS_FLOOR})
        assert decide(signals, judge, Stage.PROMPT).action.refuses


@given(thresholds())
def test_whatever_scores_minors_in_pictures_refuses_from_the_floor_on(said: dict[str, float]) -> None:
    refusing = [said[action] for action in ("block", "escalate") if action in said]
    lawful = bool(refusing) and min(refusing) <= SEXUAL_MINORS_FLOOR and "confirm" not in said
    try:
        policy(("picture.categories.sexual_minors", {"image_concepts": said}))
    except ValidationError:
        assert not lawful
    else:
        assert lawful


@given(st.permutations(["label", "confirm", "review", "block", "escalate"]))
def test_thresholds_rise_with_gravity(order: list[str]) -> None:
    said = dict(zip(order, (0.2, 0.3, 0.4, 0.6, 0.8), strict=True))
    if order == ["label", "confirm", "review", "block", "escalate"]:
        assert [action for action, _ in Thresholds(**said).in_force] == order
    else:
        with pytest.raises(ValidationError, match="should rise with gravity"):
            Thresholds(**said)


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        pytest.param("prompt.categories.sexual_minors", "not_scored", "judge sexual_minors", id="minors unjudged"),
        pytest.param("prompt.categories.hate", "not_scored", "judge hate", id="a category unjudged in prompts"),
        pytest.param("disclosure.sexual_minors", "span", "none or category", id="minors' span disclosed"),
        pytest.param("prompt.defaults", {"blocklist": {"block": 1}}, "prompt_classifier thresholds", id="a gap"),
        pytest.param("prompt.checks", ["blocklist"], "should list prompt_classifier", id="an unlisted check"),
        pytest.param("picture.checks", ["image_concepts", "realism"], "asks person", id="a rule's unlisted check"),
        pytest.param("picture.rules", [], None, id="no rules"),
        pytest.param("prompt.defaults.blocklist", {}, "should give a threshold", id="no threshold"),
        pytest.param("prompt.defaults.blocklist", {"allow": 0.1}, "allow", id="a threshold to allow"),
        pytest.param("prompt.defaults.blocklist", {"block": 0}, "greater than 0", id="a threshold of 0"),
        pytest.param("prompt.defaults.blocklist", {"block": True}, "valid number", id="a threshold of true"),
        pytest.param("uncalibrated", "block", "not permitted", id="a score without calibration that refuses"),
        pytest.param("blocklists", [], "at least 1", id="no list"),
        pytest.param("blocklists", ["words", "words"], "should name words once", id="a list twice"),
        pytest.param("blocklists", ["../secrets"], "pattern", id="a path for a list"),
        pytest.param("severity", {"hate": 3}, "sexual_minors, violence", id="severities missing"),
        pytest.param("severity.hate", 6, "less than or equal to 5", id="a severity of 6"),
        pytest.param("messages.hate", {"en": "No."}, "fr", id="no French"),
        pytest.param("messages.hate", {"en": " ", "fr": "Non."}, "at least 1 character", id="an empty sentence"),
        pytest.param("version", 0, "greater than or equal to 1", id="version 0"),
        pytest.param("name", "Mine!", "pattern", id="a name with other signs"),
        pytest.param("shadow", "strict", "not permitted", id="an unknown field"),
        pytest.param("examples", [], "at least 1", id="no example"),
        pytest.param("prompt.unread_language", {"review": 0.5}, "when checks list language", id="no language check"),
        pytest.param("prompt.checks", LISTENS[1], "when checks list language", id="a language check nobody judges"),
        pytest.param("picture.unread_language", {"review": 0.5}, "have no language", id="a picture's language"),
    ],
)
def test_a_policy_keeps_the_laws(place: str, value: object, complaint: str | None) -> None:
    if complaint is None:
        policy((place, value))
    else:
        with pytest.raises(ValidationError, match=complaint):
            policy((place, value))


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        pytest.param({"label": 0.5}, None, id="labelled from the ceiling on"),
        pytest.param({"block": 0.2}, None, id="refused early"),
        pytest.param({"label": 0.51}, "should at least label from 0.5 on", id="labelled late"),
        pytest.param({"confirm": 0.5}, "nobody has read the prompt", id="asked about"),
        pytest.param({}, "should give a threshold", id="simply allowed"),
    ],
)
def test_r28_no_policy_simply_allows_a_language_that_is_not_read(said: object, complaint: str | None) -> None:
    if complaint is None:
        policy(LISTENS, ("prompt.unread_language", said))
    else:
        with pytest.raises(ValidationError, match=complaint):
            policy(LISTENS, ("prompt.unread_language", said))


CONFIRM_RULE = {"id": "some/rule", "when_all": [{"subject": "gore", "at_least": 0.5}], "action": "confirm"}
MINORS = "prompt.categories.sexual_minors"


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        pytest.param([ASKS, QUESTION], None, id="a category that asks"),
        pytest.param([ASKS], "should ask something about shocking", id="no question"),
        pytest.param([(MINORS, {"blocklist": {"confirm": 0.1, "block": 0.3}, "prompt_classifier": {"block": 0.4}})],
                     "should never confirm sexual_minors", id="minors"),
        pytest.param([("prompt.rules", [{**CONFIRM_RULE, "category": "sexual_minors"}])],
                     "should never confirm sexual_minors", id="minors by a rule"),
        pytest.param([("prompt.rules", [{**CONFIRM_RULE, "category": "shocking"}]), QUESTION], None, id="a rule"),
        pytest.param([("picture.categories.gore", {"image_concepts": {"confirm": 0.4}})],
                     "only prompts can be asked about", id="pictures"),
    ],
)  # fmt: skip
def test_only_prompts_are_asked_about_and_never_minors(
    changes: list[tuple[str, object]], complaint: str | None
) -> None:
    if complaint is None:
        policy(*changes)
    else:
        with pytest.raises(ValidationError, match=complaint):
            policy(*changes)


@given(st.dictionaries(st.sampled_from(["blocklist", "prompt_classifier"]), thresholds() | st.just("not_scored")))
def test_whatever_loads_never_asks_about_sexualised_minors(said: dict[str, Any]) -> None:
    try:
        judge = policy((MINORS, said), QUESTION)
    except ValidationError:
        return
    assert all(entry.confirm is None for entry in judge.prompt.table[Category.SEXUAL_MINORS].values())


def test_a_question_is_asked_in_the_language_of_whoever_reads_it() -> None:
    judge = policy(ASKS, QUESTION)
    assert judge.question(Category.SHOCKING, "fr-CA") == "Est-ce bien cela ?"
    assert judge.question(Category.SHOCKING, "de") == "Is that so?"


CONDITION = {"subject": "gore", "at_least": 0.5}
RULE = {"id": "some/rule", "when_all": [CONDITION], "action": "block", "category": "gore"}


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        pytest.param([{**RULE, "action": "allow"}], "no rule allows", id="a rule that allows"),
        pytest.param([RULE, RULE], "should name some/rule once", id="an id twice"),
        pytest.param([{**RULE, "when_all": []}], "at least 1", id="no condition"),
        pytest.param([{**RULE, "when_all": [{**CONDITION, "subject": "ugliness"}]}], "one of", id="unknown subject"),
        pytest.param([{**RULE, "when_all": [{**CONDITION, "subject": 7}]}], "one of", id="a number for subject"),
        pytest.param([{**RULE, "category": "person"}], "should be 'sexual'", id="a descriptor for category"),
    ],
)
def test_a_rule_keeps_the_laws(rules: list[object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        policy(("picture.rules", rules))


def test_every_broken_law_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as invalid:
        policy(
            ("disclosure.sexual_minors", "span"),
            ("blocklists", ["words", "words"]),
            ("prompt.categories.hate", "not_scored"),
        )
    assert len(invalid.value.errors()[0]["ctx"]["broken"]) == 3


def test_a_category_without_thresholds_of_its_own_has_the_defaults() -> None:
    judge = policy(("prompt.categories.gore", {"blocklist": {"block": 0.3}}))
    assert judge.prompt.table[Category.GORE]["blocklist"].block == 0.3
    assert judge.prompt.table[Category.GORE]["prompt_classifier"] == judge.prompt.defaults["prompt_classifier"]
    assert judge.picture.table[Category.PRIVACY] == {}


def test_the_stamp_follows_the_content_and_nothing_else() -> None:
    stamp = policy().stamp
    reordered = Policy.model_validate_json(json.dumps(dict(reversed(document().items())), indent=3))
    assert stamp == reordered.stamp == policy(("prompt.defaults.blocklist", {"block": 1})).stamp
    assert str(stamp) == "small@3"
    for change in [("version", 4), ("prompt.defaults.blocklist", {"block": 0.9}), ("severity.hate", 5)]:
        assert policy(change).stamp.sha256 != stamp.sha256


@pytest.mark.parametrize(
    ("language", "said"),
    [("fr", "Non."), ("fr-CA", "Non."), ("FR_be", "Non."), ("en", "No."), ("fry", "No."), ("", "No.")],
)
def test_a_message_is_french_for_french_and_english_for_all_others(language: str, said: str) -> None:
    judge = policy(("messages.hate", {"en": "No.", "fr": "Non."}))
    assert judge.message(Category.HATE, language) == said


def test_a_policy_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        policy().version = 9  # type: ignore[misc]


def test_a_policy_without_defaults_says_everything_itself() -> None:
    everything = {category: {"blocklist": {"block": 0.5}} for category in Category}
    judge = policy(("prompt.checks", ["blocklist"]), ("prompt.defaults", {}), ("prompt.categories", everything))
    assert all(row["blocklist"].block == 0.5 for row in judge.prompt.table.values())
