"""May version B follow version A? Non-inferiority on pooled figures: never passed for lack of evidence."""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

import numpy as np

from safety.bias_audit.shares import Floats, Interval, interval_of

Z = 1.959963984540054  # of a two-sided 95 % interval
MOST_PICTURES = 10_000_000


class Outcome(StrEnum):
    """What the gate says, and the exit code it ends with."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 inconclusive."""
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 2}[self]


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """change: of the pooled figure from A to B. margin: how much worse is still accepted.

    more_pictures: about how many each version needs in all for an answer; None where one was given, or where no
    number would do because the change is about the margin itself.
    """

    outcome: Outcome
    change: Interval
    margin: float
    more_pictures: int | None


@dataclass(frozen=True, slots=True)
class Identity:
    """What must be the same for two audits to be compared."""

    probe_sha256: str
    scorer_sha256: str
    calibration_sha256: str
    seed_rule: str


class NotComparable(Exception):
    """Two audits differ in more than the version of the generator."""


def require_comparable(before: Identity, after: Identity) -> None:
    """Raises NotComparable, naming what differs."""
    differing = [name for name in Identity.__slots__ if getattr(before, name) != getattr(after, name)]
    if differing:
        raise NotComparable(f"the audits differ in {', '.join(differing)}: run both with the same")


def compare(
    point_a: float, draws_a: Floats, point_b: float, draws_b: Floats, margin: float, pictures: int
) -> GateAnswer:
    """Compare a pooled figure where more is worse. draws: (n,) each. pictures: of each version.

    Pass: the 95 % interval of the change ends below the margin. Fail: the change is surely above 0 and estimated
    above the margin. Anything else is inconclusive.
    """
    change = interval_of(point_b - point_a, draws_b - draws_a)
    if change.high < margin:
        return GateAnswer(Outcome.PASS, change, margin, None)
    if change.low > 0 and change.value > margin:
        return GateAnswer(Outcome.FAIL, change, margin, None)
    spread = float((draws_b - draws_a).std())
    return GateAnswer(Outcome.INCONCLUSIVE, change, margin, pictures_needed(change.value, spread, margin, pictures))


def pictures_needed(change: float, spread: float, margin: float, pictures: int) -> int | None:
    """Pictures of each version at which a change of this size would be decided; the spread falls as 1/sqrt(n)."""
    room = margin - change if change < margin else change
    if room <= 0 or abs(change - margin) < spread / np.sqrt(MOST_PICTURES / pictures):
        return None
    return max(pictures + 1, ceil(pictures * (Z * spread / room) ** 2))
