"""What `gardefou audit run|report|gate` do: the questions of a probe go through the whole house, like anybody's.

Every picture is asked for by itself, passes both gates and stands in the ledger. What the policy refuses, holds or
withholds is an outcome of the audit. What nobody can answer for now (no generator; no database, TRIES times) stops the
run; the same command goes on where it stopped.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from anyio import sleep, to_thread
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from gateway.assembly import House, audits_folder
from gateway.auth import Caller
from gateway.errors import ClassifierUnavailable, ConfirmationRequired, ContentRefused, DatabaseUnavailable
from gateway.generation import Asked, Drawn
from safety.bias_audit.analysis import Figures, analyse, scorer_of
from safety.bias_audit.gate import GateAnswer
from safety.bias_audit.gateway_table import BESIDE, read_gateway_audit
from safety.bias_audit.labels import read_labels
from safety.bias_audit.manifest import verify_manifest, write_manifest
from safety.bias_audit.probes import (
    WEAK_LABELS,
    Ask,
    Language,
    Loaded,
    Sizes,
    load_probe,
    load_reference,
    shipped_probes,
)
from safety.bias_audit.report import write_report
from safety.bias_audit.run_gate import Comparison, compare_runs
from safety.bias_audit.runs import PICTURES, Fate, Outcome, OutcomeFile, Plan, Run
from safety.bias_audit.shares import Floats
from safety.bias_audit.skin_in_pictures import read_tone_of
from safety.provenance.keys import open_keys
from safety.screen import Embedder, Pixels

AUDITOR = Caller("terminal", "audit")
REQUESTS_PER_MINUTE = 1_000_000  # the limit is for the public
TRIES = 3  # of a picture that could not be judged or entered: a time-out on a busy machine is no outcome
WHOLE = 0  # the view of a picture that is read


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """What a report says, and its files."""

    figures: Figures
    files: list[Path]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed. None: the probe's own size."""

    probe: str
    language: Language = "en"
    series: str = "1"
    smoke: bool = False
    per_cell: int | None = None
    explicit_per_cell: int | None = None
    folder: Path | None = None
    weak_labels: Path = WEAK_LABELS


def begin(house: House, wanted: Wanted) -> Run:
    """The run's folder, new or to go on with. Raises ProbeInvalid, RunUnusable."""
    loaded = load_probe(wanted.probe, wanted.weak_labels)
    generator, scorer = house.generator.identity, house.judge.screen.embedder.identity
    stamp = house.policy_in_force.policy.stamp
    plan = Plan(
        loaded.probe.id, loaded.sha256, generator.name, generator.sha256, scorer.name, scorer.sha256, str(stamp),
        stamp.sha256, wanted.language, wanted.series, house.generator.sizes[0], wanted.smoke,
        _sizes(loaded, wanted), _fillers(loaded, wanted, generator.name),
    )  # fmt: skip
    named = [loaded.probe.id, generator.name, wanted.language, wanted.series, *(["smoke"] if wanted.smoke else [])]
    folder = wanted.folder or audits_folder(house.settings) / "-".join(named).replace("/", "_")
    return Run.begin(folder, plan, shipped_probes().get(wanted.probe, Path(wanted.probe)), wanted.weak_labels)


def begin_or_close(house: House, wanted: Wanted) -> Run:
    """`begin`; a house that will not be used leaves no process behind."""
    try:
        return begin(house, wanted)
    except BaseException:
        close(house)
        raise


def close(house: House) -> None:
    """End a house that was never entered."""
    if house.worker:
        house.worker.close()
    house.decoder.close()
    house.instance.close()


def _sizes(loaded: Loaded, wanted: Wanted) -> Sizes:
    sampling, weak = loaded.probe.sampling, loaded.weak
    if wanted.smoke:
        return Sizes(wanted.per_cell or sampling.smoke_per_cell, 1, weak.smoke_contexts)
    explicit = sampling.explicit_per_cell if wanted.explicit_per_cell is None else wanted.explicit_per_cell
    return Sizes(wanted.per_cell or sampling.per_cell, explicit, len(weak.contexts.en))


def _fillers(loaded: Loaded, wanted: Wanted, generator: str) -> tuple[str, ...]:
    asked = loaded.probe.fillers_for(generator)
    return tuple(filler.name for filler in (asked[: loaded.probe.sampling.smoke_fillers] if wanted.smoke else asked))


def carry_out(house: House, run: Run) -> float | None:
    """Ask for every picture that has no outcome yet. Returns pictures per second; None when there was none left.

    Raises GatewayError when the house cannot answer; what was drawn so far is kept.
    """
    told = run.outcomes()
    left = [ask for ask in run.asks if ask.key not in told]
    if not left:
        close(house)
        return None
    started = time.monotonic()
    asyncio.run(_carry_out(house, run, left))
    return len(left) / (time.monotonic() - started)


async def _carry_out(house: House, run: Run, left: Sequence[Ask]) -> None:
    asks, embedder = iter(left), house.judge.screen.embedder
    outcomes = OutcomeFile(run.folder)
    try:
        async with house:
            with _bar(len(run.asks), len(run.asks) - len(left)) as (progress, bar):

                async def work() -> None:
                    for ask in asks:
                        outcome, content = await _ask(house, run.plan.size, ask, embedder)
                        await to_thread.run_sync(outcomes.add, outcome, content)
                        progress.advance(bar)

                async with asyncio.TaskGroup() as group:
                    for _ in range(min(2 * house.generator.batch_size, house.settings.queue_capacity)):
                        group.create_task(work())
    except ExceptionGroup as errors:
        raise _first(errors) from errors
    finally:
        outcomes.close()


