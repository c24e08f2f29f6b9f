"""Whatever disguise a blocked word wears, the lists see it; honest sentences in any script they leave alone."""

import sys

import pytest

from safety.normalize import normalize
from tests.safety.evasion.blocked_prompts import BLOCKED
from tests.safety.evasion.honest_scripts import GRAMMARS, SENTENCES_PER_SCRIPT, honest_sentences
from tests.safety.evasion.recall import Recall, clean, printed, shipped_blocklist, table
from tests.safety.evasion.transformations import EVERYWHERE, SPACED, WHERE_LISTED

Table = list[tuple[str, str, Recall]]


@pytest.fixture(scope="module")
def rows() -> Table:
    """The whole table, judged once, and printed for whoever asks pytest for output (-s)."""
    rows = list(table())
    sys.stdout.write(f"\n{printed(rows)}\n")
    return rows


def _of(rows: Table, disguise: str) -> Recall:
    """Over both languages."""
    found = [recall for name, _, recall in rows if name == disguise]
    missed = tuple(text for recall in found for text in recall.missed)
    return Recall(sum(recall.caught for recall in found), sum(recall.of for recall in found), missed)


def test_the_set_is_as_large_as_we_say() -> None:
    assert len(EVERYWHERE) + len(SPACED) + len(WHERE_LISTED) >= 70
    assert {language: len(set(prompts)) for language, prompts in BLOCKED.items()} == {"en": 200, "fr": 200}


@pytest.mark.parametrize("language", BLOCKED)
def test_what_hides_nothing_is_always_caught(language: str) -> None:
    assert len(clean(language)) == len(BLOCKED[language])


@pytest.mark.parametrize("disguise", [*EVERYWHERE, *WHERE_LISTED])
def test_a_disguise_hides_at_most_three_of_a_hundred_blocked_prompts(rows: Table, disguise: str) -> None:
    recall = _of(rows, disguise)

    assert recall.of >= 40
    assert recall.share >= 0.97, recall.missed[:5]


@pytest.mark.parametrize("disguise", SPACED)
def test_letters_set_apart_hide_at_most_ten_of_a_hundred(rows: Table, disguise: str) -> None:
    assert _of(rows, disguise).share >= 0.90, _of(rows, disguise).missed[:5]


@pytest.mark.parametrize("script", GRAMMARS)
def test_a_thousand_honest_sentences_of_a_script_score_nothing_at_all(script: str) -> None:
    sentences = honest_sentences(script)
    answers = shipped_blocklist().check([normalize(sentence) for sentence in sentences])

    assert len(set(sentences)) == SENTENCES_PER_SCRIPT
    flagged = [text for text, signals in zip(sentences, answers, strict=True) if any(s.score for s in signals)]
    assert flagged == []


@pytest.mark.parametrize("script", [script for script in GRAMMARS if not script.startswith("Latin")])
def test_no_reading_of_another_script_has_latin_letters(script: str) -> None:
    for sentence in honest_sentences(script):
        for view in normalize(sentence).views:
            assert not any(char.isascii() and char.isalpha() for char in view.text), (view.name, view.text)


@pytest.mark.parametrize("script", [script for script in GRAMMARS if script.startswith("Latin")])
def test_honest_words_are_read_as_they_stand(script: str) -> None:
    """Mirroring, cutting and comparing are for words that are none; "grand-mère" alone may be joined and cut again."""
    for sentence in honest_sentences(script):
        readings = {view.name for view in normalize(sentence).views}
        assert readings.isdisjoint({"deciphered", "words_turned", "text_turned", "rotated"}), sentence
