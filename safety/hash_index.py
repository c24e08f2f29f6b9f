"""All hashes within 31 bits of another, among a hundred thousand, exactly and in a fraction of a millisecond.

Multi-index hashing (Norouzi, Punjani and Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", CVPR 2012):
cut 256 bits into 16 words of 16. If two hashes differ in at most 31 bits, then in at least one word they differ in at
most one, since 16 words of two or more would make 32. So it is enough to look at the hashes that share a word with the
one sought, or have a word one bit away: 17 places in each of 16 tables. What is found there is compared in full:
nothing is missed, and nothing is found that a plain scan would not find.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from safety.hashes import BYTES, RADIUS, Hash

WORDS = 16  # RADIUS < 2 * WORDS: else words one bit away would not be enough
VALUES = 1 << 16  # of a word

NEAR = np.array([0, *(1 << bit for bit in range(16))], dtype=np.int64)  # a word itself, and all words one bit away
TABLES = np.arange(WORDS, dtype=np.int64) * VALUES  # where in the joint table each word's own begins

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What lies near: the i-th pair is sought[i], found[i] and their distance in bits. No pair comes twice."""

    sought: Ints
    found: Ints
    bits: Ints


class HashIndex:
    """Hashes that are searched and do not change. About 130 bytes each, and 4 MB."""

    def __init__(self, hashes: Hash) -> None:
        """hashes: uint8 (n, 32)."""
        hashes = np.ascontiguousarray(hashes, dtype=np.uint8).reshape(-1, BYTES)
        self._wide = hashes.view(np.uint64)
        self._order, self._begins = _tables(_words(hashes))

    def __len__(self) -> int:
        return len(self._wide)

    def near(self, sought: Hash) -> Found:
        """Every pair of one of these and one of ours that is within RADIUS bits. sought: uint8 (m, 32)."""
        sought = np.ascontiguousarray(sought, dtype=np.uint8).reshape(-1, BYTES)
        if not len(self) or not len(sought):
            return _nothing()
        places = (_words(sought) + TABLES)[:, :, None] ^ NEAR
        begins, ends = self._begins[places], self._begins[places + 1]
        if int((ends - begins).sum()) > len(self) * len(sought):
            return _scanned(
                self._wide, sought.view(np.uint64)
            )  # a bank of look-alikes: going through it once is less work
        return self._compared(sought, begins, ends)

    def _compared(self, sought: Hash, begins: Ints, ends: Ints) -> Found:
        counts = (ends - begins).ravel()
        of_sought = np.repeat(np.arange(len(sought)), counts.reshape(len(sought), -1).sum(1))
        ours = self._order[_ranges(begins.ravel(), counts)]
        bits = np.bitwise_count(self._wide[ours] ^ sought.view(np.uint64)[of_sought]).sum(1, dtype=np.int64)
        close = bits <= RADIUS
        pairs, first = np.unique(of_sought[close] * len(self) + ours[close], return_index=True)
        return Found(pairs // len(self), pairs % len(self), bits[close][first])


def scan(hashes: Hash, sought: Hash) -> Found:
    """The same without an index, by comparing each with each. hashes: uint8 (n, 32); sought: uint8 (m, 32)."""
    if not len(hashes) or not len(sought):
        return _nothing()
    return _scanned(*(np.ascontiguousarray(side, dtype=np.uint8).view(np.uint64) for side in (hashes, sought)))


def _scanned(hashes: NDArray[np.uint64], sought: NDArray[np.uint64]) -> Found:
    found = [_within(np.bitwise_count(hashes ^ one).sum(1, dtype=np.int64)) for one in sought]
    numbers = np.repeat(np.arange(len(sought)), [len(places) for places, _ in found])
    return Found(numbers, *(np.concatenate(part) for part in zip(*found, strict=True)))


def _words(hashes: Hash) -> Ints:
    """int64 (n, 16): the words of each hash."""
    return hashes.view(np.uint16).astype(np.int64)


def _tables(words: Ints) -> tuple[Ints, Ints]:
    """The hashes in the order of each word, one word after the other, and where each value of each begins."""
    order = [np.argsort(column.astype(np.uint16), kind="stable") for column in words.T]
    counts = np.bincount((words + TABLES).ravel(), minlength=WORDS * VALUES)
    return np.concatenate(order), np.concatenate([[0], np.cumsum(counts)])


def _ranges(begins: Ints, counts: Ints) -> Ints:
    """begins[0], begins[0] + 1 ... (counts[0] of them), begins[1] ... as one array."""
    before = np.cumsum(counts) - counts
    return np.repeat(begins - before, counts) + np.arange(int(counts.sum()))


def _within(bits: Ints) -> tuple[Ints, Ints]:
    places = np.flatnonzero(bits <= RADIUS)
    return places, bits[places]


def _nothing() -> Found:
    empty = np.zeros(0, dtype=np.int64)
    return Found(empty, empty, empty)
