"""The index finds exactly what a plain scan finds: near hashes at every distance, among many and among look-alikes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from safety.hash_index import Found, HashIndex, scan
from safety.hashes import BYTES, RADIUS, Hash

SEEDS = st.integers(0, 2**32 - 1)


def random_hashes(chance: np.random.Generator, count: int) -> Hash:
    return chance.integers(0, 256, (count, BYTES), dtype=np.uint8)


def changed(chance: np.random.Generator, hashed: Hash, bits: int) -> Hash:
    """The same with so many bits turned."""
    turned = np.zeros(8 * BYTES, dtype=np.uint8)
    turned[chance.choice(8 * BYTES, bits, replace=False)] = 1
    flipped: Hash = hashed ^ np.packbits(turned)
    return flipped


def pairs(found: Found) -> dict[tuple[int, int], int]:
    return dict(zip(zip(found.sought.tolist(), found.found.tolist(), strict=True), found.bits.tolist(), strict=True))


@settings(max_examples=60)
@given(seed=SEEDS, count=st.integers(1, 400), distances=st.lists(st.integers(0, 40), min_size=1, max_size=12))
def test_among_random_hashes(seed: int, count: int, distances: list[int]) -> None:
    chance = np.random.default_rng(seed)
    bank = random_hashes(chance, count)
    sought = np.stack([changed(chance, bank[chance.integers(count)], bits) for bits in distances])
    found = pairs(HashIndex(bank).near(sought))
    assert found == pairs(scan(bank, sought))
    assert sum(bits <= RADIUS for bits in distances) <= len(found)


@settings(max_examples=30)
@given(seed=SEEDS, spread=st.integers(0, 60), count=st.integers(1, 300))
def test_among_look_alikes_of_one_picture(seed: int, spread: int, count: int) -> None:
    chance = np.random.default_rng(seed)
    (origin,) = random_hashes(chance, 1)
    bank = np.stack([changed(chance, origin, int(chance.integers(spread + 1))) for _ in range(count)])
    assert pairs(HashIndex(bank).near(bank[:8])) == pairs(scan(bank, bank[:8]))


def test_bits_that_are_spread_as_evenly_as_can_be_are_found_up_to_31_and_no_farther() -> None:
    """The hardest hash for an index by words: two bits in each word but one."""
    bank = np.zeros((1, BYTES), dtype=np.uint8)
    spread = np.full(BYTES, 1, dtype=np.uint8)
    spread[0] = 0
    assert pairs(HashIndex(bank).near(spread[None])) == {(0, 0): 31}
    spread[0] = 1
    assert pairs(HashIndex(bank).near(spread[None])) == {}


def test_nothing_is_found_in_nothing_nor_for_nothing() -> None:
    one = np.zeros((1, BYTES), dtype=np.uint8)
    assert len(HashIndex(one[:0])) == 0
    assert pairs(HashIndex(one[:0]).near(one)) == pairs(HashIndex(one).near(one[:0])) == {}
    assert pairs(scan(one[:0], one)) == pairs(scan(one, one[:0])) == {}
