"""Policies and signals for the tests of this folder."""

import copy
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from policies.likeness import FROM_PROMPT
from policies.schema import Policy
from policies.signals import MEANT, Category, Descriptor, Signal, Stage, Subject

TEXT = {"en": "Not here.", "fr": "Pas ici."}

DOCUMENT: dict[str, Any] = {
    "name": "small",
    "version": 3,
    "description": TEXT,
    "blocklists": ["words"],
    "prompt": {
        "checks": ["blocklist", "prompt_classifier"],
        "defaults": {"blocklist": {"block": 1.0}, "prompt_classifier": {"review": 0.6, "block": 0.8}},
        "categories": {
            "sexual_minors": {"blocklist": {"escalate": 0.5}, "prompt_classifier": {"block": 0.4}},
            "privacy": {"prompt_classifier": "not_scored"},
        },
    },
    "picture": {
        "checks": ["image_concepts", "realism", "person"],
        "defaults": {"image_concepts": {"label": 0.3, "review": 0.5, "block": 0.9}},
        "categories": {"sexual_minors": "not_scored", "privacy": "not_scored"},
        "rules": [
            {
                "id": "likeness/photoreal_sexual",
                "when_all": [
                    {"subject": "photorealism", "at_least": 0.7},
                    {"subject": "person", "at_least": 0.7, "source": "person"},
                    {"subject": "sexual", "at_least": 0.2},
                ],
                "action": "block",
                "category": "deception",
            }
        ],
    },
    "severity": {category: 4 if category == "hate" else 2 for category in Category},
    "disclosure": dict.fromkeys(Category, "category"),
    "messages": dict.fromkeys(Category, TEXT),
    "examples": [{"prompt": "a cat", "expect": "allow"}],
}

REPORTERS: Mapping[Subject, str] = {
    Descriptor.PHOTOREALISM: "realism",
    Descriptor.PERSON: "person",
    Descriptor.UNREAD_LANGUAGE: "language",
    Descriptor.PRIVATE_PERSON: "private_names",
}
ASKS = ("prompt.categories.shocking", {"prompt_classifier": {"confirm": 0.4, "review": 0.6, "block": 0.8}})
QUESTION = ("questions.shocking", {"en": "Is that so?", "fr": "Est-ce bien cela ?"})
LISTENS = ("prompt.checks", ["blocklist", "prompt_classifier", "language"])
UNREAD = ("prompt.unread_language", {"label": 0.3, "review": 0.5})


def document(*changes: tuple[str, object]) -> dict[str, Any]:
    """The document of a sound policy with ("dotted.place", value) changes; `...` removes a place."""
    changed = copy.deepcopy(DOCUMENT)
    for place, value in changes:
        *parents, last = place.split(".")
        inner = changed
        for parent in parents:
            inner = inner.setdefault(parent, {})
        if value is ...:
            del inner[last]
        else:
            inner[last] = value
    return changed


def policy(*changes: tuple[str, object]) -> Policy:
    return Policy.model_validate_json(json.dumps(document(*changes)))


def policy_file(folder: Path, *changes: tuple[str, object]) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(json.loads(json.dumps(document(*changes))), sort_keys=False))
    return path


def required(judge: Policy, stage: Stage) -> list[tuple[str, Subject]]:
    """Every (check, subject) that must be reported before the policy can judge the stage."""
    asked = judge.stage(stage)
    scored = [(source, category) for category, row in asked.table.items() for source in row]
    conditions = [condition for rule in asked.rules for condition in rule.when_all]
    described = {c.subject for c in conditions if isinstance(c.subject, Descriptor)}
    described |= {Descriptor.UNREAD_LANGUAGE} if asked.unread_language else set()
    described |= {Descriptor.PRIVATE_PERSON} if "private_names" in asked.checks else set()
    if asked.likeness:
        described |= {subject for subject in asked.likeness.subjects if isinstance(subject, Descriptor)}
    meant: dict[Subject, str] = dict.fromkeys(MEANT, FROM_PROMPT)
    reporters = {**REPORTERS, **meant} if stage is Stage.PICTURE else REPORTERS
    return [*scored, *sorted((reporters[subject], subject) for subject in described)]


def optional(judge: Policy, stage: Stage) -> list[tuple[str, Subject]]:
    """Every (check, category) that may be reported though the policy says not_scored."""
    asked = judge.stage(stage)
    cells = itertools.product(sorted(asked.scoring_checks), Category)
    return [(s, c) for s, c in cells if s not in asked.table[c] and asked.thresholds(c, s)]


def reports(judge: Policy, stage: Stage, **scores: float) -> list[Signal]:
    """One signal for everything required: 0.0, or the score given for "check__subject" or "subject"."""
    return [
        Signal(source, subject, scores.get(f"{source}__{subject}", scores.get(subject, 0.0)))
        for source, subject in required(judge, stage)
    ]
