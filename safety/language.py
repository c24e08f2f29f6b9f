"""Which language a prompt is in: enough to know who can judge it."""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lingua import Language, LanguageDetector, LanguageDetectorBuilder

FOLDER = Path(__file__).parent / "known_words"
READ = ("en", "fr")
"""The languages that guard-nano was trained in."""

WORD = re.compile(r"[^\W\d_]+")
ENOUGH_WORDS = 3  # fewer unknown words in Latin letters may as well be names
OTHERS = (
    Language.ARABIC, Language.CHINESE, Language.CZECH, Language.DANISH, Language.DUTCH, Language.FINNISH,
    Language.GERMAN, Language.GREEK, Language.HEBREW, Language.HINDI, Language.HUNGARIAN, Language.INDONESIAN,
    Language.ITALIAN, Language.JAPANESE, Language.KOREAN, Language.POLISH, Language.PORTUGUESE, Language.ROMANIAN,
    Language.RUSSIAN, Language.SPANISH, Language.SWEDISH, Language.THAI, Language.TURKISH, Language.UKRAINIAN,
    Language.VIETNAMESE,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LanguageGuess:
    """code: ISO 639-1 of the likeliest language; unread: how surely (0 to 1) it is none of READ."""

    code: str
    unread: float


@cache
def known_words() -> Mapping[str, Collection[str]]:
    """The folded words of English and French that we know."""
    return {code: frozenset((FOLDER / f"{code}.txt").read_text(encoding="utf-8").split()) for code in READ}


@cache
def _detector() -> LanguageDetector:
    languages = (Language.ENGLISH, Language.FRENCH, *OTHERS)
    builder = LanguageDetectorBuilder.from_languages(*languages)
    return builder.with_preloaded_language_models().with_low_accuracy_mode().build()


def guess_language(folded: str) -> LanguageGuess:
    """The language of a folded prompt.

    Known words decide first: lingua alone takes one short English caption in fifty for Danish. Only when most words
    are unknown is it asked, and in Latin letters it must see several of them: names are in no language.
    """
    words = WORD.findall(folded)
    counts = {code: sum(map(known.__contains__, words)) for code, known in known_words().items()}
    read = max(counts, key=lambda code: counts[code])
    strange = [word for word in words if all(word not in known for known in known_words().values())]
    if len(strange) * 2 <= len(words):
        return LanguageGuess(read, 0.0)
    if 2 * sum(not _is_latin(word[0]) for word in words) > len(words):
        return LanguageGuess(_likeliest(folded)[0] or "und", 1.0)
    code, confidence = _likeliest(folded)
    if not code or code in READ:
        return LanguageGuess(code or read, 0.0)
    return LanguageGuess(code, confidence * min(1.0, len(strange) / ENOUGH_WORDS))


def _is_latin(letter: str) -> bool:
    return letter.isascii() or unicodedata.name(letter, "").startswith("LATIN")


def _likeliest(text: str) -> tuple[str, float]:
    best, *_ = _detector().compute_language_confidence_values(text)
    return (best.language.iso_code_639_1.name.lower(), best.value) if best.value > 0 else ("", 0.0)
