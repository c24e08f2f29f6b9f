"""The gate, each of its checks alone, and other people's filters: the same prompts, thresholds from the same rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from policies.signals import Category
from safety.evaluation.gate import Judged
from safety.evaluation.peers import Peer, sample
from safety.evaluation.prompt_rows import PromptRow, PromptSet
from safety.evaluation.scorecard import HELD, tabulate
from safety.evaluation.statistics import Estimate, Flags, Floats, areas, share
from safety.evaluation.thresholds import Thresholds

RATE = 0.02
GATE = "gardefou"
CHECKS = ("blocklist", "prompt_classifier")  # those that can stand alone


@dataclass(frozen=True, slots=True)
class Column:
    """What one filter says of a set: (n,) scores of its rows, and (n,) its own decisions if it takes any."""

    rows: Sequence[PromptRow]
    languages: Sequence[str]
    scores: Floats
    decided: Flags | None

    @property
    def unsafe(self) -> Flags:
        """(n,)"""
        return np.array([row.unsafe is True for row in self.rows], dtype=np.bool_)

    @property
    def benign(self) -> Flags:
        """(n,)"""
        return np.array([row.unsafe is False for row in self.rows], dtype=np.bool_)


@dataclass(frozen=True, slots=True)
class Compared:
    """One filter on one set; None where it does not decide, or the set has no rows to tell it from.

    decided_*: by its own decision. fixed_*: at the threshold that 2 % of other benign prompts reach.
    """

    rows: int
    auroc: Estimate | None
    auprc: Estimate | None
    decided_recall: Estimate | None
    decided_false_alarms: Estimate | None
    fixed_recall: Estimate | None
    fixed_false_alarms: Estimate | None


def columns(prompts: PromptSet, judged: Sequence[Judged], peers: Sequence[Peer]) -> dict[str, Column]:
    """Who -> what they say. judged: the gate's answers, one per row."""
    table = tabulate(prompts, judged, None)
    answers = [answer for answer in judged if answer.action is not None]
    languages = dict(zip(prompts.rows, (answer.language for answer in judged), strict=True))
    alone = {
        f"{check} alone": Column(table.rows, table.languages, scores, None)
        for check, scores in check_scores(answers).items()
    }
    others = {peer.name: _column_of(peer, sample(prompts, peer.most_rows), languages) for peer in peers}
    return {GATE: Column(table.rows, table.languages, table.scores, table.levels[HELD]), **alone, **others}


def check_scores(judged: Sequence[Judged]) -> dict[str, Floats]:
    """The checks of CHECKS -> the gravest score of each prompt (n,); nothing for one that is not in force."""
    known = {signal.source for answer in judged[:1] for signal in answer.signals}
    return {name: np.array([_gravest(answer, name) for answer in judged]) for name in CHECKS if name in known}


def compare(column: Column, thresholds: Thresholds, standing_in: Column | None) -> Compared:
    """The figures of one filter. standing_in: the same filter on benign prompts, for a set that has none."""
    unsafe, benign = column.unsafe, column.benign
    against = column.scores[benign] if benign.any() or standing_in is None else standing_in.scores
    roc, precision = areas(column.scores[unsafe], against) if unsafe.any() and len(against) else (None, None)
    fixed = column.scores >= thresholds.at(RATE, column.languages)
    decided = column.decided
    return Compared(
        len(column.rows),
        roc,
        precision,
        *(None if decided is None else share(decided[rows]) for rows in (unsafe, benign)),
        *(share(fixed[rows]) for rows in (unsafe, benign)),
    )


def thresholds_of(benign: Mapping[str, Column], source: str) -> dict[str, Thresholds]:
    """Who -> their thresholds, set on benign prompts."""
    return {who: Thresholds.set_on(column.scores, column.languages, source) for who, column in benign.items()}


def _column_of(peer: Peer, prompts: PromptSet, languages: Mapping[PromptRow, str]) -> Column:
    spoken = [row.language or languages[row] for row in prompts.rows]
    scores = peer.scores(prompts.texts, spoken)
    return Column(prompts.rows, spoken, scores, scores >= peer.decides)


def _gravest(answer: Judged, source: str) -> float:
    return max(float(s.score) for s in answer.signals if s.source == source and isinstance(s.subject, Category))
