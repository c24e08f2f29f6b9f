"""The most likely drawing of given token ids, by the code that draws for everyone."""

from torch import Tensor, cat

from generator.dalle_mini.config import DalleMiniConfig
from generator.dalle_mini.sampling import SamplingSettings, sample_codes
from generator.dalle_mini.tokenizer import PAD
from generator.dalle_mini.transformer import DalleMiniTransformer


def most_likely(
    network: DalleMiniTransformer, config: DalleMiniConfig, ids: Tensor, blank: Tensor, scale: float
) -> Tensor:
    """ids: (n, length); blank: (1, length), the empty prompt -> (n, image_length) codes with top_k=1."""
    rows = ids if scale == 1 else cat([ids, blank.expand_as(ids)])
    text = network.read(rows, rows != PAD)
    settings = SamplingSettings(condition_scale=scale, top_k=1)
    return sample_codes(network, config, text, range(len(ids)), settings, lambda _: None)
