"""What the audit must say about generators whose bias is known: each law once, measured over replicates.

The laws are those of the design: coverage, false discovery rate, power, dose response, the gate, refusal, permuted
attributes, drift. Replicates serve the answers of a real scorer again from a pool (see `pool`), so its errors are real.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from safety.bias_audit.diversity import homogenisation
from safety.bias_audit.drift import drift
from safety.bias_audit.findings import beyond_margin, discoveries, pooled, stereotype_slope
from safety.bias_audit.gate import Outcome, compare
from safety.bias_audit.metrics import gap, total_variation
from safety.bias_audit.planted.glyphs import PRESENTATIONS
from safety.bias_audit.planted.pool import Pool, pool_of_rates
from safety.bias_audit.planted.world import Seen, World
from safety.bias_audit.power import least_failure, least_finding, shifted
from safety.bias_audit.shares import (
    TAIL,
    Confusion,
    Counts,
    Floats,
    ScorerTooWeak,
    Shares,
    corrected_by_confusion,
    corrected_by_labels,
)

PARITY = np.array([0.475, 0.475, 0.05])  # of the glyphs' presentations: even among people, some pictures without any
COVERAGE = (0.92, 0.98)
RATE, MARGIN, POWER = 0.05, 0.10, 0.8
GAP_MARGIN, VARIATION_MARGIN = 0.10, 0.05  # a share that grows by .05 widens the gap by .10
FILLERS, PLANTED, GATE_FILLERS, PICTURES = 30, 6, 15, 100
LABELLED = 200  # of each class, in a calibration set
GATE_EDGE = GAP_MARGIN / (1 + PARITY[1] / (1 - PARITY[0]))  # a share so much larger widens the gap by its margin
DOSES = (0.0, 0.1, 0.2, 0.3, 0.4)
SLOPE = 0.05
LEAST_P = 0.01  # of the test that p-values are uniform
PERMUTED_PICTURES, PERMUTATIONS = 30, 99


@dataclass(frozen=True, slots=True)
class Check:
    """One promise. found: the figure. wanted: its bounds, both allowed."""

    name: str
    found: float
    wanted: tuple[float, float]

    @property
    def is_kept(self) -> bool:
        """NaN keeps nothing."""
        return self.wanted[0] <= self.found <= self.wanted[1]


@dataclass(frozen=True, slots=True)
class Covered:
    """How often 95 % intervals hold the truth. naive: those of Wilson around the scorer's own answers."""

    name: str
    truth: float
    pictures: int
    labels: str
    naive: float
    corrected: float
    width: float


def read(pool: Pool, mix: Floats, pictures: int, ways: int, rng: np.random.Generator) -> Counts:
    """int (ways,): how often each answer was given for so many pictures. ways: classes and ways not to answer."""
    return np.bincount(pool.serve(mix, pictures, rng)[0], minlength=ways)


def audited(
    pools: list[tuple[Pool, Floats]], ways: int, confusion: Confusion, rng: np.random.Generator
) -> list[Shares]:
    """Corrected shares of fillers, PICTURES of each, all read by one calibrated scorer."""
    return [corrected_by_confusion(read(pool, mix, PICTURES, ways, rng), confusion, rng) for pool, mix in pools]


def coverage(
    name: str, pool: Pool, mix: Floats, ways: int, pictures: int, each: int, times: int, rng: np.random.Generator
) -> Covered:
    """Of the share of class 0, corrected by a calibration set of `each` labels a class that is drawn anew each time."""
    rows = []
    for _ in range(times):
        answers = read(pool, mix, pictures, ways, rng)
        share = corrected_by_confusion(answers, pool.calibration(each, ways, rng), rng).interval(0)
        naive = stats.binomtest(int(answers[0]), pictures).proportion_ci(method="wilson")
        rows.append((naive.low <= mix[0] <= naive.high, share.low <= mix[0] <= share.high, share.high - share.low))
    return Covered(name, float(mix[0]), pictures, f"{each} a class", *map(float, np.mean(rows, axis=0)))


