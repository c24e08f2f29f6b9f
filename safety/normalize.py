"""Undo the disguises of a prompt: look-alikes, invisible characters, spacing, leetspeak, weights, encodings.

A prompt is read in several ways (`View`), because one reading that undoes everything would also damage honest
text. Every character of a view knows where in the prompt it came from. All steps are linear in its length.
Background: Unicode Technical Reports 15 (normalisation), 36 and 39 (security, confusables).
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, compress, pairwise, product, repeat
from string import ascii_lowercase, ascii_uppercase, digits
from typing import NamedTuple
from urllib.parse import unquote

from ahocorasick_rs import AhoCorasick, BytesAhoCorasick, Implementation

from safety.prompt_syntax import split_prompt
from safety.vocabulary import LONGEST_FUSED, vocabulary

SPELLED = "spelled"
"""The view that holds nothing but runs of single letters, joined: where their words end is not known."""

SQUEEZED = "squeezed"
"""The view of a prompt with such runs that has no spaces at all: phrases may go on beyond a run."""

ROUNDS = 4  # how often nested disguises (an entity in an entity) are undone before all punctuation is dropped
TAG_OFFSET = 0xE0000  # the tag block repeats ASCII, invisibly, from here
FOLD_CACHE_SIZE = 60_000  # characters: more than a prompt can hold different ones


class View(NamedTuple):
    """One reading of a prompt.

    origin: for each character of `text`, the index in the original prompt that it came from.
    """

    name: str
    text: str
    origin: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open range of the original prompt that `text[start:end]` (not empty) was read from."""
        part = self.origin[start:end]
        first, last = min(part), max(part) + 1
        follower = self.origin[end] if end < len(self.text) else 0
        return first, max(last, follower) if follower - last < ESCAPE_LENGTH else last


class NormalizedPrompt(NamedTuple):
    """A prompt and its readings: `folded` for classifiers, all the `views` for the matching of terms.

    negative: what the prompt asks not to see, read by itself; then `folded` and `views` are of the rest.
    """

    original: str
    folded: str
    views: tuple[View, ...]
    negative: "NormalizedPrompt | None" = None


class _Text(NamedTuple):
    """A text on its way, with the origin of each character."""

    text: str
    origin: Sequence[int]

    def part(self, start: int, end: int) -> "_Text":
        return _Text(self.text[start:end], self.origin[start:end])

    def become(self, text: str) -> "_Text":
        """New characters in the place of these; each keeps the nearest old position."""
        old = len(self.origin)
        return _Text(text, [self.origin[min(index, old - 1)] for index in range(len(text))])


Step = Callable[[_Text], _Text]


def read_prompt(prompt: str) -> NormalizedPrompt:
    """Normalise what a prompt asks for, and apart from it what it asks not to see.

    A prompt that asks for nothing is read as if it asked for all of it: a generator may know no negative part.
    """
    parts = split_prompt(prompt)
    if not parts.positive or len(parts.positive) == len(prompt):
        return normalize(prompt)
    wanted = _normalized(prompt, _Text(parts.positive, parts.positive_at))
    unwanted = _normalized(prompt, _Text(parts.negative, parts.negative_at)) if parts.negative else None
    return wanted._replace(negative=unwanted)


def normalize(prompt: str) -> NormalizedPrompt:
    """Read a text in every way that an image model or a person might.

    `folded` is lower case, without accents on Latin letters; normalising it again changes nothing.
    """
    return _normalized(prompt, _Text(prompt, range(len(prompt))))


def _normalized(original: str, source: _Text) -> NormalizedPrompt:
    plain = _Text(source.text.lower(), source.origin) if source.text.isascii() else _fold(source)
    if _is_plain(plain.text) and not _hides(source.text):
        unknown = _unknown(plain.text)
        if not unknown or not THREE_ALIKE.find_matches_as_indexes(plain.text):
            return _read_plain(original, plain, unknown)
    return _read_in_every_way(original, source)


def _read_plain(prompt: str, plain: _Text, unknown: frozenset[str]) -> NormalizedPrompt:
    """Nothing but words: most prompts have none that is unknown, and then there is one reading."""
    if not unknown or _means_nothing_else(unknown):
        return NormalizedPrompt(prompt, plain.text, (View("folded", plain.text, plain.origin),))
    folded = _part_words(plain)
    return NormalizedPrompt(prompt, folded.text, _views([("folded", folded), ("plain", plain)]))


def _read_in_every_way(prompt: str, source: _Text) -> NormalizedPrompt:
    shown = _settle(source, _uncover)
    folded = _sure(shown)
    if folded.text != shown.text:
        folded = _settle(folded, lambda text: _sure(_uncover(text)))
    readings = chain([("folded", folded)], _readings(shown), _other_orders(source))
    return NormalizedPrompt(prompt, folded.text, _views(readings))