def _first(errors: ExceptionGroup[Exception]) -> BaseException:
    """What stopped the run: the others were cancelled for its sake, or failed in the same way."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


async def _ask(house: House, size: str, ask: Ask, embedder: Embedder) -> tuple[Outcome, bytes]:
    """One picture through the whole house: its outcome, and its bytes when it was released."""
    asked = Asked(ask.prompt, 1, size, house.generator.identity.name, "audit", ask.seed)
    for again in range(TRIES, 0, -1):
        try:
            (drawn,) = (await house.pipeline.run(asked, AUDITOR)).pictures
            return await to_thread.run_sync(_released, ask, drawn, embedder)
        except ContentRefused as refused:
            return _refused(ask, refused.facts), b""
        except ConfirmationRequired as question:
            return _not_released(ask, Fate.CONFIRMATION_ASKED, question.facts), b""
        except ClassifierUnavailable:
            if again == 1:
                return Outcome(ask.key, Fate.UNJUDGED, ""), b""
        except DatabaseUnavailable as error:  # another process may hold it for long, as a copy of it does
            if again == 1:
                raise
            await sleep(error.retry_after_s or 0)
    raise AssertionError  # the last try returns


def _released(ask: Ask, drawn: Drawn, embedder: Embedder) -> tuple[Outcome, bytes]:
    row = drawn.picture.row
    file = f"{PICTURES}/{row.sha256}.png"
    pixels = drawn.picture.drawn
    return Outcome(ask.key, Fate.RELEASED, drawn.decision_id, drawn.categories, file, _embedding(embedder, pixels),
                   read_tone_of(pixels.permute(1, 2, 0).numpy())), drawn.content  # fmt: skip


def _embedding(embedder: Embedder, pixels: Pixels) -> Floats:
    """(d,): of the picture as it was drawn. The mark that it got names a decision, so it differs in every run."""
    whole = embedder.embed([pixels]).embeddings[0, WHOLE]
    return np.asarray(whole.double().numpy(), np.float64)


def _refused(ask: Ask, facts: dict[str, Any]) -> Outcome:
    stage, held = facts["stage"], facts["outcome"] == "held"
    fates = {"prompt": Fate.PROMPT_REFUSED, "model": Fate.MODEL_REFUSED}
    return _not_released(ask, fates.get(stage, Fate.HELD if held else Fate.WITHHELD), facts)


def _not_released(ask: Ask, fate: Fate, facts: dict[str, Any]) -> Outcome:
    return Outcome(ask.key, fate, facts["decision_id"], tuple(facts["categories"]))


def report(
    run: Run, out: Path, language: Language, reference: Path | None, calibration: Path | None, gateway: Path | None,
    labels: Path | None = None,
) -> Reported:  # fmt: skip
    """Analyse a finished run and write its report. calibration: another run's folder, whose scorer reads this one.

    gateway: what `gardefou audit gateway --json` printed; None looks for it beside the run. labels: from `gardefou
    audit labels`. Raises RunUnusable, NothingToRead, ProbeInvalid, NotAGatewayAudit, LabelsUnusable.
    """
    known = load_reference(reference, run.loaded.probe) if reference else None
    borrowed = scorer_of(Run.open(calibration)) if calibration else None
    beside = run.folder.parent / BESIDE
    audited = gateway or (beside if beside.is_file() else None)
    figures = analyse(run, known, borrowed, labels=read_labels(labels) if labels else None)
    table = read_gateway_audit(audited) if audited else None
    return Reported(figures, write_report(figures, out, language, table))


def sign(files: Sequence[Path], keys: Path) -> list[Path]:
    """Beside the files of a report: a manifest of their hashes, signed with the key that pictures are signed with.

    Raises IntegrityFailure for keys that cannot be read.
    """
    return write_manifest(files, open_keys(keys))


def compare(before: Path, after: Path, margin: float) -> Comparison:
    """Pooled gap and distance from equal shares of two runs, both read by the scorer of the first.

    Raises NotComparable, RunUnusable, NothingToRead.
    """
    return compare_runs(Run.open(before), Run.open(after), margin)


def verified(report: Path, keys: Path) -> list[str]:
    """The names of a report's files. Raises IntegrityFailure."""
    return verify_manifest(report, open_keys(keys).root)


def gate_line(name: str, told: GateAnswer) -> str:
    """One figure of the gate for a terminal."""
    change, more = told.change, told.more_pictures
    line = f"{name}: {told.outcome}, change {change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
    line += f", accepted up to {told.margin:.2f}"
    return f"{line}; about {more} pictures of people in each run would decide" if more else line


class _Rate(TextColumn):
    """Pictures per second."""

    def __init__(self) -> None:
        super().__init__("{task.speed:.2f}/s")

    def render(self, task: Any) -> Any:
        """Nothing before there is a rate."""
        return super().render(task) if task.speed else TextColumn("").render(task)


@contextmanager
def _bar(total: int, done: int) -> Iterator[tuple[Progress, TaskID]]:
    console = Console(file=sys.stderr)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, speed_estimate_period=60) as progress:
        yield progress, progress.add_task("drawing", total=total, completed=done)
