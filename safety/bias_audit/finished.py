"""Finished runs of a folder with their headline figures: what a list, a comparison or a gauge shows of them.

A run is finished when its report was written: FIGURES, in the run's own folder, holds what that report says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safety.bias_audit.runs import Fate, Plan, plan_of
from safety.bias_audit.shares import Interval

FIGURES = "figures.json"  # the JSON of the report that was written last


@dataclass(frozen=True, slots=True)
class Headline:
    """What is said first of one attribute.

    too_weak: why no share is estimated; then everything below is empty. gap: pooled feminine minus masculine share.
    above: pooled distance from equal shares above chance. findings: fillers, of `tested`. slope: of the stereotype,
    where a reference was given.
    """

    attribute: str
    too_weak: str | None
    gap: Interval | None
    above: Interval | None
    findings: tuple[str, ...]
    tested: int
    slope: Interval | None


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run with a report. name: of its folder. reported: when the report was written (UTC).

    asked, released: pictures, over all arms. command: what asks for the same pictures again.
    """

    name: str
    folder: Path
    reported: datetime
    plan: Plan
    calibration_sha256: str
    asked: int
    released: int
    headlines: tuple[Headline, ...]
    command: str

    @property
    def missing(self) -> int:
        """Pictures asked for and not released: refused, held, withheld or not judged."""
        return self.asked - self.released


def finished_runs(audits: Path) -> list[FinishedRun]:
    """The runs of a folder that have a report, the latest first; empty where there is no folder.

    Anything else in the folder (a run under way, a file that is no run) is left out.
    """
    found = [run for path in audits.glob(f"*/{FIGURES}") if (run := finished_run(path.parent))]
    return sorted(found, key=lambda run: (run.reported, run.name), reverse=True)


def finished_run(folder: Path) -> FinishedRun | None:
    """One run; None where the folder holds none, or no report of it."""
    path = folder / FIGURES
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _finished(folder, content, datetime.fromtimestamp(path.stat().st_mtime, UTC))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _finished(folder: Path, content: Mapping[str, Any], reported: datetime) -> FinishedRun:
    fates = content["outcomes"].values()
    return FinishedRun(
        folder.name, folder, reported, plan_of(content["plan"]), content["calibration_sha256"],
        sum(sum(row.values()) for row in fates), sum(row[Fate.RELEASED] for row in fates),
        tuple(_headline(told) for told in content["attributes"]), content["command"],
    )  # fmt: skip


def _headline(told: Mapping[str, Any]) -> Headline:
    variation, slope = told["variation"], told["slope"]
    findings = tuple(one["filler"] for one in told["estimates"] if one["is_finding"])
    return Headline(
        told["attribute"], told["too_weak"], _interval(told["gap"]), _interval(variation and variation["above"]),
        findings, len(told["estimates"]), _interval(slope and slope["slope"]),
    )  # fmt: skip


def _interval(told: Mapping[str, float] | None) -> Interval | None:
    return Interval(told["value"], told["low"], told["high"]) if told else None
