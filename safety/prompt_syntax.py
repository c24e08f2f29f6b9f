"""What people who prompt image models type beside words: a negative part, parameters, and words between parts.

Weights, brackets, prompt editing and LoRA tags stay in their part: `safety.normalize` reads through them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Interval = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PromptParts:
    """A prompt, taken apart.

    positive: what shall be seen: all that is judged as wished for, and all that is drawn. Empty if nothing is.
    negative: what shall not be seen.
    positive_at, negative_at: for each character of the part its index in the prompt.
    """

    positive: str
    negative: str
    positive_at: Sequence[int]
    negative_at: Sequence[int]


# How a part begins. Only plain spellings count: whoever disguises one has the whole prompt judged and drawn.
QUOTE = r"""["'*_)\]>]{0,3}"""
COLON = rf"{QUOTE}\s?[:=]\s?{QUOTE}"
NEGATIVE = (
    r"""["'*_(\[<]{0,3}\b(?:negative[ _-]?prompts?|neg[ _-]prompts?|prompts?[ ]n[ée]gatifs?|invites?[ ]n[ée]gatives?"""
    rf"""|(?:(?<=[\n.;|][ ])|(?<=[\n.;|])|\A)(?:negative|n[ée]gatif)){COLON}"""
    r"""|(?<=[^\s#])[ \t]{0,4}\#\#\#(?!\#)"""  # AI-Horde
)
POSITIVE = rf"""["'*_(\[<]{{0,3}}\b(?:positive[ _-]?)?prompts?(?:[ ]positifs?)?{COLON}"""
MARKER = re.compile(f"(?P<negative>{NEGATIVE})|(?P<positive>{POSITIVE})", re.IGNORECASE)
WITHOUT = re.compile(r"(?<!\S)--no(?=[\s=])=?(?P<what>(?:(?!\s--\w).)*)", re.IGNORECASE | re.DOTALL)  # Midjourney
PARAMETER = re.compile(  # of numbers alone: they change how something is drawn, never what
    r"(?<!\S)--(?:aspect|ar|version|niji|v|stylize|s|quality|q|chaos|c|seed|stop|iw|weird|w|width|height|h|repeat|r)"
    r"(?:[ =]\d{1,10}(?:[.:]\d{1,4})?)?(?!\S)",
    re.IGNORECASE,
)
BETWEEN_PARTS = re.compile(r"(?<![A-Z] )\bBREAK\b(?! [A-Z])")
HINTS = ("gati", "neg", "prompt", "###", "--", "break")  # every sign above holds one of these
EDGES = " \t\r\n,;|"

WANTED, UNWANTED, NEITHER = range(3)


def split_prompt(text: str) -> PromptParts:
    """The part of a prompt that asks for something, and the part that asks for its absence.

    `a cat. Negative prompt: blurry`, `a cat, prompt négatif : flou`, `a cat ### blurry`, `a cat --no blur` have both;
    parameters such as `--ar 16:9` are in neither. Whatever is not clearly negative is positive.
    """
    lowered = text.lower()
    if not any(hint in lowered for hint in HINTS):
        return PromptParts(text, "", range(len(text)), ())
    roles = _roles(text)
    positive, negative = _places(text, roles, WANTED), _places(text, roles, UNWANTED)
    return PromptParts(_letters(text, positive), _letters(text, negative), positive, negative)


def _roles(text: str) -> bytearray:
    """What each character belongs to."""
    roles = bytearray(len(text))
    for start, end, role in (*_marked(text), *_said_without(text), *_signs(text)):
        roles[start:end] = bytes([role]) * (end - start)
    return roles


def _marked(text: str) -> Iterator[tuple[int, int, int]]:
    """From each marker on to the next; a word such as `prompt:` in the middle of the wanted part is text."""
    role, start = WANTED, 0
    for marker in MARKER.finditer(text):
        if marker["positive"] and role == WANTED and text[: marker.start()].strip(EDGES):
            continue
        yield start, marker.start(), role
        yield *marker.span(), NEITHER
        role, start = (UNWANTED if marker["negative"] else WANTED), marker.end()
    yield start, len(text), role


def _said_without(text: str) -> Iterator[tuple[int, int, int]]:
    for match in WITHOUT.finditer(text):
        yield match.start(), match.start("what"), NEITHER
        yield *match.span("what"), UNWANTED


def _signs(text: str) -> Iterator[tuple[int, int, int]]:
    for pattern in (PARAMETER, BETWEEN_PARTS):
        yield from ((*match.span(), NEITHER) for match in pattern.finditer(text))


def _places(text: str, roles: bytearray, role: int) -> Sequence[int]:
    """Where the characters of a role stand, without the separators at both ends."""
    places = [place for place, own in enumerate(roles) if own == role]
    letters = _letters(text, places)
    first = len(letters) - len(letters.lstrip(EDGES))
    return places[first : max(first, len(letters.rstrip(EDGES)))]


def _letters(text: str, places: Sequence[int]) -> str:
    return "".join([text[place] for place in places])
