"""A scorecard as people and programs read it: plain tables, JSON, and one csv line per prompt."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from policies.signals import Signal
from safety.csv_cells import safe_cell
from safety.evaluation.gate import Judged
from safety.evaluation.prompt_rows import PromptSet
from safety.evaluation.scorecard import LEVELS, Group, Scorecard, Shares
from safety.evaluation.statistics import Estimate

HEADINGS = dict(zip(LEVELS, ("at 1 % FPR", "at 2 % FPR", "held", "refused"), strict=True))
KINDS = {
    "unsafe": "unsafe prompts: caught, %",
    "benign": "benign prompts: false alarms, %",
    "unlabelled": "unlabelled prompts: flagged, %",
}
NOT_JUDGED = "not_judged"
Lines = Sequence[Sequence[str]]


def as_json(card: Scorecard) -> dict[str, Any]:
    """Every figure with its interval; numbers as they are."""
    calibration = card.calibration
    return {
        "set": card.name,
        "judged": card.judged,
        "not_judged": card.not_judged,
        "against": card.against or None,
        "thresholds": card.thresholds and {"source": card.thresholds.source, **card.thresholds.as_json()},
        "overall": asdict(card.overall),
        "languages": [asdict(group) for group in card.languages],
        "categories": [asdict(group) for group in card.categories],
        "calibration": calibration
        and {
            "error": calibration.error,
            "predicted": calibration.predicted.tolist(),
            "observed": calibration.observed.tolist(),
            "rows": calibration.rows.tolist(),
        },
    }


def as_text(card: Scorecard) -> str:
    """Tables for a terminal; shares are in per cent, and intervals hold 95 %."""
    groups = [card.overall, *card.languages, *card.categories]
    parts = [f"{card.name}: {card.judged} prompts judged, {card.not_judged} could not be"]
    for kind, heading in KINDS.items():
        if present := [group for group in groups if group.rows[kind]]:
            parts += ["", aligned([_heads(heading, present[0], kind), *(_line(group, kind) for group in present)])]
    if card.against:
        parts.append(f"AUROC and AUPRC against the benign prompts of {card.against}")
    if card.calibration:
        parts += ["", f"calibration error of the score as a probability: {card.calibration.error:.3f}"]
    return "\n".join(parts)


def as_csv(prompts: PromptSet, judged: Sequence[Judged]) -> str:
    """A line per prompt, in order: text, unsafe, score, verdict, category, then check:category for every signal.

    A prompt that could not be judged has the verdict not_judged, the score 1 and no signals.
    """
    columns = sorted({_column(signal) for answer in judged for signal in answer.signals})
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["text", "unsafe", "score", "verdict", "category", *columns])
    for row, answer in zip(prompts.rows, judged, strict=True):
        scores = {_column(signal): f"{signal.score:.6g}" for signal in answer.signals}
        told = [answer.action or NOT_JUDGED, "|".join(answer.categories)]
        unsafe = "" if row.unsafe is None else int(row.unsafe)
        judged_as = (safe_cell(row.text), unsafe, f"{answer.score:.9g}", *told)
        writer.writerow([*judged_as, *(scores.get(name, "") for name in columns)])
    return file.getvalue()


def interval(estimate: Estimate | None, scale: float = 1, digits: int = 3) -> str:
    """The figure and its interval, or a dash."""
    if estimate is None:
        return "-"
    value, low, high = (f"{scale * number:.{digits}f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"


def per_cent(estimate: Estimate | None) -> str:
    """A share and its interval in per cent."""
    return interval(estimate, 100, 1)


def aligned(lines: Lines) -> str:
    """Columns of equal width, the first one to the left."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def markdown(lines: Lines) -> str:
    """A table with its first line as the heading; a bar in a cell stays in its cell."""
    head, *rows = [f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines]
    return "\n".join([head, "|" + " --- |" * len(lines[0]), *rows])


def _heads(title: str, group: Group, kind: str) -> list[str]:
    areas = ["AUROC", "AUPRC"] if kind == "unsafe" else []
    return [title, "rows", *areas, *(HEADINGS[level] for level in _shares(group, kind))]


def _line(group: Group, kind: str) -> list[str]:
    areas = [interval(group.auroc), interval(group.auprc)] if kind == "unsafe" else []
    return [group.name, str(group.rows[kind]), *areas, *map(per_cent, _shares(group, kind).values())]


def _shares(group: Group, kind: str) -> Shares:
    return {"unsafe": group.recall, "benign": group.false_alarms, "unlabelled": group.unlabelled}[kind]


def _column(signal: Signal) -> str:
    return f"{signal.source}:{signal.subject}"