# What no step of this module would touch needs no step: most prompts are plain words. What makes a prompt suspicious
# is looked for in its shape (letters as a, digits as 0, `.?` as a comma, all else as #) by one pass of an automaton.
UNEVEN = re.compile("[a-z][A-Z][a-zA-Z]*[a-z][A-Z]")  # capitals as base64 has them
HIDDEN = re.compile(f"{UNEVEN.pattern}|[\nɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ\u202e\U0001f1e6-\U0001f1ff\U000e0000-\U000e007f]")
CASES = bytes(97 if chr(code) in ascii_lowercase else 65 if chr(code) in ascii_uppercase else 32 for code in range(256))
SHAPES = bytes(
    97 if chr(code) in ascii_lowercase else 48 if chr(code) in digits else code if chr(code) in " !'" else
    44 if chr(code) in ",.?" else 35 for code in range(256)
)  # fmt: skip
SUSPICIOUS = BytesAhoCorasick(
    [
        b"#",
        *map(bytes, product(b",!'", repeat=2)),
        *map(bytes, product(b",!", b"a0")),
        *(b"0a", b"a0", b"a!", b"0" * 8),
        *(b"  ", b" ,", b" !", b" '"),
        # Two single letters or digits in a row, each between these; not the one of `i'm`.
        *(b"".join(run) for run in product((b" ", b"'"), (b"a", b"0"), (b" ", b", ", b"! ", b"' ", b"'"),
                                           (b"a", b"0"), (b" ", b",", b"!", b"'")) if run[::2][:2] != (b" ", b"'")),
    ],
    implementation=Implementation.DFA,
)  # fmt: skip
THREE_ALIKE = AhoCorasick([3 * letter for letter in ascii_lowercase], implementation=Implementation.DFA)


def _is_plain(text: str) -> bool:
    """Whether the reading with all steps would find the words of this text, if known, as they stand."""
    if not text.isascii():
        return False
    shape = b" %b " % text.encode().translate(SHAPES)
    return not SUSPICIOUS.find_matches_as_indexes(shape)


def _hides(text: str) -> bool:
    """Whether a text has what folding would take away: capitals as base64 has them, signs for another order."""
    if not text.isascii():
        return bool(HIDDEN.search(text))
    return b"aA" in text.encode().translate(CASES) and bool(UNEVEN.search(text))


def fold_term(text: str) -> str:
    """A listed word as it stands in the views: folded, and one space for each run of other characters."""
    if text.isascii() and text.isprintable():
        return text.lower() if text.isalnum() else NOT_WORD.sub(" ", text.lower()).strip()
    if COMPOSABLE.search(text) or INDICATORS.search(text):
        text = _compose(_Text(text, range(len(text)))).text
    folded = "".join(map(_FOLDED.__getitem__, text))
    return NOT_WORD.sub(" ", MARKS_ON_LATIN.sub("", folded)).strip()


def _views(readings: Iterable[tuple[str, _Text]]) -> tuple[View, ...]:
    """Each text once, and what the unknown words of each may mean."""
    different: dict[str, tuple[str, _Text]] = {}
    for name, reading in readings:
        different.setdefault(reading.text, (name, reading))
    for name, reading in list(different.values()):
        for way, meant in _deciphered(reading) if not DISTORTED.search(name) else ():
            different.setdefault(meant.text, (way if way == SPELLED or name == "folded" else f"{name}_{way}", meant))
    return tuple(View(name, reading.text, reading.origin) for name, reading in different.values() if reading.text)


def _readings(shown: _Text) -> Iterator[tuple[str, _Text]]:
    plain = _tidy(shown)
    parts = _join_parts(shown)
    joined = _tidy(_join_letters(parts, SPACED_LETTERS))
    yield "plain", plain
    yield "joined", joined
    yield "all_joined", _tidy(_join_letters(parts, ALL_SPACED))
    spelled = _spelled(shown)
    yield SPELLED, _deleet(_tidy(spelled), LEET_AS_I)
    if spelled.text:
        yield SQUEEZED, _deleet(_tidy(_join(shown)), LEET_AS_I)
    yield "lookalike", _undo_whole_lookalikes(plain)
    if joined.text != plain.text:
        yield from _spelt_out(plain)
    yield from ((f"joined_{name}", reading) for name, reading in _spelt_out(joined))
    if SIGN_LETTERS.search(shown.text):
        yield from _spelt_out(_tidy(_rewrite(shown, SIGN_LETTERS, _read_signs)))


def _spelt_out(source: _Text) -> Iterator[tuple[str, _Text]]:
    """Without leetspeak, and without repeated letters."""
    letters = _deleet(source, LEET_AS_I)
    yield "deleeted", letters
    if LEET_DOUBTFUL.search(source.text):
        yield "deleeted_l", _deleet(source, LEET_AS_L)
    if STRETCHED.search(letters.text):
        yield from ((name, _squash(letters, repeats)) for name, repeats in SQUASHES)
        yield "squashed_evenly", _rewrite(letters, LATIN_WORD, _squash_evenly)


