"""Lays loaded networks out for drawing on a device: products joined, half precision where that is faster.

Afterwards a network draws and can no longer be saved or trained.
"""

from typing import cast

import torch
from torch import Tensor, nn

from generator.dalle_mini.layers import GLU, Attention
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder

WIDE = 512  # from this d_model on the products outweigh the conversions on a processor
PACKED_FROM = 256  # d_model of dalle-nano, whose steps take 15 % less; a packed product costs more to call
USUAL_ROWS = 32  # what the processor's library lays the weights out for; others work


def best_device() -> torch.device:
    """The first CUDA device, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def half_pays(device: torch.device, d_model: int) -> bool:
    """Whether bfloat16 is faster: on a GPU, and on processors that multiply it themselves."""
    if device.type == "cuda":
        return True
    return d_model >= WIDE and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


class PackedLinear(nn.Module):
    """A linear map whose weight lies in the order that the processor reads it; float32 in and out.

    As nn.Linear has it, the library copies a weight into that order for every product of a few rows.
    """

    def __init__(self, weight: Tensor, dtype: torch.dtype) -> None:
        """dtype: of the weight and of what it is multiplied with: float32 or bfloat16."""
        super().__init__()
        self._dtype = dtype
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight.to(dtype), USUAL_ROWS)

    def forward(self, x: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(x.to(self._dtype), self._weight, None, "none", [], "")
        return product.float()


def pack(network: nn.Module, dtype: torch.dtype) -> None:
    """Put packed maps in place of all linear ones, one after the other, so that no second copy piles up."""
    for name, child in list(network.named_children()):
        if isinstance(child, nn.Linear):
            setattr(network, name, PackedLinear(child.weight, dtype))
        else:
            pack(child, dtype)


def packing_pays(d_model: int) -> bool:
    """Whether the weights are so large that reading them takes time, and the library is there."""
    return d_model >= PACKED_FROM and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]


def _join(network: DalleMiniTransformer) -> None:
    for module in list(network.modules()):
        if isinstance(module, GLU):
            module.join()
    for layer in [*network.encoder.layers, *network.decoder.layers]:
        cast("Attention", layer.self_attn).join()


def lay_out_transformer(network: DalleMiniTransformer, device: torch.device, half: bool) -> None:
    """Join, then convert."""
    _join(network)
    if device.type != "cpu":
        network.to(torch.bfloat16 if half else torch.float32)
    elif half or packing_pays(network.decoder.embedding.embed_tokens.embedding_dim):
        pack(network, torch.bfloat16 if half else torch.float32)
    network.to(device)


def lay_out_vqgan(network: VQGANDecoder, device: torch.device, half: bool) -> None:
    """Channels last is the order in which convolutions are fastest."""
    network.to(device, torch.bfloat16 if half else torch.float32)
    network.to(memory_format=torch.channels_last)
