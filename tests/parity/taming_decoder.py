"""The VQGAN decoder of PyPI taming-transformers 0.0.1 as the measure of ours.

python -m tests.parity.taming_decoder    writes tests/generator/golden/picture.npz
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import torch
from taming.modules.diffusionmodules.model import Decoder
from torch import Tensor
from torch.nn import functional

from generator.dalle_mini.config import VQGANConfig
from tests.parity.random_vqgan import KEYS, random_state

PICTURE = Path(__file__).parents[1] / "generator" / "golden" / "picture.npz"


def picture_of(config: VQGANConfig, state: dict[str, Tensor], codes: Tensor) -> Tensor:
    """(n, grid * grid) codes -> unclipped (n, 3, resolution, resolution), decoded by taming."""
    with redirect_stdout(sys.stderr):  # it tells its sizes
        decoder = Decoder(
            ch=config.ch,
            out_ch=config.out_ch,
            ch_mult=config.ch_mult,
            num_res_blocks=config.num_res_blocks,
            attn_resolutions=config.attn_resolutions,
            in_channels=3,
            resolution=config.resolution,
            z_channels=config.z_channels,
        )
    own = {name.removeprefix("decoder."): leaf for name, leaf in state.items() if name.startswith("decoder.")}
    decoder.load_state_dict(own)
    vectors = state["codebook.weight"][codes].reshape(len(codes), config.grid, config.grid, -1).permute(0, 3, 1, 2)
    latent = functional.conv2d(vectors, state["post_quant_conv.weight"], state["post_quant_conv.bias"])
    with torch.inference_mode():
        picture: Tensor = decoder.eval()(latent)
    return picture


if __name__ == "__main__":
    config = VQGANConfig.from_keys(KEYS)
    codes = torch.from_numpy(np.random.RandomState(1).randint(0, config.n_embed, (2, config.grid**2)))
    np.savez_compressed(PICTURE, codes=codes, picture=picture_of(config, random_state(config), codes))
