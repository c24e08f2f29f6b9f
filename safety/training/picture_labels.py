"""Which emoji and photograph classes count as what, read from picture_labels.yaml."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from safety.training.emoji_artwork import Concept

LABELS = Path(__file__).with_name("picture_labels.yaml")
UNCLEAR = -1.0


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = yaml.safe_load(LABELS.read_text())
    return table


def subjects() -> list[str]:
    """Names of the subjects that have labels, in the order of every label tensor, photorealism last."""
    return [*_table()["subjects"], "photorealism"]


def is_left_out(concept: Concept) -> bool:
    """Signs and letters that teach nothing about things."""
    return concept.subgroup in _table()["left_out_subgroups"] or concept.label.endswith(": facing right")


def _label(concept: Concept, rules: dict[str, Any]) -> float:
    if concept.base in rules.get("unclear", ()):
        return UNCLEAR
    if concept.base in rules["shows"] or concept.subgroup in rules.get("subgroups", ()):
        return 1.0
    return UNCLEAR if concept.subgroup in rules.get("unclear_subgroups", ()) else 0.0


def drawing_labels(concepts: Sequence[Concept]) -> Tensor:
    """float32 (n, subjects): 1 shown, 0 not shown, UNCLEAR."""
    rules = _table()["subjects"].values()
    return torch.tensor([[_label(concept, rule) for rule in rules] + [0.0] for concept in concepts])


def photograph_labels(classes: Sequence[str]) -> Tensor:
    """float32 (n, subjects) for photographs named by their class; "" is a landscape."""
    rules = _table()["subjects"].values()
    rows = [[float(name in rule.get("photographs", ())) for rule in rules] + [1.0] for name in classes]
    return torch.tensor(rows)


def tone_phrases() -> list[str]:
    """One phrase per skin tone value, 0 to 5."""
    return list(_table()["tones"])


def merge(first: Tensor, second: Tensor) -> Tensor:
    """Labels of a picture that shows two things: shown if either shows it, unclear if that is all we know.

    A weapon beside a person is the one thing that becomes violence only by being together.
    """
    both = torch.stack([first, second])
    merged = torch.where((both == 1).any(0), 1.0, torch.where((both == UNCLEAR).any(0), UNCLEAR, 0.0))
    names = subjects()
    weapons, person, violence = (names.index(name) for name in ("weapons", "person", "violence"))
    threatens = (first[:, weapons] == 1) & (second[:, person] == 1)
    threatened = (second[:, weapons] == 1) & (first[:, person] == 1)
    merged[threatens | threatened, violence] = 1.0
    return merged
