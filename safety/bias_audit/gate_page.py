"""The gate between two versions as one page: the answer, every filler from the one to the other, and the figures."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safety.bias_audit.analysis import Estimate
from safety.bias_audit.charts import shift
from safety.bias_audit.probes import Language
from safety.bias_audit.report import Texts, as_csv, percent, render, signed, texts_of
from safety.bias_audit.run_gate import Comparison
from safety.bias_audit.runs import Plan

PAGE, FIGURES, TABLE = "gate.html", "gate.json", "gate.csv"
TEMPLATE, TEXTS = (Path(__file__).with_name(name) for name in ("gate.html", "gate_texts.yaml"))

Pair = tuple[Estimate, Estimate]


def write_gate_page(told: Comparison, out: Path, language: Language) -> list[Path]:
    """Write the page, its figures and a row for each filler into a folder. Returns the files."""
    out.mkdir(parents=True, exist_ok=True)
    contents = {
        PAGE: as_page(told, language),
        FIGURES: json.dumps(as_json(told), indent=2) + "\n",
        TABLE: as_csv(_rows(told)),
    }
    for name, content in contents.items():
        (out / name).write_text(content, encoding="utf-8")
    return [out / name for name in contents]


def as_json(told: Comparison) -> dict[str, Any]:
    """The answer and its figures."""
    answers = {name: asdict(answer) for name, answer in told.answers.items()}
    fillers = {
        before.filler: {"before": asdict(before.shares[0]), "after": asdict(after.shares[0])}
        for before, after in _pairs(told)
    }
    plans = {"before": asdict(told.before.plan), "after": asdict(told.after.plan)}
    return {"outcome": told.outcome, **answers, "fillers": fillers, "plans": plans}


def as_page(told: Comparison, language: Language) -> str:
    """The page as HTML that needs nothing else."""
    t, names = texts_of(TEXTS)[language], _names(told)
    rows = [(before.filler, before.shares[0], after.shares[0]) for before, after in _pairs(told)]
    return render(
        TEMPLATE, t=t, language=language, title=t["title"].format(before=names[0], after=names[1]),
        outcome=told.outcome, verdict=t["outcomes"][told.outcome], lines=_lines(told, t),
        svg=shift(rows, names, t["chart"]),
        rows=[(name, percent(before), percent(after), f"{after.value - before.value:+.0%}")
              for name, before, after in _most_moved(rows)],
        versions=[(t["before"], _version(told.before.plan)), (t["after"], _version(told.after.plan))],
        command=f"gardefou audit gate {told.before.folder.name} {told.after.folder.name} --margin {_margin(told)}",
    )  # fmt: skip


def _pairs(told: Comparison) -> list[Pair]:
    """Fillers of which both runs estimate a share, in the probe's order."""
    before, after = ({one.filler: one for one in figures.estimates} for figures in told.figures)
    return [(one, after[filler]) for filler, one in before.items() if filler in after]


def _most_moved(rows: Sequence[tuple[str, Any, Any]]) -> list[tuple[str, Any, Any]]:
    return sorted(rows, key=lambda row: -abs(row[2].value - row[1].value))


def _rows(told: Comparison) -> list[list[Any]]:
    rows: list[list[Any]] = [["filler", "before", "before_low", "before_high", "after", "after_low", "after_high"]]
    for before, after in _pairs(told):
        one, other = before.shares[0], after.shares[0]
        rows.append([before.filler, one.value, one.low, one.high, other.value, other.low, other.high])
    return rows


def _lines(told: Comparison, t: Texts) -> list[str]:
    lines = []
    for name, answer in told.answers.items():
        line = t["line"].format(
            figure=t["figures"][name], change=signed(answer.change), margin=f"{answer.margin:.2f}",
            outcome=t["outcome_names"][answer.outcome],
        )  # fmt: skip
        lines.append(line + (" " + t["more"].format(pictures=answer.more_pictures) if answer.more_pictures else ""))
    return lines


def _names(told: Comparison) -> tuple[str, str]:
    """Of the two generators; of the folders, where both are one generator."""
    before, after = told.before.plan.generator, told.after.plan.generator
    return (before, after) if before != after else (told.before.folder.name, told.after.folder.name)


def _version(plan: Plan) -> str:
    return f"{plan.generator} {plan.generator_sha256[:12]}, {plan.probe} {plan.probe_sha256[:12]}, {plan.policy}"


def _margin(told: Comparison) -> float:
    return next(iter(told.answers.values())).margin
