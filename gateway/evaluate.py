"""What `gardefou evaluate` does: the prompt gate of the settings, judged by files of labelled prompts."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from gateway.assembly import GUARD_NANO, build_screen, policy_path, require_reports
from gateway.prompts import why_unreadable
from gateway.settings import Settings
from policies.loader import load_policy
from safety.evaluation.comparison import GATE, columns, thresholds_of
from safety.evaluation.gate import Judged, PromptGate
from safety.evaluation.page import Material, write_page
from safety.evaluation.plots import NothingToPlot, draw_curves
from safety.evaluation.prompt_rows import PromptSet, UnusableRows, read_prompt_set
from safety.evaluation.scorecard import Against, Scorecard, measure, tabulate
from safety.evaluation.tables import aligned, as_csv, as_json, as_text
from safety.evaluation.thresholds import FILE, Thresholds
from safety.training.own_test_part import DEV as OWN_DEV
from safety.training.own_test_part import NAME as OWN
from safety.training.own_test_part import own_benign_dev, own_test_part

BENCHMARKS = Path("../shared/data/prompts_eval")
SUFFIXES = (".csv.gz", ".csv")
OWN_SETS = {OWN: own_test_part, OWN_DEV: own_benign_dev}


@dataclass(frozen=True, slots=True)
class Outcome:
    """A scorecard, and what it was measured with.

    benign_scores: the gate, each check alone -> the scores that so many of the rows of --benign reach: where a policy
    may put its thresholds. not_apart: prompts of the set that are also among those rows.
    """

    card: Scorecard
    benign_scores: Mapping[str, Thresholds]
    not_apart: int


def find_prompts(asked: str, benchmarks: Path) -> PromptSet:
    """A file, one of our own sets, or a benchmark of the folder by its name. Raises UnusableRows."""
    if asked in OWN_SETS:
        return OWN_SETS[asked]()
    if Path(asked).suffix in (".csv", ".gz") or Path(asked).exists():
        return read_prompt_set(Path(asked))
    known = benchmark_files(benchmarks)
    if asked not in known:
        own = ", ".join(OWN_SETS)
        there = ", ".join([own, *known]) if known else f"{own} alone, for there are none in {benchmarks}"
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


def evaluate_prompts(
    evaluator: Evaluator, prompts: PromptSet, benign: PromptSet | None, scores: Path | None, plot: Path | None
) -> Outcome:
    """Judge a set, and write what was asked for. benign: where thresholds are set instead of the fixed ones.

    Raises UnusableThresholds for too few benign rows, NothingToPlot for a plot without rows of both kinds.
    """
    if plot and not {True, False} <= {row.unsafe for row in prompts.rows}:
        raise NothingToPlot(f"a plot needs unsafe and benign prompts: {prompts.name} lacks one of them")
    harmless = columns(benign.benign, evaluator.judge(benign.benign), ()) if benign else {}
    set_on_it = thresholds_of(harmless, benign.name) if benign else {}
    thresholds = set_on_it.get(GATE, evaluator.fixed_thresholds)
    against = Against(benign.name, harmless[GATE].scores) if benign else None
    judged = evaluator.judge(prompts)
    if scores:
        scores.write_text(as_csv(prompts, judged), encoding="utf-8", newline="")
    if plot:
        draw_curves({prompts.name: tabulate(prompts, judged, thresholds)}, plot)
    shared = {*benign.benign.texts} & {*prompts.texts} if benign else set()
    return Outcome(measure(prompts, judged, thresholds, against), set_on_it, len(shared))


def write_scorecard(evaluator: Evaluator, benchmarks: Path, out: Path) -> Path:
    """Measure every benchmark of the folder and our own test part, and write the page. Returns it."""
    found = [read_prompt_set(path) for path in benchmark_files(benchmarks).values()]
    missing = "" if found else "The public benchmarks were not there when this was written: our own test part alone."
    material = Material([*found, own_test_part()], own_benign_dev(), missing)
    models = {model.name: model.sha256 for model in evaluator.gate.screen.prompt_models}
    stamp = evaluator.policy.stamp
    who = {f"policy {stamp}": stamp.sha256, **models}
    return write_page(material, evaluator.judge, evaluator.fixed_thresholds, who, out)


def require_writable(*paths: Path | None) -> None:
    """Before anything is judged: raises UnusableRows for a file whose folder does not exist."""
    for path in paths:
        if path and not path.absolute().parent.is_dir():
            raise UnusableRows(f"{path}: there is no such folder to write to")


def as_answer(evaluator: Evaluator, outcome: Outcome) -> dict[str, Any]:
    """What `--json` prints."""
    benign_scores = {who: thresholds.as_json() for who, thresholds in outcome.benign_scores.items()}
    beside = {"benign_scores": benign_scores or None, "not_apart": outcome.not_apart}
    return as_json(outcome.card) | beside | evaluator.identity


def as_page(evaluator: Evaluator, outcome: Outcome) -> str:
    """What is printed otherwise."""
    models = ", ".join(f"{model.name} {model.sha256[:12]}" for model in evaluator.gate.screen.prompt_models)
    parts = [as_text(outcome.card), "", f"policy {evaluator.policy.stamp}; {models}", *_fixed(outcome)]
    if outcome.not_apart:
        parts.append(f"{outcome.not_apart} prompts are also in --benign: their false alarms are set, not measured")
    return "\n".join(parts)


def _fixed(outcome: Outcome) -> list[str]:
    thresholds = outcome.card.thresholds
    if thresholds is None:
        return [f"no thresholds were fixed for this classifier ({FILE}): set them with --benign FILE"]
    told = outcome.benign_scores or {GATE: thresholds}
    rows = [
        [f"{who}, {language}", *(f"{score:.4f}" for score in row.values())]
        for who, by_language in told.items()
        for language, row in by_language.as_json().items()
    ]
    return [aligned([[f"scores that benign prompts reach ({thresholds.source})", "1 %", "2 %"], *rows])]


def _problem(text: str) -> str | None:
    problem = why_unreadable(text)
    return problem.message if problem else None
