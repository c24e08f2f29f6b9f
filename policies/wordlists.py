"""Lists of words for the blocklist: what a list file may say, and how it is read."""

import gc
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from policies.inflection import WITHOUT_SMALL_WORDS, Inflection, Language, inflect
from policies.signals import MEANT, Category, Descriptor

SHIPPED = Path(__file__).parent / "blocklists"
COMMON = "common"
"""The folder of lists that every choice of lists includes: names of people, and the combination rules."""

FAST_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where it can be: ten times faster
MAX_DEPTH = 100
MAX_COMBINED = 50_000  # texts that the words before and after them make of one row
BRACKET = re.compile(r"[\[\]{}]")
NESTED_IN_A_LINE = re.compile(r"(?:[-?:] +){20}")

Location = tuple[str | int, ...]


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list) else value


def _as_terms(value: object) -> object:
    return {"text": value} if isinstance(value, str | list) else value


def _meant(word: object) -> Descriptor:
    if isinstance(word, str) and word in MEANT:
        return Descriptor(word)
    raise PydanticCustomError("describes", "should be one of {known}", {"known": ", ".join(sorted(MEANT))})


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Disguise = Literal["star", "swap", "split"]
Score = Annotated[float, Field(gt=0, le=1)]
Phrase = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\w")]
Phrases = Annotated[tuple[Phrase, ...], BeforeValidator(_as_tuple)]
Describes = Annotated[Descriptor, BeforeValidator(_meant)]


class WordlistInvalid(Exception):
    """A list file cannot be used.

    problems: each as "file:line: field: what was expected".
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Terms(_Part):
    """Words or phrases that are treated alike.

    score: 1 is unsafe whatever stands around it, 0.6 is suspicious; None takes the list's.
    unless: phrases that hold the word and are harmless; they excuse the occurrence they cover, no other. A phrase
        that differs from the word by its accents alone (rape: râpe) must be typed with the accents it is listed with.
    unless_near: words that, within `unless_within` words of it, excuse an occurrence. Neither these nor
        `only_in_language` are for a score of 1: any added word would switch it off.
    only_in_language: the word means something else in another language, so it counts only where the small words
        of the list's language are the commonest.
    disguises: also look for spellings that only hide a word: `star` (n*ked), `swap` of two neighbours (nakde),
        `split` by a space (na ked); a list asks for each where it makes no other word.
    before, after: the words count only with one of these right before or right after them: `president` with
        `of France`. With both, either will do.
    """

    text: Annotated[Phrases, Field(min_length=1)]
    inflect: Inflection = "none"
    score: Score | None = None
    unless: Phrases = ()
    unless_near: Phrases = ()
    unless_within: Annotated[int, Field(ge=1, le=20)] = 3
    only_in_language: bool = False
    disguises: Annotated[tuple[Disguise, ...], BeforeValidator(_as_tuple)] = ()
    before: Phrases = ()
    after: Phrases = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """What is looked for: each text, with each of the words it needs beside it."""
        if not self.before and not self.after:
            return self.text
        ahead = (f"{first} {text}" for first in self.before for text in self.text)
        behind = (f"{text} {last}" for last in self.after for text in self.text)
        return (*ahead, *behind)


def _broken(row: int, sentence: str) -> PydanticCustomError:
    return PydanticCustomError("law", "{sentence}", {"sentence": sentence, "at": ("terms", row)})


class Combination(_Part):
    """Words of several groups that are unsafe together.

    meet: one word of each group within `within` words of the first group's (anywhere in the prompt if None).
    at_least: words of the other groups that score less by themselves do not count, except words that only
        combinations use. The first group's count whatever they score: a public figure beside a grave word.
    describes: whom or what the prompt means where they meet, as surely as `score` says.
    """

    name: Name
    meet: Annotated[tuple[Name, ...], BeforeValidator(_as_tuple), Field(min_length=2, max_length=3)]
    within: Annotated[int, Field(ge=1, le=100)] | None = None
    at_least: Annotated[float, Field(ge=0, le=1)] = 0.0
    category: Category
    score: Score = 1.0
    describes: Describes | None = None


class Wordlist(_Part):
    """One list file.

    group: what combinations call its words; its category if not given.
    only_in_combinations: its words mean nothing by themselves.
    describes: whom or what a prompt means that holds one of its words.
    """

    name: Name
    language: Language
    category: Category
    group: Name = ""
    score: Score = 1.0
    only_in_combinations: bool = False
    describes: Describes | None = None
    terms: tuple[Annotated[Terms, BeforeValidator(_as_terms)], ...] = ()
    combinations: tuple[Combination, ...] = ()

    @model_validator(mode="after")
    def _keeps_its_laws(self) -> Self:
        seen: set[str] = set()
        for row, terms in enumerate(self.terms):
            if len(terms.text) * (len(terms.before) + len(terms.after)) > MAX_COMBINED:
                raise _broken(row, f"should not join words to more than {MAX_COMBINED} texts")
            listed = terms.texts
            texts = set(map(str.casefold, listed))
            if len(texts) < len(listed) or not texts.isdisjoint(seen):
                raise _broken(row, f"should hold each text once (found {', '.join(sorted(texts & seen))} again)")
            if (terms.unless_near or terms.only_in_language) and (terms.score or self.score) == 1:
                raise _broken(row, "should score below 1: added words could switch it off")
            if terms.only_in_language and self.language in WITHOUT_SMALL_WORDS:
                raise _broken(row, "should not ask for a language that no small words between spaces tell")
            if terms.unless and not texts.isdisjoint(map(str.casefold, terms.unless)):
                raise _broken(row, "should not excuse a word by itself: it would never be found")
            seen |= texts
        return self

    @property
    def group_name(self) -> str:
        """The name by which combinations call this list."""
        return self.group or self.category

    @cached_property
    def sha256(self) -> str:
        """Hex sha256 of the list's content; comments and layout do not count."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    def forms(self, text: str, inflection: Inflection) -> tuple[str, ...]:
        """Every form in which a listed text is looked for."""
        return inflect(text, self.language, inflection)