def _other_orders(source: _Text) -> Iterator[tuple[str, _Text]]:
    """Readings of text whose order or visibility is changed by control characters, or that stands on its head."""
    if "\u202e" in source.text:
        yield from _two_readings("reversed", _rewrite(source, OVERRIDDEN, _turn))
    if TAGGED.search(source.text):
        yield from _two_readings("untagged", _remove(source, TAGGED))
    if MARKUP.search(source.text):
        yield from _two_readings("unmarked", _remove(source, MARKUP))
    if "\n" in source.text and (mended := _mend_words(source)) is not source:
        yield from _two_readings("unbroken", mended)
    if FLIPPED.search(source.text):
        yield from _two_readings("upright", _rewrite(source, WORD, _set_upright_if_flipped))
        yield from _two_readings("turned", _set_upright(source))


def _two_readings(name: str, source: _Text) -> Iterator[tuple[str, _Text]]:
    shown = _settle(source, _uncover)
    yield name, _sure(shown)
    yield f"{name}_joined", _deleet(_tidy(_join_parts(shown)), LEET_AS_I)


def _settle(source: _Text, step: Step) -> _Text:
    """Repeat a step until it changes nothing; deeper nesting than ROUNDS loses its punctuation instead."""
    for _ in range(ROUNDS):
        settled = step(source)
        if settled.text == source.text:
            return settled
        source = settled
    return step(_rewrite(source, NOT_WORD, _blank))


def _uncover(source: _Text) -> _Text:
    """What a reader sees, in lower case, without weights."""
    source = _decode(source)
    if not source.text.isascii():
        source = _rewrite(_remove(source, FLAG_TAGS), TAGGED, _read_tags)
        source = _undo_lookalikes(_compose(source), MIXED_CAPITALS)
    return _rewrite(_unweight(_undo_lookalikes(_fold(source), MIXED)), WIDELY_SPACED, _join_words)


def _sure(shown: _Text) -> _Text:
    """The further steps that hardly ever hurt honest text."""
    plain = _tidy(_rewrite(shown, SURELY_SPACED, lambda part: _part_run(_join(part))))
    return _part_words(_squash(_deleet_sandwiches(plain), _one))


def _tidy(source: _Text) -> _Text:
    """Joining letters may have made words of mixed scripts; taking brackets out leaves holes."""
    return _undo_lookalikes(_collapse(_unbracket(source)), MIXED)


# --- the tool all steps share ---------------------------------------------------------------------


def _rewrite(source: _Text, pattern: re.Pattern[str], rewrite: Step) -> _Text:
    """Replace every match of a pattern by its rewritten form, keeping the origins right."""
    pieces: list[str] = []
    origin: list[int] = []
    done = 0
    text, places = source
    for match in pattern.finditer(text):
        start, end = match.span()
        part = _Text(text[start:end], places[start:end])
        new = rewrite(part)
        if new is part:
            continue
        pieces += (text[done:start], new.text)
        origin += places[done:start]
        origin += new.origin
        done = end
    if not done:
        return source
    origin += source.origin[done:]
    return _Text("".join((*pieces, source.text[done:])), origin)


def _remove(source: _Text, pattern: re.Pattern[str]) -> _Text:
    """Leave out every match of a pattern."""
    return _without(source, (match.span() for match in pattern.finditer(source.text)))


def _without(source: _Text, gaps: Iterable[tuple[int, int]]) -> _Text:
    """Leave out the half-open ranges, which come in order."""
    kept = [0, *chain.from_iterable(gaps), len(source.text)]
    if len(kept) == 2:
        return source
    spans = list(zip(kept[::2], kept[1::2], strict=True))
    text = "".join([source.text[start:end] for start, end in spans])
    return _Text(text, [place for start, end in spans for place in source.origin[start:end]])


def _blank(part: _Text) -> _Text:
    return _Text(" ", part.origin[:1])


def _turn(part: _Text) -> _Text:
    return _Text(part.text[::-1], part.origin[::-1])


# --- encodings ------------------------------------------------------------------------------------

ESCAPE_LENGTH = 12
ENTITY = re.compile(r"&(?:#\d{1,7};?|#[xX][0-9a-fA-F]{1,6};?|[a-zA-Z]{2,8}[0-9]{0,2};)")
PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
BACKSLASH = re.compile(r"\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|u\{0{0,4}[0-9a-fA-F]{1,4}\})")
BASE64 = re.compile(
    r"(?<![\w+/=-])(?=[^\W_]*[A-Z])(?:[A-Za-z0-9+/_-]{4}){3,}(?:[A-Za-z0-9+/_-]{2,3}={0,2})?(?![\w+/=-])"
)
HEXADECIMAL = re.compile(r"(?<![^\W_])(?=[a-f]*[0-9])(?:[2-7a-f][0-9a-f]){4,}(?![^\W_])", re.IGNORECASE)
READABLE = 0.9  # the share of letters and spaces that tells text from any other bytes


