"""Judges prompts by lists of words, looked for in every reading of a prompt, and by words that meet."""

import hashlib
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from ahocorasick_rs import AhoCorasick, Implementation

from policies.identity import ModelIdentity
from policies.signals import Category, Signal, Span
from policies.wordlists import Combination, Terms, Wordlist
from safety.normalize import SPELLED, SQUEEZED, NormalizedPrompt, View, fold_term

MAX_SPANS = 32
"""Spans reported per category: enough to show a person where."""

# Scripts written without spaces between words: a term may stand anywhere in them.
UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
GAP = re.compile(r"(?:[^\w*]|_|(?<!\w)\*+|\*+(?!\w))+")
WORD = re.compile(r"\S+")
CONTEXT_LETTERS = 12  # of an average word with its space, for how far to look for `unless_near`

# The commonest words that only one of the languages has.
FUNCTION_WORDS = {
    "en": frozenset(
        (
            "the",
            "of",
            "with",
            "and",
            "at",
            "is",
            "for",
            "to",
            "by",
            "from",
            "an",
            "in",
            "each",
            "his",
            "her",
            "it",
        )
    ),
    "fr": frozenset(
        (
            "le",
            "la",
            "les",
            "un",
            "une",
            "des",
            "du",
            "de",
            "d",
            "l",
            "et",
            "dans",
            "avec",
            "sur",
            "au",
            "aux",
            "sa",
            "son",
        )
    ),
}

MAX_OVERLAPPING_PHRASES = 8
SHORT_SPELLED = 4
SPELLED_LENGTHS = {SPELLED: 5, SQUEEZED: 8}  # how long a term counts anywhere

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """What a pattern stands for."""

    text: str
    wordlist: str
    group: str
    category: Category
    score: float
    speaks_alone: bool
    excuses_near: frozenset[str]
    within: int
    only_in_language: str


@dataclass(frozen=True, slots=True)
class _Occurrence:
    """A term found in a view; the span is in the prompt as typed. excused: it is harmless where it stands."""

    entry: _Entry
    view: str
    span: Span
    excused: bool = False

    @property
    def evidence(self) -> str:
        return f"{self.entry.wordlist}:{self.entry.text}@{self.view}"


@dataclass(frozen=True, slots=True)
class _Context:
    """What a text says around its terms.

    benign: for each entry the (end, start) of its harmless phrases, in order.
    """

    text: str
    languages: set[str]
    benign: dict[_Entry, list[Interval]]

    def excuses(self, entry: _Entry, start: int, end: int) -> bool:
        """Whether the occurrence of the entry at start:end is harmless where it stands."""
        return (
            (bool(entry.only_in_language) and entry.only_in_language not in self.languages)
            or self._covers(entry, start, end)
            or self._is_near(entry, start, end)
        )

    def _covers(self, entry: _Entry, start: int, end: int) -> bool:
        """A phrase covers the term if it ends with it or later, and begins with it or earlier."""
        phrases = self.benign.get(entry, ())
        following = bisect_left(phrases, (end, -1))
        return any(begin <= start for _, begin in phrases[following : following + MAX_OVERLAPPING_PHRASES])

    def _is_near(self, entry: _Entry, start: int, end: int) -> bool:
        if not entry.excuses_near:
            return False
        reach = entry.within * CONTEXT_LETTERS
        before = self.text[max(0, start - reach) : start].split()[-entry.within :]
        after = self.text[end : end + reach].split()[: entry.within]
        return not entry.excuses_near.isdisjoint((*before, *after))


_Group = list[tuple[int, _Occurrence]]  # with the number of the word in the prompt, in order
_Groups = dict[str, _Group]


@dataclass(frozen=True, slots=True)
class _Finding:
    category: Category
    score: float
    evidence: str
    spans: tuple[Span, ...]


