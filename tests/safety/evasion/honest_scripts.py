"""A thousand honest sentences in each script, by a small grammar: somebody or something, somewhere, in some manner."""

from functools import cache
from itertools import islice, product
from pathlib import Path

import yaml

SENTENCES_PER_SCRIPT = 1000
GRAMMARS: dict[str, dict[str, str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


@cache
def honest_sentences(script: str) -> tuple[str, ...]:
    """A thousand different harmless prompts in a script."""
    who, where, how = (GRAMMARS[script][part].split(" / ") for part in ("who", "where", "how"))
    scenes = (f"{subject} {place}, {manner}" for subject, place, manner in product(who, where, how))
    return tuple(islice(scenes, SENTENCES_PER_SCRIPT))
