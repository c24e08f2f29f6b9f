import random
import re
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.signals import Category
from safety.training.prompt_data import (
    Augmenter,
    LabelledPrompt,
    fill,
    labels_of,
    own_split,
    own_unsafe,
    read_own,
    read_yaml,
)

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
