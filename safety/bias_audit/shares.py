"""Class shares of a set of pictures, corrected for what the scorer reads wrongly, with their uncertainty.

A scorer reads K true classes as one of J >= K answers; the answers past the first K are its ways not to answer
("unclear"). A naive share of answers is biased and its interval covers 16 to 95 % instead of 95 (at sensitivity .80,
specificity .90, true share .10, 200 pictures: 16 %). Two corrections, the better one first:

* labels of this very run: prediction-powered inference (Angelopoulos et al., 2023), valid whatever the scorer does;
* a calibration set of the same kind of pictures: constrained maximum likelihood over the confusion matrix, whose
  uncertainty is propagated (binary: Rogan and Gladen, 1978; several classes: expectation maximisation).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 2000
TAIL = 0.025  # on either side of a 95 % interval
LEAST_LABELS = 30  # of each true class: below it a row of the confusion matrix says nearly nothing
LEAST_INFORMATION = 0.5  # Youden's J of the worst class: below it a correction multiplies noise
JEFFREYS = 0.5  # prior counts of an answer among the pictures
CALIBRATION_SEED = 1978  # of the confusion matrices drawn; any number would do, if it is always the same
ROW_PRIOR = 0.25  # prior counts of an answer in a row of the confusion matrix
EM_STEPS, EM_TOLERANCE = 1000, 1e-8
NO_SHARE = 1e-6  # where steps end that go to 0
SHRINKS_TO = 0.1  # of a share in one squared step: one that jumps to 0 comes back too slowly to be seen moving
LEAST_SHARE, LONGEST_STEP = 1e-12, 64.0  # of squared steps: a share at 0 could never grow again


class ScorerTooWeak(Exception):
    """No number is better than a wrong one: says which class the scorer cannot tell, or has too few labels for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Estimated shares of K classes.

    point: (K,), sums to 1. draws: (DRAWS, K), each row a set of shares that the data leave possible.
    pictures: how many were read. raw: (J,), the shares of the scorer's own answers, uncorrected.
    """

    point: Floats
    draws: Floats
    pictures: int
    raw: Floats

    def interval(self, index: int) -> Interval:
        """The share of one class."""
        return interval_of(float(self.point[index]), self.draws[:, index])


@dataclass(frozen=True, slots=True)
class Confusion:
    """How often pictures of each true class were read as each answer. counts: int (K, J), J >= K."""

    counts: Counts

    @property
    def rates(self) -> Floats:
        """(K, J): the share of each answer among the pictures of a class."""
        totals = self.counts.sum(axis=1, keepdims=True)
        rates: Floats = self.counts / np.maximum(totals, 1)
        return rates

    @property
    def information(self) -> Floats:
        """(K,): Youden's J of each class: how much likelier its own answer is for it than for any other class."""
        rates = self.rates[:, : len(self.counts)]
        others = np.where(np.eye(len(rates), dtype=bool), -np.inf, rates).max(axis=0)
        information: Floats = np.diagonal(rates) - others
        return information

    def require_strength(self, classes: tuple[str, ...]) -> None:
        """Raises ScorerTooWeak, naming the class."""
        for name, labelled, told in zip(classes, self.counts.sum(axis=1), self.information, strict=True):
            if labelled < LEAST_LABELS:
                raise ScorerTooWeak(f"only {labelled} pictures labelled {name}: at least {LEAST_LABELS} are needed")
            if told < LEAST_INFORMATION:
                raise ScorerTooWeak(f"too weak for {name}: Youden's J is {told:.2f}, needed are {LEAST_INFORMATION}")

    def drawn(self, times: int) -> Floats:
        """(times, K, J): confusion matrices that the calibration set leaves possible, the same ones in every call.

        All fillers and both versions are read by one scorer, so its error does not average out over fillers, and
        cancels between versions: draw i of each set of shares must rest on the same matrix.
        """
        rng = np.random.default_rng(CALIBRATION_SEED)
        rows = [rng.dirichlet(row + ROW_PRIOR, size=times) for row in self.counts]
        return np.stack(rows, axis=1)


def interval_of(value: float, draws: Floats) -> Interval:
    """The central 95 % of the draws (n,) around a figure."""
    low, high = np.quantile(draws, [TAIL, 1 - TAIL])
    return Interval(value, float(low), float(high))


def corrected_by_confusion(answers: Counts, confusion: Confusion, rng: np.random.Generator) -> Shares:
    """Shares of the K classes from the counts of J answers and a calibration set. answers: int (J,), not all 0.

    Does not ask whether the scorer is strong enough: `Confusion.require_strength` does.
    """
    total = int(answers.sum())
    if total == 0:
        raise ValueError("no picture was read")
    point = _maximum_likelihood(answers[None] / total, confusion.rates[None])[0]
    read = rng.dirichlet(answers + JEFFREYS, size=DRAWS)
    return Shares(point, _maximum_likelihood(read, confusion.drawn(DRAWS)), total, answers / total)


