from pathlib import Path

import pytest

from policies.inflection import Inflection, Language, inflect
from policies.signals import Category
from policies.wordlists import COMMON, SHIPPED, Wordlist, WordlistInvalid, load_blocklists, load_wordlist

GOOD = """\
# A list.
name: birds_en
language: en
category: shocking
score: 0.5
terms:
  - owl
  - {text: [crow, raven], inflect: noun, score: 1, unless: murder of crows}
"""


def _write(folder: Path, content: str, name: str = "birds.yaml") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def _problem(folder: Path, content: str) -> str:
    with pytest.raises(WordlistInvalid) as invalid:
        load_wordlist(_write(folder, content))
    (problem,) = invalid.value.problems
    return problem.removeprefix(str(folder / "birds.yaml"))


def test_a_list_file_is_read(tmp_path: Path) -> None:
    wordlist = load_wordlist(_write(tmp_path, GOOD))

    owl, crows = wordlist.terms
    assert (owl.text, owl.score) == (("owl",), None)
    assert (crows.text, crows.score, crows.unless) == (("crow", "raven"), 1.0, ("murder of crows",))
    assert wordlist.forms("crow", crows.inflect) == ("crow", "crows")
    assert wordlist.group_name == "shocking"


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "expected"),
    [
        ("category: shocking", "category: birds", 4, "category", "sexual_minors"),
        ("score: 0.5", "score: 5", 5, "score", "less than or equal to 1"),
        ("score: 0.5", "score: .nan", 5, "score", "finite"),
        ("score: 1,", "score: high,", 8, "terms.1.score", "valid number"),
        ("inflect: noun", "inflect: plural", 8, "terms.1.inflect", "'none', 'noun', 'verb' or 'adjective'"),
        ("unless: murder of crows", "unles: murder of crows", 8, "terms.1.unles", "not permitted"),
        ("[crow, raven]", "[]", 8, "terms.1.text", "at least 1 item"),
        ("  - owl", "  - '!?'", 7, "terms.0.text.0", "match pattern"),
        ("name: birds_en", "name: Birds", 2, "name", "match pattern"),
        ("language: en", "language: xx", 3, "language", "'ja' or 'any'"),
        ("category: shocking\n", "", 2, "category", "required"),
        ("unless:", "only_in_language: true, unless:", 8, "terms.1", "score below 1"),
        ("unless:", "unless_near:", 8, "terms.1", "score below 1"),
        ("  - owl", "  - Crow", 8, "terms.1", "found crow again"),
        ("terms:", "terms: [", 7, "file", "should be YAML"),
        (GOOD, "- owl\n", 1, "file", "should be a table"),
        (GOOD, "", 1, "file", "should be a table"),
    ],
)
def test_a_mistake_is_told_with_file_line_field_and_what_was_expected(
    tmp_path: Path, old: str, new: str, line: int, field: str, expected: str
) -> None:
    problem = _problem(tmp_path, GOOD.replace(old, new))

    assert problem.startswith(f":{line}: {field}: ")
    assert expected in problem


@pytest.mark.parametrize("language", ["any", "zh", "ja"])
def test_a_word_cannot_wait_for_a_language_that_no_small_words_tell(tmp_path: Path, language: str) -> None:
    text = GOOD.replace("language: en", f"language: {language}").replace("score: 1,", "only_in_language: true,")

    assert "small words" in _problem(tmp_path, text)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (GOOD.replace("murder of crows", "Raven"), "8: terms.1: should not excuse a word by itself"),
        (GOOD + "  - {[a]: b}\n", "9: file: should be YAML (found unhashable key)"),
        (GOOD + "  - !!python/name:os.system x\n", "9: file: should be YAML (could not determine a constructor"),
        (GOOD + "  - " + 100_000 * "[", "1: file: should not nest deeper"),
        (GOOD + "  - " + 100_000 * "{a: " + 100_000 * "}", "1: file: should not nest deeper"),
        (GOOD + "  " + 100_000 * "- ", "1: file: should not nest deeper"),
        (GOOD + "  - " + 100 * "[" + 100 * "]", "9: terms.2"),
    ],
)
def test_a_list_that_is_strange_is_refused_with_its_reason(tmp_path: Path, content: str, expected: str) -> None:
    assert _problem(tmp_path, content).startswith(f":{expected}")


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    _write(tmp_path / "birds", GOOD.replace("0.5", "5").replace("en\n", "xx\n"), "one.yaml")
    _write(tmp_path / "birds", "name: [", "two.yaml")
    _write(tmp_path / COMMON, GOOD)

    with pytest.raises(WordlistInvalid) as invalid:
        load_blocklists(["birds"], tmp_path)

    assert len(invalid.value.problems) == 3


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    _write(tmp_path / COMMON, GOOD)
    _write(tmp_path / "birds", GOOD)

    with pytest.raises(WordlistInvalid, match=r"wolves:1: name: should be one of birds, common"):
        load_blocklists(["wolves"], tmp_path)


