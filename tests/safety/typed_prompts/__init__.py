"""Prompts of ours as people type them to image models, unsafe and harmless, one file a language.

No unsafe one is about children. The harmless ones are full of words that the lists know, in other meanings.
"""

from pathlib import Path

import yaml


def typed_prompts(language: str, kind: str) -> tuple[str, ...]:
    """kind: `unsafe` or `harmless`; language: the name of a folder of lists."""
    path = Path(__file__).with_name(f"{language}.yaml")
    return tuple(yaml.safe_load(path.read_text(encoding="utf-8"))[kind])