def _decode(source: _Text) -> _Text:
    source = _rewrite(source, ENTITY, lambda part: part.become(html.unescape(part.text)))
    source = _rewrite(source, PERCENT, _unquote)
    source = _rewrite(source, BACKSLASH, lambda part: part.become(chr(int(part.text[2:].strip("{}"), 16))))
    source = _rewrite(source, BASE64, lambda part: _decipher_bytes(part, _base64_bytes))
    return _rewrite(source, HEXADECIMAL, lambda part: _decipher_bytes(part, bytes.fromhex))


def _base64_bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(
        text.replace("+", "-").replace("/", "_").rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
    )


def _decipher_bytes(part: _Text, decoded: Callable[[str], bytes]) -> _Text:
    """The text that the bytes are, if they are text or encoded once more: hardly any honest word is."""
    try:
        text = decoded(part.text).decode()
    except (binascii.Error, ValueError):
        return part
    if BASE64.fullmatch(text) and (deeper := _decipher_bytes(part.become(text), _base64_bytes)).text != text:
        return deeper
    letters = sum(char.isalpha() or char == " " for char in text)
    return part.become(f" {text} ") if text.isprintable() and letters >= READABLE * len(text) else part


def _unquote(part: _Text) -> _Text:
    try:
        text = unquote(part.text, errors="strict")
    except UnicodeDecodeError:
        return part
    starts = (0, *accumulate(3 * len(char.encode()) for char in text))
    return _Text(text, [part.origin[start] for start in starts[:-1]])


# --- invisible characters, compatibility forms, case, accents -------------------------------------

