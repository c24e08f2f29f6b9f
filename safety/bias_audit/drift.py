"""Are the audited pictures of the kind that the scorer was calibrated on? A two-sample test of their embeddings.

A confusion matrix survives a change of class shares, not a change of style: calibrated on one and used on another it
corrects in the wrong direction. So the calibration pictures are first drawn to the audited mix of classes, and
what still differs is drift.
"""

from dataclasses import dataclass

import numpy as np

from safety.bias_audit.shares import Counts, Floats

PERMUTATIONS = 500
ALARM = 0.01  # of audits without drift, how many raise it
MOST_PICTURES = 400  # of either side: the test costs the square of it


@dataclass(frozen=True, slots=True)
class Drift:
    """distance: squared maximum mean discrepancy, 0 for the same distribution. p: of a permutation test."""

    distance: float
    p: float

    @property
    def is_alarm(self) -> bool:
        """The correction must not be trusted: label pictures of this very run."""
        return self.p <= ALARM


def drift(calibration: Floats, labels: Counts, audited: Floats, shares: Floats, rng: np.random.Generator) -> Drift:
    """Compare the calibration pictures, weighted to the audited classes, with the audited ones.

    calibration: (m, d) embeddings. labels: int (m,), their true classes. audited: (n, d). shares: (K,), corrected
    shares of the audited pictures. Raises ValueError where a class with a share has no calibration picture.
    """
    alike = calibration[_mixed(labels, shares, rng)]
    audited = audited[rng.permutation(len(audited))[: min(MOST_PICTURES, len(alike))]]
    return two_samples(alike[: len(audited)], audited, rng)


def two_samples(first: Floats, second: Floats, rng: np.random.Generator) -> Drift:
    """Maximum mean discrepancy of two samples (n, d), (m, d), Gaussian kernel of median width.

    Gretton et al. (2012).
    """
    kernel = _kernel(np.concatenate([first, second]))
    signs = np.concatenate([np.full(len(first), 1 / len(first)), np.full(len(second), -1 / len(second))])
    shuffled = np.array([rng.permutation(signs) for _ in range(PERMUTATIONS)])
    distances = ((shuffled @ kernel) * shuffled).sum(axis=1)
    observed = float(signs @ kernel @ signs)
    return Drift(observed, (int((distances >= observed).sum()) + 1) / (PERMUTATIONS + 1))


def _mixed(labels: Counts, shares: Floats, rng: np.random.Generator) -> Counts:
    """Indices of calibration pictures, none twice, as many as there are in the mix of the shares."""
    held = np.bincount(labels, minlength=len(shares))
    if ((held == 0) & (shares > 0)).any():
        raise ValueError("a class of the audit has no calibration picture")
    most = min(MOST_PICTURES, int((held[shares > 0] / shares[shares > 0]).min()))
    wanted = np.floor(shares * most).astype(np.int64)
    chosen = [rng.permutation(np.flatnonzero(labels == index))[:count] for index, count in enumerate(wanted)]
    return rng.permutation(np.concatenate(chosen))


def _kernel(points: Floats) -> Floats:
    squares = (points**2).sum(axis=1)
    apart = np.maximum(squares[:, None] + squares - 2 * points @ points.T, 0)
    width = np.median(apart[np.triu_indices_from(apart, 1)])
    kernel: Floats = np.exp(-apart / width)
    return kernel
