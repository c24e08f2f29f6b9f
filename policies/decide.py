"""Signals and a policy make a verdict: a pure function, so any recorded decision can be replayed."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import product
from numbers import Real

from policies.likeness import FROM_PROMPT, NOBODY, Met
from policies.parts import Condition
from policies.schema import LANGUAGE_CHECK, Policy, Rule, StagePolicy, Thresholds
from policies.signals import MEANT, Category, Descriptor, Signal, Stage, Subject
from policies.verdict import UNSUPPORTED_LANGUAGE, Action, CouldNotJudge, Reason, Verdict

Facts = Mapping[Subject, Sequence[Signal]]

ANY = "any"
"""Stands for the check of a condition that names none."""

GRAVEST_UNCALIBRATED = Action.REVIEW
"""A score without calibration says how pictures compare, not how sure it is: it may flag one for a person, no more."""

BANNED_PICTURES = "banned_pictures"
"""What it does not know it does not clear: beside it an uncalibrated score is still alone."""


def decide(signals: Sequence[Signal], policy: Policy, stage: Stage) -> Verdict:
    """What follows from these signals: the gravest action of any threshold or rule they meet.

    A category for which only uncalibrated scores are reported is never cleared by them: it is for a person to look at.

    signals: everything the checks of the stage reported, in any order; a check that found nothing reports
    0.0 for each category it answers for. A picture's hold what its prompt means (`policies.likeness.carried`).

    Raises CouldNotJudge when there are no signals, when one is malformed, NaN, infinite, outside [0, 1], of a
    check the policy does not list or of a category it has no thresholds for, and when a listed check, a
    category with thresholds for it, or a subject of a rule was not reported.
    """
    _require_sound(signals, policy.stage(stage), stage)
    facts = _by_subject(signals)
    for source, absent in unreported(policy, stage, _reported(signals)):
        raise CouldNotJudge(source, "missing", f"has not reported {absent}")
    reasons = {
        *_from_thresholds(facts, policy, stage),
        *_from_language(facts, policy, stage),
        *_from_rules(facts, policy, stage),
        *_from_likeness(facts, policy, stage),
        *_from_uncalibrated(facts, policy, stage),
    }
    ordered = tuple(sorted(reasons, key=lambda reason: _gravest_first(reason, policy)))
    if ordered:
        return Verdict(ordered[0].action, stage, policy.stamp, ordered)
    return Verdict(Action.ALLOW, stage, policy.stamp)  # every score is below every threshold


def may_be_labelled(policy: Policy, meant: Sequence[Signal]) -> bool:
    """Whether a picture may have to bear the visible label, by what its prompt means and whatever it will show."""
    matrix, facts = policy.picture.likeness, _by_subject(meant)
    return matrix is not None and matrix.may_be_labelled(lambda condition: _strongest_met(condition, facts))


def unreported(policy: Policy, stage: Stage, reported: Mapping[str, Collection[Subject]]) -> list[tuple[str, str]]:
    """What the policy needs before it can judge a stage and would not get: (check, subject) pairs.

    reported: check -> the subjects it reports. Asked of every request's signals, and once at start of the
    checks themselves: a service whose checks cannot satisfy its policy should not start.
    """
    asked = policy.stage(stage)
    needed: list[tuple[str, Subject]] = [(source, c) for c, row in asked.table.items() for source in row]
    if asked.unread_language:
        needed.append((LANGUAGE_CHECK, Descriptor.UNREAD_LANGUAGE))
    conditions = [condition for rule in asked.rules for condition in rule.when_all]
    needed += [(condition.source or ANY, condition.subject) for condition in conditions]
    needed += [(ANY, subject) for subject in sorted(asked.likeness.subjects)] if asked.likeness else []
    by_any = {subject for subjects in reported.values() for subject in subjects}
    absent = [(source, "anything") for source in asked.checks if source not in reported]
    return absent + [
        (source, subject)
        for source, subject in needed
        if subject not in (by_any if source == ANY else reported.get(source, ()))
    ]


def thresholds_of(policy: Policy, stage: Stage) -> dict[str, float]:
    """Every threshold in force at a stage, by name: for the record of a decision.

    Names are stage/category/check/action, stage/unread_language/action, rule/subject/check ("any" when the
    rule names none), likeness/look/subject and likeness/evidence/subject.
    """
    asked = policy.stage(stage)
    in_force: dict[str, float] = {}
    for category, source in product(Category, sorted(asked.scoring_checks)):
        if thresholds := asked.thresholds(category, source):
            for action, threshold in thresholds.in_force:
                in_force[f"{stage}/{category}/{source}/{action}"] = threshold
    for action, threshold in asked.unread_language.in_force if asked.unread_language else ():
        in_force[f"{stage}/{Descriptor.UNREAD_LANGUAGE}/{action}"] = threshold
    for rule in asked.rules:
        for condition in rule.when_all:
            in_force[f"{rule.id}/{condition.subject}/{condition.source or ANY}"] = condition.at_least
    return in_force | dict(asked.likeness.thresholds if asked.likeness else ())


def _require_sound(signals: Sequence[Signal], asked: StagePolicy, stage: Stage) -> None:
    if not signals:
        raise CouldNotJudge("decide", "missing", "no check has reported")
    for signal in signals:
        _require_sound_signal(signal)
        is_carried = stage is Stage.PICTURE and signal.source == FROM_PROMPT and signal.subject in MEANT
        if signal.source not in asked.checks and not is_carried:
            raise CouldNotJudge(signal.source, "schema", "is not among the checks that the policy lists")
        if isinstance(signal.subject, Category) and not asked.thresholds(signal.subject, signal.source):
            raise CouldNotJudge(signal.source, "schema", f"has no thresholds for {signal.subject} in the policy")
        if signal.subject is Descriptor.UNREAD_LANGUAGE and not asked.unread_language:
            raise CouldNotJudge(signal.source, "schema", "reports an unread language, which the policy does not judge")


def _require_sound_signal(signal: object) -> None:
    if not isinstance(signal, Signal):
        raise CouldNotJudge("decide", "schema", f"{type(signal).__name__} is not a signal")
    subject: object = signal.subject
    score: object = signal.score
    if not isinstance(subject, Category | Descriptor):
        raise CouldNotJudge(signal.source, "schema", "the subject is no category and no descriptor")
    if isinstance(score, bool) or not isinstance(score, Real):
        raise CouldNotJudge(signal.source, "schema", f"the score for {subject} is no number")
    if not math.isfinite(score):
        raise CouldNotJudge(signal.source, "nan", f"the score for {subject} is {score}")
    if not 0 <= float(score) <= 1:
        raise CouldNotJudge(signal.source, "schema", f"the score for {subject} is {score}, outside [0, 1]")


def _by_subject(signals: Iterable[Signal]) -> Facts:
    facts: defaultdict[Subject, list[Signal]] = defaultdict(list)
    for signal in signals:
        facts[signal.subject].append(signal)
    return facts


def _reported(signals: Iterable[Signal]) -> Mapping[str, set[Subject]]:
    reported: defaultdict[str, set[Subject]] = defaultdict(set)
    for signal in signals:
        reported[signal.source].add(signal.subject)
    return reported


def _from_thresholds(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    for category in Category:
        for signal in facts.get(category, ()):
            thresholds = policy.stage(stage).thresholds(category, signal.source)
            if met := thresholds and _gravest_met(thresholds, signal.score):
                yield _met(signal, *met, category, f"{stage}/{category}")


def _from_language(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    thresholds = policy.stage(stage).unread_language
    for signal in facts.get(Descriptor.UNREAD_LANGUAGE, ()):
        if met := thresholds and _gravest_met(thresholds, signal.score):
            yield _met(signal, *met, None, f"{stage}/{UNSUPPORTED_LANGUAGE}")


def _met(signal: Signal, action: Action, threshold: float, category: Category | None, place: str) -> Reason:
    held = action if signal.calibrated else _flagged(action)
    return Reason(held, category, signal.source, float(signal.score), threshold, f"{place}/{action}")


def _gravest_met(thresholds: Thresholds, score: float) -> tuple[Action, float] | None:
    for action, threshold in reversed(thresholds.in_force):
        if not (score < threshold):  # so written that NaN would meet it
            return action, threshold
    return None


def _from_rules(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    for rule in policy.stage(stage).rules:
        met = [_strongest_met(condition, facts) for condition in rule.when_all]
        pairs = [(signal, condition) for signal, condition in zip(met, rule.when_all, strict=True) if signal]
        if len(pairs) == len(rule.when_all):
            yield _reason_of(rule, pairs)


def _from_uncalibrated(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    """One reason, for the highest score of those that nothing calibrated stands beside."""
    required = policy.stage(stage).table
    unsure = [
        signal
        for category, row in required.items()
        if row and not any(_clears(signal) for signal in facts.get(category, ()))
        for signal in facts.get(category, ())
        if not signal.calibrated
    ]
    if unsure:
        signal = max(unsure, key=lambda one: (one.score, one.subject, one.source))
        category = Category(signal.subject)
        yield Reason(Action.REVIEW, category, signal.source, float(signal.score), 0.0, f"{stage}/uncalibrated/review")


def _clears(signal: Signal) -> bool:
    return signal.calibrated and signal.source != BANNED_PICTURES


def _strongest_met(condition: Condition, facts: Facts) -> Signal | None:
    """The signal that meets the condition, a calibrated one if any does, then the highest score."""
    meeting = [
        signal
        for signal in facts.get(condition.subject, ())
        if condition.source in (None, signal.source) and not (signal.score < condition.at_least)
    ]
    return max(meeting, key=lambda signal: (signal.calibrated, signal.score, signal.source), default=None)


def _reason_of(rule: Rule, met: Sequence[tuple[Signal, Condition]]) -> Reason:
    """The reason names the signal that came nearest to not meeting its condition."""
    signal, condition = min(met, key=lambda pair: pair[0].score - pair[1].at_least)
    calibrated = all(signal.calibrated for signal, _ in met)
    action = rule.action if calibrated else _flagged(rule.action)
    score, hash_only = float(signal.score), rule.keep == "hash" and action.refuses  # a person looks at what is held
    return Reason(action, rule.category, signal.source, score, condition.at_least, rule.id, hash_only=hash_only)


def _from_likeness(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    """Every cell that the picture falls into, those that allow included; none for a harmless picture of nobody."""
    matrix = policy.stage(stage).likeness
    for met in matrix.met(lambda condition: _strongest_met(condition, facts)) if matrix else ():
        if met.cell.action is not Action.ALLOW or f"/{NOBODY}/" not in met.rule:
            yield _reason_of_cell(met, facts)


def _reason_of_cell(met: Met, facts: Facts) -> Reason:
    """A cell without evidence is one for a drawing of nobody: its reason names how little of a photograph it has."""
    photorealism = max(facts[Descriptor.PHOTOREALISM], key=lambda signal: signal.score)
    evidence = [(signal, condition.at_least) for signal, condition in met.evidence] or [(photorealism, 0.0)]
    signal, threshold = min(evidence, key=lambda pair: pair[0].score - pair[1])
    calibrated = all(signal.calibrated for signal, _ in evidence)
    action = met.cell.action if calibrated else _flagged(met.cell.action)
    visible = met.cell.label == "visible"
    return Reason(action, met.category, signal.source, float(signal.score), threshold, met.rule, visible_label=visible)


def _flagged(action: Action) -> Action:
    return min(action, GRAVEST_UNCALIBRATED, key=lambda either: either.gravity)


def _gravest_first(reason: Reason, policy: Policy) -> tuple[int, int, float, str, str, float, str]:
    return (
        -reason.action.gravity,
        -policy.severity[reason.category] if reason.category else 0,
        -reason.score,
        reason.category or "",
        reason.source,
        reason.threshold,
        reason.rule,
    )
