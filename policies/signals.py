"""The words every part speaks: what can be wrong with a prompt or a picture, and a fact about it."""

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """Where in a request something is judged."""

    PROMPT = "prompt"
    PICTURE = "picture"


class Category(StrEnum):
    """A kind of harm. Every policy says what to do about each of them."""

    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual_minors"
    VIOLENCE = "violence"
    GORE = "gore"
    HATE = "hate"
    HARASSMENT = "harassment"
    SELF_HARM = "self_harm"
    WEAPONS = "weapons"
    ILLICIT = "illicit"
    DECEPTION = "deception"
    SHOCKING = "shocking"
    PRIVACY = "privacy"


class Descriptor(StrEnum):
    """A property of a picture or a prompt that is no harm by itself; policy rules combine it with categories.

    unread_language: how surely a prompt is in a language that the prompt classifier does not read; the
    evidence of such a signal is the ISO 639-1 code of the language.
    public_figure, role_holder, described_likeness, private_person: whom a prompt means: somebody known by name, whoever
    holds an office, somebody described by a likeness, somebody with a name that nobody knows.
    election, crime, endorsement, medical: what a prompt puts them into.
    """

    PHOTOREALISM = "photorealism"
    PERSON = "person"
    UNREAD_LANGUAGE = "unread_language"
    PUBLIC_FIGURE = "public_figure"
    ROLE_HOLDER = "role_holder"
    DESCRIBED_LIKENESS = "described_likeness"
    PRIVATE_PERSON = "private_person"
    ELECTION = "election"
    CRIME = "crime"
    ENDORSEMENT = "endorsement"
    MEDICAL = "medical"


IDENTITIES = (
    Descriptor.PUBLIC_FIGURE,
    Descriptor.ROLE_HOLDER,
    Descriptor.DESCRIBED_LIKENESS,
    Descriptor.PRIVATE_PERSON,
)
CONTEXTS = (Descriptor.ELECTION, Descriptor.CRIME, Descriptor.ENDORSEMENT, Descriptor.MEDICAL)
MEANT = frozenset((*IDENTITIES, *CONTEXTS))
"""What a prompt says about whom and what it means: its pictures are judged by it too."""


Subject = Category | Descriptor


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points in the text as it was typed."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Signal:
    """One fact that one check reports. It holds no threshold and no judgement.

    score: 0 (surely not) to 1 (surely). `decide` treats anything outside, or NaN, as "could not judge".
    evidence: what the check saw, for people allowed to read it (a term, a rule id, a phrase). Never shown to callers.
    spans: where in the original prompt it was seen; empty for pictures and for whole-text classifiers.
    calibrated: False when the score has no calibration for the loaded model; policy may then only flag with it.
    """

    source: str
    subject: Subject
    score: float
    evidence: str = ""
    spans: tuple[Span, ...] = ()
    calibrated: bool = True
