"""Lists our own prompts that are too near to a benchmark's or to the gateway audit's: none may be trained on what it
is judged by.

python -m safety.training.overlap --data EVAL
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from safety.bias_audit.twins import PROMPTS, texts_of, write_twins
from safety.normalize import normalize
from safety.training.prompt_data import read_csv, read_own

SEED = 11
TOO_NEAR = 0.6  # Jaccard index of word trigrams, as prompt sets are commonly cleaned; an exact match counts too
WORD = re.compile(r"[^\W_]+")

Grams = frozenset[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Overlap:
    """A prompt of ours, the benchmark row it is like, and how much: 0 to 1."""

    ours: str
    theirs: str
    likeness: float


def trigrams(text: str) -> Grams:
    """The folded word trigrams of a text; the whole of a shorter one."""
    words = tuple(WORD.findall(normalize(text).folded))
    return frozenset(words[at : at + 3] for at in range(max(1, len(words) - 2)))


def overlaps(ours: Iterable[str], benchmark: Sequence[str]) -> Iterator[Overlap]:
    """Every prompt of ours that is too near to a benchmark row, with the nearest one."""
    grams = [trigrams(text) for text in benchmark]
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for row, of_row in enumerate(grams):
        for gram in of_row:
            holders[gram].append(row)
    for text in ours:
        own = trigrams(text)
        rows = {row for gram in own for row in holders.get(gram, ())}
        nearest = max(((len(own & grams[row]) / len(own | grams[row]), row) for row in rows), default=(0.0, -1))
        if nearest[0] >= TOO_NEAR:
            yield Overlap(text, benchmark[nearest[1]], nearest[0])


def judging(benchmarks: Path) -> Iterator[tuple[str, list[str]]]:
    """File name and prompts of all that guard-nano is judged by: public benchmarks, and the twins of the audit."""
    for path in sorted(benchmarks.glob("*.csv.gz")):
        yield path.name, [row["text"] for row in read_csv(path)]
    yield PROMPTS.name, texts_of(write_twins())


def main() -> None:
    """Print what is too near; exit code 1 if anything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with the public benchmarks")
    options = parser.parse_args()
    ours = [row.text for row in read_own(SEED)]
    found = 0
    for name, theirs in judging(options.data):
        for overlap in overlaps(ours, theirs):
            found += 1
            print(f"{name}\t{overlap.likeness:.2f}\t{overlap.ours}\t{overlap.theirs}")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