@contextmanager
def no_garbage_expected() -> Iterator[None]:
    """For work that makes very many objects that all stay: the search for dead ones would take half as long again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def load_blocklists(names: Sequence[str], folder: Path = SHIPPED) -> tuple[Wordlist, ...]:
    """The lists a policy names, with the common ones: `english` is every file of the folder `english`.

    Raises WordlistInvalid for an unknown name, or with every problem of every file.
    """
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    problems = [f"{folder / name}:1: name: should be one of {', '.join(known)}" for name in names if name not in known]
    lists: dict[Path, Wordlist] = {}
    for name in dict.fromkeys((*names, COMMON)):
        for path in sorted((folder / name).glob("*.yaml")) if name in known else ():
            try:
                lists[path] = load_wordlist(path)
            except WordlistInvalid as invalid:
                problems += invalid.problems
    problems = problems or [*_shared_names(lists), *_missing_groups(lists)]
    if problems:
        raise WordlistInvalid(problems)
    return tuple(lists.values())


def _shared_names(lists: Mapping[Path, Wordlist]) -> Iterator[str]:
    first: dict[str, Path] = {}
    for path, wordlist in lists.items():
        other = first.setdefault(wordlist.name, path)
        if other != path:
            yield f"{path}:1: name: should differ from that of {other}"


def _missing_groups(lists: Mapping[Path, Wordlist]) -> Iterator[str]:
    """A combination with a misspelt group would never fire, and nobody would know."""
    groups = {wordlist.group_name for wordlist in lists.values()}
    for path, wordlist in lists.items():
        for number, rule in enumerate(wordlist.combinations):
            if missing := sorted(set(rule.meet) - groups):
                line, field = _place(_nodes(path, read_text(path)), ("combinations", number, "meet"))
                yield f"{path}:{line}: {field}: should name groups of the lists (found {', '.join(missing)})"


def load_wordlist(path: Path) -> Wordlist:
    """The list in a YAML file. Raises WordlistInvalid with every problem of the file."""
    return parse_wordlist(path, read_text(path))


def parse_wordlist(path: Path, text: str) -> Wordlist:
    """The list that a text holds; problems name the path and the line. Raises WordlistInvalid."""
    if _is_too_deep(text):
        raise WordlistInvalid([f"{path}:1: file: should not nest deeper than a list of terms does"])
    try:
        with no_garbage_expected():
            return Wordlist.model_validate(_parsed(path, text, yaml.load))
    except ValidationError as invalid:
        root = _nodes(path, text)
        raise WordlistInvalid([_problem(path, root, details) for details in invalid.errors()]) from invalid


def read_text(path: Path) -> str:
    """The text of a list file. Raises WordlistInvalid when there is no reading it."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise WordlistInvalid([f"{path}:1: file: could not be read ({unreadable.strerror})"]) from unreadable
    except UnicodeDecodeError as undecodable:
        raise WordlistInvalid([f"{path}:1: file: should be UTF-8 text"]) from undecodable
    return text


def _parsed(path: Path, text: str, parse: Callable[..., object]) -> object:
    try:
        return parse(text, Loader=FAST_LOADER)
    except (yaml.YAMLError, ValueError) as broken:  # ValueError: a number of 5000 digits, the 32nd of a month
        mark = getattr(broken, "problem_mark", None)
        problem = getattr(broken, "problem", None) or broken
        line = min(mark.line, max(len(text.splitlines()) - 1, 0)) + 1 if mark else 1  # the end is no line of the file
        raise WordlistInvalid([f"{path}:{line}: file: should be YAML ({problem})"]) from broken


def _nodes(path: Path, text: str) -> yaml.Node:
    """The file with the lines of its parts, for telling what is wrong with it."""
    root = _parsed(path, text, yaml.compose)
    if not isinstance(root, yaml.MappingNode):
        raise WordlistInvalid([f"{path}:1: file: should be a table with name, language, category and terms"])
    return root


def problems_in(path: Path, text: str, found: Sequence[tuple[Location, str]]) -> list[str]:
    """What was found wrong at places of a list, as "file:line: field: what was expected"."""
    root = _nodes(path, text)
    placed = [(*_place(root, location), expected) for location, expected in found]
    return [f"{path}:{line}: {field or 'list'}: {expected}" for line, field, expected in placed]


def _is_too_deep(text: str) -> bool:
    """The loader recurses in C, where no RecursionError ends it."""
    steps = (1 if bracket in "[{" else -1 for bracket in BRACKET.findall(text))
    return bool(NESTED_IN_A_LINE.search(text)) or max(accumulate(steps), default=0) > MAX_DEPTH


def _problem(path: Path, root: yaml.Node, details: ErrorDetails) -> str:
    line, field = _place(root, (*details["loc"], *details.get("ctx", {}).get("at", ())))
    expected = details["msg"].removeprefix("Input ").removeprefix("Value error, ")
    return f"{path}:{line}: {field or 'list'}: {expected}"


def _place(root: yaml.Node, location: Location) -> tuple[int, str]:
    """The line (from 1) of the deepest part of a location that the file has, and the location in words."""
    node: yaml.Node | None = root
    line = root.start_mark.line + 1
    for part in location:
        node = _child(node, part)
        if node is None:
            break
        line = node.start_mark.line + 1
    return line, ".".join(map(str, location))


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        item: yaml.Node = node.value[part]
        return item
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None
