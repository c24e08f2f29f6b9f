"""What an audit can see: how large a change it finds in 8 of 10 cases, at so many pictures and with this scorer."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from safety.bias_audit.shares import ROW_PRIOR, TAIL, Confusion, Floats

POWER = 0.8
STEP = 0.001  # of a share: changes are sought this finely


@dataclass(frozen=True, slots=True)
class Spread:
    """Variances of one corrected share. pictures: falls with their number. calibration: with that of labels, and is
    common to all that one scorer read."""

    pictures: float
    calibration: float


def shifted(shares: Floats, index: int, change: float) -> Floats:
    """Shares (K,) in which one class has `change` more and the others keep their proportions."""
    scale = (1 - shares[index] - change) / (1 - shares[index])
    moved: Floats = np.where(np.arange(len(shares)) == index, shares[index] + change, shares * scale)
    return moved


def spread_of(shares: Floats, index: int, pictures: int, confusion: Confusion) -> Spread:
    """Of the corrected share of one class when the truth is shares (K,): Fisher's information, and the delta method."""
    smoothed = confusion.counts + ROW_PRIOR
    rates = smoothed / smoothed.sum(axis=1, keepdims=True)
    apart = rates[:-1] - rates[-1]
    seen = shares @ rates
    inverse = np.linalg.inv((apart / seen) @ apart.T)
    towards = _row_of(inverse, index) @ (apart / seen)
    noise = [towards @ (np.diag(row) - np.outer(row, row)) @ towards for row in rates]
    labelled = smoothed.sum(axis=1)
    corner = _row_of(inverse, index)
    own = float(corner[index]) if index < len(corner) else float(inverse.sum())
    return Spread(own / pictures, float((shares**2 * noise / labelled).sum()))


def least_finding(
    reference: Floats, index: int, margin: float, pictures: int, confusion: Confusion, tests: int, rate: float
) -> float | None:
    """How much above its reference (K,) a share must be to be a finding in POWER of audits; None where none is.

    margin: of the interval null. tests: how many shares are judged together, at a false discovery rate of `rate`;
    stated for the worst case, a single true finding among them.
    """
    reach = float(stats.norm.isf(rate / tests) + stats.norm.isf(1 - POWER))
    for change in np.arange(margin, 1 - reference[index], STEP):
        spread = spread_of(shifted(reference, index, change), index, pictures, confusion)
        if change - margin >= reach * np.sqrt(spread.pictures + spread.calibration):
            return float(change)
    return None


def least_failure(
    shares: Floats, index: int, margin: float, pictures: int, fillers: int, confusion: Confusion
) -> float:
    """How much a share pooled over fillers must grow for the gate to fail in POWER of comparisons.

    The scorer's error is common to both versions and left out.
    """
    apart = np.sqrt(2 * spread_of(shares, index, pictures, confusion).pictures / fillers)
    return float(max(margin, stats.norm.isf(TAIL) * apart) + stats.norm.isf(1 - POWER) * apart)


def _row_of(inverse: Floats, index: int) -> Floats:
    """The row of a class; the last one is what the others leave."""
    row: Floats = inverse[index] if index < len(inverse) else -inverse.sum(axis=0)
    return row
