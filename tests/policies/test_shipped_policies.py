import pytest

from policies.likeness import NOBODY
from policies.loader import load_policy, shipped_policies
from policies.schema import Policy
from policies.signals import CONTEXTS, IDENTITIES, Category, Stage
from policies.verdict import Action
from policies.wordlists import load_blocklists

SHIPPED = {name: load_policy(path) for name, path in shipped_policies().items()}
each = pytest.mark.parametrize("judge", SHIPPED.values(), ids=SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_policy_is_named_after_its_file(name: str) -> None:
    assert SHIPPED[name].name == name


@each
def test_every_prompt_passes_a_blocklist_and_a_classifier_in_every_category(judge: Policy) -> None:
    assert {*judge.prompt.checks} >= {"blocklist", "prompt_classifier"}
    for row in judge.prompt.table.values():
        assert {*row} >= {"blocklist", "prompt_classifier"}


@each
def test_every_category_is_judged_in_pictures_or_said_not_to_be(judge: Policy) -> None:
    for category, row in judge.picture.table.items():
        assert row or judge.picture.categories[category] == "not_scored"


@each
def test_what_looks_like_a_banned_picture_is_never_released_by_itself(judge: Policy) -> None:
    for category in Category:
        thresholds = judge.picture.table[category]["banned_pictures"].in_force
        assert thresholds[0][0].gravity >= Action.REVIEW.gravity
        assert thresholds[0][1] == 0.5


@each
def test_the_three_policies_leave_the_same_categories_unscored(judge: Policy) -> None:
    unscored = {category for category, row in judge.picture.table.items() if not row}
    assert unscored == {category for category, row in SHIPPED["default"].picture.table.items() if not row}


@each
def test_every_picture_is_asked_whether_it_could_pass_for_a_photograph_of_a_person(judge: Policy) -> None:
    assert {*judge.picture.checks} >= {"image_concepts", "realism", "person"}
    subjects = {condition.subject for rule in judge.picture.rules for condition in rule.when_all}
    assert subjects >= {"photorealism", "person"}


@each
def test_sexualised_minors_are_gravest_and_nothing_is_disclosed(judge: Policy) -> None:
    assert judge.severity[Category.SEXUAL_MINORS] == max(judge.severity.values()) == 5
    assert judge.disclosure(Category.SEXUAL_MINORS) == "none"


@each
def test_the_terms_that_are_never_harmless_are_refused(judge: Policy) -> None:
    for row in judge.prompt.table.values():
        assert row["blocklist"].refuses_from is not None


def test_default_rests_at_suspicious_terms_and_strict_refuses_them_and_weapons() -> None:
    default, strict = SHIPPED["default"].prompt.table, SHIPPED["strict"].prompt.table
    for category in set(Category) - {Category.SEXUAL_MINORS}:
        assert all(threshold > 0.6 for _, threshold in default[category]["blocklist"].in_force)
        assert strict[category]["blocklist"].refuses_from == (0.3 if category is Category.WEAPONS else 0.6)


def test_strict_refuses_weapons_and_drugs_in_pictures_where_default_labels_them() -> None:
    for category in (Category.WEAPONS, Category.ILLICIT):
        assert SHIPPED["strict"].picture.table[category]["image_concepts"].refuses_from is not None
        assert dict(SHIPPED["default"].picture.table[category]["image_concepts"].in_force).keys() == {Action.LABEL}


@each
def test_the_examples_speak_both_languages_and_hold_lookalikes(judge: Policy) -> None:
    prompts = [example.prompt for example in judge.examples]
    asked = {(example.prompt, str(example.picture)) for example in judge.examples}
    assert len(prompts) == len(asked) >= 15
    french = [p for p in prompts if {"un", "une", "homme", "d’un"} & {*p.split()}]
    assert len(french) >= 5
    expected = [example.expect for example in judge.examples]
    assert expected.count(Action.ALLOW) >= 5
    assert sum(action.refuses for action in expected) >= 5


@each
def test_every_list_in_force_exists(judge: Policy) -> None:
    assert load_blocklists(judge.blocklists)


@each
@pytest.mark.parametrize("stage", Stage)
def test_every_rule_names_its_subject_matter_in_its_id(judge: Policy, stage: Stage) -> None:
    assert all(rule.id.startswith("likeness/") for rule in judge.stage(stage).rules)


@each
def test_the_examples_cover_cells_of_the_likeness_matrix_in_both_languages(judge: Policy) -> None:
    cells = [example for example in judge.examples if example.rule]
    assert {example.rule for example in cells} >= {"likeness/nobody/photoreal", "likeness/child/sexual"}
    assert len(cells) >= 4


@each
def test_every_identity_and_every_context_is_judged(judge: Policy) -> None:
    matrix = judge.picture.likeness
    assert matrix is not None
    assert {who for row in matrix.rows for who in row.who} == {NOBODY, *IDENTITIES}
    assert {context for row in matrix.rows for context in row.context} == {*CONTEXTS, Category.SEXUAL}
