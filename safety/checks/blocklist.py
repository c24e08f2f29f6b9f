"""Judges prompts by lists of words, looked for in every reading of a prompt, and by words that meet."""

import hashlib
import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain, takewhile
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick, Implementation

from policies.identity import ModelIdentity
from policies.signals import Category, Descriptor, Signal, Span, Subject
from policies.wordlists import Combination, Terms, Wordlist, no_garbage_expected
from safety.checks.function_words import LANGUAGES_OF, UNMISTAKABLE_WORDS
from safety.normalize import SPELLED, SQUEEZED, NormalizedPrompt, View, fold_term

MAX_SPANS = 32
"""Spans reported per category: enough to show a person where."""

# Scripts written without spaces between words (or, Hangul, with endings stuck to them): a term may stand anywhere.
UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7a3]")
GAP = re.compile(r"(?:[^\w*]|_|(?<!\w)\*+|\*+(?!\w))+")
ASCII_GAPS = bytes(code if chr(code).isalnum() else 32 for code in range(128)).ljust(256)
WORD = re.compile(r"\S+")
SENTENCE_END = re.compile(r"[.!?…](?=\s|$)|[;|\n。！？；]")
CLAUSE_END = re.compile(r"[.!?…,](?=\s|$)|[;|\n。！？；，、]")

MAX_OVERLAPPING_PHRASES = 8
SHORT_SPELLED = 4
SPELLED_LENGTHS = {SPELLED: 5, SQUEEZED: 8}  # how long a term counts anywhere
MARKS_OF_A_LETTER = 4  # combining marks that honest writing puts on one letter, with room
MAX_TWIN = 200  # code points; a longer text is no listed word, and unbounded marks take quadratic time to order

