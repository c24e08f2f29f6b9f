import random
import re
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals import Category
from safety.bias_audit.twins import texts_of, write_twins
from safety.training.overlap import overlaps
from safety.training.prompt_data import (
    DIALECTS,
    LANGUAGES,
    WRITTEN,
    LabelledPrompt,
    fill,
    labels_of,
    own_people,
    own_split,
    own_unsafe,
    read_own,
    read_written,
    read_yaml,
)
from safety.training.prompt_mix import Augmenter, in_french, lexicon

CHILDHOOD = re.compile(
    r"\b(child\w*|kids?|boys?|girls?|teen\w*|minors?|young\w*|school\w*|bab(y|ies)|toddlers?|daughter\w*"
    r"|family|famille|enfants?|fille\w*|garçons?|ado\w*|mineur\w*|jeunes?|écol\w*|bébé\w*|nourrisson\w*|fils)\b"
)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_sexual_prompt_of_ours_speaks_of_childhood(language: str) -> None:
    rows = own_unsafe(language, 6_000, random.Random(5))  # noqa: S311
    sexual = [row.text for row in rows if Category.SEXUAL in row.labels]
    assert len(sexual) > 300
    assert [text for text in sexual if CHILDHOOD.search(text)] == []


@pytest.mark.parametrize("language", ["en", "fr"])
def test_sexual_minors_has_no_template(language: str) -> None:
    assert "sexual_minors" not in read_yaml(f"unsafe_{language}")["templates"]


@pytest.mark.parametrize("name", ["benign_en", "benign_fr", "unsafe_en", "unsafe_fr"])
def test_every_template_names_slots_that_exist(name: str) -> None:
    grammar = read_yaml(name)
    lists = grammar["templates"] if name.startswith("benign") else chain.from_iterable(grammar["templates"].values())
    named = set(re.findall(r"\[(?:a:)?(\w+)\]", " ".join(lists)))
    assert named <= set(grammar["slots"]) | {"emoji"}


def test_fillings_of_one_template_never_straddle_the_split() -> None:
    splits = {own_split("[a:animal] in a park") for _ in range(5)}
    assert len(splits) == 1


def test_the_same_seed_writes_the_same_prompts() -> None:
    assert read_own(3, per_kind=50) == read_own(3, per_kind=50)
    assert read_own(3, per_kind=50) != read_own(4, per_kind=50)


@given(seed=st.integers(0, 2**32), labels=st.sampled_from([[], [Category.SEXUAL], [Category.GORE]]))
def test_manner_changes_and_the_truth_stays(seed: int, labels: list[Category]) -> None:
    row = LabelledPrompt("a quiet lake, seen from above", frozenset(labels), "en", "coprov2", "train")
    said = Augmenter(["a cat on a mat"], seed)(row)
    assert (said.labels, said.split, said.source) == (row.labels, row.split, row.source)
    assert said.text


@given(seed=st.integers(0, 2**32))
def test_sexual_rows_are_never_joined_to_other_sentences(seed: int) -> None:
    row = LabelledPrompt("nude adult", frozenset({Category.SEXUAL}), "en", "coprov2", "train")
    assert "kite" not in Augmenter(["children flying a kite"], seed)(row).text


def test_articles_follow_the_word() -> None:
    rng = random.Random(0)  # noqa: S311
    assert fill("[a:thing]", {"thing": ["owl"]}, rng) == "an owl"
    assert fill("[a:thing]", {"thing": ["bat"]}, rng) == "a bat"


def test_a_row_with_only_foreign_labels_is_dropped_and_benign_rows_stay_benign() -> None:
    row = {"text": "a gun and blood", "source_label": "", "labels": "copyright"}
    assert labels_of(row) is None
    assert labels_of(row | {"labels": ""}) == frozenset()
    assert labels_of(row | {"labels": "violence"}) == frozenset({Category.VIOLENCE, Category.GORE, Category.WEAPONS})


# --- written prompts -----------------------------------------------------------------------------------------------


