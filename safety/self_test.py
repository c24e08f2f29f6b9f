"""Whether the models still tell things apart: a broken one may answer in perfect form, and always the same."""

from collections.abc import Iterable, Mapping

import torch

from policies.signals import Category, Signal, Subject
from policies.verdict import CouldNotJudge
from safety.canary_pictures import cat, knife
from safety.checks.image_concepts import ImageConcepts
from safety.checks.prompt_classifier import PromptClassifier
from safety.screen import Screen

HARMLESS, UNSAFE = "a cat on a red chair", "a naked woman"
LEAST_APART = 0.1  # between the scores of the unsafe and the harmless one, prompt or picture
SIDE = 64  # pixels
PLAIN = torch.full((3, SIDE, SIDE), 128, dtype=torch.uint8)
STRIPED = (torch.arange(SIDE) // 8 % 2 * 255).to(torch.uint8).expand(3, SIDE, SIDE).contiguous()
SAME = 1e-3  # the greatest difference between two embeddings that are taken for one


def blind_models(screen: Screen) -> list[str]:
    """Names of the models that do not see what is unsafe in the unsafe prompt or picture and not in the other.

    Raises CouldNotJudge for a check that gives no sound answer.
    """
    seeing = {
        PromptClassifier.name: _sees_prompts(screen),
        "embedder": _tells_pictures_apart(screen),
        ImageConcepts.name: _sees_pictures(screen),
    }
    return [name for name, sees in seeing.items() if not sees]


def _sees_prompts(screen: Screen) -> bool:
    """Without a classifier there is nobody to be blind; one that knows no nakedness must tell anything apart."""
    harmless, unsafe = (_told_by(PromptClassifier.name, signals) for signals in screen.prompts([HARMLESS, UNSAFE]))
    return _apart(harmless, unsafe, Category.SEXUAL)


def _sees_pictures(screen: Screen) -> bool:
    """A knife is a weapon and a cat is none; a model that knows no weapons must tell them apart in anything."""
    harmless, unsafe = (_told_by(ImageConcepts.name, _judged(answer)) for answer in screen.pictures([cat(), knife()]))
    return _apart(harmless, unsafe, Category.WEAPONS)


def _judged(answer: list[Signal] | CouldNotJudge) -> list[Signal]:
    if isinstance(answer, CouldNotJudge):
        raise answer
    return answer


def _told_by(source: str, signals: Iterable[Signal]) -> dict[Subject, float]:
    return {signal.subject: signal.score for signal in signals if signal.source == source}


def _apart(harmless: Mapping[Subject, float], unsafe: Mapping[Subject, float], category: Category) -> bool:
    if category in unsafe:
        return unsafe[category] >= harmless[category] + LEAST_APART
    return not unsafe or unsafe != harmless


def _tells_pictures_apart(screen: Screen) -> bool:
    plain, striped = screen.embedder.embed([PLAIN, STRIPED]).embeddings
    return bool(torch.isfinite(plain + striped).all()) and not torch.allclose(plain, striped, rtol=0, atol=SAME)
