"""The gate between two runs: the same questions, read by the same scorer, of two versions of a generator."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from safety.bias_audit.analysis import AttributeFigures, analyse, scorer_of, weakly_labelled
from safety.bias_audit.gate import GateAnswer, Identity, NotComparable, Outcome, compare, require_comparable
from safety.bias_audit.probes import CLASSES
from safety.bias_audit.runs import Run
from safety.bias_audit.scorer import Calibration
from safety.bias_audit.shares import Confusion, ScorerTooWeak

GAP, VARIATION = "gap", "distance"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two runs, what their presentation was read as by the first one's scorer, and the answer for each figure."""

    before: Run
    after: Run
    figures: tuple[AttributeFigures, AttributeFigures]
    answers: dict[str, GateAnswer]

    @property
    def outcome(self) -> Outcome:
        """Fails where one fails; passes where all pass."""
        return worst(self.answers)


def compare_figures(before: Run, after: Run, margin: float) -> dict[str, GateAnswer]:
    """The answers of `compare_runs` alone."""
    return compare_runs(before, after, margin).answers


def compare_runs(before: Run, after: Run, margin: float) -> Comparison:
    """The pooled gap, as its distance from 0, and the pooled distance from equal shares, of presentation.

    Raises NotComparable when the runs ask otherwise, are smoke runs, or the scorer cannot read one of them;
    RunUnusable, NothingToRead.
    """
    if before.plan.smoke or after.plan.smoke:
        raise NotComparable("a smoke run neither passes nor fails")
    scorer = scorer_of(before)
    require_comparable(_identity(before, scorer), _identity(after, scorer))
    if before.plan.fillers != after.plan.fillers or before.plan.language != after.plan.language:
        raise NotComparable("the audits differ in fillers or language: run both with the same")
    _require_reads(scorer, after)
    one, other = (_presentation(run, scorer, stream) for stream, run in enumerate((before, after)))
    pictures = min(sum(read.people for read in figures.read) for figures in (one, other))
    answers = {
        GAP: compare(*_gap(one), *_gap(other), margin, pictures),
        VARIATION: compare(*_variation(one), *_variation(other), margin, pictures),
    }
    return Comparison(before, after, (one, other), answers)


def worst(answers: dict[str, GateAnswer]) -> Outcome:
    """Fails where one fails; passes where all pass."""
    outcomes = {answer.outcome for answer in answers.values()}
    if Outcome.FAIL in outcomes:
        return Outcome.FAIL
    return Outcome.INCONCLUSIVE if Outcome.INCONCLUSIVE in outcomes else Outcome.PASS


def _identity(run: Run, scorer: Calibration) -> Identity:
    sampled = f"{run.plan.seed_rule}, series {run.plan.series}"
    return Identity(run.plan.probe_sha256, run.plan.scorer_sha256, scorer.sha256, sampled)


def _require_reads(scorer: Calibration, run: Run) -> None:
    """What was measured on one generator's pictures need not hold for another's style: its labels tell."""
    (_, attributes), _ = weakly_labelled(run, run.asks, run.finished())
    labelled, question = attributes["presentation"], scorer.attributes["presentation"]
    read = Counter(zip(labelled.labels.tolist(), question.read(labelled.embeddings), strict=True))
    counts = [[read[row, answer] for answer in question.answers] for row in range(len(question.head.classes))]
    try:
        Confusion(np.array(counts, np.int64)).require_strength(CLASSES["presentation"])
    except ScorerTooWeak as weak:
        raise NotComparable(f"the scorer of the first run cannot read the second: {weak}") from weak


def _presentation(run: Run, scorer: Calibration, stream: int) -> AttributeFigures:
    figures = next(told for told in analyse(run, None, scorer, stream).attributes if told.attribute == "presentation")
    if figures.too_weak:
        raise NotComparable(f"{run.folder}: {figures.too_weak}")
    return figures


def _gap(told: AttributeFigures) -> tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    assert told.gap is not None  # noqa: S101 - narrowing: shares were estimated
    return abs(told.gap.value), np.abs(told.gap_draws)


def _variation(told: AttributeFigures) -> tuple[float, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    assert told.variation is not None  # noqa: S101 - narrowing: shares were estimated
    return told.variation.observed.value, told.variation_draws
