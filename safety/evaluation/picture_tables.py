"""Figures of the picture gate as people and programs read them."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from safety.csv_cells import safe_cell
from safety.evaluation.picture_rows import PictureRow
from safety.evaluation.picture_scores import Reached, SubjectCard
from safety.evaluation.statistics import Floats
from safety.evaluation.tables import aligned, interval, per_cent

HEADS = ("subject", "shown", "not", "AUROC", "recall at 1 % FPR, %", "flag from", "recall, %", "false positives, %",
         "block from", "recall, %", "false positives, %", "calibration error")  # fmt: skip


def card_cells(card: SubjectCard) -> list[str]:
    """A line under HEADS."""
    error = f"{card.calibration.error:.3f}" if card.calibration else "uncalibrated"
    counts = (str(card.shown), str(card.benign))
    recall = per_cent(card.at_one_percent.recall)
    return [card.subject, *counts, interval(card.auroc), recall, *_cells(card.flag), *_cells(card.block), error]


def _cells(reached: Reached | None) -> list[str]:
    if reached is None:
        return ["-"] * 3
    return [f"{reached.threshold:.3f}", per_cent(reached.recall), per_cent(reached.false_positives)]


def as_text(cards: Sequence[SubjectCard]) -> str:
    """A table for a terminal."""
    return aligned([HEADS, *map(card_cells, cards)])


def as_json(cards: Sequence[SubjectCard]) -> list[dict[str, Any]]:
    """Every figure with its interval; numbers as they are."""
    return [asdict(card) | {"calibration": _reliability(card)} for card in cards]


def _reliability(card: SubjectCard) -> dict[str, Any] | None:
    told = card.calibration
    if told is None:
        return None
    return {
        "error": told.error,
        "predicted": told.predicted.tolist(),
        "observed": told.observed.tolist(),
        "pictures": told.rows.tolist(),
    }


def as_csv(rows: Sequence[PictureRow], scores: Mapping[str, Floats]) -> str:
    """A line per picture, in order: file, what it shows, and a score for every subject; "nan" could not be judged."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["file", "shows", *scores])
    for at, row in enumerate(rows):
        shown = " ".join(subject for subject, shows in row.shows.items() if shows)
        writer.writerow([safe_cell(row.file), shown, *(f"{column[at]:.6g}" for column in scores.values())])
    return file.getvalue()
