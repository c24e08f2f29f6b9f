"""Finds what is shaped like the name of a person whom nobody knows: a given name and a family name.

Places, things and works bear such names as well, and so do persons of the past and of tales; what stands around a name
and who is known tell them apart. It is evidence for the likeness matrix: no picture is refused for a name by itself.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import yaml

import policies
from policies.identity import ModelIdentity
from policies.signals import Descriptor, Signal, Span, Subject
from policies.wordlists import Wordlist
from safety.normalize import NormalizedPrompt, fold_term
from safety.prompt_syntax import split_prompt
from safety.vocabulary import vocabulary

FOLDER = Path(policies.__file__).with_name("names")
WORD = re.compile(r"[^\W\d_]+(?:[-'’.](?=[^\W\d_])[^\W\d_]+)*")
POSSESSIVE = re.compile(r"['’]s$")
ELISION = re.compile(r"(?i)^(?:[dljmnst]|qu)['’](?=[^\W\d_])")
NUMBERED = re.compile(r"(?:[IVX]+|I(?:er|ère|re))\Z")  # Louis XIV, François Ier: rulers
KNOWN_GROUPS = frozenset({"public_figures", "celebrities"})
FULL, SHAPED, DOUBTFUL = 0.8, 0.6, 0.4
"""With one of the commonest family names, with a capitalised word in no dictionary, and with one that is in some."""
TITLE_CASE = 0.6  # from this share of capitalised words on, capitals tell nothing
LEAST_WORDS = 5  # of a text whose case can be judged
LONGEST_NAME = 5  # words of a known name
WORDS_BEFORE = 4  # of the longest phrase right before a name


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the prompt as typed, with its place there. parts: as it is compared, hyphens opened."""

    text: str
    start: int
    end: int
    parts: tuple[str, ...]

    @property
    def is_capitalised(self) -> bool:
        return self.text[0].isupper()


class PrivateNames:
    """Reports `private_person`: 0.8 for a given name with one of the commonest family names, 0.6 with another word.

    A word that dictionaries have scores 0.4: it is a thing, or somebody known. Without capitals both must be listed.
    Somebody known, of the past or of tales does not count.
    """

    name = "private_names"
    reports: frozenset[Subject] = frozenset({Descriptor.PRIVATE_PERSON})

    def __init__(self, lists: Sequence[Wordlist], folder: Path = FOLDER) -> None:
        """lists: those in force; their given names, family names and known persons. folder: of names/*.yaml."""
        around, persons = (_read(folder / name) for name in ("around.yaml", "persons.yaml"))
        self._articles, self._particles = set(around["articles"]), set(around["particles"])
        self._given = _texts(lists, {"given_names"}) - set(around["forms_of_address"])
        self._family = _texts(lists, {"surnames"})
        self._known = _texts(lists, KNOWN_GROUPS) | {fold_term(name) for names in persons.values() for name in names}
        self._before, self._after = ({fold_term(word) for word in around[side]} for side in ("before", "after"))
        told = [sorted(words) for words in (self._given, self._family, self._known, *map(set, around.values()))]
        self.identity = ModelIdentity(self.name, hashlib.sha256(json.dumps(told).encode()).hexdigest())

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """One signal per prompt; `spans` are positions in the prompt as it was typed."""
        return [[self._signal(prompt.original)] for prompt in prompts]

    def _signal(self, prompt: str) -> Signal:
        found = list(self._names(_words(prompt)))
        score = max((score for score, _ in found), default=0.0)
        spans = tuple(span for _, span in found)
        evidence = "a given name and a family name" if found else ""
        return Signal(self.name, Descriptor.PRIVATE_PERSON, score, evidence, spans)

    def _names(self, words: Sequence[_Word]) -> Iterator[tuple[float, Span]]:
        capitals_tell = not _is_title_case(words)
        for at, word in enumerate(words[:-1]):
            if not self._is_given(word) or (at and self._is_given(words[at - 1]) and _touch(words[at - 1], word)):
                continue
            last = self._last_of_name(words, at)
            if last is None:
                continue
            score = self._score(words[at], words[last], capitals_tell)
            if score and not self._is_excused(words, at, last):
                yield score, Span(word.start, words[last].end)

    def _is_given(self, word: _Word) -> bool:
        return " ".join(word.parts) in self._given or word.parts[0] in self._given

    def _last_of_name(self, words: Sequence[_Word], first: int) -> int | None:
        """The place of the family name: right after other given names, an initial or small words like `de`."""
        for at in range(first + 1, min(first + 4, len(words))):
            if not _touch(words[at - 1], words[at]):
                return None
            small = " ".join(words[at].parts) in self._particles or _is_initial(words[at])
            if not small and not (self._is_given(words[at]) and self._continues(words, at)):
                return at
        return None

    def _continues(self, words: Sequence[_Word], at: int) -> bool:
        """Whether a second given name has a family name behind it, rather than being one."""
        follows = at + 1 < len(words) and _touch(words[at], words[at + 1])
        return follows and words[at + 1].is_capitalised and words[at].is_capitalised

    def _score(self, given: _Word, family: _Word, capitals_tell: bool) -> float:
        listed = not self._family.isdisjoint((" ".join(family.parts), family.parts[-1]))
        if given.is_capitalised and family.is_capitalised and capitals_tell:
            unheard_of = len(family.parts) > 1 or family.parts[0] not in vocabulary().known
            return FULL if listed else SHAPED if unheard_of else DOUBTFUL
        same_case = given.is_capitalised == family.is_capitalised
        return SHAPED if listed and same_case else 0.0

    def _is_excused(self, words: Sequence[_Word], first: int, last: int) -> bool:
        behind = [word.parts[0] for word in words[last + 1 : last + 2] if _touch(words[last], word)]
        return (
            bool(NUMBERED.match(words[last].text))
            or (first > 0 and words[first - 1].parts[-1] in self._articles)
            or not self._after.isdisjoint([words[last].parts[-1], *behind])
            or any(phrase in self._before for phrase in _phrases_before(words, first))
            or self._is_known(words, first, last)
        )

    def _is_known(self, words: Sequence[_Word], first: int, last: int) -> bool:
        """Whether a known name covers the given name and what follows it."""
        start = max(0, first - LONGEST_NAME)
        parts: list[str] = []
        offsets: dict[int, int] = {}
        for at in range(start, min(last + LONGEST_NAME, len(words))):
            offsets[at] = len(parts)
            parts += words[at].parts
        given, beyond = offsets[first], offsets[first] + 1
        return any(
            " ".join(parts[begin:end]) in self._known
            for begin in range(max(0, given - LONGEST_NAME), given + 1)
            for end in range(beyond + 1, min(begin + LONGEST_NAME, len(parts)) + 1)
        )


