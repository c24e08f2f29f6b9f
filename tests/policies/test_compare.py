"""Two policies are compared in words, nothing is left out, and "stricter" is what `decide` would do."""

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.compare import Difference, differences, in_words
from policies.loader import load_policy, shipped_policies
from policies.schema import Policy, Thresholds
from policies.signals import Category, Stage
from tests.policies.builders import ASKS, QUESTION, policy

SMALL = policy()
OPPOSITE = {"stricter": "milder", "milder": "stricter", "mixed": "mixed", "other": "other"}
TEXT = {"en": "No.", "fr": "Non."}
RULE = "picture.rules"


def changed(*changes: tuple[str, object]) -> list[Difference]:
    return differences(SMALL, policy(*changes))


@pytest.fixture(scope="module")
def shipped() -> dict[str, Policy]:
    return {name: load_policy(path) for name, path in shipped_policies().items()}


def test_a_policy_differs_from_itself_in_nothing(shipped: dict[str, Policy]) -> None:
    assert [differences(one, one) for one in shipped.values()] == [[], [], []]


def test_a_name_and_a_version_are_no_difference() -> None:
    assert changed(("name", "other"), ("version", 9), ("description", TEXT)) == []


def test_seen_from_the_other_side_it_is_the_other_way_round(shipped: dict[str, Policy]) -> None:
    for old, new in product(shipped.values(), repeat=2):
        back = {(d.kind, d.where, frozenset(d.subjects), in_words(d.after), in_words(d.before), OPPOSITE[d.effect])
                for d in differences(new, old)}  # fmt: skip
        there = {(d.kind, d.where, frozenset(d.subjects), in_words(d.before), in_words(d.after), d.effect)
                 for d in differences(old, new)}  # fmt: skip
        assert there == back


CHANGES: list[tuple[str, Any, str, str]] = [
    ("prompt.defaults.blocklist", {"block": 0.9}, "threshold", "stricter"),
    ("prompt.defaults.prompt_classifier", {"review": 0.7, "block": 0.8}, "threshold", "milder"),
    ("prompt.defaults.prompt_classifier", {"review": 0.5, "block": 0.9}, "threshold", "mixed"),
    ("prompt.defaults.prompt_classifier", {"block": 0.6}, "threshold", "stricter"),
    ("prompt.categories.gore", {"blocklist": "not_scored"}, "required", "other"),
    ("picture.rules", [], "rule", "milder"),
    ("picture.checks", ["image_concepts", "realism", "person", "extra"], "check", "stricter"),
    ("blocklists", ["words", "more"], "blocklist", "stricter"),
    ("severity.gore", 5, "severity", "other"),
    ("disclosure.gore", "none", "disclosure", "other"),
    ("messages.gore", TEXT, "message", "other"),
    ("examples", [{"prompt": "a dog", "expect": "allow"}], "examples", "other"),
]


@pytest.mark.parametrize(("place", "value", "kind", "effect"), CHANGES)
def test_each_kind_of_change_is_named_with_its_effect(place: str, value: object, kind: str, effect: str) -> None:
    assert {(d.kind, d.effect) for d in changed((place, value))} == {(kind, effect)}


def test_a_changed_default_is_one_difference_of_all_its_categories() -> None:
    (one,) = changed(("prompt.defaults.blocklist", {"block": 0.9}))
    assert (one.where, in_words(one.before)) == (("prompt", "blocklist"), "block from 1")
    assert in_words(one.after) == "block from 0.9"
    assert set(one.subjects) == set(Category) - {Category.SEXUAL_MINORS}


def test_what_is_written_otherwise_and_means_the_same_is_no_difference() -> None:
    assert changed(("prompt.categories.gore", {"blocklist": {"block": 1.0}})) == []


def test_a_question_and_its_threshold() -> None:
    kinds = {d.kind for d in changed(ASKS, QUESTION)}
    assert kinds == {"threshold", "question"}


def test_a_rule_with_a_lower_condition_is_stricter() -> None:
    rule = SMALL.picture.rules[0].model_dump(mode="json", exclude_none=True)
    rule["when_all"][0]["at_least"] = 0.5
    (one,) = changed((RULE, [rule]))
    assert (one.kind, one.effect) == ("rule", "stricter")
    assert in_words(one.after) == "photorealism >= 0.5 and person >= 0.7 by person and sexual >= 0.2: block (deception)"


def test_no_shipped_policy_is_milder_in_a_cell_than_the_next_milder_one(shipped: dict[str, Policy]) -> None:
    for milder, stricter in (("lenient", "default"), ("default", "strict")):
        cells = [d for d in differences(shipped[milder], shipped[stricter]) if d.kind == "cell"]
        assert {d.effect for d in cells} == {"stricter"}


steps = st.integers(1, 20).map(lambda number: number / 20)


@st.composite
def thresholds(draw: st.DrawFn) -> Thresholds:
    values = sorted(draw(st.lists(steps, min_size=3, max_size=3)))
    wanted = draw(st.sets(st.sampled_from(["label", "review", "block"]), min_size=1))
    given = dict(zip(("label", "review", "block"), values, strict=True))
    return Thresholds.model_validate({name: value for name, value in given.items() if name in wanted})


def gravity(asked: Thresholds, score: float) -> int:
    return max((action.gravity for action, value in asked.in_force if score >= value), default=0)


@given(thresholds(), thresholds())
def test_stricter_means_never_milder_at_any_score(one: Thresholds, other: Thresholds) -> None:
    place = "prompt.categories.gore"
    old, new = (policy((place, {"prompt_classifier": asked.model_dump(exclude_none=True)})) for asked in (one, other))
    found = [d for d in differences(old, new) if d.where == (Stage.PROMPT, "prompt_classifier")]
    scores = [number / 100 for number in range(101)]
    up = any(gravity(other, score) > gravity(one, score) for score in scores)
    down = any(gravity(other, score) < gravity(one, score) for score in scores)
    expected = "mixed" if up and down else "stricter" if up else "milder" if down else None
    assert [d.effect for d in found if d.effect != "other"] == ([expected] if expected else [])
