"""Scorecards as pictures: ROC, precision over recall and reliability; and ourselves beside peers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from safety.evaluation.statistics import Estimate, Flags, Floats, Reliability, curves, reliability

INK, GRID = "#7d8590", "#7d859055"  # legible on white and on near-black, like the colours of the lines
COLOURS = ("#2f81f7", "#db6d28", "#2da44e", "#bf4b8a", "#9a6cf0", "#b08800", "#1b9aaa", "#d1495b", "#7a8b2f", "#8c6d5a")
DPI = 110
LEGEND_COLUMNS = 6
LEGEND_ROW = 0.25  # inches
FACTS = {"Software": None}  # no version of a library in the file: the same figures give the same bytes


class NothingToPlot(Exception):
    """Curves need unsafe and benign rows."""


class Scored(Protocol):
    """Scores (n,) and which of the rows are known to be unsafe, or benign: (n,) each."""

    @property
    def scores(self) -> Floats: ...

    @property
    def unsafe(self) -> Flags: ...

    @property
    def benign(self) -> Flags: ...


def draw_curves(tables: Mapping[str, Scored], out: Path) -> None:
    """Write a PNG on a transparent ground, a line per set. Raises NothingToPlot for a set of one kind of rows."""
    more_rows = (len(tables) - 1) // LEGEND_COLUMNS
    figure = Figure(figsize=(9.6, 3.6 + LEGEND_ROW * more_rows), dpi=DPI, layout="constrained")
    roc, precision, trust = figure.subplots(1, 3)
    _frame(roc, "ROC", "false positive rate", "recall")
    _frame(precision, "Precision over recall", "recall", "precision")
    _frame(trust, "Reliability", "score", "share unsafe")
    for axes in (roc, trust):
        axes.plot([0, 1], [0, 1], ":", color=INK)
    for (name, table), colour in zip(tables.items(), COLOURS, strict=False):
        _draw_set(name, table, colour, roc, precision, trust)
    if len(tables) > 1:
        _legend(figure, roc)
    figure.savefig(out, transparent=True, format="png", metadata=FACTS)


def draw_dots(values: Mapping[str, Mapping[str, Estimate]], title: str, out: Path) -> None:
    """Write a PNG of dots with intervals: set -> who -> figure, in [0, 1]."""
    who = list(dict.fromkeys(name for row in values.values() for name in row))
    figure = Figure(figsize=(9.6, 0.6 + 0.5 * len(values)), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    _dress(axes, title, "", "")
    axes.set(xlim=(0, 1), yticks=range(len(values)), yticklabels=list(values))
    axes.invert_yaxis()
    for at, name in enumerate(who):
        _draw_dots(axes, [row.get(name) for row in values.values()], name, at, len(who))
    _legend(figure, axes)
    figure.savefig(out, transparent=True, format="png", metadata=FACTS)


def _draw_set(name: str, table: Scored, colour: str, roc: Axes, precision: Axes, trust: Axes) -> None:
    if not table.unsafe.any() or not table.benign.any():
        raise NothingToPlot(f"a plot needs unsafe and benign prompts: {name} lacks one of them")
    labelled = table.unsafe | table.benign
    scores, unsafe = table.scores[labelled], table.unsafe[labelled]
    traced = curves(scores, unsafe)
    roc.step([0, *traced.false_positive_rate], [0, *traced.recall], where="post", color=colour, label=name)
    precision.step(traced.recall, traced.precision, where="pre", color=colour)
    precision.axhline(float(unsafe.mean()), ls=":", lw=0.8, color=colour)
    _draw_reliability(trust, reliability(scores, unsafe), colour)


def _draw_reliability(axes: Axes, told: Reliability, colour: str) -> None:
    axes.plot(told.predicted, told.observed, "-", color=colour)
    axes.scatter(told.predicted, told.observed, 8 + 120 * told.rows / told.rows.sum(), color=colour)


def _draw_dots(axes: Axes, estimates: Sequence[Estimate | None], name: str, at: int, of: int) -> None:
    known = [(row, estimate) for row, estimate in enumerate(estimates) if estimate]
    heights = [row + 0.6 * ((at + 0.5) / of - 0.5) for row, _ in known]
    lengths = [
        [estimate.value - estimate.low for _, estimate in known],
        [estimate.high - estimate.value for _, estimate in known],
    ]
    spread = [[max(0.0, length) for length in side] for side in lengths]
    values = [estimate.value for _, estimate in known]
    axes.errorbar(values, heights, xerr=spread, fmt="o", ms=4, lw=1.4, color=COLOURS[at % len(COLOURS)], label=name)


def _frame(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    _dress(axes, title, across, up)


def _dress(axes: Axes, title: str, across: str, up: str) -> None:
    axes.set_title(title, color=INK, fontsize=10)
    axes.set_xlabel(across, color=INK, fontsize=9)
    axes.set_ylabel(up, color=INK, fontsize=9)
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(GRID)


def _legend(figure: Figure, axes: Axes) -> None:
    lines, names = axes.get_legend_handles_labels()
    columns = min(len(names), LEGEND_COLUMNS)
    figure.legend(lines, names, loc="outside lower center", ncols=columns, frameon=False, labelcolor=INK, fontsize=8)
