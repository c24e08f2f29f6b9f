from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.inflection import RULES, Language, inflect
from policies.signals import Category
from policies.wordlists import SHIPPED, load_wordlist

LANGUAGES = sorted(path.name for path in SHIPPED.iterdir() if path.is_dir() and path.name != "common")
LISTS = {language: [load_wordlist(path) for path in (SHIPPED / language).glob("*.yaml")] for language in LANGUAGES}
COVERED = {*Category} - {Category.SHOCKING, Category.PRIVACY}


def test_there_are_lists_in_twelve_languages() -> None:
    assert len(LANGUAGES) == 12


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_list_of_a_folder_is_in_its_language(language: str) -> None:
    assert len({wordlist.language for wordlist in LISTS[language]}) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_category_has_words_that_are_always_unsafe(language: str) -> None:
    hard = {
        wordlist.category
        for wordlist in LISTS[language]
        for terms in wordlist.terms
        if (terms.score or wordlist.score) == 1 and not wordlist.only_in_combinations
    }
    assert hard >= COVERED


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_shipped_combinations_find_their_groups_in_every_language(language: str) -> None:
    groups = {wordlist.group_name for wordlist in LISTS[language]}
    assert groups >= {
        "minors",
        "youth",
        "sexual",
        "violence",
        "gore",
        "weapons",
        "illicit",
        "hate",
        "protected",
        "demeaning",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_for_children_mean_nothing_by_themselves(language: str) -> None:
    children = [wordlist for wordlist in LISTS[language] if wordlist.group_name in ("minors", "youth")]
    assert children
    assert all(wordlist.only_in_combinations for wordlist in children)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_of_weapons_alone_score_low(language: str) -> None:
    (weapons,) = (wordlist for wordlist in LISTS[language] if wordlist.group_name == Category.WEAPONS)
    assert any((terms.score or weapons.score) <= 0.4 for terms in weapons.terms)


@pytest.mark.parametrize(
    ("text", "language", "inflection", "expected"),
    [
        ("mujer desnuda", "es", "noun", {"mujeres desnudas"}),
        ("cruz", "es", "noun", {"cruces"}),
        ("follar", "es", "verb", {"follando", "folladas", "follándola"}),
        ("cabrón", "es", "adjective", {"cabrona"}),
        ("donna nuda", "it", "noun", {"donne nude"}),
        ("nazista", "it", "noun", {"nazisti", "naziste"}),
        ("stuprare", "it", "verb", {"stuprata", "stuprando"}),
        ("refém", "pt", "noun", {"reféns"}),
        ("ladrão", "pt", "noun", {"ladrões"}),
        ("estuprar", "pt", "verb", {"estuprada", "estuprando"}),
        ("nackt", "de", "adjective", {"nackte", "nackten"}),
        ("ficken", "de", "verb", {"fickt", "gefickt", "fickende"}),
        ("enthaupten", "de", "verb", {"enthauptet", "enthaupteter"}),
        ("hure", "de", "noun", {"huren"}),
        ("naakt", "nl", "adjective", {"naakte"}),
        ("lul", "nl", "noun", {"lullen"}),
        ("pistool", "nl", "noun", {"pistolen"}),
        ("neuken", "nl", "verb", {"neukt", "geneukt", "neukend"}),
        ("dziwka", "pl", "noun", {"dziwki", "dziwkę", "dziwek"}),
        ("nagi", "pl", "adjective", {"naga", "nagiego", "nagich"}),
        ("gwałcić", "pl", "verb", {"gwałci", "gwałcił"}),
        ("голый", "ru", "adjective", {"голая", "голых"}),
        ("шлюха", "ru", "noun", {"шлюху", "шлюх"}),
        ("обнажённый", "ru", "adjective", {"обнаженная"}),
        ("изнасиловать", "ru", "verb", {"изнасиловал", "изнасилованная"}),
        ("قنبلة", "ar", "noun", {"القنبلة", "بالقنبلة", "للقنبلة"}),
        ("إباحي", "ar", "noun", {"اباحي", "الاباحي"}),
    ],
)
def test_the_rules_of_a_language_reach_the_forms_that_people_type(
    text: str, language: Language, inflection: str, expected: Collection[str]
) -> None:
    assert {*expected} <= {*inflect(text, language, inflection)}  # type: ignore[arg-type]


@given(st.text(min_size=1, max_size=30), st.sampled_from(sorted(RULES)))
def test_any_text_has_forms_itself_first_and_each_once(text: str, rule: tuple[str, str]) -> None:
    forms = inflect(text, *rule)  # type: ignore[arg-type]
    assert forms[0] == text
    assert len(forms) == len({*forms})
