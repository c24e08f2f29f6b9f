"""What it costs to look for a picture among banned ones: our index, a plain scan, and faiss where it is installed."""

import time
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import torch

from safety.fingerprint import fingerprint
from safety.hash_index import HashIndex, scan
from safety.hashes import BYTES, RADIUS, Hash

FORMS = 8  # hashes that are looked for with each picture
SIDE = 256  # pixels of the picture that is hashed
MATCHING = 0.1  # share of the pictures that look like a banned one

Search = Callable[[Hash], object]


def measure_search(hashes: int, pictures: int) -> dict[str, Any]:
    """Milliseconds of processor time for each picture, in turns, on one thread; and whether the index finds all.

    hashes: how many are banned, at random. pictures: how many are looked for, each in its eight forms.
    """
    chance = np.random.default_rng(0)
    bank = chance.integers(0, 256, (hashes, BYTES), dtype=np.uint8)
    sought = [_forms(chance, bank) for _ in range(pictures)]
    started = time.perf_counter()
    index = HashIndex(bank)
    built = time.perf_counter() - started
    ways: dict[str, Search] = {"index": index.near, "plain numpy scan": lambda forms: scan(bank, forms), **_faiss(bank)}
    times = _in_turns(ways, sought)
    return {
        "hashes": hashes, "pictures": pictures, "build_s": built, "hash_ms": _hashing(pictures),
        "search": {name: {"median_ms": median(spent), "p95_ms": float(np.percentile(spent, 95))}
                   for name, spent in times.items()},
        "alike": all(_pairs(index.near(forms)) == _pairs(scan(bank, forms)) for forms in sought),
    }  # fmt: skip


def search_table(measured: Mapping[str, Any]) -> str:
    """The same for people to read."""
    ours = measured["search"]["index"]["median_ms"]
    rows = [
        f"| {name} | {one['median_ms']:.2f} | {one['p95_ms']:.2f} | {one['median_ms'] / ours:.1f} |"
        for name, one in measured["search"].items()
    ]
    found = "exactly what the plain scan finds" if measured["alike"] else "SOMETHING ELSE than the plain scan"
    return "\n".join([
        f"{measured['hashes']} hashes, {measured['pictures']} pictures in eight forms each, one thread, in turns",
        "",
        "| search | median ms | 95th percentile ms | times the index |",
        "| --- | ---: | ---: | ---: |",
        *rows,
        "",
        f"The index finds {found}; building it takes {measured['build_s']:.2f} s.",
        f"Hashing a {SIDE}x{SIDE} picture in eight forms takes {measured['hash_ms']:.1f} ms beside.",
    ])  # fmt: skip


def _forms(chance: np.random.Generator, bank: Hash) -> Hash:
    """Eight hashes; of a picture that matches, one is near to one of the bank."""
    forms = chance.integers(0, 256, (FORMS, BYTES), dtype=np.uint8)
    if chance.random() < MATCHING:
        turned = np.zeros(8 * BYTES, dtype=np.uint8)
        turned[chance.choice(8 * BYTES, int(chance.integers(RADIUS + 1)), replace=False)] = 1
        forms[chance.integers(FORMS)] = bank[chance.integers(len(bank))] ^ np.packbits(turned)
    return forms


def _faiss(bank: Hash) -> dict[str, Search]:
    """Its exhaustive search, and the multi-hash index that python-threatexchange uses."""
    if not find_spec("faiss"):  # a peer, not a part
        return {}
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    flat, hashed = faiss.IndexBinaryFlat(8 * BYTES), faiss.IndexBinaryMultiHash(8 * BYTES, 16, 16)
    hashed.nflip = 1
    for index in (flat, hashed):
        index.add(bank)
    named = {"faiss IndexBinaryFlat": flat, "faiss IndexBinaryMultiHash": hashed}
    return {name: _ranged(index) for name, index in named.items()}


def _ranged(index: Any) -> Search:
    return lambda forms: index.range_search(forms, RADIUS + 1)  # it finds what is nearer than that


def _in_turns(ways: Mapping[str, Search], sought: list[Hash]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for forms in sought:
        for name, search in ways.items():
            started = time.thread_time()
            search(forms)
            times[name].append((time.thread_time() - started) * 1000)
    return times


def _hashing(rounds: int) -> float:
    picture = torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    spent = []
    for _ in range(min(rounds, 20)):
        started = time.thread_time()
        fingerprint(picture)
        spent.append((time.thread_time() - started) * 1000)
    return median(spent)


def _pairs(found: Any) -> set[tuple[int, int, int]]:
    return set(zip(found.sought.tolist(), found.found.tolist(), found.bits.tolist(), strict=True))
