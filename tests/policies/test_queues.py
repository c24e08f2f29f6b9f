"""Every case has one queue, the first rule that matches names it, and a file that could not work is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.loader import PolicyInvalid
from policies.queues import SHIPPED, Facts, Queues, Source, load_queues
from policies.signals import Category

FACTS = st.builds(
    Facts,
    source=st.sampled_from(Source),
    category=st.sampled_from([*Category, ""]),
    severity=st.integers(1, 5),
    level=st.sampled_from(["moderator", "senior"]),
    language=st.sampled_from(["en", "fr", "de", ""]),
    restricted=st.booleans(),
)
OWN = """queues:
  - name: grave
    title: {en: Grave, fr: Grave}
    open: false
  - name: french
    title: {en: In French, fr: En français}
  - name: rest
    title: {en: The rest, fr: Le reste}
rules:
  - {when: {severity: [4, 5], category: [gore, hate]}, queue: grave}
  - {when: {language: [fr]}, queue: french}
  - {when: {level: [senior], source: [appeal, report]}, queue: grave}
  - {queue: rest}
"""


def read(tmp_path: Path, text: str) -> Queues:
    path = tmp_path / "queues.yaml"
    path.write_text(text)
    return load_queues(path)


def facts(**changed: object) -> Facts:
    told = {"source": "picture", "category": "gore", "severity": 3, "level": "moderator", "language": "en"}
    return Facts(**{**told, "restricted": False, **changed})  # type: ignore[arg-type]


@given(FACTS)
def test_every_case_has_a_queue_of_the_shipped_file(facts: Facts) -> None:
    assert load_queues().route(facts) in load_queues().names


def test_the_shipped_queues_are_open_to_all_and_named_in_both_languages() -> None:
    queues = load_queues()
    assert queues.open_to_all == set(queues.names)
    assert queues.title("appeals", "fr") == "Appels"
    assert queues.title("gone", "fr") == "gone"
    assert SHIPPED.read_text().count("- {queue:") == 1


def test_what_may_show_a_child_comes_before_all_else_then_appeals_and_reports() -> None:
    route = load_queues().route
    assert route(facts(source="appeal", restricted=True)) == "children"
    assert route(facts(source="appeal")) == "appeals"
    assert route(facts(source="report")) == "reports"
    assert route(facts()) == "held"


def test_the_first_rule_that_matches_counts_and_each_condition_must_be_met(tmp_path: Path) -> None:
    queues = read(tmp_path, OWN)
    assert queues.route(facts(severity=5, language="fr")) == "grave"
    assert queues.route(facts(severity=5, category="sexual", language="fr")) == "french"
    assert queues.route(facts(severity=3)) == "rest"
    assert queues.route(facts(source="appeal", level="senior")) == "grave"
    assert queues.route(facts(source="appeal")) == "rest"


@given(FACTS)
def test_no_earlier_rule_would_have_matched(facts: Facts) -> None:
    queues = Queues.model_validate_json(AS_JSON)
    named = queues.route(facts)
    matching = [rule.queue for rule in queues.rules if rule.when is None or rule.when.matches(facts)]
    assert named == matching[0]


AS_JSON = """{"queues": [{"name": "a", "title": {"en": "A", "fr": "A"}},
{"name": "b", "title": {"en": "B", "fr": "B"}}], "rules": [
{"when": {"source": ["appeal"], "severity": [1, 2]}, "queue": "a"}, {"when": {"restricted": true}, "queue": "b"},
{"when": {"source": ["appeal", "report"]}, "queue": "b"}, {"queue": "a"}]}"""


def test_a_closed_queue_is_seen_by_whoever_was_granted_it_and_a_grant_of_a_lost_queue_is_nothing(
    tmp_path: Path,
) -> None:
    queues = read(tmp_path, OWN)
    assert queues.seen_with([]) == {"french", "rest"}
    assert queues.seen_with(["grave", "gone"]) == {"grave", "french", "rest"}


@pytest.mark.parametrize(
    ("before", "after", "line", "told"),
    [
        ("queue: rest}", "queue: left}", 13, "rules[3].queue: should be one of grave, french, rest (found left)"),
        ("name: french", "name: grave", 2, "queues[0].name: should be the only queue of this name"),
        ("  - {queue: rest}\n", "", 9, "rules: should end with a rule without conditions"),
        ("  - {queue: rest}\n", "", 7, "queues[2].name: should be named by a rule (no rule leads to rest)"),
        ("{language: [fr]}", "{}", 11, "rules[1].when: should hold a condition"),
        ("{language: [fr]}", "{language: []}", 11, "rules[1].when: should leave a condition out"),
        ("{language: [fr]}", "{tongue: [fr]}", 11, "rules[1].when.tongue: is no field here"),
        ("[appeal, report]", "[appeals]", 12, "source"),
        ("[4, 5]", "[6]", 10, "severity"),
        ("{language: [fr]}", "{severity: [5], category: [hate]}", 11, "rule 1 takes all that it would match"),
        ("{when: {language: [fr]}, queue: french}", "{queue: french}", 12, "rule 2 takes all that it would match"),
        ("open: false", "open: maybe", 4, "queues[0].open"),
    ],
)
def test_a_file_that_could_not_work_is_refused_with_the_line(
    tmp_path: Path, before: str, after: str, line: int, told: str
) -> None:
    assert before in OWN
    with pytest.raises(PolicyInvalid) as refused:
        read(tmp_path, OWN.replace(before, after, 1))
    assert any(f"queues.yaml:{line}: " in problem and told in problem for problem in refused.value.problems)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        read(tmp_path, OWN.replace("queue: grave}", "queue: graves}").replace("queue: rest}", "queue: left}"))
    assert len(refused.value.problems) >= 4
