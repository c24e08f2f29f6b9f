"""Curves of a scorecard as a picture: ROC, precision over recall, and reliability."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from safety.evaluation.scorecard import Scores
from safety.evaluation.statistics import Reliability, curves, reliability

INK, LINE, GRID = "#7d8590", "#2f81f7", "#7d859055"  # legible on white and on near-black
WIDTH, HEIGHT, DPI = 9.6, 3.2, 110


class NothingToPlot(Exception):
    """Curves need unsafe and benign rows."""


def draw_curves(table: Scores, out: Path) -> None:
    """Write the picture (PNG on a transparent ground). Raises NothingToPlot."""
    if not table.unsafe.any() or not table.benign.any():
        raise NothingToPlot("a plot needs unsafe and benign prompts: one of them is missing")
    labelled = table.unsafe | table.benign
    scores, unsafe = table.scores[labelled], table.unsafe[labelled]
    traced = curves(scores, unsafe)
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DPI, layout="constrained")
    roc, precision, trust = figure.subplots(1, 3)
    _frame(roc, "ROC", "false positive rate", "recall")
    roc.step([0, *traced.false_positive_rate], [0, *traced.recall], where="post", color=LINE)
    roc.plot([0, 1], [0, 1], ":", color=INK)
    _frame(precision, "Precision over recall", "recall", "precision")
    precision.step(traced.recall, traced.precision, where="pre", color=LINE)
    precision.axhline(float(unsafe.mean()), ls=":", color=INK)
    _draw_reliability(trust, reliability(scores, unsafe))
    figure.savefig(out, transparent=True, format="png", metadata={"Software": None})


def _draw_reliability(axes: Axes, told: Reliability) -> None:
    _frame(axes, f"Reliability (error {told.error:.3f})", "score", "share unsafe")
    axes.plot([0, 1], [0, 1], ":", color=INK)
    axes.plot(told.predicted, told.observed, "-", color=LINE)
    axes.scatter(told.predicted, told.observed, 8 + 120 * told.rows / told.rows.sum(), color=LINE)


def _frame(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel(across, color=INK, fontsize=9)
    axes.set_ylabel(up, color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(GRID)
