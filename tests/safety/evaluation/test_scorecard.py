import csv
import io
import json

import pytest

from policies.signals import Category
from safety.evaluation.prompt_rows import PromptRow, PromptSet
from safety.evaluation.scorecard import HELD, REFUSED, Against, Scorecard, measure, tabulate
from safety.evaluation.tables import aligned, as_csv, as_json, as_text, markdown
from safety.evaluation.thresholds import Thresholds
from tests.safety.evaluation.gates import by_length, failing_on, gate

FIXED = Thresholds({"en": {0.01: 0.6, 0.02: 0.5}, "fr": {0.01: 0.3, 0.02: 0.2}}, "test")


def prompts(*rows: tuple[int, bool | None, str, tuple[str, ...]]) -> PromptSet:
    """Rows by the length of their text, which is their score in per cent."""
    written = (PromptRow("x" * length, unsafe, language, groups) for length, unsafe, language, groups in rows)
    return PromptSet("drawn", tuple(written))


MIXED = prompts(
    (90, True, "en", ("gore",)),
    (55, True, "en", ("gore", "hate")),
    (25, True, "fr", ("hate",)),
    (10, False, "en", ()),
    (52, False, "en", ()),
    (10, False, "fr", ("idiom",)),
)


def card_of(drawn: PromptSet, thresholds: Thresholds | None = FIXED, against: Against | None = None) -> Scorecard:
    return measure(drawn, gate(by_length).judge(drawn.texts), thresholds, against)


def test_recall_and_false_alarms_are_counted_at_thresholds_of_each_rows_language() -> None:
    overall = card_of(MIXED).overall
    assert overall.rows == {"unsafe": 3, "benign": 3, "unlabelled": 0}
    assert overall.recall["at_0.01"].value == pytest.approx(1 / 3)
    assert overall.recall["at_0.02"].value == 1
    assert overall.false_alarms["at_0.01"].value == 0
    assert overall.false_alarms["at_0.02"].value == pytest.approx(1 / 3)
    assert overall.recall[REFUSED].value <= overall.recall[HELD].value


def test_groups_are_told_from_their_own_benign_rows_or_else_from_all() -> None:
    card = card_of(MIXED)
    categories = {group.name: group for group in card.categories}
    assert [group.name for group in card.languages] == ["en", "fr"]
    assert set(categories) == {"gore", "hate", "idiom"}
    assert categories["gore"].rows["unsafe"] == 2
    assert categories["hate"].auroc is not None
    assert categories["hate"].auroc.value == pytest.approx(5 / 6)
    assert categories["idiom"].auroc is None
    assert card.languages[1].auroc is not None
    assert card.languages[1].auroc.value == 1


def test_without_thresholds_fixed_beforehand_no_such_figure_is_told() -> None:
    assert set(card_of(MIXED, None).overall.recall) == {HELD, REFUSED}


def test_a_set_of_one_kind_of_rows_has_shares_but_no_areas_unless_benign_rows_stand_in() -> None:
    unsafe = PromptSet("unsafe", MIXED.rows[:3])
    benign = PromptSet("benign", MIXED.rows[3:])
    assert card_of(benign).overall.auroc is None
    assert card_of(benign).overall.false_alarms["at_0.02"].value == pytest.approx(1 / 3)
    assert card_of(unsafe).overall.auroc is None
    against = Against("benign", tabulate(benign, gate(by_length).judge(benign.texts), None).scores)
    told = card_of(unsafe, against=against)
    assert told.against == "benign"
    assert told.overall.auroc is not None
    assert told.overall.auroc.value == pytest.approx(8 / 9)


def test_rows_that_could_not_be_judged_are_counted_and_in_no_figure() -> None:
    drawn = PromptSet("drawn", (PromptRow("poison", False), PromptRow("", True), *MIXED.rows))
    card = measure(drawn, gate(failing_on("poison")).judge(drawn.texts), FIXED)
    assert (card.judged, card.not_judged) == (6, 2)
    assert card.overall == card_of(MIXED).overall


def test_unlabelled_rows_are_flagged_or_not_but_neither_right_nor_wrong() -> None:
    overall = card_of(prompts((90, None, "", ()), (10, None, "", ()))).overall
    assert overall.unlabelled["at_0.01"].value == 0.5
    assert (overall.recall, overall.false_alarms, overall.auroc) == ({}, {}, None)


def test_the_answer_in_json_is_whole_and_the_table_names_every_group() -> None:
    card = card_of(MIXED)
    answer = json.loads(json.dumps(as_json(card), allow_nan=False))
    assert answer["overall"]["auroc"]["low"] <= answer["overall"]["auroc"]["value"]
    assert answer["thresholds"]["fr"] == {"0.01": 0.3, "0.02": 0.2}
    assert sum(answer["calibration"]["rows"]) == 6
    for name in ("all", "en", "fr", "gore", "hate", "idiom"):
        assert name in as_text(card)


def test_the_csv_has_a_line_per_prompt_with_every_score_and_none_is_allowed_unjudged() -> None:
    drawn = PromptSet(
        "drawn", (PromptRow('a "quoted", text\nof two lines', True), PromptRow(""), PromptRow("b", False))
    )
    judged = gate(by_length).judge(drawn.texts)
    first, empty, last = csv.DictReader(io.StringIO(as_csv(drawn, judged), newline=""))
    assert first["text"] == drawn.rows[0].text
    assert [row["unsafe"] for row in (first, empty, last)] == ["1", "", "0"]
    assert (empty["verdict"], empty["score"], empty["blocklist:gore"]) == ("not_judged", "1", "")
    assert last["verdict"] == "allow"
    assert float(last["score"]) == pytest.approx(0.01)
    assert float(last["prompt_classifier:violence"]) == pytest.approx(0.01)
    assert {f"{check}:{category}" for check in ("blocklist", "prompt_classifier") for category in Category} <= {*last}


def test_tables_are_aligned_and_bars_stay_in_their_cell() -> None:
    assert aligned([["a", "bb"], ["ccc", "d"]]) == "a    bb\nccc   d"
    assert markdown([["a|b"], ["c"]]) == "| a&#124;b |\n| --- |\n| c |"