MARKUP = re.compile(r"<[^<>\n]{0,40}>")  # of web pages, and the special tokens of tokenizers
TAGGED_LETTERS = {TAG_OFFSET + code: chr(code) for code in range(0x20, 0x7F)}
TAGGED = re.compile("[\U000e0020-\U000e007e]+")
FLAG_TAGS = re.compile(  # England, Scotland and Wales: the only honest use of tags
    "(?<=\U0001f3f4)\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074"
    "|\U000e0077\U000e006c\U000e0073)\U000e007f"
)
OVERRIDDEN = re.compile(r"(?<=\u202e)[^\u202c\u202e\u2069\n]+")
COMPOSABLE = re.compile(
    "[\u0410-\u045f][\u0306\u0308]|[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|[\u3041-\u30ff][\u3099\u309a]"
)
INDICATORS = re.compile("[\U0001f1e6-\U0001f1ff]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SPACES = re.compile(r"\s{2,}")
NOT_WORD = re.compile(r"(?:[^\w]|_)+")
SHARED_MARKS = ((0x0300, 0x036F), (0x0483, 0x0489), (0x064B, 0x065F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF),
                (0x20D0, 0x20FF), (0xFE00, 0xFE0F), (0xFE20, 0xFE2F), (0xE0100, 0xE01EF))  # fmt: skip
IGNORABLE = frozenset(chain("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufffc",
                            *(map(chr, range(first, last + 1)) for first, last in SHARED_MARKS)))  # fmt: skip


def _pairs(listing: str) -> dict[str, str]:
    return {item[0]: item[1:] for item in listing.split()}


def _alphabet(first: int) -> dict[str, str]:
    return {chr(first + index): chr(ord("a") + index) for index in range(26)}


# Signs that people read as plain ones although Unicode does not decompose them, and what they read as.
READ_AS: dict[str, str] = {
    **_alphabet(0x1F150),
    **_alphabet(0x1F170),
    **_pairs(
        "ıi øo đd ħh łl ŧt ƀb ɓb ƈc ɖd ɗd ǝe əe ɛe ɑa ɐa ɡg ɢg ɠg ɦh ɨi ɩi ɪi ɟj ʝj ʞk ƙk ɭl ɫl ʟl ɬl ɱm ɯm"
        " ɲn ŋn ɳn ɴn ƞn ɵo ɔo ᴏo ƥp ᴘp ɋq ʀr ɾr ɹr ʁr ɽr ʂs ꜱs ʃs ƭt ʇt ᴛt ʈt ʉu ᴜu ʊu ʋv ᴠv ʌv ʍw ᴡw ɥh ƴy"
        " ʏy ʎy ʐz ƶz ᴢz ʒz ᴀa ʙb ᴄc ᴅd ᴇe ꜰf ƒf ʜh ᴊj ᴋk ᴍm ꞯq ðd æae œoe þth"
    ),
    **dict.fromkeys("‘’‛ʼ′", "'"),
    **dict.fromkeys("“”„«»″", '"'),
    **dict.fromkeys("‐‑‒–—−", "-"),
    "\u2800": " ",
}


# All nonspacing and enclosing marks up to U+1EFFF, as the inside of a character class.
MARKS = "".join(char for char in map(chr, range(0x300, 0x1F000)) if unicodedata.category(char) in ("Mn", "Me"))
MARKS_ON_LATIN = re.compile(f"(?<=[a-z])(?=[\u0300-\U0001efff])[{MARKS}]+")  # the cheap looks first


class _FoldTable(dict[str, str]):
    """Folded form of each character, worked out when first met and remembered up to a bound."""

    def __missing__(self, char: str) -> str:
        folded = _fold_character(char)
        if len(self) >= FOLD_CACHE_SIZE:
            self.clear()  # a full table that kept the first it met would slow all later prompts down
        self[char] = folded
        return folded


_FOLDED = _FoldTable()


def _fold_character(char: str) -> str:
    folded = "".join(map(_fold_once, char))
    return folded if folded == char else _fold_character(folded)


def _fold_once(char: str) -> str:
    if char in READ_AS:
        return READ_AS[char]
    if char.isspace():
        return " "
    if char in IGNORABLE or unicodedata.category(char) in ("Cf", "Cc", "Cs"):
        return ""
    composed = unicodedata.normalize("NFKC", char).casefold()
    decomposed = unicodedata.normalize("NFKD", composed)
    return _without_marks(decomposed) if _is_latin_or_greek(decomposed[0]) else unicodedata.normalize("NFKC", composed)


def _is_latin_or_greek(char: str) -> bool:
    return char.isascii() or "\u00c0" <= char <= "\u03ff"


def _without_marks(text: str) -> str:
    return "".join(char for char in text if not unicodedata.combining(char))


def _read_tags(part: _Text) -> _Text:
    return _Text(f" {part.text.translate(TAGGED_LETTERS)} ", (part.origin[0], *part.origin, part.origin[-1]))


def _compose(source: _Text) -> _Text:
    source = _rewrite(source, COMPOSABLE, lambda part: part.become(unicodedata.normalize("NFC", part.text)))
    return _rewrite(source, INDICATORS, _read_indicators)


def _read_indicators(part: _Text) -> _Text:
    """Two regional indicators are a flag; any other number is somebody spelling."""
    if len(part.text) == 2:
        return part
    return part.become("".join(chr(ord(char) - 0x1F1E6 + ord("a")) for char in part.text))


def _fold(source: _Text) -> _Text:
    if source.text.isascii() and not CONTROL.search(source.text):
        return _Text(source.text.lower(), source.origin)
    folded = list(map(_FOLDED.__getitem__, source.text))
    plain = _Text("".join(folded), _repeated(source.origin, folded))
    return plain if plain.text.isascii() else _remove(plain, MARKS_ON_LATIN)


def _repeated(origin: Sequence[int], texts: Sequence[str]) -> list[int]:
    """Each place as often as its text has characters."""
    lengths = list(map(len, texts))
    if max(lengths, default=0) <= 1:
        return list(compress(origin, lengths))
    return list(chain.from_iterable(map(repeat, origin, lengths)))


def _collapse(source: _Text) -> _Text:
    source = _rewrite(source, SPACES, _blank)
    start = len(source.text) - len(source.text.lstrip())
    return source.part(start, len(source.text.rstrip())) if source.text.strip() else _Text("", ())


# --- letters of other scripts that look Latin -----------------------------------------------------

# Upper and lower case apart, because they look like different letters: Greek ν is v and Ν is N.
LOOKALIKES: dict[str, str] = _pairs(
    "аa вb гr еe ёe иu йu кk мm нh оo пn рp сc тt уy фo хx цu ч4 шw щw ъb ьb эe юio яr ѕs іi їi јj ћh ђh єe"
    " ґr ԁd ԛq ԝw һh ӏl ғf қk ңh үy ұy ҳx җx әe өo"
    " АA ВB ЕE ЁE ИN КK МM НH ОO РP СC ТT УY ФO ХX ЯR ЅS ІI ЇI ЈJ ЄE ГR ПN ШW Ԍg ҮY"
    " αa βb γy δd εe ζz ηn θo ιi κk λl μu νv ξe οo πn ρp σo ςs τt υu φo χx ωw"
    " ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX ΣE ΛA"
    " աw հh յj ոn ռn սu տs օo ցg զq ՕO ՏS ՍU"
    " ᎪA ᏴB ᏟC ᎠD ᎬE ᎻH ᎥI ᎫJ ᏦK ᏞL ᎷM ᏢP ᏒR ᏚS ᎢT ᏙV ᎳW ᏃZ"
)
MIXED = re.compile(r"[a-z0-9][^\W_a-z0-9]|[^\W_a-z0-9][a-z0-9]")
MIXED_CAPITALS = re.compile(
    "[a-zA-Z][\u0370-\u042f\u0531-\u0556\u13a0-\u13f5]|[\u0370-\u042f\u0531-\u0556\u13a0-\u13f5][a-zA-Z]"
)
ASCII_LETTER = re.compile(r"[a-zA-Z]")


def _undo_lookalikes(source: _Text, mixed: re.Pattern[str]) -> _Text:
    """Inside words that mix scripts only: a word written in one script is honest."""
    if source.text.isascii() or not mixed.search(source.text):
        return source
    return _rewrite(source, WORD, _unmix)


def _unmix(word: _Text) -> _Text:
    if word.text.isascii() or not ASCII_LETTER.search(word.text):
        return word
    return _translate(word)


def _translate(word: _Text) -> _Text:
    letters = list(map(LOOKALIKES.get, word.text, word.text))
    return _Text("".join(letters), _repeated(word.origin, letters))


def _undo_whole_lookalikes(source: _Text) -> _Text:
    """Words made of look-alikes alone, in a prompt that is otherwise mostly Latin."""
    latin = len(ASCII_LETTER.findall(source.text)) if not source.text.isascii() else 0
    foreign = sum(map(LOOKALIKES.__contains__, source.text)) if latin else 0
    return _rewrite(source, WORD, _unmask) if 0 < foreign < latin else source


def _unmask(word: _Text) -> _Text:
    return _translate(word) if all(map(LOOKALIKES.__contains__, word.text)) else word


# --- prompt weights and brackets ------------------------------------------------------------------

WEIGHT = re.compile(r":\s?[-+]?(?:\d{1,3}(?:\.\d{0,4})?|\.\d{1,4})\s?[)\]}>]")
BRACKETS = str.maketrans(dict.fromkeys("()[]{}<>|\\", " "))


def _unweight(source: _Text) -> _Text:
    """`(word:1.3)` becomes `(word)`."""
    return _rewrite(source, WEIGHT, lambda part: _Text(part.text[-1], part.origin[:1]))


def _unbracket(source: _Text) -> _Text:
    return _Text(source.text.translate(BRACKETS), source.origin)


# --- letters set apart ----------------------------------------------------------------------------

LETTER = "[a-zа-яѐ-џα-ω]"
SIGN = r"!-/:-@\[-`{-~¡-¿×÷‐-⁞∙⋅●■★☆♥❤☠←-⯿\U0001F000-\U0001FAFF"
SURELY_SPACED = re.compile(rf"(?<![^\W_])(?![aiy] ){LETTER}([ {SIGN}]{{1,3}}){LETTER}(?:\1{LETTER}){{2,}}(?![^\W_])")
ALL_SPACED = re.compile(rf"(?<![^\W_])[^\W_][\s{SIGN}]{{1,3}}[^\W_](?:[\s{SIGN}]{{1,3}}[^\W_])+(?![^\W_])")
LONG_RUN = 6  # letters; from here on several words may have run together
INNER_SIGNS = re.compile(rf"(?<=[^\W_])(?:(?!['’])[{SIGN}]){{1,4}}(?=[^\W_])")
SPACED_LETTERS = re.compile(
    rf"(?<![^\W_])(?![aiy] )[^\W_][\s{SIGN}]{{1,3}}[^\W_](?:[\s{SIGN}]{{1,3}}[^\W_])+(?![^\W_])"
)


def _join_letters(source: _Text, pattern: re.Pattern[str]) -> _Text:
    """`n a k e d` and `n.a.k.e.d` become `naked`."""
    return _rewrite(source, pattern, _join)


def _join(part: _Text) -> _Text:
    kept = list(map(str.isalnum, part.text))
    return _Text("".join(compress(part.text, kept)), list(compress(part.origin, kept)))


# Single characters one space apart, with wider gaps between the words: s p a c e d   o u t.
WIDELY_SPACED = re.compile(r"(?<!\S)(?<![^\W_] )[^\W_](?: [^\W_])*(?: {2,}[^\W_](?: [^\W_])*){2,}(?!\S)")
SINGLE_SPACE = re.compile(r"(?<=\S) (?=\S)")


def _join_words(part: _Text) -> _Text:
    return _remove(part, SINGLE_SPACE)


def _spelled(source: _Text) -> _Text:
    """The long runs of single letters, each joined, a space between them."""
    runs = (_join(source.part(*match.span())) for match in ALL_SPACED.finditer(source.text))
    long_runs = [run for run in runs if len(run.text) >= LONG_RUN]
    origin = [place for run in long_runs for place in (*run.origin, run.origin[-1])]
    return _Text(" ".join(run.text for run in long_runs), origin[:-1])


def _join_parts(source: _Text) -> _Text:
    """`na-ked` and `(na)(ked)` become `naked`. An apostrophe stays: who're."""
    return _remove(source, INNER_SIGNS)


# --- digits and signs for letters -----------------------------------------------------------------

LEET = re.compile(r"[a-z][0-9@$!|€+]|[0-9@$!|€+][a-z]")
LEET_WORD = re.compile(r"[a-z0-9@$!|€+]{2,}")
SANDWICH = re.compile(r"(?<=[a-z])[0-9@$]{1,3}(?=[a-z])")
LETTER_NUMBER = re.compile(r"[a-z]?[0-9+€]+|[0-9+€]+[a-z]?")
LEET_DOUBTFUL = re.compile(r"[a-z@][169!|]|[169!|][a-z@]")  # 1 is i or l, 6 and 9 are g, b or p
SIGN_LETTER = {
    "|\\/|": "m", r"\/\/": "w", r"|\|": "n", "|-|": "h", "|_|": "u", "/-\\": "a", "/\\": "a", r"\/": "v",
    "|<": "k", "|)": "d", "()": "o", "[]": "o", "><": "x", "(_)": "u", "}{": "h",
}  # fmt: skip
SIGN_LETTERS = re.compile("|".join(map(re.escape, SIGN_LETTER)))
LEET_AS_I = str.maketrans("0123456789@$!|€+", "oizeasgtbgasiiet")
LEET_AS_L = str.maketrans("0123456789@$!|€+", "olzeasbtbpasllet")


def _deleet(source: _Text, table: dict[int, int]) -> _Text:
    """`n4k3d` becomes `naked`, in words that mix letters and digits only."""
    if not LEET.search(source.text):
        return source
    return _rewrite(source, LEET_WORD, lambda word: _deleet_word(word, table))


def _deleet_word(word: _Text, table: dict[int, int]) -> _Text:
    """A letter and a number (A55, m16, b12) are a name."""
    return word if LETTER_NUMBER.fullmatch(word.text) else _Text(word.text.translate(table), word.origin)


def _read_signs(part: _Text) -> _Text:
    return part.become(SIGN_LETTER[part.text])


def _deleet_sandwiches(source: _Text) -> _Text:
    """Only digits between letters: 4k, 35mm and mp3 stay."""
    return _rewrite(source, SANDWICH, lambda part: _Text(part.text.translate(LEET_AS_I), part.origin))


# --- stretched words ------------------------------------------------------------------------------

WORD = re.compile(r"[^\W_]+")
LATIN_WORD = re.compile(r"[a-z]+")
LONG_STRETCH = 3  # equal letters
STRETCHED = re.compile(r"([a-z])\1\1")
RUN = re.compile(r"([a-z])\1+")
ROMAN = frozenset("ivxlcdm")
VOWELS = frozenset("aeiouy")


def _squash(source: _Text, keep: Callable[[str], int]) -> _Text:
    """`naaakedd` becomes `naked`: in words with three equal letters runs shrink to `keep(run)` letters."""
    if not STRETCHED.search(source.text):
        return source
    return _rewrite(source, LATIN_WORD, lambda word: _squash_word(word, keep))


def _squash_word(word: _Text, keep: Callable[[str], int]) -> _Text:
    letters = set(word.text)
    if len(letters) == 1 or letters <= ROMAN or not STRETCHED.search(word.text):
        return word
    return _without(word, ((run.start() + keep(run.group()), run.end()) for run in RUN.finditer(word.text)))


def _squash_evenly(word: _Text) -> _Text:
    """`mmmaaassssss` becomes `mass`: the shortest of the long runs stands for one letter."""
    lengths = [match.end() - match.start() for match in RUN.finditer(word.text)]
    unit = min(filter(LONG_STRETCH.__le__, lengths), default=0)
    return _rewrite(word, RUN, lambda run: run.part(0, _evenly(len(run.text), unit))) if unit else word


def _evenly(length: int, unit: int) -> int:
    return length if length < LONG_STRETCH else round(length / unit)


def _one(_: str) -> int:
    return 1


def _two_of_many(run: str) -> int:
    return min(len(run), 2)


def _two_consonants(run: str) -> int:
    return 1 if run[0] in VOWELS else 2


SQUASHES: tuple[tuple[str, Callable[[str], int]], ...] = (
    ("squashed", _one),
    ("squashed_to_two", _two_of_many),
    ("squashed_vowels", _two_consonants),
)


# --- words that are none --------------------------------------------------------------------------

DISTORTED = re.compile(f"squash|all_joined|deleeted_l|{SPELLED}|{SQUEEZED}")  # readings whose words are hardly any
WORDS = re.compile(r"[a-z]{2,}")
ONLY_LETTERS = bytes(code if chr(code) in ascii_lowercase else 32 for code in range(128)).ljust(256)
SHORTEST_PARTED = 14  # letters
FUSED = re.compile(rf"(?<![a-z])[a-z]{{{SHORTEST_PARTED},{LONGEST_FUSED}}}(?![a-z])")
ENDLESS = re.compile(rf"[a-z]{{{LONGEST_FUSED + 1},}}")
SURELY_FUSED = 3  # words
SURE_LENGTH = 3  # letters of a word, on average
MOSTLY_COVERED = 0.9
GAP_IN_WORD = 3  # characters
SURELY_FOREIGN = 2  # words
SURELY_MIRRORED = 5  # letters of one word
SHORTEST_REST = 3  # letters
BROKEN_WORD = re.compile(r"(?<![^\W\d_])([^\W\d_]{2,20})(?P<end>\n)([^\W\d_]{2,20})(?![^\W\d_])")
ROT13 = {ord(letter): codecs.encode(letter, "rot13") for letter in map(chr, range(ord("a"), ord("z") + 1))}
FLIPPED_LETTERS = dict(zip("ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", "abcdefghijklmnopqrstuvwxyz", strict=True))
FLIPPED = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")


def _unknown(text: str) -> frozenset[str]:
    if not text.isascii():
        return vocabulary().unknown(WORDS.findall(text))
    words, known = text.encode().translate(ONLY_LETTERS).decode().split(), vocabulary()
    if known.known.issuperset(words):
        return frozenset()
    return frozenset(word for word in known.unknown(words) if len(word) > 1)


def _means_nothing_else(unknown: frozenset[str]) -> bool:
    """Whether unknown words can only be read as they stand, as names are."""
    known = vocabulary()
    return (
        max(map(len, unknown)) < SHORTEST_PARTED
        and unknown.isdisjoint(known.halves)
        and known.backwards.keys().isdisjoint(unknown)
        and known.rotated.keys().isdisjoint(unknown)
        and not known.meanings(unknown)
    )


def _part_words(source: _Text) -> _Text:
    """`womannakedonthebeach` becomes `woman naked on the beach`: only where it falls into words without a rest."""
    return _rewrite(source, FUSED, _part_surely) if FUSED.search(source.text) else source


def _part_surely(word: _Text) -> _Text:
    known = vocabulary()
    if word.text in known.known:
        return word
    cut = known.cut(word.text)
    sure = cut.covered == 1 and SURELY_FUSED <= len(cut.words) <= len(word.text) / SURE_LENGTH
    return _spread(word, " ".join(cut.words)) if sure else word


def _part_run(run: _Text) -> _Text:
    """Letters that stood alone are words without limits, even if not all of them are known."""
    if not FUSED.fullmatch(run.text):
        return run
    cut = vocabulary().cut(run.text)
    return _spread(run, " ".join(cut.words)) if cut.covered >= MOSTLY_COVERED else run


def _deciphered(source: _Text) -> Iterator[tuple[str, _Text]]:
    """Readings in which unknown words are the known ones that they resemble, mirror, halve, fuse or encode."""
    unknown = _unknown(source.text)
    if not unknown:
        return
    known = vocabulary()
    yield "deciphered", _read_unknown(source if unknown.isdisjoint(known.halves) else _join_halves(source))
    mirrored = unknown & known.backwards.keys()
    if len(mirrored) >= SURELY_FOREIGN or max(map(len, mirrored), default=0) >= SURELY_MIRRORED:
        yield "words_turned", _rewrite(source, WORDS, _turn)
        yield "text_turned", _turn(source)
    if len(unknown & known.rotated.keys()) >= SURELY_FOREIGN:
        yield "rotated", _Text(source.text.translate(ROT13), source.origin)
    if ENDLESS.search(source.text):
        yield SPELLED, _endless(source)


def _endless(source: _Text) -> _Text:
    """The words that are too long for any cut, with a space behind each: terms are looked for inside them."""
    spans = [match.span() for match in ENDLESS.finditer(source.text)]
    text = "".join(f"{source.text[start:end]} " for start, end in spans)
    return _Text(text, [place for start, end in spans for place in (*source.origin[start:end], source.origin[end - 1])])


def _read_unknown(source: _Text) -> _Text:
    meanings = vocabulary().meanings(_unknown(source.text))
    if not meanings:
        return source
    return _rewrite(source, WORDS, lambda word: _spread(word, meanings[word.text]) if word.text in meanings else word)


def _spread(word: _Text, meaning: str) -> _Text:
    """The same letters with spaces between them keep their places; other letters the nearest."""
    if meaning.replace(" ", "") != word.text:
        return word.become(meaning)
    letters = accumulate(char != " " for char in meaning)
    return _Text(meaning, [word.origin[max(0, count - 1)] for count in letters])


def _join_halves(source: _Text) -> _Text:
    """`na ked` becomes `naked`, where one half at least is no word."""
    known = vocabulary()
    gaps = [
        (left.end(), right.start())
        for left, right in pairwise(WORDS.finditer(source.text))
        if right.start() - left.end() <= GAP_IN_WORD
        and source.text[left.end()] != "'"
        and left.group() + right.group() in known.listed
        and not {left.group(), right.group()} <= known.known
    ]
    return _without(source, gaps)


def _mend_words(source: _Text) -> _Text:
    """Listed words that a line's end breaks. One with a short rest may be two words, as `pen` and `is`; two are not."""
    broken = [
        match for match in BROKEN_WORD.finditer(source.text) if _folded(match[1] + match[3]) in vocabulary().listed
    ]
    sure = broken if len(broken) > 1 else filter(_is_surely_broken, broken)
    return _without(source, (match.span("end") for match in sure))


def _is_surely_broken(word: re.Match[str]) -> bool:
    left, right = word.group(1, 3)
    return min(len(left), len(right)) >= SHORTEST_REST or not {_folded(left), _folded(right)} <= vocabulary().frequent


def _folded(text: str) -> str:
    return _fold(_Text(text, range(len(text)))).text


def _set_upright(source: _Text) -> _Text:
    return _turn(_Text("".join(FLIPPED_LETTERS.get(char, char) for char in source.text), source.origin))


def _set_upright_if_flipped(word: _Text) -> _Text:
    return _set_upright(word) if FLIPPED.search(word.text) else word