def corrected_by_labels(unlabelled: Counts, read: Counts, labels: Counts, classes: int, answers: int,
                        rng: np.random.Generator) -> Shares:  # fmt: skip
    """Prediction-powered shares from labels of this very run.

    unlabelled: int (N,), the answers for pictures without a label. read, labels: int (n,), the answers and the true
    classes of those with one, a random part of the run. classes: K. answers: J.
    Raises ScorerTooWeak for fewer labels than LEAST_LABELS.
    """
    if len(labels) < LEAST_LABELS:
        raise ScorerTooWeak(f"only {len(labels)} pictures of this run are labelled: {LEAST_LABELS} are needed")
    guessed = np.eye(answers)[unlabelled][:, :classes]
    wrong = np.eye(classes)[labels] - np.eye(answers)[read][:, :classes]
    point = guessed.mean(axis=0) + wrong.mean(axis=0)
    spread = np.cov(guessed.T, ddof=1) / len(guessed) + np.cov(wrong.T, ddof=1) / len(wrong)
    draws = rng.multivariate_normal(point, spread, size=DRAWS, method="eigh")
    raw = np.bincount(np.concatenate([unlabelled, read]), minlength=answers) / (len(unlabelled) + len(read))
    return Shares(_onto_simplex(point[None])[0], _onto_simplex(draws), len(unlabelled) + len(read), raw)


def floor_under(reference: Floats, pictures: int, confusion: Confusion, times: int, rng: np.random.Generator) -> Floats:
    """(times, K): what the same correction estimates when the truth is the reference. reference: (K,).

    A metric's mean over these is its noise floor at this number of pictures: what a fair generator would be told.
    """
    rates = confusion.drawn(times)
    answers = rng.multinomial(pictures, reference @ rates)
    return _maximum_likelihood(answers / pictures, np.broadcast_to(confusion.rates, rates.shape))


def _maximum_likelihood(read: Floats, rates: Floats) -> Floats:
    """(B, K): the shares under which the answers read (B, J) are likeliest, given rates (B, K, J).

    Expectation maximisation, squared steps (SQUAREM; Varadhan and Roland, 2008): near a share of 0 plain steps crawl.
    Inside, the long axis B is the last one: four times as fast.
    """
    likely = np.ascontiguousarray(np.broadcast_to(rates, (len(read), *rates.shape[1:])).transpose(1, 2, 0))
    seen = np.ascontiguousarray(read.T)
    shares = np.full((rates.shape[1], len(read)), 1 / rates.shape[1])
    moving = np.arange(len(read))
    for _ in range(EM_STEPS):
        before = shares[:, moving]
        shares[:, moving] = after = _squared_step(before, seen, likely)
        going = np.abs(after - before).max(axis=0) >= EM_TOLERANCE
        if not going.any():
            break
        moving, seen, likely = (each.compress(going, axis=-1) for each in (moving, seen, likely))
    return np.where(shares < NO_SHARE, 0.0, shares).T


def _squared_step(shares: Floats, read: Floats, rates: Floats) -> Floats:
    once = _em_step(shares, read, rates)
    twice = _em_step(once, read, rates)
    first = once - shares
    second = twice - once - first
    length = np.linalg.norm(first, axis=0) / np.maximum(np.linalg.norm(second, axis=0), LEAST_SHARE)
    length = np.clip(length, 1, LONGEST_STEP)
    reached = np.maximum(shares + 2 * length * first + length**2 * second, np.maximum(SHRINKS_TO * twice, LEAST_SHARE))
    return _em_step(reached / reached.sum(axis=0), read, rates)


def _em_step(shares: Floats, read: Floats, rates: Floats) -> Floats:
    """(K, B) from shares (K, B), answers (J, B) and rates (K, J, B)."""
    expected = np.einsum("kb,kjb->jb", shares, rates)
    improved = shares * np.einsum("kjb,jb->kb", rates, read / np.maximum(expected, LEAST_SHARE))
    normalised: Floats = improved / improved.sum(axis=0)
    return normalised


def _onto_simplex(shares: Floats) -> Floats:
    """(B, K): the nearest rows that are shares (Duchi et al., 2008)."""
    ordered = -np.sort(-shares, axis=1)
    excess = (ordered.cumsum(axis=1) - 1) / np.arange(1, shares.shape[1] + 1)
    kept = (ordered > excess).sum(axis=1)
    return np.maximum(shares - np.take_along_axis(excess, kept[:, None] - 1, axis=1), 0)
