import pytest

from policies.wordlists import Terms, Wordlist, load_blocklists

FIGURES = "figures_"


def test_a_term_may_need_words_right_before_or_right_after_it() -> None:
    terms = Terms.model_validate({"text": ["king", "queen"], "before": "danish", "after": ["of denmark", "of spain"]})

    assert set(terms.texts) == {
        "danish king", "danish queen", "king of denmark", "queen of denmark", "king of spain", "queen of spain",
    }  # fmt: skip


def test_a_term_that_needs_no_neighbour_is_looked_for_as_it_is() -> None:
    assert Terms.model_validate({"text": ["king", "queen"]}).texts == ("king", "queen")


def test_a_list_of_spellings_is_short_for_a_term() -> None:
    wordlist = Wordlist.model_validate(
        {"name": "listed", "language": "any", "category": "deception", "terms": [["ada", "adah"], "bo"]}
    )

    assert [terms.text for terms in wordlist.terms] == [("ada", "adah"), ("bo",)]


def test_a_phrase_listed_whole_and_in_parts_is_refused() -> None:
    rows = ["king of spain", {"text": "king", "after": "of spain"}]

    with pytest.raises(ValueError, match="each text once"):
        Wordlist.model_validate({"name": "listed", "language": "en", "category": "deception", "terms": rows})


def test_every_list_of_people_scores_below_what_a_policy_refuses() -> None:
    lists = [wordlist for wordlist in load_blocklists(["english", "french"]) if wordlist.group_name in _PEOPLE]

    assert {wordlist.score for wordlist in lists} == {0.6}
    assert all(terms.score is None for wordlist in lists for terms in wordlist.terms)


def test_people_of_every_region_are_listed() -> None:
    regions = {
        wordlist.name: wordlist for wordlist in load_blocklists(["english"]) if wordlist.name.startswith(FIGURES)
    }
    regions.pop("figures_other_scripts")

    assert len(regions) == 8
    assert all(len(wordlist.terms) >= 100 for wordlist in regions.values())


_PEOPLE = ("public_figures", "celebrities", "role_holders")
