"""Our own prompts as sets to evaluate: the part that nothing was trained on, and benign ones for thresholds."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from itertools import product

from policies.signals import Category
from safety.evaluation.prompt_rows import PromptRow, PromptSet
from safety.training.prompt_data import LANGUAGES, LabelledPrompt, read_own, read_yaml

NAME, DEV = "own", "own-dev"
SEED = 11
ROWS_PER_SOURCE = 1000  # and language: filled templates outnumber what was written by hand
DRESSED = 300
TAGS = (8, 16)
GALLERY = "with style tags added"
KINDS = {
    "own": "filled templates",
    "written": "written by hand",
    "people": "people of every kind",
    "dialects": "slang and dialects",
}
STYLED_PARTS = 6  # phrases between commas
LONG_WORDS = 25


def own_test_part() -> PromptSet:
    """Our own test prompts, benign and unsafe, and some of both once more in a gallery's manner."""
    rows = [row for row in _own() if row.split == "test"]
    return as_prompt_set(NAME, [*rows, *in_gallery_manner(rows)])


def own_benign_dev() -> PromptSet:
    """Benign prompts of ours that are not in the test part: rows that thresholds are set on."""
    return as_prompt_set(DEV, [row for row in _own() if row.split == "dev" and not row.unsafe])


@cache
def _own() -> tuple[LabelledPrompt, ...]:
    return tuple(read_own(SEED))


def as_prompt_set(name: str, rows: Iterable[LabelledPrompt]) -> PromptSet:
    """At most ROWS_PER_SOURCE of each source and language, drawn the same way every time."""
    by_source: dict[tuple[str, str], list[LabelledPrompt]] = defaultdict(list)
    for row in rows:
        by_source[row.source, row.language].append(row)
    drawn = [row for key in sorted(by_source) for row in _draw(by_source[key])]
    return PromptSet(name, tuple(PromptRow(row.text, row.unsafe, row.language, groups_of(row)) for row in drawn))


def groups_of(row: LabelledPrompt) -> tuple[str, ...]:
    """Its categories and its manner; whether it was written or filled in; and the file of its idea.

    Unsafe lines and the benign ones that look alike share a file: a figure on it tells twins apart.
    """
    manner = (f"long styled, {row.language}",) if is_long_styled(row.text) else ()
    kind = row.source.removesuffix("_benign").removesuffix("_unsafe")
    file = (f"written: {row.group.partition(':')[0]}",) if kind == "written" else ()
    return (*(label for label in Category if label in row.labels), *manner, KINDS.get(kind, kind), *file)


def is_long_styled(text: str) -> bool:
    """Whether a prompt is a scene with a tail of style tags, as galleries of generated pictures are full of."""
    return text.count(",") + 1 >= STYLED_PARTS or len(text.split()) >= LONG_WORDS


def in_gallery_manner(rows: Sequence[LabelledPrompt]) -> list[LabelledPrompt]:
    """DRESSED benign and unsafe rows of each language, with a tail of eight to sixteen style tags."""
    styles, rng = read_yaml("styles"), random.Random(SEED)  # noqa: S311  no secret
    dressed = []
    for language, unsafe in product(LANGUAGES, (False, True)):
        own = [row for row in rows if (row.language, row.unsafe) == (language, unsafe)]
        for row in rng.sample(own, min(DRESSED, len(own))):
            tags = rng.sample(styles[language]["tags"], rng.randint(*TAGS))
            dressed.append(replace(row, text=", ".join([row.text.rstrip(" ."), *tags]), source=GALLERY))
    return dressed


def _draw(rows: Sequence[LabelledPrompt]) -> list[LabelledPrompt]:
    few = len(rows) <= ROWS_PER_SOURCE
    return list(rows) if few else random.Random(SEED).sample(rows, ROWS_PER_SOURCE)  # noqa: S311  no secret
