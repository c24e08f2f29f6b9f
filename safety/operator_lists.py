"""Lists that operators add to the shipped ones: read strictly, held to bounds, joined so that they only ever add."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from policies.wordlists import (
    FAST_LOADER,
    Location,
    Terms,
    Wordlist,
    WordlistInvalid,
    parse_wordlist,
    problems_in,
)
from safety.checks.blocklist import Blocklist
from safety.normalize import fold_term, normalize

MAX_BYTES = 4 << 20  # of one list: 100 000 terms and room
MAX_TERMS = 100_000  # words and phrases of all lists that operators added
MAX_SPELLINGS = 500_000  # what inflection and disguises may make of them
MAX_TOLD = 100  # problems that are told of one list
SHORTEST = 2  # letters and digits of a term: a single letter stands in every other prompt
UNPRINTABLE = re.compile("[\x00-\x1f\x7f\u2028\u2029]")
HARMLESS = "a cat on a red chair"
"""A prompt that no list may find anything in: the readiness check asks whether it passes."""


@dataclass(frozen=True, slots=True)
class OperatorList:
    """origin: the file, or the name of a stored list, as problems name it. text: as it was written."""

    origin: Path
    text: str
    wordlist: Wordlist


def read_operator_list(origin: Path, text: str) -> OperatorList:
    """A list from its YAML. Raises WordlistInvalid with every problem found, each with its line."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise WordlistInvalid([f"{origin}:1: file: should have at most {MAX_BYTES} bytes"])
    _require_plain(origin, text)
    wordlist = parse_wordlist(origin, text)
    if unusable := list(_unusable(wordlist)):
        raise WordlistInvalid(problems_in(origin, text, unusable[:MAX_TOLD]))
    return OperatorList(origin, text, wordlist)


def joined(shipped: Sequence[Wordlist], added: Sequence[OperatorList]) -> Blocklist:
    """The check for all lists together. Raises WordlistInvalid when they do not fit together."""
    problems = [*_taken_names(shipped, added), *_missing_groups(shipped, added), *_too_many(added)]
    if not problems:
        blocklist = Blocklist.from_lists([*shipped, *(own.wordlist for own in added)])
        problems = list(_found_in_the_harmless(blocklist, added))
    if problems:
        raise WordlistInvalid(problems)
    return blocklist


def terms_of(wordlist: Wordlist) -> int:
    """How many words and phrases a list holds, excuses included."""
    return sum(len(row.texts) + len(row.unless) + len(row.unless_near) for row in wordlist.terms)


@dataclass(slots=True)
class _Open:
    """A table or a row of YAML that is being read. keys: those of a table so far."""

    is_table: bool
    keys: set[str] = field(default_factory=set)
    at_key: bool = True


def _require_plain(origin: Path, text: str) -> None:
    """YAML lets a key stand twice and drops the first; an alias lets a small file grow without end."""
    try:
        problems = [f"{origin}:{line}: {field}: {expected}" for line, field, expected in _not_plain(text)]
    except yaml.YAMLError:
        return  # the parser says it better, with its line
    if problems:
        raise WordlistInvalid(problems[:MAX_TOLD])


def _not_plain(text: str) -> Iterator[tuple[int, str, str]]:
    inside: list[_Open] = []
    for event in yaml.parse(text, Loader=FAST_LOADER):
        if isinstance(event, yaml.AliasEvent):
            yield _line(event), "file", "should hold no aliases: write it out"
        elif isinstance(event, yaml.CollectionEndEvent):
            inside.pop()
        elif isinstance(event, yaml.NodeEvent):
            if inside and inside[-1].is_table and (key := _repeated(inside[-1], event)):
                yield _line(event), key, "should be given once"
            if not isinstance(event, yaml.ScalarEvent):
                inside.append(_Open(isinstance(event, yaml.MappingStartEvent)))


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _repeated(table: _Open, event: yaml.NodeEvent) -> str | None:
    """The key that an event repeats; moves from key to value and back."""
    at_key, table.at_key = table.at_key, not table.at_key
    if not at_key or not isinstance(event, yaml.ScalarEvent):
        return None
    if event.value in table.keys:
        return str(event.value)
    table.keys.add(event.value)
    return None


def _unusable(wordlist: Wordlist) -> Iterator[tuple[Location, str]]:
    """What the format allows and nobody means: such a list would do nothing, or far too much."""
    if not wordlist.terms and not wordlist.combinations:
        yield ("terms",), "should hold terms or combinations"
    for number, row in enumerate(wordlist.terms):
        if any(UNPRINTABLE.search(phrase) for phrase in _phrases(row)):
            yield ("terms", number), "should hold no control characters"
        if short := [text for text in row.texts if _is_short(fold_term(text))]:
            told = ", ".join(map(repr, short[:3]))
            yield ("terms", number), f"should have two letters or digits at least, punctuation counts for none ({told})"


def _is_short(folded: str) -> bool:
    """One letter of a script that writes words is no word; one character of Chinese may be."""
    return len(folded) < SHORTEST and folded.isascii()


def _phrases(row: Terms) -> Iterable[str]:
    return (*row.text, *row.unless, *row.unless_near, *row.before, *row.after)


def _taken_names(shipped: Sequence[Wordlist], added: Sequence[OperatorList]) -> Iterator[str]:
    taken = {wordlist.name: "a shipped list" for wordlist in shipped}
    for own in added:
        name = own.wordlist.name
        if name in taken:
            told = f"should differ from the name of {taken[name]} (found {name})"
            yield from problems_in(own.origin, own.text, [(("name",), told)])
        taken.setdefault(name, str(own.origin))


def _missing_groups(shipped: Sequence[Wordlist], added: Sequence[OperatorList]) -> Iterator[str]:
    """A combination with a misspelt group would never fire, and nobody would know."""
    groups = {wordlist.group_name for wordlist in (*shipped, *(own.wordlist for own in added))}
    for own in added:
        missing: list[tuple[Location, str]] = [
            (("combinations", number, "meet"), f"should name groups of the lists (found {', '.join(unknown)})")
            for number, rule in enumerate(own.wordlist.combinations)
            if (unknown := sorted(set(rule.meet) - groups))
        ]
        yield from problems_in(own.origin, own.text, missing) if missing else ()


def _too_many(added: Sequence[OperatorList]) -> Iterator[str]:
    terms = sum(terms_of(own.wordlist) for own in added)
    if terms > MAX_TERMS:
        yield f"{added[-1].origin}:1: terms: should be at most {MAX_TERMS} in all lists together (found {terms})"
        return
    spellings = sum(_spellings(own.wordlist) for own in added)
    if spellings > MAX_SPELLINGS:
        told = f"should make at most {MAX_SPELLINGS} spellings in all lists together (found {spellings})"
        yield f"{added[-1].origin}:1: terms: {told}"


def _spellings(wordlist: Wordlist) -> int:
    return sum(
        len(wordlist.forms(text, row.inflect)) * (1 + len(row.disguises) * len(text))
        for row in wordlist.terms
        for text in row.texts
    )


def _found_in_the_harmless(blocklist: Blocklist, added: Sequence[OperatorList]) -> Iterator[str]:
    (signals,) = blocklist.check([normalize(HARMLESS)])
    found = sorted({signal.evidence for signal in signals if signal.score > 0})
    own = {other.wordlist.name: other.origin for other in added}
    for evidence in found:
        origin = own.get(evidence.split(":")[0], added[-1].origin if added else Path("lists"))
        yield f"{origin}:1: terms: should find nothing in {HARMLESS!r}, which the readiness check asks ({evidence})"
