"""Why something was judged as it was, from its record: for those who may know it, and never for a log."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from gateway.store.tables import DecisionRow
from policies.signals import Category
from policies.verdict import Action
from safety.explanation import Weight

CLASSIFIER = "prompt_classifier"
HEAVIEST = 10  # words told


def explain(decision: DecisionRow, prompt: str | None, weights: Sequence[Weight] | None) -> dict[str, Any]:
    """The rules and cells that led there, what was seen where, scores beside thresholds, words that weighed most.

    prompt: the text that was judged, None when it is not kept. weights: None when they cannot be told.
    """
    return {
        "reasons": json.loads(decision.reasons),
        "matches": [*_matches(decision, prompt)],
        "scores": sorted(_scores(decision), key=lambda score: -score["score"]),
        "words": None if weights is None or prompt is None else _words(decision, prompt, weights),
    }


def gravest_category(decision: DecisionRow) -> Category | None:
    """What the words are weighed for: the gravest reason's category, or else what the classifier leaned to most."""
    reasons = [reason["category"] for reason in json.loads(decision.reasons) if reason["category"]]
    leanings = [(score["score"], score["subject"]) for score in _scores(decision)
                if score["source"] == CLASSIFIER and score["score"] > 0]  # fmt: skip
    named = reasons[0] if reasons else max(leanings)[1] if leanings else None
    return Category(named) if named else None


def _matches(decision: DecisionRow, prompt: str | None) -> Iterator[dict[str, Any]]:
    for seen in json.loads(decision.evidence or "[]"):
        for start, end in seen["spans"]:
            yield {
                "category": seen["subject"],
                "source": seen["source"],
                "evidence": seen["evidence"],
                "span": [start, end],
                "text": None if prompt is None else prompt[start:end],
            }


def _scores(decision: DecisionRow) -> Iterator[dict[str, Any]]:
    """Signals as they were kept, with the thresholds that were in force; what was no number counts as 1."""
    thresholds: dict[str, float] = json.loads(decision.thresholds)
    for signal in json.loads(decision.signals):
        of_source = f"{decision.stage}/{signal['subject']}/{signal['source']}/"
        of_subject = f"{decision.stage}/{signal['subject']}/"
        in_force = _beneath(of_source, thresholds) or _beneath(of_subject, thresholds)
        score = signal["score"] if isinstance(signal["score"], int | float) else 1.0
        met = [action for action, threshold in in_force.items() if score >= threshold]
        action = met[-1] if met else "allow"
        yield {**signal, "score": score, "thresholds": in_force, "action": action}


def _beneath(prefix: str, thresholds: dict[str, float]) -> dict[str, float]:
    """Action -> threshold, mildest first."""
    found = {name.removeprefix(prefix): value for name, value in thresholds.items() if name.startswith(prefix)}
    return dict(sorted(((name, v) for name, v in found.items() if "/" not in name), key=_by_gravity))


def _by_gravity(entry: tuple[str, float]) -> int:
    return Action(entry[0]).gravity


def _words(decision: DecisionRow, prompt: str, weights: Sequence[Weight]) -> dict[str, Any]:
    return {
        "category": gravest_category(decision),
        "source": CLASSIFIER,
        "weights": [
            {
                "text": prompt[weight.span.start : weight.span.end],
                "span": [weight.span.start, weight.span.end],
                "drop": round(weight.drop, 4),
            }
            for weight in weights[:HEAVIEST]
        ],
    }