Interval = tuple[int, int]
Hit = tuple[int, int, int]  # index of the pattern, start and end in the text


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What the terms of one row of a list have in common.

    twins: harmless words that differ from one of the terms by accents alone.
    """

    wordlist: str
    group: str
    category: Category
    score: float
    speaks_alone: bool
    excuses_near: frozenset[str]
    within: int
    only_in_language: str
    twins: frozenset[str]
    describes: Descriptor | None


class _Entry:
    """What a pattern stands for."""

    __slots__ = ("row", "text")

    def __init__(self, text: str, row: _Row) -> None:
        self.text, self.row = text, row


class _Occurrence(NamedTuple):
    """A term found in a view, with its half-open range in the prompt as typed. excused: harmless where it stands."""

    entry: _Entry
    view: str
    place: Interval
    excused: bool = False

    @property
    def evidence(self) -> str:
        return f"{self.entry.row.wordlist}:{self.entry.text}@{self.view}"


class _Phrase(NamedTuple):
    """A harmless phrase found in a reading."""

    end: int
    start: int
    holds_stop: bool  # in the list


_Group = list[tuple[int, _Occurrence]]  # with the number of the word in the prompt, in order
_Groups = dict[str, _Group]


class _Finding(NamedTuple):
    """Something to report: a term that speaks alone, or the terms that met by a rule. There may be thousands."""

    subject: Subject
    score: float
    parts: tuple[_Occurrence, ...]
    rule: str = ""

    @property
    def evidence(self) -> str:
        parts = " + ".join(part.evidence for part in self.parts)
        return f"{self.rule}({parts})" if self.rule else parts


class _Reading:
    """A view as it is searched, one space between its words; all else is worked out when something was found in it.

    benign: for each row its harmless phrases, in the order of their ends.
    """

    def __init__(self, original: str, view: View, text: str, benign: Mapping[_Row, Sequence[_Phrase]]) -> None:
        self.original, self.view, self.text, self.benign = original, view, text, benign

    def place(self, start: int, end: int) -> Interval:
        """Where in the prompt, as typed, the words at start:end stand."""
        first, last = start + (self.text[start] == " "), end - 1 - (self.text[end - 1] == " ")
        return self.view.span(self._places[first], self._places[last] + 1)

    def excuses(self, row: _Row, start: int, end: int, place: Interval) -> bool:
        """Whether the occurrence of a term of the row at start:end, typed at a place, is harmless where it stands."""
        return (
            (bool(row.only_in_language) and not self._is_in(row.only_in_language, start))
            or (bool(row.twins) and _as_typed(self.original, *place) in row.twins)
            or (row in self.benign and self._covers(self.benign[row], start, end))
            or (bool(row.excuses_near) and self._is_near(row, start, end))
        )

    def _covers(self, phrases: Sequence[_Phrase], start: int, end: int) -> bool:
        """A phrase covers the term if it ends with it or later, and begins with it or earlier."""
        following = bisect_left(phrases, (end, -1))
        return any(
            phrase.start <= start and (phrase.holds_stop or self._is_one_clause(phrase))
            for phrase in phrases[following : following + MAX_OVERLAPPING_PHRASES]
        )

    def _is_one_clause(self, phrase: _Phrase) -> bool:
        """`naked. Eye chart` holds no naked eye."""
        return not CLAUSE_END.search(self.original, *self.place(phrase.start, phrase.end))

    def _is_near(self, row: _Row, start: int, end: int) -> bool:
        """Whether a harmless neighbour stands within reach in the same sentence."""
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end - 1)
        sentence = self._sentences[first]
        near = chain(range(max(0, first - row.within), first), range(last, min(last + row.within, len(self._words))))
        return any(self._words[word] in row.excuses_near and self._sentences[word] == sentence for word in near)

    def _is_in(self, language: str, start: int) -> bool:
        """Whether the clause around a place seems to be in a language, or, if it does not tell, the prompt."""
        counts = self._languages.get(self._clauses[bisect_left(self._starts, start)])
        if counts:
            return counts[language] == max(counts.values())
        return len(UNMISTAKABLE_WORDS[language].intersection(self._words)) > 1

    @cached_property
    def _places(self) -> list[int]:
        return _places(self.view.text)

    @cached_property
    def _words(self) -> list[str]:
        return self.text.split()

    @cached_property
    def _starts(self) -> list[int]:
        """Where each word starts, less one: at the space before it."""
        return list(accumulate((len(word) + 1 for word in self._words), initial=0))

    @cached_property
    def _sentences(self) -> list[int]:
        return self._numbered(SENTENCE_END)

    @cached_property
    def _clauses(self) -> list[int]:
        return self._numbered(CLAUSE_END)

    def _numbered(self, ends: re.Pattern[str]) -> list[int]:
        """For each word, between which ends in the prompt as typed it stands."""
        stops = [match.start() for match in ends.finditer(self.original)]
        places = self._places
        return [bisect_right(stops, self.view.origin[places[start + 1]]) for start in self._starts[:-1]]

    @cached_property
    def _languages(self) -> dict[int, Counter[str]]:
        """How many function words of each language each clause has, if any."""
        counts: dict[int, Counter[str]] = defaultdict(Counter)
        for clause, word in zip(self._clauses, self._words, strict=True):
            for language in LANGUAGES_OF.get(word, ()):
                counts[clause][language] += 1
        return counts


class Blocklist:
    """Finds listed words and phrases in prompts.

    Every category gets a signal; its score is that of the gravest term or combination found, 0 if none was. So does
    every descriptor that a list describes: 1 when one of its words was found, a combination's score when it met.
    A benign context excuses the one occurrence that it covers or stands next to, never another.
    """

    name = "blocklist"

    def __init__(self, lists: Sequence[Wordlist]) -> None:
        self.identity = ModelIdentity(self.name, _content_hash(lists))
        self._combinations = tuple(rule for wordlist in lists for rule in wordlist.combinations)
        described = {wordlist.describes for wordlist in lists if wordlist.describes}
        described |= {rule.describes for rule in self._combinations if rule.describes}
        self.reports: frozenset[Subject] = frozenset((*Category, *described))
        subjects: list[Subject] = [*Category, *sorted(described)]
        self._nothing_found = {subject: Signal(self.name, subject, 0.0) for subject in subjects}
        with no_garbage_expected():
            self._build(_Vocabulary(lists))

    def _build(self, vocabulary: "_Vocabulary") -> None:
        patterns, self._entries = _sorted(vocabulary.entries)
        self._excused = vocabulary.excused_by_index(patterns)
        self._automaton = AhoCorasick(patterns, implementation=Implementation.ContiguousNFA)
        words, self._hard = _sorted(_hard_words(vocabulary.entries))
        self._hard_automaton = AhoCorasick(words, implementation=Implementation.ContiguousNFA)

    @classmethod
    def from_lists(cls, lists: Sequence[Wordlist]) -> "Blocklist":
        """The check for these lists."""
        return cls(lists)

    def check(self, prompts: Sequence[NormalizedPrompt]) -> list[list[Signal]]:
        """For each prompt a signal for each subject of `reports`; `spans` are positions in the prompt as typed."""
        return [self._check_one(prompt) for prompt in prompts]

    def _check_one(self, prompt: NormalizedPrompt) -> list[Signal]:
        occurrences = [found for view in prompt.views for found in self._search(prompt.original, view)]
        if not occurrences:
            return list(self._nothing_found.values())
        occurrences = _unexcused(occurrences)
        findings = [_alone(occurrence) for occurrence in occurrences if occurrence.entry.row.speaks_alone]
        findings += [_Finding(meant, 1.0, (found,)) for found in occurrences if (meant := found.entry.row.describes)]
        if len(occurrences) > 1:
            findings += self._combine(prompt.original, occurrences)
        return list((self._nothing_found | _signals(findings)).values())

    def _search(self, original: str, view: View) -> Sequence[_Occurrence]:
        if view.name in SPELLED_LENGTHS:
            return list(self._search_spelled(view))
        text = _one_space_between(view.text)
        hits = self._automaton.find_matches_as_indexes(text, overlapping=True)
        if not hits:
            return ()
        reading = _Reading(original, view, text, self._benign(hits))
        return [
            _Occurrence(entry, view.name, place, reading.excuses(entry.row, start, end, place))
            for pattern, start, end in hits
            if (entries := self._entries[pattern])
            for place in (reading.place(start, end),)
            for entry in entries
        ]

    def _search_spelled(self, view: View) -> Iterator[_Occurrence]:
        """Where every letter stood alone, words run together: short terms count only at either end."""
        for pattern, start, end in self._hard_automaton.find_matches_as_indexes(view.text, overlapping=True):
            at_an_end = " " in (view.text[start - 1 : start] or " ", view.text[end : end + 1] or " ")
            if end - start >= SPELLED_LENGTHS[view.name] or (at_an_end and view.name == SPELLED):
                place = view.span(start, end)
                yield from (_Occurrence(entry, view.name, place) for entry in self._hard[pattern])

    def _benign(self, hits: Iterable[Hit]) -> dict[_Row, list[_Phrase]]:
        phrases: dict[_Row, list[_Phrase]] = defaultdict(list)
        for pattern, start, end in hits:
            for row, holds_stop in self._excused.get(pattern, ()):
                phrases[row].append(_Phrase(end, start, holds_stop))
        return phrases

    def _combine(self, prompt: str, occurrences: Sequence[_Occurrence]) -> Iterator[_Finding]:
        present = {found.entry.row.group for found in occurrences}
        rules = [rule for rule in self._combinations if present.issuperset(rule.meet)]
        if not rules:
            return
        words = [match.start() for match in WORD.finditer(prompt)]
        groups: _Groups = defaultdict(list)
        for occurrence in sorted(occurrences, key=lambda found: found.place[0]):
            place = bisect_left(words, occurrence.place[0] + 1)
            groups[occurrence.entry.row.group].append((place, occurrence))
        for rule in rules:
            for finding in _meetings(rule, groups):
                yield finding
                if rule.describes:
                    yield finding._replace(subject=rule.describes)


class _Vocabulary:
    """All patterns of the lists.

    entries: what each pattern stands for; nothing for one that only excuses.
    """

    def __init__(self, lists: Iterable[Wordlist]) -> None:
        self.entries: dict[str, list[_Entry]] = {}
        self._excused: dict[str, list[tuple[_Row, bool]]] = {}
        for wordlist in lists:
            self._add_list(wordlist)

    def excused_by_index(self, patterns: Iterable[str]) -> dict[int, list[tuple[_Row, bool]]]:
        """For the index of a pattern the rows that it excuses, and whether it is listed with a stop in it."""
        return {index: self._excused[text] for index, text in enumerate(patterns) if text in self._excused}

    def _add_list(self, wordlist: Wordlist) -> None:
        plain_rows: dict[float | None, _Row] = {}
        for terms in wordlist.terms:
            forms = {text: _forms(wordlist, terms, text) for text in terms.texts}
            if terms.unless or terms.unless_near or terms.only_in_language:
                row = _row(wordlist, terms, _twins(terms.unless, forms.values()))
                self._add_phrases(row, terms.unless)
            else:
                row = plain_rows.get(terms.score) or plain_rows.setdefault(terms.score, _row(wordlist, terms))
            self._add_terms(row, forms)

    def _add_terms(self, row: _Row, forms: Mapping[str, Iterable[str]]) -> None:
        for text, spellings in forms.items():
            entry = _Entry(text, row)
            for spelling in spellings:
                self.entries.setdefault(_pattern(spelling), []).append(entry)

    def _add_phrases(self, row: _Row, phrases: Iterable[str]) -> None:
        for phrase in phrases:
            if _spelled(phrase) not in row.twins:
                pattern = _pattern(fold_term(phrase))
                self.entries.setdefault(pattern, [])
                self._excused.setdefault(pattern, []).append((row, bool(CLAUSE_END.search(phrase))))


def _content_hash(lists: Sequence[Wordlist]) -> str:
    return hashlib.sha256("\n".join(sorted(wordlist.sha256 for wordlist in lists)).encode()).hexdigest()


def _row(wordlist: Wordlist, terms: Terms, twins: frozenset[str] = frozenset()) -> _Row:
    return _Row(
        wordlist=wordlist.name,
        group=wordlist.group_name,
        category=wordlist.category,
        score=terms.score or wordlist.score,
        speaks_alone=not wordlist.only_in_combinations,
        excuses_near=frozenset(fold_term(word) for word in terms.unless_near),
        within=terms.unless_within,
        only_in_language=wordlist.language if terms.only_in_language else "",
        twins=twins,
        describes=wordlist.describes,
    )


def _forms(wordlist: Wordlist, terms: Terms, text: str) -> dict[str, None]:
    """All spellings of a term, in order, each once."""
    if terms.inflect == "none" and not terms.disguises:
        return {fold_term(text): None}
    forms = dict.fromkeys(fold_term(form) for form in wordlist.forms(text, terms.inflect))
    hidden = [hide(form) for form in forms for hide in map(DISGUISES.__getitem__, terms.disguises)]
    return forms | dict.fromkeys(chain.from_iterable(hidden))


def _twins(unless: Iterable[str], forms: Iterable[Iterable[str]]) -> frozenset[str]:
    """The harmless words that folding makes equal to a term: they must be typed as they are listed."""
    folded = set(chain.from_iterable(forms))
    return frozenset(_spelled(phrase) for phrase in unless if fold_term(phrase) in folded)


def _spelled(text: str) -> str:
    """A word with its accents, without its punctuation."""
    return GAP.sub(" ", unicodedata.normalize("NFC", text).casefold()).strip()


def _as_typed(original: str, start: int, end: int) -> str:
    """With the marks on its last letter."""
    marks = original[end : end + MARKS_OF_A_LETTER]
    behind = sum(1 for _ in takewhile(unicodedata.combining, marks))
    return _spelled(original[start : min(end + behind, start + MAX_TWIN)])


def _sorted(entries: Mapping[str, list[_Entry]]) -> tuple[list[str], list[list[_Entry]]]:
    """Patterns and what each stands for: an automaton is built faster from neighbours that begin alike."""
    patterns = sorted(entries)
    return patterns, [entries[pattern] for pattern in patterns]


def _hard_words(entries: Mapping[str, Sequence[_Entry]]) -> dict[str, list[_Entry]]:
    """The terms that are always unsafe, without spaces; too short ones are parts of honest words."""
    hard: dict[str, list[_Entry]] = {}
    for pattern, owners in entries.items():
        own = [entry for entry in owners if entry.row.score >= 1 and entry.row.speaks_alone]
        if own and len(word := pattern.replace(" ", "")) >= SHORT_SPELLED and "*" not in word:
            hard.setdefault(word, []).extend(own)
    return hard


def _pattern(text: str) -> str:
    """A term with the word boundaries it needs: a space at each end that is written with spaces."""
    if text.isascii():
        return f" {text} "
    before, after = ("" if UNSPACED.match(end) else " " for end in (text[0], text[-1]))
    return f"{before}{text}{after}"


def _one_space_between(text: str) -> str:
    """The words of a text, each between two spaces."""
    if text.isascii() and "*" not in text:
        spaced = b" %b " % text.encode().translate(ASCII_GAPS)
        while b"  " in spaced:
            spaced = spaced.replace(b"  ", b" ")
        return spaced.decode()
    return f" {GAP.sub(' ', text).strip(' ')} "


def _places(text: str) -> list[int]:
    """For each character of `_one_space_between` its place in the text; -1 for the first space."""
    places = [-1]
    done = 0
    for gap in GAP.finditer(text):
        if gap.start():
            places += range(done, gap.start() + 1)
        done = gap.end()
    if done < len(text):
        places += range(done, len(text) + 1)
    return places


def _starred(word: str) -> list[str]:
    return [word[:inner] + "*" + word[inner + 1 :] for inner in range(1, len(word) - 1)]


def _swapped(word: str) -> list[str]:
    """Not the first letter: people read on when it is right."""
    return [word[:inner] + word[inner + 1] + word[inner] + word[inner + 2 :] for inner in range(1, len(word) - 1)]


def _split(word: str) -> list[str]:
    return [f"{word[:inner]} {word[inner:]}" for inner in range(1, len(word))]


DISGUISES: Mapping[str, Callable[[str], list[str]]] = {"star": _starred, "swap": _swapped, "split": _split}


def _unexcused(occurrences: Sequence[_Occurrence]) -> list[_Occurrence]:
    """Each term once per place, though several views show it, and not at all if one view excuses it."""
    excused = {(found.entry, found.place) for found in occurrences if found.excused}
    first: dict[tuple[_Entry, Interval], _Occurrence] = {}
    for found in occurrences:
        if (found.entry, found.place) not in excused:
            first.setdefault((found.entry, found.place), found)
    return list(first.values())


def _alone(occurrence: _Occurrence) -> _Finding:
    row = occurrence.entry.row
    return _Finding(row.category, row.score, (occurrence,))


def _meetings(rule: Combination, groups: _Groups) -> Iterator[_Finding]:
    """The first place where a word of each other group stands near enough to one of the first group."""
    subjects, *others = (groups[group] for group in rule.meet)
    others = [_grave_enough(group, rule.at_least) for group in others]
    if not all(others):
        return
    for place, occurrence in subjects:
        nearest = [_nearest(place, group) for group in others]
        if rule.within is None or all(abs(found_at - place) <= rule.within for found_at, _ in nearest):
            parts = (occurrence, *(found for _, found in nearest))
            yield _Finding(rule.category, rule.score, parts, rule.name)
            return


def _grave_enough(group: _Group, at_least: float) -> _Group:
    return [
        (place, found)
        for place, found in group
        if not found.entry.row.speaks_alone or found.entry.row.score >= at_least
    ]


def _nearest(place: int, group: _Group) -> tuple[int, _Occurrence]:
    index = bisect_left(group, place, key=lambda found: found[0])
    return min(group[max(0, index - 1) : index + 1], key=lambda found: abs(found[0] - place))


def _signals(findings: Iterable[_Finding]) -> dict[Subject, Signal]:
    by_subject: dict[Subject, list[_Finding]] = defaultdict(list)
    for finding in findings:
        by_subject[finding.subject].append(finding)
    return {subject: _signal(subject, own) for subject, own in by_subject.items()}


def _signal(subject: Subject, own: Sequence[_Finding]) -> Signal:
    gravest = max(own, key=lambda finding: finding.score)
    places = sorted({part.place for finding in own for part in finding.parts})
    spans = tuple(Span(start, end) for start, end in places[:MAX_SPANS])
    return Signal(Blocklist.name, subject, gravest.score, gravest.evidence, spans)
