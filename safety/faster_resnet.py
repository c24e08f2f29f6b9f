"""A CLIP ResNet made faster for looking at pictures; what it answers stays the same.

Batch norms are folded into the convolutions before them, and attention pooling multiplies once for its one question
instead of once for every place in the picture.
"""

import torch
from open_clip.modified_resnet import AttentionPool2d, Bottleneck, ModifiedResNet
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

NORMALISED_CONVOLUTIONS = (1, 2, 3)  # of a stem and of every block: conv1 with bn1, and so on


def make_faster(model: nn.Module) -> nn.Module:
    """The model in eval mode, changed where it holds a CLIP ResNet: for inference only, and no longer to be saved."""
    for part in [*model.modules()]:
        if isinstance(part, ModifiedResNet | Bottleneck):
            _fold_batch_norms(part)
        if isinstance(part, ModifiedResNet) and isinstance(part.attnpool, AttentionPool2d):
            part.attnpool = OneQuestionPool(part.attnpool)
    return model


def _fold_batch_norms(part: nn.Module) -> None:
    for number in NORMALISED_CONVOLUTIONS:
        _fold(part, f"conv{number}", f"bn{number}")
    if downsample := getattr(part, "downsample", None):
        _fold(downsample, "0", "1")


def _fold(part: nn.Module, convolution: str, norm: str) -> None:
    plain, normalised = part.get_submodule(convolution), part.get_submodule(norm)
    if not isinstance(plain, nn.Conv2d) or not isinstance(normalised, nn.BatchNorm2d):
        raise TypeError(f"{convolution} and {norm} are no convolution with its normalisation")
    setattr(part, convolution, fuse_conv_bn_eval(plain, normalised))
    setattr(part, norm, nn.Identity())


class OneQuestionPool(nn.Module):
    """CLIP's attention pooling (Radford et al., 2021), whose one question is the mean over all places.

    With one question q, q . (K x) = (K^T q) . x, and the weighted mean of V x is V of the weighted mean of x: neither
    keys nor values of the places are worked out. The keys' bias adds the same to every place and so changes no weight.
    """

    def __init__(self, pool: AttentionPool2d) -> None:
        super().__init__()
        self._heads, width = pool.num_heads, pool.k_proj.in_features
        self._size = width // self._heads
        self._place, self._question, self._out = pool.positional_embedding, pool.q_proj, pool.c_proj
        self._keys = pool.k_proj.weight.view(self._heads, self._size, width)
        self._values = pool.v_proj.weight.view(self._heads, self._size, width).transpose(1, 2)
        self._values_bias = pool.v_proj.bias.view(self._heads, 1, self._size)

    def forward(self, features: Tensor) -> Tensor:
        """(n, width, height, width of the map) -> (n, out)."""
        places = features.flatten(2).transpose(1, 2)
        places = torch.cat([places.mean(1, keepdim=True), places], 1) + self._place
        questions = self._question(places[:, 0]) * self._size**-0.5
        by_head = questions.view(-1, self._heads, self._size).transpose(0, 1)
        weights = ((by_head @ self._keys).transpose(0, 1) @ places.transpose(1, 2)).softmax(-1)
        seen = (weights @ places).transpose(0, 1) @ self._values + self._values_bias
        pooled: Tensor = self._out(seen.transpose(0, 1).flatten(1))
        return pooled
