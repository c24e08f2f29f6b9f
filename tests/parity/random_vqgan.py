"""A VQGAN decoder with random weights: ours and taming's get the same."""

from typing import Any

import torch
from torch import Tensor

from generator.dalle_mini.config import VQGANConfig
from generator.dalle_mini.vqgan import VQGANDecoder
from tests.parity.random_weights import random_leaves

KEYS: dict[str, Any] = {  # of the golden picture; taming's norms have 32 groups
    "ch": 32,
    "ch_mult": [1, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [8],
    "resolution": 16,
    "z_channels": 8,
    "embed_dim": 4,
    "n_embed": 64,
}


def random_state(config: VQGANConfig) -> dict[str, Tensor]:
    """All tensors, under our names."""
    with torch.device("meta"):
        shapes = {name: tuple(tensor.shape) for name, tensor in VQGANDecoder(config).state_dict().items()}
    return {name: torch.from_numpy(leaf) for name, leaf in random_leaves(shapes, 0).items()}


def random_vqgan(config: VQGANConfig) -> VQGANDecoder:
    """Ours."""
    network = VQGANDecoder(config)
    network.load_state_dict(random_state(config))
    return network.eval().requires_grad_(False)


def unclipped(network: VQGANDecoder, codes: Tensor) -> Tensor:
    """(n, grid * grid) codes -> (n, 3, resolution, resolution) before anything is cut or rounded."""
    vectors = network.codebook(codes).unflatten(1, (network.grid, network.grid))
    return network.decode_latent(vectors.permute(0, 3, 1, 2))
