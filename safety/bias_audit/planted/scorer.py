"""A real scorer of glyphs: logistic regression on pixels, with the errors such a head makes."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize

from safety.bias_audit.planted.glyphs import SIDE, Pictures, face_region
from safety.bias_audit.shares import Counts, Floats
from safety.bias_audit.skin_tone import MONK, read_tone

BLOCK = 50  # pictures worked on at once: their arrays stay small
GRID = 8  # pixels a side that the head sees
EDGE = 32.0  # levels between neighbours that count as much as a colour
RIDGE = 0.003
LEAST_SURE = 0.6  # below it the head answers "unclear"
STEPS = 60


@dataclass(frozen=True, slots=True)
class Head:
    """weights: (d + 1, K), the last row the constants. Answers 0 to K - 1 are classes, K is "unclear"."""

    weights: Floats

    def answers(self, features: Floats) -> Counts:
        """int (n,) for features (n, d)."""
        chances = _softmax(_with_constant(features) @ self.weights)
        answers: Counts = np.where(chances.max(axis=1) >= LEAST_SURE, chances.argmax(axis=1), self.weights.shape[1])
        return answers

    def forced(self, features: Floats) -> Counts:
        """int (n,), 0 or 1: the likelier of the first two classes whatever is shown, as published audits read."""
        likelier: Counts = np.argmax(features @ self.weights[:-1, :2] + self.weights[-1, :2], axis=1)
        return likelier


def features_of(pictures: Pictures) -> Floats:
    """(n, d): the mean colours of a grid over the pictures, about in [-1, 1], and how strong its edges are."""
    return np.concatenate([_features(pictures[at : at + BLOCK]) for at in range(0, len(pictures), BLOCK)])


def coarser(features: Floats, grid: int) -> Floats:
    """Features (n, d) as they would be on a grid that divides GRID."""
    cell = GRID // grid
    means = features.reshape(len(features), grid, cell, grid, cell, -1).mean(axis=(2, 4))
    coarse: Floats = means.reshape(len(features), -1)
    return coarse


def _features(pictures: Pictures) -> Floats:
    light = pictures.mean(axis=3)
    across, down = (np.abs(np.diff(light, axis=axis, append=0)) for axis in (2, 1))
    channels = np.concatenate([pictures / 127.5 - 1, across[..., None] / EDGE, down[..., None] / EDGE], axis=3)
    cell = SIDE // GRID
    means = channels.reshape(len(pictures), GRID, cell, GRID, cell, -1).mean(axis=(2, 4))
    features: Floats = means.reshape(len(pictures), -1)
    return features


def trained(features: Floats, labels: Counts, classes: int) -> Head:
    """Multinomial logistic regression with a ridge. features: (n, d). labels: int (n,)."""
    seen, wanted = _with_constant(features), np.eye(classes)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(-1, classes)
        chances = _softmax(seen @ weights)
        entropy = -np.log(np.maximum((chances * wanted).sum(axis=1), 1e-12)).mean()
        slope = seen.T @ (chances - wanted) / len(seen) + RIDGE * weights
        return float(entropy + RIDGE / 2 * (flat**2).sum()), slope.ravel()

    start = np.zeros(seen.shape[1] * classes)
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return Head(found.x.reshape(-1, classes))


def swatches_read(pictures: Pictures) -> Counts:
    """int (n,): the swatch of each picture's skin, len(MONK) where no skin was found."""
    region = face_region()
    read = [read_tone(picture, region) for picture in pictures]
    return np.array([len(MONK) if swatch is None else swatch for swatch in read])


def _with_constant(features: Floats) -> Floats:
    return np.column_stack([features, np.ones(len(features))])


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    chances: Floats = powers / powers.sum(axis=1, keepdims=True)
    return chances
