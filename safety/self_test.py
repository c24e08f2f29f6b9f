"""Whether the models still tell things apart: a broken one may answer in perfect form, and always the same."""

from collections.abc import Iterable

import torch

from policies.signals import Category, Signal, Subject
from safety.checks.prompt_classifier import PromptClassifier
from safety.screen import Screen

HARMLESS, UNSAFE = "a cat on a red chair", "a naked woman"
LEAST_APART = 0.1  # between the scores of these two for nakedness
SIDE = 64  # pixels
PLAIN = torch.full((3, SIDE, SIDE), 128, dtype=torch.uint8)
STRIPED = (torch.arange(SIDE) // 8 % 2 * 255).to(torch.uint8).expand(3, SIDE, SIDE).contiguous()
SAME = 1e-3  # the greatest difference between two embeddings that are taken for one


def blind_models(screen: Screen) -> list[str]:
    """Names of the models that see no difference between the unsafe prompt and the other, or between two pictures.

    Raises CouldNotJudge for a check that gives no sound answer.
    """
    seeing = {PromptClassifier.name: _sees_prompts(screen), "embedder": _sees_pictures(screen)}
    return [name for name, sees in seeing.items() if not sees]


def _sees_prompts(screen: Screen) -> bool:
    """Without a classifier there is nobody to be blind; one that knows no nakedness must tell anything apart."""
    harmless, unsafe = (_told(signals) for signals in screen.prompts([HARMLESS, UNSAFE]))
    if Category.SEXUAL in unsafe:
        return unsafe[Category.SEXUAL] >= harmless[Category.SEXUAL] + LEAST_APART
    return not unsafe or unsafe != harmless


def _told(signals: Iterable[Signal]) -> dict[Subject, float]:
    return {signal.subject: signal.score for signal in signals if signal.source == PromptClassifier.name}


def _sees_pictures(screen: Screen) -> bool:
    plain, striped = screen.embedder.embed([PLAIN, STRIPED]).embeddings
    return bool(torch.isfinite(plain + striped).all()) and not torch.allclose(plain, striped, rtol=0, atol=SAME)
