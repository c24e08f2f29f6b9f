"""Which words there are: dictionaries, common words and those of the shipped lists, to read fused and misspelt text.

Words are folded: lower case, Latin letters, no accents. Nothing here says that a word is unsafe: it is only a word.
"""

import codecs
import gzip
import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources
from operator import ne
from pathlib import Path
from typing import TypeVar, cast

from ahocorasick_rs import AhoCorasick, Implementation

from policies.inflection import Inflection, Language, inflect
from policies.wordlists import SHIPPED

LETTERS = re.compile(r"[a-z]+")
COMMON_WORDS = Path(__file__).parent / "common_words.txt"
SHORTEST_LISTED = 4  # letters; shorter words of the lists are parts of honest words
SHORTEST_MIRRORED = 3
SHORTEST_HALF = 2
SHORTEST_FUSED = 8
LONGEST_FUSED = 80  # letters of a word that is cut into words; nothing longer is written by a person
COMMONEST = frozenset(
    LETTERS.findall(
        "a an and at by for from her his in is of on the to with"
        " au aux avec dans de des du en et la le les par sur un une"
    )
)
# What each part of a cut costs, so that few long words win over many short ones.
COMMONEST_WORD, LONG_WORD, LONGEST_WORD, UNKNOWN_LETTER = 2.0, 3.6, 1.0, 4.0
SHORT_WORDS = {1: 4.0, 2: 3.9, 3: 3.7}
OF_SQUARED_LENGTH = 0.015
OF_A_NAME = 1.5  # and of words of other languages than those of our common words

