"""Diversity of pictures without any label: the Vendi score of their embeddings."""

from dataclasses import dataclass

import numpy as np

from safety.bias_audit.shares import Floats

PERMUTATIONS = 999


@dataclass(frozen=True, slots=True)
class Homogenisation:
    """Vendi scores of two groups of pictures. ratio: first over second. p: of a permutation test that they agree."""

    first: float
    second: float
    ratio: float
    p: float


def vendi_score(embeddings: Floats) -> float:
    """How many wholly different pictures these are worth, in [1, n] (Friedman and Dieng, 2023).

    embeddings: (n, d), unit length. exp of the entropy of the eigenvalues of the cosine matrix over n.
    """
    return _vendi(embeddings @ embeddings.T)


def homogenisation(
    first: Floats, second: Floats, rng: np.random.Generator, permutations: int = PERMUTATIONS
) -> Homogenisation:
    """Whether one group is drawn more alike than the other. first: (n, d), second: (m, d), unit length.

    The larger group is cut to the size of the smaller: the score grows with the number of pictures.
    """
    size = min(len(first), len(second))
    both = np.concatenate([first[:size], second[:size]])
    cosines = both @ both.T
    scores = _halves(cosines, np.arange(2 * size))
    observed = abs(np.log(scores[0] / scores[1]))
    shuffled = [_halves(cosines, rng.permutation(2 * size)) for _ in range(permutations)]
    as_far = sum(abs(np.log(one / other)) >= observed for one, other in shuffled)
    return Homogenisation(*scores, scores[0] / scores[1], (as_far + 1) / (permutations + 1))


def _halves(cosines: Floats, order: "np.ndarray[tuple[int], np.dtype[np.intp]]") -> tuple[float, float]:
    middle = len(order) // 2
    one, other = order[:middle], order[middle:]
    return _vendi(cosines[np.ix_(one, one)]), _vendi(cosines[np.ix_(other, other)])


def _vendi(cosines: Floats) -> float:
    eigenvalues = np.linalg.eigvalsh(cosines / len(cosines))
    shares = eigenvalues[eigenvalues > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))
