"""The curated list of things dalle-nano can draw, read from concepts.yaml."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CONCEPTS_FILE = Path(__file__).with_name("concepts.yaml")
_ARTICLES = ("a ", "an ", "the ", "un ", "une ", "des ", "du ", "de la ", "de l'", "le ", "la ", "les ")


def without_article(name: str) -> str:
    """ "a cat" -> "cat", "une souris" -> "souris"."""
    for article in sorted(_ARTICLES, key=len, reverse=True):
        if name.startswith(article):
            return name.removeprefix(article)
    return name


@dataclass(frozen=True, slots=True)
class Concept:
    """One thing. names and plurals by language ("en", "fr"); no plurals: never drawn two or three times."""

    index: int
    kind: str
    emoji: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    plurals: dict[str, str]


def _plurals(entry: dict[str, Any]) -> dict[str, str]:
    if entry.get("plural") == "never":
        return {}
    return {
        language: entry.get(f"plural_{language}") or without_article(entry[language][0]) + "s"
        for language in ("en", "fr")
    }


def load_concepts(path: Path = CONCEPTS_FILE) -> list[Concept]:
    """All concepts in the order of the file."""
    entries = [(kind, entry) for kind, group in yaml.safe_load(path.read_text("utf-8")).items() for entry in group]
    return [
        Concept(
            index,
            kind,
            tuple(entry["emoji"]),
            {language: tuple(entry[language]) for language in ("en", "fr")},
            _plurals(entry),
        )
        for index, (kind, entry) in enumerate(entries)
    ]
