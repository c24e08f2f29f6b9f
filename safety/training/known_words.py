"""Writes the words of English and French that our own prompts and lexicons hold: how a prompt's language is told.

python -m safety.training.known_words
"""

import re
from collections.abc import Iterator
from pathlib import Path

from safety.language import FOLDER, WORD
from safety.normalize import normalize
from safety.training.prompt_data import LANGUAGES, OWN_PROMPTS, emoji_names, read_own
from safety.training.prompt_mix import lexicon

SEED = 11
LETTERS = re.compile(r"[a-z]+")


def texts(language: str) -> Iterator[str]:
    """Everything of ours in a language."""
    yield from (row.text for row in read_own(SEED) if row.language == language)
    yield from emoji_names(language)
    for name in ("lexicon_en_fr", "phrases_en_fr"):
        yield from lexicon(name) if language == "en" else lexicon(name).values()


def words(language: str) -> list[str]:
    """The different words of a language, folded, sorted."""
    found = {word for text in texts(language) for word in WORD.findall(normalize(text).folded)}
    return sorted(word for word in found if LETTERS.fullmatch(word))


def main() -> None:
    """Write one file per language."""
    for language in LANGUAGES:
        known = words(language)
        (FOLDER / f"{language}.txt").write_text("\n".join(known) + "\n", encoding="utf-8")
        print(f"{language}: {len(known)} words from {Path(OWN_PROMPTS).name}")


if __name__ == "__main__":
    main()
