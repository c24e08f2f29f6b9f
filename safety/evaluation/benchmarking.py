"""Measures many sets of prompts: the gate's figures on each, and everybody's beside each other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from safety.evaluation.comparison import GATE, Column, Compared, columns, compare
from safety.evaluation.gate import Judged
from safety.evaluation.peers import Peer
from safety.evaluation.prompt_rows import PromptSet
from safety.evaluation.scorecard import Against, Scorecard, measure
from safety.evaluation.thresholds import Thresholds

Judge = Callable[[PromptSet], list[Judged]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One set: its figures, and everybody's beside each other."""

    prompts: PromptSet
    judged: Sequence[Judged]
    card: Scorecard
    compared: Mapping[str, Compared]


def measure_all(
    sets: Sequence[PromptSet],
    judge: Judge,
    thresholds: Thresholds,
    beside: Mapping[str, Thresholds],
    peers: Sequence[Peer],
) -> list[Measured]:
    """Every set in order. thresholds: of the scorecard; beside: everybody's, for the comparison.

    The first set that is benign throughout stands in where a set has no benign rows.
    """
    answers = {prompts.name: judge(prompts) for prompts in sets}
    told = {prompts.name: columns(prompts, answers[prompts.name], peers) for prompts in sets}
    harmless = next((prompts.name for prompts in sets if _is_benign(prompts)), None)
    standing_in = told.get(harmless or "", {})
    against = Against(harmless, standing_in[GATE].scores) if harmless else None
    return [
        Measured(
            prompts,
            answers[prompts.name],
            measure(prompts, answers[prompts.name], thresholds, against),
            _compared(told[prompts.name], beside, standing_in),
        )
        for prompts in sets
    ]


def _compared(
    told: Mapping[str, Column], beside: Mapping[str, Thresholds], standing_in: Mapping[str, Column]
) -> dict[str, Compared]:
    return {who: compare(column, beside[who], standing_in.get(who)) for who, column in told.items()}


def _is_benign(prompts: PromptSet) -> bool:
    return all(row.unsafe is False for row in prompts.rows)