USUAL = ("english", "french")  # the folders of lists in the languages of our common words
COMMENT = re.compile(r"(?m)^#.*$")
MARK = re.compile("[\u0300-\u036f]")
LANGUAGE = re.compile(r"(?m)^language: (en|fr)$")
ROW = re.compile(r"(?m)^  - ")
TEXT = re.compile(r"[^\W\d_]{3,}")
INFLECTIONS: tuple[Inflection, ...] = ("noun", "verb", "adjective")
ALIKE_PAIRS = (("vv", "w"), ("rn", "m"), ("ph", "f"))
ALIKE = str.maketrans("vl", "ui")
LONG_FUSED = 16  # letters; from here on a cut may leave names and other unknown words whole
LONG, SHORT = (0.6, 2.8), (1.0, 4.0)  # how much of a word must be covered, by words of how many letters on average
REMEMBERED = 20_000  # unknown words and what they mean


Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a fused word falls apart. covered: the share of its letters that known words hold, from 0 to 1."""

    words: tuple[str, ...]
    covered: float


class Vocabulary:
    """Words, and their disguises as single words."""

    def __init__(
        self, dictionary: Iterable[str], common: Sequence[str], listed: Iterable[str], names: Iterable[str] = ()
    ) -> None:
        """dictionary: words that are left alone. common: those that fused text is made of, beside the listed ones.

        names: listed too, but a cut prefers any other word.
        """
        usual = frozenset(word for word in listed if len(word) >= SHORTEST_LISTED)
        rare = frozenset(word for word in names if len(word) >= SHORTEST_LISTED).difference(usual, common)
        self.listed = usual | rare
        self.frequent = self.listed.union(common)
        self.known = self.frequent.union(dictionary)
        whole = [word for word in self.frequent if len(word) >= SHORTEST_MIRRORED]
        self.backwards = _foreign({word[::-1]: word for word in whole}, self.known)
        self.rotated = _foreign({codecs.encode(word, "rot13"): word for word in whole}, self.known)
        self.halves = frozenset(half for word in self.listed for half in _halves(word))
        self._alike: dict[str, list[str]] = defaultdict(list)
        for word in sorted(self.listed):
            self._alike[skeleton(word)].append(word)
        self._meanings: dict[str, str] = {}
        self._cuts: dict[str, Cut] = {}
        self._words = sorted(self.frequent)
        self._costs = [_cost(word) + OF_A_NAME * (word in rare) for word in self._words]

    @cached_property
    def _automaton(self) -> AhoCorasick:
        return AhoCorasick(self._words, implementation=Implementation.ContiguousNFA)

    def unknown(self, words: Iterable[str]) -> frozenset[str]:
        """Those of the words that are not known."""
        return frozenset(words) - self.known

    def meanings(self, unknown: Iterable[str]) -> dict[str, str]:
        """What unknown words are read as: a listed word that each resembles, or the words it is fused of.

        Those that cannot be read otherwise are left out.
        """
        read = {word: self._remembered(self._meanings, word, self._meaning) for word in unknown}
        return {word: meaning for word, meaning in read.items() if meaning != word}

    def _meaning(self, word: str) -> str:
        return self._resembled(word) or self._parted(word)

    def _resembled(self, word: str) -> str | None:
        if not SHORTEST_LISTED <= len(word) <= LONGEST_FUSED:
            return None
        mirrored = self.backwards.get(word)
        if mirrored in self.listed:
            return mirrored
        alike = next(filter(None, (self._alike.get(reading) for reading in _shapes(word))), ())
        return min(alike, key=lambda listed: _difference(listed, word), default=None)

    def _parted(self, word: str) -> str:
        if not SHORTEST_FUSED <= len(word) <= LONGEST_FUSED:
            return word
        cut = self.cut(word)
        enough, letters = LONG if len(word) >= LONG_FUSED else SHORT
        sound = cut.covered >= enough and len(word) >= letters * len(cut.words)
        return " ".join(cut.words) if sound else word

    def cut(self, fused: str) -> Cut:
        """The cheapest way to read letters (at most LONGEST_FUSED) as known words and single unknown letters."""
        return self._remembered(self._cuts, fused, self._cheapest)

    def _cheapest(self, fused: str) -> Cut:
        """Dynamic programming over all the places where a known word ends."""
        costs, last = [0.0], [""]
        ending: dict[int, list[int]] = {}
        for index, _, end in self._automaton.find_matches_as_indexes(fused, overlapping=True):
            ending.setdefault(end, []).append(index)
        for end in range(1, len(fused) + 1):
            cost, word = costs[-1] + UNKNOWN_LETTER, ""
            for index in ending.get(end, ()):
                known = self._words[index]
                known_cost = costs[end - len(known)] + self._costs[index]
                if known_cost < cost:
                    cost, word = known_cost, known
            costs.append(cost)
            last.append(word)
        return _cut(fused, last)

    def _remembered(self, memory: dict[str, Found], word: str, find: Callable[[str], Found]) -> Found:
        found = memory.get(word)
        if found is None:
            if len(memory) >= REMEMBERED:
                memory.clear()
            found = memory[word] = find(word)
        return found


def _halves(word: str) -> Iterator[str]:
    for inner in range(SHORTEST_HALF, len(word) - SHORTEST_HALF + 1):
        yield from (word[:inner], word[inner:])


def _cost(word: str) -> float:
    if word in COMMONEST:
        return COMMONEST_WORD
    if len(word) in SHORT_WORDS:
        return SHORT_WORDS[len(word)]
    return max(LONGEST_WORD, LONG_WORD - OF_SQUARED_LENGTH * len(word) ** 2)


def _cut(fused: str, last: list[str]) -> Cut:
    """Follow the cheapest way back from its end; unknown letters that touch are one piece."""
    words, known, end, unknown_to = [], 0, len(fused), 0
    while end:
        word = last[end]
        if word:
            words.append(word)
            known += len(word)
            unknown_to = 0
        elif unknown_to:
            words[-1] = fused[end - 1] + words[-1]
        else:
            words.append(fused[end - 1])
            unknown_to = end
        end -= len(word) or 1
    return Cut(tuple(reversed(words)), known / len(fused))


def _shapes(word: str) -> Iterator[str]:
    """What listed words a word may be compared with by: two v are a w or two u."""
    yield skeleton(word)
    yield skeleton(word.replace("v", "u"))


def _difference(word: str, other: str) -> tuple[int, int]:
    return abs(len(word) - len(other)), sum(map(ne, word, other))


def skeleton(word: str) -> str:
    """What is left of a word when letters that look or sound alike are one."""
    for shown, read in ALIKE_PAIRS:
        word = word.replace(shown, read)
    return word.translate(ALIKE)


def _foreign(disguised: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """Without the disguises that are words themselves."""
    return {shown: word for shown, word in disguised.items() if shown not in known}


@cache
def vocabulary() -> Vocabulary:
    """The words of the dictionaries, of common_words.txt and of the shipped lists, read once."""
    usual = [path for folder in USUAL for path in sorted((SHIPPED / folder).glob("*.yaml"))]
    others = sorted(set(SHIPPED.glob("*/*.yaml")) - set(usual))
    return Vocabulary(_dictionary_words(), _common_words(), _listed_words(usual), _listed_words(others))


def _dictionary_words() -> Iterator[str]:
    """The English and French dictionaries of pyspellchecker (MIT licence), without its frequencies."""
    for language in ("en", "fr"):
        packed = resources.files("spellchecker").joinpath("resources", f"{language}.json.gz").read_bytes()
        yield from _words(" ".join(json.loads(gzip.decompress(packed))))


def _common_words() -> list[str]:
    return LETTERS.findall(COMMENT.sub("", COMMON_WORDS.read_text(encoding="utf-8")))


def _listed_words(paths: Iterable[Path]) -> Iterator[str]:
    """Every word of list files in every form. Their text is enough: reading them as lists takes far longer."""
    for path in paths:
        text = COMMENT.sub("", path.read_text(encoding="utf-8"))
        language = LANGUAGE.search(text)
        yield from _words(text)
        if language:
            for row in ROW.split(text):
                yield from _inflected(row, cast(Language, language[1]))


def _inflected(row: str, language: Language) -> Iterator[str]:
    for inflection in INFLECTIONS:
        if f"inflect: {inflection}" in row:
            for word in TEXT.findall(row.partition("unless")[0]):
                yield from _words(" ".join(inflect(word, language, inflection)))


def _words(text: str) -> list[str]:
    """The words of a text, folded."""
    apart = text.lower().replace("œ", "oe").replace("æ", "ae")
    return LETTERS.findall(MARK.sub("", unicodedata.normalize("NFD", apart)))
