"""Whether a picture looks like one that somebody has banned."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from policies.signals import Category, Signal, Subject
from safety.bans import SOURCE, Banned, Match, nearest
from safety.fingerprint import Fingerprint, fingerprint
from safety.hash_index import HashIndex
from safety.hashes import BYTES, QUALITY_FLOOR
from safety.pictures import PictureBatch


class BannedPictures:
    """One score per category of harm: how near the nearest picture lies that was banned for it.

    1 for the very same picture, 0.5 at 31 bits of 256, 0 for everything farther away; see `likeness`. The evidence
    names each entry that matched, with the distance. A picture with too little detail (quality below 50) matches
    nothing, and the evidence says so. The entries don't change: others are another check that takes this one's place.
    """

    name = SOURCE

    def __init__(self, banned: Sequence[Banned] = ()) -> None:
        self._banned = banned
        hashes = np.frombuffer(bytes.fromhex("".join(entry.hash for entry in banned)), np.uint8)
        self._index = HashIndex(hashes.reshape(-1, BYTES))

    def __len__(self) -> int:
        return len(self._banned)

    @property
    def reports(self) -> frozenset[Subject]:
        """Every category."""
        return frozenset(Category)

    def check(self, batch: PictureBatch) -> list[list[Signal]]:
        """One list per picture with a signal for each category. Raises NotHashable."""
        return [self._signals(fingerprint(picture)) for picture in batch.pixels]

    def matches(self, seen: Fingerprint) -> dict[Category, list[Match]]:
        """The entries in force that the picture looks like in any of its eight forms, nearest first."""
        near, moment = self._index.near(seen.forms), datetime.now(UTC).isoformat(timespec="microseconds")
        nearest: dict[int, int] = {}
        for place, bits in zip(near.found.tolist(), near.bits.tolist(), strict=True):
            nearest[place] = min(bits, nearest.get(place, bits))
        found: dict[Category, list[Match]] = {}
        for place, bits in sorted(nearest.items(), key=lambda pair: pair[1]):
            entry = self._banned[place]
            if entry.stands(moment):
                found.setdefault(entry.category, []).append(Match(entry.id, bits))
        return found

    def _signals(self, seen: Fingerprint) -> list[Signal]:
        if not seen.is_telling:
            said = f"not compared: quality {seen.quality} is below {QUALITY_FLOOR}"
            return [Signal(self.name, category, 0.0, said) for category in Category]
        found = self.matches(seen)
        return [_signal(category, found.get(category, ())) for category in Category]


def _signal(category: Category, matches: Sequence[Match]) -> Signal:
    return Signal(BannedPictures.name, category, nearest(matches), " ".join(str(match) for match in matches))
