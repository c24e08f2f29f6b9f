"""Muon for convolutions: momentum whose update is made orthogonal (K. Jordan et al., 2024)."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # quintic coefficients of the reference implementation


def orthogonalise(matrix: Tensor, steps: int = 5) -> Tensor:
    """The nearest (semi-)orthogonal matrix, roughly: singular values in about 0.7 to 1.2."""
    a, b, c = NEWTON_SCHULZ
    tall = matrix.shape[0] > matrix.shape[1]
    x: Tensor = (matrix.T if tall else matrix).bfloat16()
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    found: Tensor = x.T if tall else x
    return found.to(matrix.dtype)


class ConvMuon(torch.optim.Optimizer):
    """torch.optim.Muon takes matrices only; a convolution kernel is one too, (out, in * height * width)."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.9, decay: float = 0.01) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, float]) -> None:
        state = self.state[parameter]
        velocity = state.setdefault("velocity", torch.zeros_like(parameter))
        velocity.lerp_(gradient, 1 - group["momentum"])
        nesterov = gradient.lerp(velocity, group["momentum"])
        matrix = nesterov.reshape(len(parameter), -1)
        rows, columns = matrix.shape
        step = orthogonalise(matrix).view_as(parameter) * max(1.0, rows / columns) ** 0.5
        parameter.mul_(1 - group["lr"] * group["decay"]).add_(step, alpha=-group["lr"])
