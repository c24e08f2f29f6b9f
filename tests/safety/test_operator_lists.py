"""Lists that operators add only ever add: whatever stands in one, what was found without it is found with it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.wordlists import Wordlist, WordlistInvalid, parse_wordlist
from safety.checks.blocklist import Blocklist
from safety.normalize import normalize
from safety.operator_lists import joined, read_operator_list

SHIPPED = parse_wordlist(
    Path("shipped.yaml"),
    """
name: shipped
language: en
category: sexual
terms:
  - naked
  - {text: nude, score: 0.6, unless: [nude lipstick], unless_near: [statue]}
  - {text: child, score: 0.3}
combinations: [{name: together, meet: [sexual, violence], within: 4, category: gore}]
""",
)
FIGHT = parse_wordlist(Path("fight.yaml"), "{name: fight, language: en, category: violence, terms: [blood]}")
WORDS = ["naked", "nude", "lipstick", "statue", "child", "blood", "cat", "hill"]
phrases = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
rows = st.fixed_dictionaries(
    {"text": st.lists(phrases, min_size=1, max_size=2, unique=True)},
    optional={"unless": st.lists(phrases, max_size=3), "unless_near": st.lists(st.sampled_from(WORDS), max_size=3),
              "score": st.sampled_from([0.1, 0.6, 1.0]), "inflect": st.just("noun")},
)  # fmt: skip
lists = st.fixed_dictionaries(
    {"name": st.just("own"), "language": st.just("en"), "category": st.sampled_from(["sexual", "violence", "hate"]),
     "terms": st.lists(rows, min_size=1, max_size=4)},
    optional={"score": st.sampled_from([0.2, 0.8]), "only_in_combinations": st.booleans(),
              "group": st.sampled_from(["sexual", "violence", "own"])},
)  # fmt: skip


def scores(blocklist: Blocklist, prompt: str) -> dict[str, float]:
    (signals,) = blocklist.check([normalize(prompt)])
    return {str(signal.subject): signal.score for signal in signals}


@given(lists, st.lists(st.sampled_from([*WORDS, "and", "n4ked", "b l o o d", "."]), max_size=10).map(" ".join))
def test_a_list_that_is_added_lowers_no_score(content: dict[str, object], prompt: str) -> None:
    shipped = [SHIPPED, FIGHT]
    try:
        own = Wordlist.model_validate(content)
    except ValueError:
        return  # such a list is refused
    alone = scores(Blocklist.from_lists(shipped), prompt)
    together = scores(Blocklist.from_lists([*shipped, own]), prompt)
    assert all(together[category] >= score for category, score in alone.items())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shipped", "own.yaml:1: name: should differ from the name of a shipped list"),
        ("own", "own.yaml:1: terms: should find nothing in 'a cat on a red chair'"),
    ],
)
def test_a_list_may_not_take_the_name_of_a_shipped_one_nor_hold_what_every_prompt_may(name: str, expected: str) -> None:
    own = read_operator_list(Path("own.yaml"), f"{{name: {name}, language: en, category: hate, terms: [cat]}}")
    with pytest.raises(WordlistInvalid, match=re.escape(expected)):
        joined([SHIPPED, FIGHT], [own])
