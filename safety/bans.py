"""What is banned, what looks like it, and what score follows: the words that the check, the book and the desk share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from policies.decide import BANNED_PICTURES
from policies.signals import Category, Signal
from safety.hashes import RADIUS

SOURCE = BANNED_PICTURES
FARTHEST = 2 * RADIUS  # so that a match scores 0.5 at 31 bits and 1 at 0


@dataclass(frozen=True, slots=True)
class Banned:
    """One picture that shall not be shown again. hash: 64 hexadecimal digits; ends_at: UTC ISO 8601, None: never."""

    id: str
    hash: str
    category: Category
    ends_at: str | None = None

    def stands(self, moment: str) -> bool:
        """Whether it still bans anything. moment: UTC ISO 8601."""
        return self.ends_at is None or self.ends_at > moment


@dataclass(frozen=True, slots=True)
class Match:
    """A picture's likeness to a banned one. bits: 0 (the same) to 31."""

    banned_id: str
    bits: int

    def __str__(self) -> str:
        return f"{self.banned_id}:{self.bits}"


def likeness(bits: int) -> float:
    """The score of a match at a distance of 0 to 31 bits: 1 down to 0.5."""
    return 1 - bits / FARTHEST


def nearest(matches: Iterable[Match]) -> float:
    """The score that follows from these matches; 0 when there are none."""
    return max((likeness(match.bits) for match in matches), default=0.0)


def matches_told(signals: Iterable[Signal]) -> Mapping[str, int]:
    """What the check's signals say in their evidence: entry -> distance in bits."""
    told = (signal.evidence.split() for signal in signals if signal.source == SOURCE and signal.score > 0)
    pairs = (match.rpartition(":") for matches in told for match in matches)
    return {banned_id: int(bits) for banned_id, _, bits in pairs}
