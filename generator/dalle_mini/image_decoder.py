"""The picture half of DALL-E Mini: encoded text and the codes so far -> logits of the next code."""

from dataclasses import dataclass
from typing import Self, cast

import torch
from torch import Tensor, nn

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.layers import GLU, LAYER_NORM_EPS, Attention, BiasNorm, Embedding, KeyValue


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """What every step attends to: keys and values of the text per layer, computed once per prompt.

    mask: bool (n, 1, 1, text length), true at real tokens.
    """

    layers: list[KeyValue]
    mask: Tensor

    def rows(self, index: Tensor) -> Self:
        """One row per entry of index: pictures of the same prompt share its keys and values."""
        return type(self)([(key[index], value[index]) for key, value in self.layers], self.mask[index])


class CodeCache:
    """Keys and values of the codes drawn so far, in memory taken once for the whole picture."""

    def __init__(self, config: TransformerConfig, rows: int, dtype: torch.dtype) -> None:
        heads = config.decoder_attention_heads
        shape = (config.decoder_layers, 2, rows, heads, config.image_length, config.d_model // heads)
        self._held = torch.zeros(shape, dtype=dtype)

    def append(self, layer: int, position: int, new: KeyValue) -> KeyValue:
        """Keep one position's key and value; give back all up to and with it."""
        keys, values = self._held[layer]
        keys[:, :, position : position + 1] = new[0]
        values[:, :, position : position + 1] = new[1]
        return keys[:, :, : position + 1], values[:, :, : position + 1]


class _DecoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.self_attn_ln_pre = BiasNorm(config.d_model)
        self.self_attn = Attention(config.d_model, config.decoder_attention_heads)
        self.self_attn_ln_post = nn.LayerNorm(config.d_model, LAYER_NORM_EPS)
        self.cross_attn_ln_pre = BiasNorm(config.d_model)
        self.cross_attn = Attention(config.d_model, config.decoder_attention_heads)
        self.cross_attn_ln_post = nn.LayerNorm(config.d_model, LAYER_NORM_EPS)
        self.ffn = GLU(config.d_model, config.decoder_ffn_dim)

    def _after_self_attention(self, x: Tensor, text: KeyValue, mask: Tensor) -> Tensor:
        attended = self.cross_attn(self.cross_attn_ln_pre(x), text, mask)
        x = x + self.cross_attn_ln_post(attended)
        fed: Tensor = x + self.ffn(x)
        return fed

    def forward(self, x: Tensor, text: KeyValue, mask: Tensor) -> Tensor:
        hidden = self.self_attn_ln_pre(x)
        attended = self.self_attn(hidden, self.self_attn.key_value(hidden), causal=True)
        return self._after_self_attention(x + self.self_attn_ln_post(attended), text, mask)

    def step(self, x: Tensor, text: KeyValue, mask: Tensor, cache: CodeCache, layer: int, position: int) -> Tensor:
        hidden = self.self_attn_ln_pre(x)
        held = cache.append(layer, position, self.self_attn.key_value(hidden))
        attended = self.self_attn(hidden, held)
        return self._after_self_attention(x + self.self_attn_ln_post(attended), text, mask)


class ImageDecoder(nn.Module):
    """An autoregressive decoder over picture codes (borisdayma/dalle-mini, modeling.py, FlaxBartDecoder)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        outputs = config.image_vocab_size + 1  # one more: the start token
        self.embedding = Embedding(outputs, config.image_length, config.d_model)
        self.layers = nn.ModuleList(_DecoderLayer(config) for _ in range(config.decoder_layers))
        self.final_ln = BiasNorm(config.d_model)
        self.lm_head = nn.Linear(config.d_model, outputs, bias=False)

    def _stack(self) -> list[_DecoderLayer]:
        return cast("list[_DecoderLayer]", list(self.layers))

    def read(self, states: Tensor, visible: Tensor) -> EncodedText:
        """states: (n, length, d_model) of the text encoder; visible: bool (n, length)."""
        pairs = [layer.cross_attn.key_value(states) for layer in self._stack()]
        return EncodedText(pairs, visible[:, None, None, :])

    def forward(self, codes: Tensor, text: EncodedText) -> Tensor:
        """codes: (n, length), the start token first -> logits (n, length, image_vocab_size + 1)."""
        x = self.embedding(codes)
        for layer, pair in zip(self._stack(), text.layers, strict=True):
            x = layer(x, pair, text.mask)
        logits: Tensor = self.lm_head(self.final_ln(x))
        return logits

    def step(self, code: Tensor, position: int, text: EncodedText, cache: CodeCache) -> Tensor:
        """code: (n,) the previous one, at position 0 the start token -> logits (n, image_vocab_size + 1)."""
        x = self.embedding(code[:, None], position)
        for index, (layer, pair) in enumerate(zip(self._stack(), text.layers, strict=True)):
            x = layer.step(x, pair, text.mask, cache, index, position)
        logits: Tensor = self.lm_head(self.final_ln(x))
        return logits[:, 0]