def _words(prompt: str) -> list[_Word]:
    """The words of what is wanted."""
    wanted = split_prompt(prompt)
    text, places = (wanted.positive, wanted.positive_at) if wanted.positive else (prompt, range(len(prompt)))
    found = []
    for match in WORD.finditer(text):
        elided = ELISION.match(match[0])
        cuts = [match.start(), *([match.start() + elided.end()] if elided else []), match.end()]
        found += [_word(text[start:end], start, places) for start, end in pairwise(cuts)]
    return [word for word in found if word.parts]


def _word(text: str, start: int, places: Sequence[int]) -> _Word:
    word = POSSESSIVE.sub("", text)
    return _Word(word, places[start], places[start + len(word) - 1] + 1, tuple(fold_term(word).split()))


def _is_initial(word: _Word) -> bool:
    return word.is_capitalised and len(word.text.rstrip("'’.")) == 1


def _touch(word: _Word, following: _Word) -> bool:
    """Whether nothing but a space, or the stop of an initial, stands between."""
    return 0 <= following.start - word.end <= (2 if len(word.text) <= 2 else 1)


def _is_title_case(words: Sequence[_Word]) -> bool:
    long = [word for word in words if len(word.text) > 2]
    return len(long) >= LEAST_WORDS and sum(word.is_capitalised for word in long) >= TITLE_CASE * len(long)


def _phrases_before(words: Sequence[_Word], first: int) -> Iterator[str]:
    before = [part for word in words[max(0, first - WORDS_BEFORE) : first] for part in word.parts]
    return (" ".join(before[-size:]) for size in range(1, WORDS_BEFORE + 1) if len(before) >= size)


def _texts(lists: Iterable[Wordlist], groups: set[str] | frozenset[str]) -> set[str]:
    own = [wordlist for wordlist in lists if wordlist.group_name in groups]
    return {fold_term(text) for wordlist in own for terms in wordlist.terms for text in terms.texts}


def _read(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return found
