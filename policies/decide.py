"""Signals and a policy make a verdict: a pure function, so any recorded decision can be replayed."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Real

from policies.schema import Condition, Policy, Rule, StagePolicy, Thresholds
from policies.signals import Category, Descriptor, Signal, Stage, Subject
from policies.verdict import Action, CouldNotJudge, Reason, Verdict

Facts = Mapping[Subject, Sequence[Signal]]


def decide(signals: Sequence[Signal], policy: Policy, stage: Stage) -> Verdict:
    """What follows from these signals: the gravest action of any threshold or rule they meet.

    signals: everything the checks of the stage reported, in any order; a check that found nothing reports
    0.0 for each category it answers for.

    Raises CouldNotJudge when there are no signals, when one is malformed, NaN, infinite, outside [0, 1] or of
    a check the policy does not list, and when a listed check, a category with thresholds for it, or a subject
    of a rule was not reported.
    """
    asked = policy.stage(stage)
    _require_sound(signals, asked)
    facts = _by_subject(signals)
    _require_complete(facts, signals, asked)
    reasons = {*_from_thresholds(facts, policy, stage), *_from_rules(facts, policy, stage)}
    ordered = tuple(sorted(reasons, key=lambda reason: _gravest_first(reason, policy)))
    if ordered:
        return Verdict(ordered[0].action, stage, policy.stamp, ordered)
    return Verdict(Action.ALLOW, stage, policy.stamp)  # every score is below every threshold: the only allow


def thresholds_of(policy: Policy, stage: Stage) -> dict[str, float]:
    """Every threshold in force at a stage, by name: for the record of a decision.

    Names are stage/category/check/action, and rule/subject/check ("any" when the rule names none).
    """
    asked = policy.stage(stage)
    in_force = {
        f"{stage}/{category}/{source}/{action}": threshold
        for category, row in asked.table.items()
        for source, thresholds in row.items()
        for action, threshold in thresholds.in_force
    }
    for rule in asked.rules:
        for condition in rule.when_all:
            in_force[f"{rule.id}/{condition.subject}/{condition.source or 'any'}"] = condition.at_least
    return in_force


def _require_sound(signals: Sequence[Signal], asked: StagePolicy) -> None:
    if not signals:
        raise CouldNotJudge("decide", "missing", "no check has reported")
    for signal in signals:
        _require_sound_signal(signal)
        if signal.source not in asked.checks:
            raise CouldNotJudge(
                signal.source, "schema", "reported, but the policy does not list it under checks"
            )


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


def _require_complete(facts: Facts, signals: Sequence[Signal], asked: StagePolicy) -> None:
    reported = {signal.source for signal in signals}
    for source in asked.checks:
        if source not in reported:
            raise CouldNotJudge(source, "missing", "has not reported")
    for category, row in asked.table.items():
        for source in row:
            _require_reported(facts, category, source)
    for rule in asked.rules:
        for condition in rule.when_all:
            _require_reported(facts, condition.subject, condition.source)


def _require_reported(facts: Facts, subject: Subject, source: str | None) -> None:
    if not any(source in (None, signal.source) for signal in facts.get(subject, ())):
        raise CouldNotJudge(source or "decide", "missing", f"has not reported {subject}")


def _from_thresholds(facts: Facts, policy: Policy, stage: Stage) -> Iterator[Reason]:
    for category, row in policy.stage(stage).table.items():
        for signal in facts.get(category, ()):
            thresholds = row.get(signal.source)
            met = thresholds and _gravest_met(thresholds, signal.score)
            if met:
                action, threshold = met
                rule = f"{stage}/{category}/{action}"
                held = action if signal.calibrated else _at_most(action, policy.uncalibrated)
                yield Reason(held, category, signal.source, float(signal.score), threshold, rule)


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
            yield _reason_of(rule, pairs, policy.uncalibrated)


def _strongest_met(condition: Condition, facts: Facts) -> Signal | None:
    """The signal that meets the condition, a calibrated one if any does, then the highest score."""
    meeting = [
        signal
        for signal in facts[condition.subject]
        if condition.source in (None, signal.source) and not (signal.score < condition.at_least)
    ]
    return max(meeting, key=lambda signal: (signal.calibrated, signal.score, signal.source), default=None)


def _reason_of(rule: Rule, met: Sequence[tuple[Signal, Condition]], uncalibrated: Action) -> Reason:
    """The reason names the signal that came nearest to not meeting its condition."""
    signal, condition = min(met, key=lambda pair: pair[0].score - pair[1].at_least)
    calibrated = all(signal.calibrated for signal, _ in met)
    action = rule.action if calibrated else _at_most(rule.action, uncalibrated)
    return Reason(action, rule.category, signal.source, float(signal.score), condition.at_least, rule.id)


def _at_most(action: Action, cap: Action) -> Action:
    return min(action, cap, key=lambda either: either.gravity)


def _gravest_first(reason: Reason, policy: Policy) -> tuple[int, int, float, str, str, float, str]:
    return (
        -reason.action.gravity,
        -policy.severity[reason.category],
        -reason.score,
        reason.category,
        reason.source,
        reason.threshold,
        reason.rule,
    )