def test_every_idea_is_told_with_known_categories_and_no_line_is_empty() -> None:
    rows = read_written()
    assert len(rows) > 5_000
    assert {row.language for row in rows} == set(LANGUAGES)
    assert all(row.text.strip() for row in rows)


def test_no_written_prompt_is_labelled_sexual_minors() -> None:
    assert not [row.text for row in read_written() if Category.SEXUAL_MINORS in row.labels]


def test_no_written_sexual_prompt_speaks_of_childhood() -> None:
    children = re.compile(
        r"\b(child(ren)?|kids?|toddlers?|teen\w*|minors?|underage|schoolgirls?|enfants?|fillettes?|ados?)\b"
    )
    sexual = [row.text for row in read_written() if Category.SEXUAL in row.labels]
    assert len(sexual) > 300
    assert [text for text in sexual if children.search(text.lower())] == []


def test_all_lines_of_an_idea_share_a_part_in_both_languages() -> None:
    parts: dict[str, set[str]] = {}
    for row in read_written():
        parts.setdefault(row.group, set()).add(row.split)
    assert all(len(found) == 1 for found in parts.values())
    assert {part for found in parts.values() for part in found} == {"train", "dev", "test"}


def test_a_line_stands_in_one_part_only() -> None:
    """The same words in train and test would flatter."""
    parts: dict[str, set[str]] = {}
    for row in read_written():
        parts.setdefault(row.text.casefold(), set()).add(row.split)
    assert [text for text, found in parts.items() if len(found) > 1] == []


def test_benign_lines_stand_beside_unsafe_ones_in_every_file_about_harm() -> None:
    rows = read_written()
    for path in WRITTEN.glob("*.yaml"):
        kinds = [row.unsafe for row in rows if row.group.startswith(f"{path.stem}:")]
        assert kinds.count(False) >= 0.8 * kinds.count(True), path.stem


def test_word_for_word_french_keeps_the_truth_and_changes_the_words() -> None:
    row = LabelledPrompt("A shooting star above the red house", frozenset(), "en", "coprov2", "train")
    said = in_french(row)
    assert (said.labels, said.language) == (row.labels, "fr")
    assert "étoile filante" in said.text
    assert "rouge maison" in said.text


@pytest.mark.parametrize("name", ["lexicon_en_fr", "phrases_en_fr"])
def test_the_lexicon_has_french_for_every_entry(name: str) -> None:
    assert len(lexicon(name)) > 200
    assert all(english.strip() and french.strip() for english, french in lexicon(name).items())


def test_a_near_copy_of_a_benchmark_row_is_found_and_a_new_sentence_is_not() -> None:
    benchmark = ["the quick brown fox jumps over the lazy dog"]
    near = list(overlaps(["The quick brown fox jumps over the lazy dog!", "a slow green turtle"], benchmark))
    assert [(found.ours, found.likeness) for found in near] == [("The quick brown fox jumps over the lazy dog!", 1.0)]


def test_the_twins_of_the_gateways_audit_are_held_out() -> None:
    """Else the audit would tell how well the classifier remembers. `python -m safety.training.overlap` compares all."""
    rng = random.Random(5)  # noqa: S311
    ours = [row.text for row in read_written() if row.group.startswith(f"{DIALECTS}:")]
    ours += [row.text for language in LANGUAGES for row in own_people(language, 1_200, rng)]
    assert list(overlaps(dict.fromkeys(ours), texts_of(write_twins()))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_slang_and_dialects_are_told_harmless_and_harmful_in_every_category(language: str) -> None:
    """Else slang itself would be what is safe, or what is harmful."""
    rows = [row for row in read_written() if row.group.startswith(f"{DIALECTS}:") and row.language == language]
    harmful = [row for row in rows if row.unsafe]
    assert len(harmful) >= 100
    assert len(rows) >= 3 * len(harmful)
    told = {category for row in harmful for category in row.labels}
    assert {Category.SEXUAL, Category.VIOLENCE, Category.GORE, Category.WEAPONS, Category.ILLICIT} <= told
    assert {Category.HATE, Category.HARASSMENT, Category.SELF_HARM, Category.SHOCKING} <= told
