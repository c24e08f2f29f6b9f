"""What one policy says otherwise than another, place by place, and whether that is stricter."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

from policies.decide import ANY
from policies.likeness import LOOKS, Cell
from policies.parts import Condition
from policies.schema import LANGUAGE_CHECK, Policy, Rule, Thresholds
from policies.signals import Category, Stage

Effect = Literal["stricter", "milder", "mixed", "other"]
Kind = Literal[
    "threshold", "rule", "cell", "likeness", "check", "required", "blocklist", "severity", "disclosure", "message",
    "question", "examples",
]  # fmt: skip
Place = tuple[Kind, tuple[str, ...], str]  # kind, where, whom or what it is about ("" for nothing in particular)
Said = str | float | Thresholds | Rule | Cell

ORDER: tuple[Kind, ...] = get_args(Kind)
ALL = ""
NEAR = ("near",)  # how wide the border is: whether that is stricter hangs on what is done there


@dataclass(frozen=True, slots=True)
class Difference:
    """One change.

    where: (stage, check) of thresholds, checks and required reports, (stage, id) of a rule, (context, look) of a cell,
    (name, ...) of other things. subjects: the categories, or whom a cell's prompt means, that it is the same for.
    before, after: what each policy says there, None where it says nothing. effect: mixed: stricter for some scores,
    milder for others; other: neither can be said.
    """

    kind: Kind
    where: tuple[str, ...]
    subjects: tuple[str, ...]
    before: Said | None
    after: Said | None
    effect: Effect


def differences(old: Policy, new: Policy) -> list[Difference]:
    """Everything that `new` says otherwise than `old`, but for name, version and description; in a policy's order.

    What is written otherwise and means the same is no difference.
    """
    said, says = dict(_all_of(old)), dict(_all_of(new))
    groups: defaultdict[tuple[Kind, tuple[str, ...], str | None, str | None, Effect], list[Place]] = defaultdict(list)
    for place in [*says, *(place for place in said if place not in says)]:
        before, after = said.get(place), says.get(place)
        if before != after:
            kind, where, _ = place
            effect = _effect(kind, where, before, after)
            groups[kind, where, in_words(before), in_words(after), effect].append(place)
    found = [
        Difference(kind, where, tuple(place[2] for place in places if place[2]), said.get(places[0]),
                   says.get(places[0]), effect)
        for (kind, where, _, _, effect), places in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda difference: ORDER.index(difference.kind))


def in_words(said: Said | None) -> str | None:
    """What a policy says at one place, as a person reads it."""
    match said:
        case Thresholds():
            return ", ".join(f"{action} from {value:g}" for action, value in said.in_force)
        case Rule():
            kept = ", keep only the hash" if said.keep else ""
            return f"{' and '.join(map(_condition, said.when_all))}: {said.action} ({said.category}){kept}"
        case Cell():
            return f"{said.action} + AI" if said.label else str(said.action)
        case float():
            return f"{said:g}"
    return said


def _condition(condition: Condition) -> str:
    source = "" if condition.source is None else f" by {condition.source}"
    return f"{condition.subject} >= {condition.at_least:g}{source}"


def _all_of(policy: Policy) -> Iterator[tuple[Place, Said]]:
    for stage in Stage:
        yield from _of_stage(policy, stage)
    yield from _of_likeness(policy)
    for name in policy.blocklists:
        yield ("blocklist", (name,), ALL), "in force"
    for category in Category:
        yield ("severity", (), category), f"{policy.severity[category]}"
        yield ("disclosure", (), category), policy.disclosure(category)
        for language in ("en", "fr"):
            yield ("message", (language,), category), policy.message(category, language)
            if category in policy.questions:
                yield ("question", (language,), category), policy.question(category, language)
    yield ("examples", (), ALL), f"{len(policy.examples)}: {_digest(policy)}"


def _digest(policy: Policy) -> str:
    """Stands for the examples: their prompts are nothing to be read in passing."""
    written = "".join(example.model_dump_json() for example in policy.examples)
    return hashlib.sha256(written.encode()).hexdigest()[:12]


def _of_stage(policy: Policy, stage: Stage) -> Iterator[tuple[Place, Said]]:
    asked = policy.stage(stage)
    for source, category in product(sorted(asked.scoring_checks), Category):
        if thresholds := asked.thresholds(category, source):
            yield ("threshold", (stage, source), category), thresholds
        if source in asked.table[category]:
            yield ("required", (stage, source), category), "a report is required"
    if asked.unread_language:
        yield ("threshold", (stage, LANGUAGE_CHECK), ALL), asked.unread_language
    for check in asked.checks:
        yield ("check", (stage, check), ALL), "asked"
    for rule in asked.rules:
        yield ("rule", (stage, rule.id), ALL), rule


def _of_likeness(policy: Policy) -> Iterator[tuple[Place, Said]]:
    matrix = policy.picture.likeness
    if matrix is None:
        return
    for row, look in product(matrix.rows, LOOKS):
        for who, context in row.places:
            yield ("cell", (context or ANY, look), who), row.cell(look)
    for name, value in matrix.thresholds:
        yield ("likeness", tuple(name.split("/")[1:]), ALL), value
    if matrix.near:
        yield ("likeness", ("near", "take"), ALL), matrix.near.take


def _effect(kind: Kind, where: tuple[str, ...], before: Said | None, after: Said | None) -> Effect:
    if isinstance(before or after, Thresholds):
        return _compared(*_at_every_step(_thresholds(before), _thresholds(after)))
    if isinstance(before or after, Cell):
        return _compared(_weight(before), _weight(after))
    if isinstance(before, Rule) and isinstance(after, Rule):
        same = [(c.subject, c.source) for c in before.when_all] == [(c.subject, c.source) for c in after.when_all]
        return _compared(_strictness(before), _strictness(after)) if same else "other"
    if isinstance(before, float) and isinstance(after, float) and where != NEAR:
        return _compared([-before], [-after])
    if kind in ("rule", "check", "blocklist"):
        return "stricter" if before is None else "milder"
    return "other"


def _thresholds(said: Said | None) -> Thresholds | None:
    return said if isinstance(said, Thresholds) else None


def _at_every_step(before: Thresholds | None, after: Thresholds | None) -> tuple[list[float], list[float]]:
    """How grave each is at every score where either changes."""
    steps = sorted({value for one in (before, after) if one for _, value in one.in_force})
    one, other = ([_gravity_at(thresholds, score) for score in steps] for thresholds in (before, after))
    return one, other


def _gravity_at(thresholds: Thresholds | None, score: float) -> float:
    reached = [action.gravity for action, value in (thresholds.in_force if thresholds else ()) if score >= value]
    return float(max(reached, default=0))


def _weight(said: Said | None) -> list[float]:
    """Gravity, and whether it can be seen that a picture is drawn: what is refused is not seen at all."""
    if not isinstance(said, Cell):
        return [0, 0]
    return [said.action.gravity, said.label is not None or said.action.refuses]


def _strictness(rule: Rule) -> list[float]:
    return [rule.action.gravity, *(-condition.at_least for condition in rule.when_all)]


def _compared(before: Sequence[float], after: Sequence[float]) -> Effect:
    up = any(new > old for old, new in zip(before, after, strict=True))
    down = any(new < old for old, new in zip(before, after, strict=True))
    if up and down:
        return "mixed"
    return "stricter" if up else "milder" if down else "other"
