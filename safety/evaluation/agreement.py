"""How far people agree beyond what chance would do, with intervals that know that answers to one case hang together.

Two who answer the same things: Cohen's kappa (Cohen, 1960). Any number, of whom some may not have answered:
Krippendorff's alpha for nominal answers (Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011). Both are 1
for answers that are all the same and 0 for what chance alone would do, and neither is defined where only one answer
was ever given: there was nothing to disagree about. Their intervals resample cases, with all that was answered in each.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from safety.evaluation.statistics import RESAMPLES, SEED, Estimate, Floats, estimate_of

Answers = NDArray[np.int64]

MISSING = -1
LEAST_CASES = 30  # below it an interval spans half of the scale, and a figure would be read as one all the same


def cohen_kappa(first: Answers, second: Answers) -> float | None:
    """(po - pe) / (1 - pe). first, second: (n,), answers from 0 on; None where it is not defined."""
    return _figure(_kappa(_tables(first, second, np.zeros(len(first), np.int64)).sum(axis=0)))


def krippendorff_alpha(answers: Answers) -> float | None:
    """1 - Do / De. answers: (units, people), from 0 on, MISSING where there is none; None where it is not defined."""
    return _figure(_alpha(_coincidences(answers, np.zeros(len(answers), np.int64)).sum(axis=0)))


def kappa_of_cases(first: Answers, second: Answers, cases: Answers) -> Estimate | None:
    """Kappa with its 95 % interval. cases: (n,), which case each pair of answers belongs to.

    None for fewer cases than LEAST_CASES, and where it is not defined.
    """
    return None if _too_few(cases) else _estimate(_kappa, _tables(first, second, _numbered(cases)))


def alpha_of_cases(answers: Answers, cases: Answers) -> Estimate | None:
    """Alpha with its 95 % interval. cases: (units,), which case each unit belongs to. None as `kappa_of_cases`.

    Only units that somebody else answered as well count, for the figure and for LEAST_CASES.
    """
    answered = (answers != MISSING).sum(axis=1) > 1
    answers, cases = answers[answered], cases[answered]
    return None if _too_few(cases) else _estimate(_alpha, _coincidences(answers, _numbered(cases)))


def _too_few(cases: Answers) -> bool:
    return len(np.unique(cases)) < LEAST_CASES


def _numbered(cases: Answers) -> Answers:
    return np.unique(cases, return_inverse=True)[1].astype(np.int64)


def _tables(first: Answers, second: Answers, cases: Answers) -> Floats:
    """(cases, K, K): how often first said row and second said column, in each case."""
    size = int(max(first.max(initial=0), second.max(initial=0))) + 1
    tables = np.zeros((int(cases.max(initial=0)) + 1, size, size))
    np.add.at(tables, (cases, first, second), 1)
    return tables


def _coincidences(answers: Answers, cases: Answers) -> Floats:
    """(cases, K, K): pairs of answers to one unit, each unit weighing as many pairs as it has answers."""
    size = int(answers.max(initial=0)) + 1
    counts = np.stack([(answers == value).sum(axis=1) for value in range(size)], axis=1).astype(np.float64)
    given = counts.sum(axis=1)
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(size)
    weighed = np.where(given[:, None, None] > 1, pairs / np.maximum(given - 1, 1)[:, None, None], 0.0)
    found = np.zeros((int(cases.max(initial=0)) + 1, size, size))
    np.add.at(found, cases, weighed)
    return found


def _kappa(tables: Floats) -> Floats:
    """(...,) from (..., K, K); NaN where chance alone would always agree, or nobody answered."""
    total = tables.sum(axis=(-2, -1))
    shares = tables / np.maximum(total, 1)[..., None, None]
    observed = np.trace(shares, axis1=-2, axis2=-1)
    by_chance = (shares.sum(axis=-1) * shares.sum(axis=-2)).sum(axis=-1)
    return _ratio(observed - by_chance, np.where(total > 0, 1 - by_chance, 0))


def _alpha(coincidences: Floats) -> Floats:
    """(...,) from (..., K, K); NaN where only one answer was given, or nobody answered what somebody else did."""
    of_value = coincidences.sum(axis=-1)
    total = of_value.sum(axis=-1)
    expected = total * (total - 1) - (of_value * (of_value - 1)).sum(axis=-1)
    agreeing = np.trace(coincidences, axis1=-2, axis2=-1)
    return _ratio(expected - (total - 1) * (total - agreeing), expected)


def _ratio(above: Floats, below: Floats) -> Floats:
    defined = below > np.finfo(np.float64).eps * 8  # what is 0 but for rounding
    return np.where(defined, above / np.where(defined, below, 1), np.nan)


def _figure(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)


def _estimate(statistic: Callable[[Floats], Floats], per_case: Floats) -> Estimate | None:
    value = _figure(statistic(per_case.sum(axis=0)))
    if value is None:
        return None
    cases = len(per_case)
    drawn = np.random.default_rng(SEED).multinomial(cases, np.full(cases, 1 / cases), size=RESAMPLES)
    totals = (drawn @ per_case.reshape(cases, -1)).reshape(RESAMPLES, *per_case.shape[1:])
    draws = statistic(totals)
    return estimate_of(value, draws[~np.isnan(draws)])
