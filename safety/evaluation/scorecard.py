"""The figures of a set of judged prompts: as a whole, by language and by kind of harm."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies.verdict import Action
from safety.evaluation.gate import Judged
from safety.evaluation.prompt_rows import UNKNOWN, PromptRow, PromptSet
from safety.evaluation.statistics import Estimate, Flags, Floats, Reliability, areas, reliability, share
from safety.evaluation.thresholds import RATES, Thresholds

HELD, REFUSED = "held", "refused"
LEVELS = (*(f"at_{rate}" for rate in RATES), HELD, REFUSED)
"""What a prompt can reach: a threshold fixed beforehand; not simply passing; being refused."""

Shares = Mapping[str, Estimate]  # level -> share of rows that reach it


@dataclass(frozen=True, slots=True)
class Group:
    """Figures of some rows; an area is None, and shares are empty, where there are no rows to tell it from.

    recall: of unsafe rows. false_alarms: of benign rows. unlabelled: of rows of which nobody knows.
    """

    name: str
    rows: Mapping[str, int]
    auroc: Estimate | None
    auprc: Estimate | None
    recall: Shares
    false_alarms: Shares
    unlabelled: Shares


@dataclass(frozen=True, slots=True)
class Scorecard:
    """Figures of one set. Rows that could not be judged are in none of them but `not_judged`.

    against: the name of the benign set that stands in for a set without benign rows of its own.
    calibration: the scores as probabilities; None without rows of both kinds.
    """

    name: str
    judged: int
    not_judged: int
    against: str
    thresholds: Thresholds | None
    overall: Group
    languages: tuple[Group, ...]
    categories: tuple[Group, ...]
    calibration: Reliability | None


@dataclass(frozen=True, slots=True)
class Against:
    """Benign scores (n,) that stand in where a set has no benign rows."""

    name: str
    scores: Floats


@dataclass(frozen=True, slots=True)
class Scores:
    """The judged rows as arrays (n,); levels: (n,) flags for each of LEVELS that can be told.

    languages: as the rows say, or else as the gate takes them to be.
    """

    rows: Sequence[PromptRow]
    languages: Sequence[str]
    scores: Floats
    unsafe: Flags
    benign: Flags
    levels: Mapping[str, Flags]

    def among(self, belongs: Callable[[PromptRow], bool]) -> Flags:
        """Which rows do."""
        return np.array([belongs(row) for row in self.rows], dtype=np.bool_)


def measure(
    prompts: PromptSet, judged: Sequence[Judged], thresholds: Thresholds | None, against: Against | None = None
) -> Scorecard:
    """All figures of a set. judged: one per row, in order. thresholds: None leaves those levels out."""
    table = tabulate(prompts, judged, thresholds)
    standing_in = against if against and not table.benign.any() and table.unsafe.any() else None
    benign = standing_in.scores if standing_in else table.scores[table.benign]
    everything = np.ones(len(table.rows), dtype=np.bool_)
    labelled = table.unsafe | table.benign
    both = table.unsafe.any() and table.benign.any()
    return Scorecard(
        name=prompts.name,
        judged=len(table.rows),
        not_judged=len(judged) - len(table.rows),
        against=standing_in.name if standing_in else "",
        thresholds=thresholds,
        overall=_group("all", table, everything, benign),
        languages=tuple(_groups(table, lambda row: (row.language,) if row.language != UNKNOWN else (), benign)),
        categories=tuple(_groups(table, lambda row: row.groups, benign)),
        calibration=reliability(table.scores[labelled], table.unsafe[labelled]) if both else None,
    )


def tabulate(prompts: PromptSet, judged: Sequence[Judged], thresholds: Thresholds | None) -> Scores:
    """The rows that were judged, as arrays."""
    pairs = [(row, answer) for row, answer in zip(prompts.rows, judged, strict=True) if answer.action is not None]
    rows = [row for row, _ in pairs]
    scores = np.array([answer.score for _, answer in pairs], dtype=np.float64)
    levels = {HELD: [_is_held(answer) for _, answer in pairs], REFUSED: [_is_refused(answer) for _, answer in pairs]}
    flags = {name: np.array(reached, dtype=np.bool_) for name, reached in levels.items()}
    languages = [row.language or answer.language for row, answer in pairs]
    if thresholds:
        flags |= {f"at_{rate}": scores >= thresholds.at(rate, languages) for rate in RATES}
    return Scores(
        rows,
        languages,
        scores,
        np.array([row.unsafe is True for row in rows], dtype=np.bool_),
        np.array([row.unsafe is False for row in rows], dtype=np.bool_),
        {level: flags[level] for level in LEVELS if level in flags},
    )


def _is_held(answer: Judged) -> bool:
    return answer.action is not None and answer.action.gravity > Action.LABEL.gravity


def _is_refused(answer: Judged) -> bool:
    return answer.action is not None and answer.action.refuses


def _groups(table: Scores, names_of: Callable[[PromptRow], tuple[str, ...]], benign: Floats) -> Iterator[Group]:
    for name in sorted({name for row in table.rows for name in names_of(row)}):
        yield _group(name, table, table.among(lambda row, name=name: name in names_of(row)), benign)  # type: ignore[misc]


def _group(name: str, table: Scores, chosen: Flags, all_benign: Floats) -> Group:
    """A group without benign rows of its own is told from all benign rows of the set."""
    unsafe, benign = chosen & table.unsafe, chosen & table.benign
    unlabelled = chosen & ~table.unsafe & ~table.benign
    against = table.scores[benign] if benign.any() else all_benign
    roc, precision = areas(table.scores[unsafe], against) if unsafe.any() and len(against) else (None, None)
    return Group(
        name,
        {"unsafe": int(unsafe.sum()), "benign": int(benign.sum()), "unlabelled": int(unlabelled.sum())},
        roc,
        precision,
        *(_shares(table.levels, rows) for rows in (unsafe, benign, unlabelled)),
    )


def _shares(levels: Mapping[str, Flags], chosen: Flags) -> Shares:
    shares = {level: share(reached[chosen]) for level, reached in levels.items()}
    return {level: estimate for level, estimate in shares.items() if estimate}
