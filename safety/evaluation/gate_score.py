"""One number for what the prompt gate thinks of a prompt."""

from collections.abc import Iterable

from policies.signals import Category, Signal

BLOCKLIST = "blocklist"
CLEAR_TERM = 0.8  # blocklist terms from here on are refused or reviewed by themselves; others are hints


def gate_score(signals: Iterable[Signal]) -> float:
    """How unsafe a prompt is to the gate as a whole, in [0, 1]: the gravest signal, the blocklist's hints counted half.

    Raises ValueError when no check has reported a category.
    """
    return max(_weight(signal) for signal in signals if isinstance(signal.subject, Category))


def _weight(signal: Signal) -> float:
    is_hint = signal.source == BLOCKLIST and signal.score < CLEAR_TERM
    return float(signal.score) / 2 if is_hint else float(signal.score)
