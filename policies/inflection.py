"""Forms of a listed word by the simple rules of English and French; irregular forms are listed by hand."""

import re
from collections.abc import Callable
from typing import Literal

Language = Literal["en", "fr", "any"]
Inflection = Literal["none", "noun", "verb", "adjective"]

ENGLISH_SHORT_VERB = re.compile(r"[^aeiou]*[aeiou][^aeiouwxy]")


def inflect(text: str, language: Language, inflection: Inflection) -> tuple[str, ...]:
    """All forms of a word or phrase, itself first. Too many forms do no harm: nobody types the wrong ones."""
    form = RULES.get((language, inflection))
    return tuple(dict.fromkeys((text, *form(text)))) if form else (text,)


def _english_plural(text: str) -> str:
    if re.search(r"(s|x|z|ch|sh)$", text):
        return text + "es"
    return text[:-1] + "ies" if re.search(r"[^aeiou]y$", text) else text + "s"


def _english_noun(text: str) -> list[str]:
    return [_english_plural(text)]


def _english_verb(text: str) -> list[str]:
    """The first word of a phrase is its verb."""
    verb, *rest = text.split(" ")
    stem = _english_stem(verb)
    forms = [_english_plural(verb), f"{stem}ed", f"{stem}ing"]
    return [" ".join((form, *rest)) for form in forms]


def _english_stem(verb: str) -> str:
    if verb.endswith("e"):
        return verb[:-1]
    return verb + verb[-1] if ENGLISH_SHORT_VERB.fullmatch(verb) else verb


def _french_plural(word: str) -> str:
    if word[-1] in "sxz":
        return word
    if re.search(r"(eau|eu)$", word):
        return word + "x"
    return word[:-2] + "aux" if word.endswith("al") else word + "s"


def _french_noun(text: str) -> list[str]:
    """The plural of the first word, and of all words: armes à feu, femmes nues."""
    words = text.split(" ")
    return [" ".join((_french_plural(words[0]), *words[1:])), " ".join(map(_french_plural, words))]


FRENCH_FEMININES = (
    ("e", "e"), ("el", "elle"), ("en", "enne"), ("on", "onne"), ("if", "ive"), ("eux", "euse"),
    ("eur", "euse"), ("er", "ère"), ("et", "ette"),
)  # fmt: skip


def _french_feminine(word: str) -> str:
    for ending, feminine in FRENCH_FEMININES:
        if word.endswith(ending):
            return word.removesuffix(ending) + feminine
    return word + "e"


def _french_adjective(text: str) -> list[str]:
    forms = (text, _french_feminine(text))
    return [forms[1], *map(_french_plural, forms)]


FRENCH_FIRST_GROUP = (
    "e",
    "es",
    "ent",
    "ons",
    "ez",
    "é",
    "ée",
    "és",
    "ées",
    "ant",
    "ait",
    "aient",
    "a",
    "era",
)


def _french_verb(text: str) -> list[str]:
    """Verbs in -er; the first word of a phrase is its verb."""
    verb, *rest = text.split(" ")
    stem = verb.removesuffix("er")
    if stem == verb:
        return []
    soft = stem + "e" if stem.endswith("g") else stem
    forms = [(soft if ending[0] in "ao" else stem) + ending for ending in FRENCH_FIRST_GROUP]
    return [" ".join((form, *rest)) for form in forms]


RULES: dict[tuple[str, str], Callable[[str], list[str]]] = {
    ("en", "noun"): _english_noun,
    ("en", "verb"): _english_verb,
    ("fr", "noun"): _french_noun,
    ("fr", "verb"): _french_verb,
    ("fr", "adjective"): _french_adjective,
}
