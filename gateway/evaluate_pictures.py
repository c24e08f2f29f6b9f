"""What `gardefou evaluate pictures` does: the picture gate of the settings, fitted to labelled pictures and judged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from gateway.assembly import load_picture_scorer
from gateway.settings import Settings
from policies.identity import ModelIdentity
from safety.concept_banks import Calibrations, ConceptBank
from safety.concept_scorer import load_heads
from safety.evaluation.picture_calibration import FEWEST, Material, fit
from safety.evaluation.picture_rows import PictureRows
from safety.evaluation.picture_scores import SubjectCard, embed_all, known_scores, measure, score_all
from safety.evaluation.picture_tables import as_csv, as_json, as_text
from safety.evaluation.plots import NothingToPlot, draw_curves
from safety.evaluation.prompt_rows import UnusableRows
from safety.pictures import PictureEmbedder


@dataclass(frozen=True, slots=True)
class Outcome:
    """A card for each subject that could be measured on so many pictures; fitted: what was fitted before that."""

    model: ModelIdentity
    pictures: int
    cards: tuple[SubjectCard, ...]
    fitted: Calibrations | None


def evaluate_pictures(
    settings: Settings, rows: PictureRows, fit_to: Path | None, scores_to: Path | None, plot_to: Path | None
) -> Outcome:
    """Judge the pictures and write what was asked for.

    fit_to: fit the banks to the model on the pictures whose use is "calibrate", write that calibration there, and
    judge those whose use is "evaluate" by it; otherwise all pictures are judged by the calibration there is.
    Raises UnusableRows when a picture cannot be read or nothing can be fitted, NothingToPlot for no subject to plot.
    """
    embedder, banks = load_picture_scorer(settings)
    fitted = _fit(embedder, banks, rows.of_use("calibrate"), fit_to) if fit_to else None
    banks = fitted.applied_to(banks) if fitted else banks
    judged = rows.of_use("evaluate") if fit_to else rows
    with _progress("judging", len(judged.rows)) as done:
        scores = score_all(embedder, banks, judged.labelled.pictures, done)
    told = known_scores(scores, judged.labelled)
    if scores_to:
        scores_to.write_text(as_csv(judged.rows, scores), encoding="utf-8", newline="")
    if plot_to:
        if not told:
            raise NothingToPlot("a plot needs a subject that some pictures show and some do not")
        draw_curves(told, plot_to)
    return Outcome(embedder.identity, len(judged.rows), measure(told, banks, embedder.identity.sha256), fitted)


def _fit(embedder: PictureEmbedder, banks: dict[str, ConceptBank], rows: PictureRows, out: Path) -> Calibrations:
    if not rows.rows:
        raise UnusableRows(f"{rows.name} has no pictures whose use is calibrate")
    with _progress("fitting", len(rows.rows)) as done:
        material = Material(embed_all(embedder, rows.labelled.pictures, done), rows.labelled.answers)
    scored = {name: bank for name, bank in banks.items() if embedder.identity.name not in bank.not_scored_by}
    calibrations = fit(scored, embedder, load_heads(embedder), material)
    if not calibrations:
        raise UnusableRows(
            f"{rows.name}: no subject is shown by {FEWEST} of the pictures to fit on, and by {FEWEST} not"
        )
    fitted = Calibrations(model=embedder.identity.name, calibrations=calibrations)
    fitted.write(out)
    return fitted


@contextmanager
def _progress(task: str, total: int) -> Iterator[Callable[[int], None]]:
    """What to tell how many are done; a bar on a terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda count: progress.advance(bar, count)


def as_answer(outcome: Outcome) -> dict[str, Any]:
    """What `--json` prints."""
    fitted = outcome.fitted
    return {
        "model": asdict(outcome.model),
        "pictures": outcome.pictures,
        "subjects": as_json(outcome.cards),
        "fitted": fitted and sorted(fitted.calibrations),
    }


def as_page(outcome: Outcome) -> str:
    """What is printed otherwise."""
    parts = [f"{outcome.pictures} pictures judged by {outcome.model.name} {outcome.model.sha256[:12]}"]
    if outcome.cards:
        parts += [
            "",
            as_text(outcome.cards),
            "",
            "Intervals hold 95 %: resampled for AUROC, Clopper and Pearson's else.",
        ]
    else:
        parts.append("no subject is shown by enough of them to measure it")
    if outcome.fitted:
        parts.append(f"fitted before: {', '.join(sorted(outcome.fitted.calibrations))}")
    return "\n".join(parts)
