"""One number for what the prompt gate thinks of a prompt."""

from collections.abc import Sequence

from policies.signals import Category, Signal

BLOCKLIST = "blocklist"
CLEAR_TERM = 0.8  # blocklist terms from here on are refused or reviewed by themselves; others are hints
LEAST_SHARE = 0.8  # of a clear term's score: one of 1 stays above what 1 % of harmless prompts reach, in any language


def gate_score(signals: Sequence[Signal]) -> float:
    """How unsafe a prompt is to the gate as a whole, in [0, 1]: the gravest signal, the blocklist's hints counted half.

    Among prompts with clear terms the other checks set the order: a term keeps LEAST_SHARE of its score where they find
    nothing, and all of it where they are sure.
    Raises ValueError when no check has reported a category.
    """
    told = [signal for signal in signals if isinstance(signal.subject, Category)]
    others = [float(signal.score) for signal in told if signal.source != BLOCKLIST]
    sure = max(others, default=0.0)
    return max([*others, *(_weight(float(signal.score), sure) for signal in told if signal.source == BLOCKLIST)])


def _weight(score: float, sure: float) -> float:
    return score * (LEAST_SHARE + (1 - LEAST_SHARE) * sure) if score >= CLEAR_TERM else score / 2