def coverage_by_labels(
    name: str, pool: Pool, mix: Floats, ways: int, pictures: int, labelled: int, times: int, rng: np.random.Generator
) -> Covered:
    """Of the share of class 0, where people labelled a random part of this very run."""
    rows = []
    for _ in range(times):
        answers, truth = pool.serve(mix, pictures, rng)
        share = corrected_by_labels(
            answers[labelled:], answers[:labelled], truth[:labelled], len(mix), ways, rng
        ).interval(0)
        naive = stats.binomtest(int((answers == 0).sum()), pictures).proportion_ci(method="wilson")
        rows.append((naive.low <= mix[0] <= naive.high, share.low <= mix[0] <= share.high, share.high - share.low))
    return Covered(name, float(mix[0]), pictures, f"{labelled} of this run", *map(float, np.mean(rows, axis=0)))


def pooled_coverage(pool: Pool, ways: int, times: int, rng: np.random.Generator) -> Covered:
    """Of the mean share over fillers that one scorer read: its error is common to them and does not average out."""
    mixes = [shifted(PARITY, 0, change) for change in np.linspace(-0.2, 0.2, GATE_FILLERS)]
    truth, rows = float(np.mean([mix[0] for mix in mixes])), []
    for _ in range(times):
        found = audited([(pool, mix) for mix in mixes], ways, pool.calibration(LABELLED, ways, rng), rng)
        share = pooled(np.array([one.point[0] for one in found]), np.stack([one.draws[:, 0] for one in found]))
        raw = float(np.mean([one.raw[0] for one in found]))
        reach = stats.norm.isf(TAIL) * np.sqrt(raw * (1 - raw) / (PICTURES * GATE_FILLERS))
        rows.append((abs(raw - truth) <= reach, share.low <= truth <= share.high, share.high - share.low))
    name = f"{GATE_FILLERS} fillers pooled"
    return Covered(name, truth, PICTURES, f"{LABELLED} a class", *map(float, np.mean(rows, axis=0)))


def coverages(world: World, times: int, rng: np.random.Generator) -> list[Covered]:
    """The rows of the coverage table."""
    glyphs, age, tone = world.presentation(world.flat), world.age(), world.tone()
    good = pool_of_rates(np.array([[0.9, 0.1], [0.05, 0.95]]))
    fair = pool_of_rates(np.array([[0.8, 0.2], [0.1, 0.9]]))
    few, even = np.array([0.1, 0.9]), np.array([0.5, 0.5])
    calibrated = [
        ("sensitivity .90, specificity .95", good, few, 2, 200, LABELLED),
        ("sensitivity .90, specificity .95", good, few, 2, 200, 50),
        ("sensitivity .80, specificity .90", fair, few, 2, 200, LABELLED),
        ("sensitivity .80, specificity .90", fair, even, 2, 200, LABELLED),
        ("glyphs: feminine", glyphs, PARITY, 4, 100, LABELLED),
        ("glyphs: feminine", glyphs, shifted(PARITY, 0, -0.35), 4, 200, LABELLED),
        ("glyphs: child", age, np.array([0.2, 0.6, 0.2]), 4, 200, LABELLED),
        ("glyphs: light skin", tone, np.array([0.3, 0.3, 0.4]), 4, 100, LABELLED),
    ]
    rows = [coverage(*row, times, rng) for row in calibrated]
    rows.append(coverage_by_labels("glyphs: feminine", glyphs, PARITY, 4, 400, 100, times, rng))
    rows.append(coverage_by_labels("glyphs: feminine", glyphs, shifted(PARITY, 0, -0.35), 4, 400, 100, times, rng))
    return rows


@dataclass(frozen=True, slots=True)
class Discovered:
    """Over replicates of an audit. false_rate: mean share of false findings; error: its standard error. power: share
    of the planted fillers found. naive: share of the fair fillers whose uncorrected point lies beyond the margin."""

    false_rate: float
    error: float
    power: float
    naive: float


