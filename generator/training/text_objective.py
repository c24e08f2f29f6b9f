"""A training aid for the text encoder: name what the caption speaks of. Nothing of it ships."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.training.backgrounds import COLOURS, PLACES
from generator.training.scenes import Scene

_BACKGROUNDS = (*COLOURS, *PLACES)


def text_targets(scenes: Sequence[Scene], concepts: int) -> Tensor:
    """(n, 4): first thing, second thing (or `concepts` for none), background, how many less one."""
    return torch.tensor(
        [
            (
                scene.things[0].concept.index,
                scene.things[1].concept.index if len(scene.things) > 1 else concepts,
                _BACKGROUNDS.index(scene.background),
                len(scene.things) - 1,
            )
            for scene in scenes
        ]
    )


class TextObjective(nn.Module):
    """Linear heads on the mean of the token states."""

    def __init__(self, width: int, concepts: int) -> None:
        super().__init__()
        sizes = (concepts, concepts + 1, len(_BACKGROUNDS), 3)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in sizes)

    def _logits(self, states: Tensor, visible: Tensor) -> list[Tensor]:
        weights = visible.float()
        pooled = (states.float() * weights[..., None]).sum(1) / weights.sum(1, keepdim=True)
        return [head(pooled) for head in self.heads]

    def forward(self, states: Tensor, visible: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy. states: (n, length, width); targets: text_targets."""
        logits = self._logits(states, visible)
        losses = [functional.cross_entropy(each, targets[:, column]) for column, each in enumerate(logits)]
        return torch.stack(losses).mean()

    def accuracy(self, states: Tensor, visible: Tensor, targets: Tensor) -> list[float]:
        """Share right, per head."""
        logits = self._logits(states, visible)
        return [float((each.argmax(1) == targets[:, column]).float().mean()) for column, each in enumerate(logits)]