class Blocklist:
    """Finds listed words and phrases in prompts.

    Every category gets a signal; its score is that of the gravest term or combination found, 0 if none was.
    A benign context excuses the one occurrence that it covers or stands next to, never another.
    """

    name = "blocklist"
    reports: frozenset[Category] = frozenset(Category)

    def __init__(self, lists: Sequence[Wordlist]) -> None:
        self.identity = ModelIdentity(self.name, _content_hash(lists))
        self._combinations = tuple(rule for wordlist in lists for rule in wordlist.combinations)
        self._entries: dict[str, list[_Entry]] = defaultdict(list)
        self._excused: dict[str, list[_Entry]] = defaultdict(list)
        for wordlist in lists:
            for terms in wordlist.terms:
                self._add(wordlist, terms)
        self._patterns = list({**self._entries, **self._excused})
        self._automaton = AhoCorasick(self._patterns, implementation=Implementation.ContiguousNFA)
        self._hard = _hard_words(self._entries)
        self._hard_automaton = AhoCorasick(list(self._hard), implementation=Implementation.ContiguousNFA)

    @classmethod
    def from_lists(cls, lists: Sequence[Wordlist]) -> "Blocklist":
        """The check for these lists."""
        return cls(lists)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """For each prompt one signal per category; `spans` are positions in the prompt as it was typed."""
        return [self._check_one(prompt) for prompt in prompts]

    def _add(self, wordlist: Wordlist, terms: Terms) -> None:
        for text in terms.text:
            entry = _entry(wordlist, terms, text)
            for form in _patterns(wordlist, terms, text):
                self._entries[form].append(entry)
            for phrase in terms.unless:
                self._excused[_pattern(fold_term(phrase))].append(entry)

    def _check_one(self, prompt: NormalizedPrompt) -> list[Signal]:
        views = [
            self._scan_spelled(view) if view.name in SPELLED_LENGTHS else self._scan(view) for view in prompt.views
        ]
        occurrences = _unexcused(list(chain.from_iterable(views)))
        findings = [_alone(occurrence) for occurrence in occurrences if occurrence.entry.speaks_alone]
        if len(occurrences) > 1:
            findings += self._combine(prompt.original, occurrences)
        return [_signal(category, findings) for category in Category]

    def _scan(self, view: View) -> Iterator[_Occurrence]:
        text = f" {GAP.sub(' ', view.text)} "
        hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
        if not hits:
            return
        places = _places(view.text)
        context = _Context(text, _languages(text), self._benign(hits))
        for pattern, start, end in hits:
            for entry in self._entries.get(self._patterns[pattern], ()):
                span = _span(view, places, text, start, end)
                yield _Occurrence(entry, view.name, span, context.excuses(entry, start, end))

    def _scan_spelled(self, view: View) -> Iterator[_Occurrence]:
        """Where every letter stood alone, words run together: short terms count only at either end."""
        entries = list(self._hard.values())
        for pattern, start, end in self._hard_automaton.find_matches_as_indexes(view.text, overlapping=True):
            at_an_end = " " in (view.text[start - 1 : start] or " ", view.text[end : end + 1] or " ")
            if end - start >= SPELLED_LENGTHS[view.name] or (at_an_end and view.name == SPELLED):
                yield _Occurrence(entries[pattern], view.name, Span(*view.span(start, end)))

    def _benign(self, hits: Iterable[tuple[int, int, int]]) -> dict[_Entry, list[Interval]]:
        """For each entry the (end, start) of its benign phrases, in order."""
        phrases: dict[_Entry, list[Interval]] = defaultdict(list)
        for pattern, start, end in hits:
            for entry in self._excused.get(self._patterns[pattern], ()):
                phrases[entry].append((end, start))
        return phrases

    def _combine(self, prompt: str, occurrences: Iterable[_Occurrence]) -> Iterator[_Finding]:
        words = [match.start() for match in WORD.finditer(prompt)]
        groups: _Groups = defaultdict(list)
        for occurrence in sorted(occurrences, key=lambda found: found.span.start):
            place = bisect_left(words, occurrence.span.start + 1)
            groups[occurrence.entry.group].append((place, occurrence))
        for rule in self._combinations:
            yield from _meetings(rule, groups)


def _content_hash(lists: Sequence[Wordlist]) -> str:
    return hashlib.sha256("\n".join(sorted(wordlist.sha256 for wordlist in lists)).encode()).hexdigest()


def _entry(wordlist: Wordlist, terms: Terms, text: str) -> _Entry:
    return _Entry(
        text=text,
        wordlist=wordlist.name,
        group=wordlist.group_name,
        category=wordlist.category,
        score=terms.score or wordlist.score,
        speaks_alone=not wordlist.only_in_combinations,
        excuses_near=frozenset(fold_term(word) for word in terms.unless_near),
        within=terms.unless_within,
        only_in_language=wordlist.language if terms.only_in_language else "",
    )


def _patterns(wordlist: Wordlist, terms: Terms, text: str) -> dict[str, None]:
    """The patterns of all forms of a term, in order, each once."""
    forms = dict.fromkeys(fold_term(form) for form in wordlist.forms(text, terms.inflect))
    hidden = [hide(form) for form in forms for hide in map(DISGUISES.__getitem__, terms.disguises)]
    forms |= dict.fromkeys(chain.from_iterable(hidden))
    return dict.fromkeys(map(_pattern, forms))