@pytest.mark.parametrize("name", ["..", "../birds", "/etc", "Birds", ""])
def test_a_name_cannot_lead_outside_the_folder(tmp_path: Path, name: str) -> None:
    _write(tmp_path, GOOD)
    _write(tmp_path / "lists" / COMMON, GOOD)

    with pytest.raises(WordlistInvalid, match="should be one of"):
        load_blocklists([name], tmp_path / "lists")


def test_a_file_that_cannot_be_read_is_a_problem_of_the_list(tmp_path: Path) -> None:
    with pytest.raises(WordlistInvalid, match="could not be read"):
        load_wordlist(tmp_path / "missing.yaml")
    (tmp_path / "latin.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(WordlistInvalid, match="UTF-8"):
        load_wordlist(tmp_path / "latin.yaml")


def test_two_lists_cannot_have_the_same_name(tmp_path: Path) -> None:
    _write(tmp_path / COMMON, GOOD)
    _write(tmp_path / "birds", GOOD)

    with pytest.raises(WordlistInvalid, match=r"name: should differ from that of .*birds\.yaml"):
        load_blocklists(["birds"], tmp_path)


def test_a_combination_can_only_name_groups_that_exist(tmp_path: Path) -> None:
    rule = "combinations:\n  - {name: flock, meet: [shocking, wolves], category: violence}\n"
    _write(tmp_path / COMMON, GOOD + rule)

    with pytest.raises(WordlistInvalid, match=r"combinations\.0\.meet: should name groups .*wolves"):
        load_blocklists([], tmp_path)


def test_the_hash_follows_the_content_not_the_layout(tmp_path: Path) -> None:
    once = load_wordlist(_write(tmp_path, GOOD)).sha256

    assert load_wordlist(_write(tmp_path, GOOD.replace("# A list.", "# The list."))).sha256 == once
    assert load_wordlist(_write(tmp_path, GOOD.replace("owl", "eagle"))).sha256 != once


BY_LANGUAGE = {
    language: [load_wordlist(path) for path in (SHIPPED / language).glob("*.yaml")]
    for language in ("english", "french")
}


def _always_unsafe(wordlist: Wordlist) -> bool:
    return any((terms.score or wordlist.score) == 1 for terms in wordlist.terms)


@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("language", BY_LANGUAGE)
def test_every_category_has_a_shipped_list_in_both_languages(language: str, category: Category) -> None:
    assert any(
        _always_unsafe(wordlist)
        for wordlist in BY_LANGUAGE[language]
        if wordlist.category is category and not wordlist.only_in_combinations
    )


@pytest.mark.parametrize("names", [["english"], ["french"], ["english", "french"], ["french", "english", "french"]])
def test_the_shipped_lists_load_in_any_choice(names: list[str]) -> None:
    lists = load_blocklists(names)

    assert len({wordlist.name for wordlist in lists}) == len(lists)
    assert {"public_figures", "combinations"} <= {wordlist.name for wordlist in lists}


@pytest.mark.parametrize(
    ("word", "language", "inflection", "forms"),
    [
        ("knife fight", "en", "noun", {"knife fights"}),
        ("box", "en", "noun", {"boxes"}),
        ("titty", "en", "noun", {"titties"}),
        ("stab", "en", "verb", {"stabs", "stabbed", "stabbing"}),
        ("torture", "en", "verb", {"tortures", "tortured", "torturing"}),
        ("behead", "en", "verb", {"beheads", "beheaded", "beheading"}),
        ("beat up", "en", "verb", {"beats up", "beating up"}),
        ("couteau", "fr", "noun", {"couteaux"}),
        ("arme à feu", "fr", "noun", {"armes à feu"}),
        ("femme nue", "fr", "noun", {"femmes nues"}),
        ("nu", "fr", "adjective", {"nue", "nus", "nues"}),
        ("sexuel", "fr", "adjective", {"sexuelle", "sexuels", "sexuelles"}),
        ("égorger", "fr", "verb", {"égorge", "égorgé", "égorgée", "égorgeant", "égorgent"}),
    ],
)
def test_words_are_inflected_by_the_rules_of_their_language(
    word: str, language: Language, inflection: Inflection, forms: set[str]
) -> None:
    assert forms <= set(inflect(word, language, inflection))
    assert inflect(word, language, "none") == (word,)