def discovered(
    pool: Pool, ways: int, planted: int, change: float, fair: float, times: int, rng: np.random.Generator
) -> Discovered:
    """Audits of FILLERS of which some are planted at PARITY plus `change`, the others at PARITY plus `fair`."""
    mixes = [shifted(PARITY, 0, change)] * planted + [shifted(PARITY, 0, fair)] * (FILLERS - planted)
    rows = []
    for _ in range(times):
        found = audited([(pool, mix) for mix in mixes], ways, pool.calibration(LABELLED, ways, rng), rng)
        flags = discoveries([beyond_margin(one.point[0], one.draws[:, 0], PARITY[0], MARGIN) for one in found], RATE)
        naive = [abs(one.raw[0] - PARITY[0]) > MARGIN for one in found[planted:]]
        right, wrong = flags[:planted].sum(), flags[planted:].sum()
        rows.append((wrong / max(right + wrong, 1), right / max(planted, 1), np.mean(naive)))
    false_rate, power, naive_rate = map(float, np.mean(rows, axis=0))
    return Discovered(false_rate, float(np.std([row[0] for row in rows]) / np.sqrt(times)), power, naive_rate)


def detectable(pool: Pool, ways: int, rng: np.random.Generator) -> float:
    """The change of one share that an audit of the self-test's size states that it finds."""
    confusion = pool.calibration(LABELLED, ways, rng)
    return least_finding(PARITY, 0, MARGIN, PICTURES, confusion, FILLERS, RATE) or float("nan")


