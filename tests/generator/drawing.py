"""The most likely drawing of given token ids, by the code that draws for everyone."""

import torch
from torch import Tensor

from generator.dalle_mini.code_board import CodeBoard
from generator.dalle_mini.config import DalleMiniConfig
from generator.dalle_mini.image_decoder import EncodedText
from generator.dalle_mini.sampling import SamplingSettings
from generator.dalle_mini.tokenizer import PAD
from generator.dalle_mini.transformer import DalleMiniTransformer


def _read(network: DalleMiniTransformer, row: Tensor) -> EncodedText:
    ids = row[row != PAD][None]
    return network.read(ids, torch.ones_like(ids, dtype=torch.bool))


def most_likely(
    network: DalleMiniTransformer, config: DalleMiniConfig, ids: Tensor, blank: Tensor, scale: float
) -> Tensor:
    """ids: (n, length); blank: (1, length), the empty prompt -> (n, image_length) codes with top_k=1."""
    settings = SamplingSettings(condition_scale=scale, top_k=1)
    board = CodeBoard(network.decoder, config, settings, places=len(ids), fixed=False)
    for number, row in enumerate(ids):
        texts = [_read(network, row), _read(network, blank[0])]
        board.enter(number, texts[: board.rows_each], seed=number)
    drawn: dict[int, Tensor] = {}
    while len(drawn) < len(ids):
        drawn |= {number: codes for number, codes in board.step().items() if codes is not None}
    return torch.stack([drawn[number] for number in range(len(ids))])
