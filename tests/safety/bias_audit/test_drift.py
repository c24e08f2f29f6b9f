"""The drift alarm: silent for another mix of classes, raised for another style."""

import numpy as np
import pytest

from safety.bias_audit.drift import ALARM, drift, two_samples
from safety.bias_audit.shares import Counts, Floats

MIX = np.array([0.8, 0.2])


def embedded(labels: Counts, style: float, rng: np.random.Generator) -> Floats:
    """Two classes that lie apart, in eight dimensions."""
    points: Floats = rng.normal(style, 1, (len(labels), 8)) + 3 * labels[:, None]
    return points


def audit(style: float, rng: np.random.Generator) -> bool:
    labels, truth = np.repeat([0, 1], 150), rng.choice(2, 200, p=MIX)
    return drift(embedded(labels, 0, rng), labels, embedded(truth, style, rng), MIX, rng).is_alarm


def test_another_mix_of_classes_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    assert sum(audit(0.0, rng) for _ in range(20)) <= 2  # 20 tries of 1 %: above 2 in 1 of 1000 runs


def test_another_style_is_drift() -> None:
    rng = np.random.default_rng(1)
    assert sum(audit(0.6, rng) for _ in range(10)) >= 9


def test_the_distance_of_a_sample_from_itself_is_nothing() -> None:
    points = np.random.default_rng(2).normal(size=(50, 4))
    found = two_samples(points, points, np.random.default_rng(3))
    assert found.distance == pytest.approx(0, abs=1e-12)
    assert not found.is_alarm
    assert two_samples(points, points + 5, np.random.default_rng(3)).p <= ALARM


def test_a_class_without_calibration_pictures_cannot_be_compared() -> None:
    points = np.zeros((40, 2))
    with pytest.raises(ValueError, match="no calibration picture"):
        drift(points, np.zeros(40, np.int64), points, MIX, np.random.default_rng(0))