def _hard_words(entries: Mapping[str, Sequence[_Entry]]) -> dict[str, _Entry]:
    """The terms that are always unsafe, without spaces; too short ones are parts of honest words."""
    return {
        word: entry
        for pattern, owners in entries.items()
        for entry in owners
        if entry.score >= 1 and entry.speaks_alone
        if len(word := pattern.replace(" ", "")) >= SHORT_SPELLED and "*" not in word
    }


def _pattern(text: str) -> str:
    return text if UNSPACED.search(text) else f" {text} "


def _starred(word: str) -> list[str]:
    return [word[:inner] + "*" + word[inner + 1 :] for inner in range(1, len(word) - 1)]


def _swapped(word: str) -> list[str]:
    """Not the first letter: people read on when it is right."""
    return [word[:inner] + word[inner + 1] + word[inner] + word[inner + 2 :] for inner in range(1, len(word) - 1)]


def _split(word: str) -> list[str]:
    return [f"{word[:inner]} {word[inner:]}" for inner in range(1, len(word))]


DISGUISES: Mapping[str, Callable[[str], list[str]]] = {"star": _starred, "swap": _swapped, "split": _split}


def _places(text: str) -> list[int]:
    """For each character of the text that `_scan` searches its place in the view; -1 for the first space."""
    places = [-1]
    done = 0
    for gap in GAP.finditer(text):
        places += (*range(done, gap.start()), gap.start())
        done = gap.end()
    return [*places, *range(done, len(text)), len(text)]


def _span(view: View, places: Sequence[int], text: str, start: int, end: int) -> Span:
    first, last = start + (text[start] == " "), end - 1 - (text[end - 1] == " ")
    return Span(*view.span(places[first], places[last] + 1))


def _languages(text: str) -> set[str]:
    """The languages that a text seems to be in: those with the most function words, if it has any."""
    words = text.split()
    counts = {language: sum(map(known.__contains__, words)) for language, known in FUNCTION_WORDS.items()}
    return {language for language, count in counts.items() if count == max(counts.values()) > 0}


def _unexcused(occurrences: Sequence[_Occurrence]) -> list[_Occurrence]:
    """Each term once per place, though several views show it, and not at all if one view excuses it."""
    excused = {(found.entry, found.span) for found in occurrences if found.excused}
    first: dict[tuple[_Entry, Span], _Occurrence] = {}
    for found in occurrences:
        if (found.entry, found.span) not in excused:
            first.setdefault((found.entry, found.span), found)
    return list(first.values())


def _alone(occurrence: _Occurrence) -> _Finding:
    entry = occurrence.entry
    return _Finding(entry.category, entry.score, occurrence.evidence, (occurrence.span,))


def _meetings(rule: Combination, groups: _Groups) -> Iterator[_Finding]:
    """The first place where a word of each other group stands near enough to one of the first group."""
    first, *others = [_grave_enough(groups.get(group, []), rule.at_least) for group in rule.meet]
    if not all(others):
        return
    for place, occurrence in first:
        nearest = [_nearest(place, group) for group in others]
        if rule.within is None or all(abs(found_at - place) <= rule.within for found_at, _ in nearest):
            parts = (occurrence, *(found for _, found in nearest))
            evidence = f"{rule.name}({' + '.join(part.evidence for part in parts)})"
            yield _Finding(rule.category, rule.score, evidence, tuple(part.span for part in parts))
            return


def _grave_enough(group: _Group, at_least: float) -> _Group:
    return [(place, found) for place, found in group if not found.entry.speaks_alone or found.entry.score >= at_least]


def _nearest(place: int, group: _Group) -> tuple[int, _Occurrence]:
    index = bisect_left(group, place, key=lambda found: found[0])
    return min(group[max(0, index - 1) : index + 1], key=lambda found: abs(found[0] - place))


def _signal(category: Category, findings: Iterable[_Finding]) -> Signal:
    own = [finding for finding in findings if finding.category is category]
    if not own:
        return Signal(Blocklist.name, category, 0.0)
    gravest = max(own, key=lambda finding: finding.score)
    spans = sorted({span for finding in own for span in finding.spans}, key=lambda span: (span.start, span.end))
    return Signal(Blocklist.name, category, gravest.score, gravest.evidence, tuple(spans[:MAX_SPANS]))
