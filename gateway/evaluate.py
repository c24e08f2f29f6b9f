"""What `gardefou evaluate` does: the prompt gate of the settings, judged by files of labelled prompts."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from gateway.assembly import GUARD_NANO, build_screen, policy_path, require_reports
from gateway.prompts import why_unreadable
from gateway.settings import Settings
from policies.loader import load_policy
from safety.evaluation.counterfactuals import Shift, Twins, flips, shifts, texts_of, write_twins
from safety.evaluation.gate import Judged, PromptGate
from safety.evaluation.page import Material, write_page
from safety.evaluation.plots import NothingToPlot, draw_curves
from safety.evaluation.prompt_rows import PromptRow, PromptSet, UnusableRows, read_prompt_set
from safety.evaluation.scorecard import Against, Scorecard, measure, tabulate
from safety.evaluation.tables import as_csv, as_json, as_text
from safety.evaluation.thresholds import FILE, Thresholds
from safety.training.own_test_part import NAME as OWN
from safety.training.own_test_part import own_benign_dev, own_test_part

BENCHMARKS = Path("../shared/data/prompts_eval")
SUFFIXES = (".csv.gz", ".csv")


def find_prompts(asked: str, benchmarks: Path) -> PromptSet:
    """A file, "own", or a benchmark of the folder by its name. Raises UnusableRows."""
    if asked == OWN:
        return own_test_part()
    if Path(asked).suffix in (".csv", ".gz") or Path(asked).exists():
        return read_prompt_set(Path(asked))
    known = benchmark_files(benchmarks)
    if asked not in known:
        there = ", ".join([OWN, *known]) if known else f"{OWN} alone, for there are none in {benchmarks}"
        raise UnusableRows(f"{asked} is no file and no benchmark; benchmarks: {there}")
    return read_prompt_set(known[asked])


def benchmark_files(folder: Path) -> dict[str, Path]:
    """Name -> file of each set of a benchmark folder; none when it is not there."""
    files = sorted(path for path in folder.glob("*.csv*") if path.name.endswith(SUFFIXES))
    return {path.name.removesuffix(".gz").removesuffix(".csv"): path for path in files}


class Evaluator:
    """The prompt gate that the settings name, and the thresholds that were fixed for its classifier."""

    def __init__(self, settings: Settings) -> None:
        self.policy = load_policy(policy_path(settings.policy))
        screen = build_screen(settings, self.policy)
        require_reports(self.policy, screen)
        self.gate = PromptGate(screen, self.policy, _problem)
        fixed = (settings.prompt_classifier or GUARD_NANO) / FILE
        self.fixed_thresholds = Thresholds.read(fixed) if fixed.is_file() else None

    @property
    def identity(self) -> dict[str, Any]:
        """The policy and the models that judge."""
        stamp, models = self.policy.stamp, self.gate.screen.prompt_models
        return {
            "policy": {"name": str(stamp), "sha256": stamp.sha256},
            "models": {model.name: model.sha256 for model in models},
        }

    def judge(self, prompts: PromptSet) -> list[Judged]:
        """One answer per row, with a progress bar on a terminal."""
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task(f"judging {prompts.name}", total=len(prompts.rows))
            return self.gate.judge(prompts.texts, lambda done: progress.advance(bar, done))

    def thresholds_from(self, prompts: PromptSet) -> tuple[Thresholds, Against]:
        """Those of the benign rows of a set, and their scores. Raises UnusableThresholds."""
        benign = prompts.benign
        table = tabulate(benign, self.judge(benign), None)
        return Thresholds.set_on(table.scores, table.languages, benign.name), Against(benign.name, table.scores)


def evaluate_prompts(
    evaluator: Evaluator, prompts: PromptSet, benign: PromptSet | None, scores: Path | None, plot: Path | None
) -> Scorecard:
    """Judge a set, and write what was asked for. benign: where thresholds are set instead of the fixed ones.

    Raises UnusableThresholds for too few benign rows, NothingToPlot for a plot without rows of both kinds.
    """
    if plot and not {True, False} <= {row.unsafe for row in prompts.rows}:
        raise NothingToPlot(f"a plot needs unsafe and benign prompts: {prompts.name} lacks one of them")
    thresholds, against = evaluator.thresholds_from(benign) if benign else (evaluator.fixed_thresholds, None)
    judged = evaluator.judge(prompts)
    if scores:
        scores.write_text(as_csv(prompts, judged), encoding="utf-8", newline="")
    if plot:
        draw_curves({prompts.name: tabulate(prompts, judged, thresholds)}, plot)
    return measure(prompts, judged, thresholds, against)


def evaluate_counterfactuals(evaluator: Evaluator) -> tuple[list[Shift], list[Twins]]:
    """What naming people does to the gate, and the pairs of twins that got two verdicts."""
    twins = write_twins()
    texts = texts_of(twins)
    prompts = PromptSet("counterfactual twins", tuple(PromptRow(text, unsafe=False) for text in texts))
    judged = dict(zip(texts, evaluator.judge(prompts), strict=True))
    return shifts(twins, judged), flips(twins, judged)


def write_scorecard(evaluator: Evaluator, benchmarks: Path, out: Path) -> Path:
    """Measure every benchmark of the folder and our own test part, and write the page. Returns it."""
    found = [read_prompt_set(path) for path in benchmark_files(benchmarks).values()]
    missing = "" if found else "The public benchmarks were not there when this was written: our own test part alone."
    material = Material([*found, own_test_part()], own_benign_dev(), write_twins(), missing)
    models = {model.name: model.sha256 for model in evaluator.gate.screen.prompt_models}
    stamp = evaluator.policy.stamp
    who = {f"policy {stamp}": stamp.sha256, **models}
    return write_page(material, evaluator.judge, evaluator.fixed_thresholds, who, out)


def require_writable(*paths: Path | None) -> None:
    """Before anything is judged: raises UnusableRows for a file whose folder does not exist."""
    for path in paths:
        if path and not path.absolute().parent.is_dir():
            raise UnusableRows(f"{path}: there is no such folder to write to")


def as_answer(evaluator: Evaluator, card: Scorecard) -> dict[str, Any]:
    """What `--json` prints."""
    return as_json(card) | evaluator.identity


def as_page(evaluator: Evaluator, card: Scorecard) -> str:
    """What is printed otherwise."""
    models = ", ".join(f"{model.name} {model.sha256[:12]}" for model in evaluator.gate.screen.prompt_models)
    if card.thresholds:
        fixed = f"thresholds fixed beforehand: {card.thresholds.source} {json.dumps(card.thresholds.as_json())}"
    else:
        fixed = f"no thresholds were fixed for this classifier ({FILE}): set them with --benign FILE"
    return f"{as_text(card)}\n\npolicy {evaluator.policy.stamp}; {models}\n{fixed}"


def _problem(text: str) -> str | None:
    problem = why_unreadable(text)
    return problem.message if problem else None