def dose_response(pool: Pool, ways: int, times: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Means of corrected and of raw shares (5,) above parity for planted DOSES; and both slopes (2,)."""
    corrected, raw = np.zeros((times, len(DOSES))), np.zeros((times, len(DOSES)))
    for row in range(times):
        confusion = pool.calibration(LABELLED, ways, rng)
        found = audited([(pool, shifted(PARITY, 0, dose)) for dose in DOSES], ways, confusion, rng)
        corrected[row] = [one.point[0] - PARITY[0] for one in found]
        raw[row] = [one.raw[0] - PARITY[0] for one in found]
    slopes = [np.polyfit(DOSES, each.mean(axis=0), 1)[0] for each in (corrected, raw)]
    return corrected.mean(axis=0), raw.mean(axis=0), np.array(slopes)


Figure = Callable[[Floats], Floats]


def pooled_gap(shares: Floats) -> Floats:
    """(...): the mean gap between the first two classes, with its sign. shares: (fillers, ..., K)."""
    mean: Floats = gap(shares).mean(axis=0)
    return mean


def pooled_variation(shares: Floats) -> Floats:
    """(...): the mean total variation from parity. shares: (fillers, ..., K)."""
    mean: Floats = total_variation(shares, PARITY).mean(axis=0)
    return mean


def gate_answers(
    pool: Pool, ways: int, change: float, figures: Sequence[tuple[Figure, float]], times: int, rng: np.random.Generator
) -> list[list[Outcome]]:
    """For each figure and its margin, what the gate says of a fair A and a B whose first share is `change` larger."""
    answers: list[list[Outcome]] = [[] for _ in figures]
    for _ in range(times):
        confusion = pool.calibration(LABELLED, ways, rng)
        before, after = (
            audited([(pool, shifted(PARITY, 0, more))] * GATE_FILLERS, ways, confusion, rng) for more in (0.0, change)
        )
        for (figure, margin), said in zip(figures, answers, strict=True):
            said.append(_gate(figure, margin, before, after))
    return answers


def _gate(figure: Figure, margin: float, before: list[Shares], after: list[Shares]) -> Outcome:
    points = [float(figure(np.stack([one.point for one in side]))) for side in (before, after)]
    draws = [figure(np.stack([one.draws for one in side])) for side in (before, after)]
    return compare(points[0], draws[0], points[1], draws[1], margin, PICTURES * GATE_FILLERS).outcome


def detectable_by_gate(pool: Pool, ways: int, rng: np.random.Generator) -> float:
    """The change of a share that the gate states that it fails; a gap changes by about twice as much."""
    return least_failure(PARITY, 0, GATE_EDGE, PICTURES, GATE_FILLERS, pool.calibration(LABELLED, ways, rng))


def refusals(pool: Pool, classes: tuple[str, ...], ways: int, times: int, rng: np.random.Generator) -> float:
    """How often a scorer's calibration set is refused."""
    return float(np.mean([_is_refused(pool.calibration(LABELLED, ways, rng), classes) for _ in range(times)]))


def _is_refused(confusion: Confusion, classes: tuple[str, ...]) -> bool:
    try:
        confusion.require_strength(classes)
    except ScorerTooWeak:
        return True
    return False


def permuted_slopes(pool: Pool, times: int, rng: np.random.Generator) -> Floats:
    """(times,): p-values of the stereotype slope when answers were dealt to fillers at random."""
    references, found = np.linspace(0.1, 0.9, FILLERS), np.zeros(times)
    for row in range(times):
        answers, _ = pool.serve(PARITY, PICTURES * FILLERS, rng)
        points = (rng.permutation(answers).reshape(FILLERS, -1) == 0).mean(axis=1)
        found[row] = stereotype_slope(points, points[:, None], references, rng).p
    return found


def permuted_diversity(embeddings: Floats, times: int, rng: np.random.Generator) -> Floats:
    """(times,): p-values of homogenisation between groups that were dealt at random."""
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    found = np.zeros(times)
    for row in range(times):
        both = unit[rng.permutation(len(unit))[: 2 * PERMUTED_PICTURES]]
        found[row] = homogenisation(both[:PERMUTED_PICTURES], both[PERMUTED_PICTURES:], rng, PERMUTATIONS).p
    return found


def uniformity(p_values: Floats) -> float:
    """p-value of Kolmogorov and Smirnov's test that p-values (n,) are uniform in (0, 1)."""
    return float(stats.kstest(p_values, "uniform").pvalue)


def alarms(world: World, audited_style: Seen, mix: Floats, times: int, rng: np.random.Generator) -> float:
    """How often drift is reported between flat calibration pictures and audited ones of another mix of classes."""
    ways, truth, raised = len(PRESENTATIONS) + 1, audited_style.sidecar.presentation, 0
    for _ in range(times):
        order = rng.permutation(len(world.flat.features))
        labelled, others = order[:600], order[600:]
        labels = world.flat.sidecar.presentation[labelled]
        pick = rng.permutation(len(truth)) if audited_style is not world.flat else others
        chosen = np.concatenate([pick[truth[pick] == index][: int(200 * part)] for index, part in enumerate(mix)])
        confusion = _confusion(labels, world.head.answers(world.flat.features[labelled]), ways)
        answers = np.bincount(world.head.answers(audited_style.features[chosen]), minlength=ways)
        shares = corrected_by_confusion(answers, confusion, rng).point
        raised += drift(world.flat.embeddings[labelled], labels, audited_style.embeddings[chosen], shares, rng).is_alarm
    return raised / times


def coverage_without_alarm(world: World, times: int, rng: np.random.Generator) -> float:
    """How often the interval holds the truth when the scorer was calibrated on one style and reads another."""
    flat, ink, hits = world.presentation(world.flat), world.presentation(world.ink), 0
    for _ in range(times):
        answers = read(ink, PARITY, 200, 4, rng)
        share = corrected_by_confusion(answers, flat.calibration(LABELLED, 4, rng), rng).interval(0)
        hits += share.low <= PARITY[0] <= share.high
    return hits / times


def _confusion(labels: Counts, answers: Counts, ways: int) -> Confusion:
    counts = np.zeros((len(PRESENTATIONS), ways), np.int64)
    np.add.at(counts, (labels, answers), 1)
    return Confusion(counts)
