"""The picture half of DALL-E Mini: encoded text and the codes so far -> logits of the next code."""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.layers import GLU, LAYER_NORM_EPS, Attention, BiasNorm, Embedding, KeyValue


@dataclass(frozen=True, slots=True, eq=False)
class EncodedText:
    """What every step attends to: keys and values of the text per layer, computed once per prompt.

    layers: (layers, 2, n, heads, text length, head_dim). mask: bool (n, 1, 1, text length), true at real tokens.
    """

    layers: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What one step of the first rows of a memory sees. Masks are added to the logits of attention."""

    positions: Tensor  # (rows,): where each row's newest code stands
    codes: Tensor  # (layers, 2, rows, heads, codes, head_dim)
    codes_mask: Tensor  # (rows, 1, 1, codes)
    texts: Tensor  # (layers, 2, rows, heads, tokens, head_dim)
    texts_mask: Tensor  # (rows, 1, 1, tokens)

    def append(self, layer: int, new: KeyValue) -> KeyValue:
        """Keep every row's key and value of its position; give back all that its mask lets it see."""
        keys, values = self.codes[layer]
        rows = torch.arange(len(self.positions), device=self.positions.device)
        keys[rows, :, self.positions] = new[0][:, :, 0]
        values[rows, :, self.positions] = new[1][:, :, 0]
        return keys, values

    def text(self, layer: int) -> KeyValue:
        """Keys and values of every row's prompt."""
        keys, values = self.texts[layer]
        return keys, values


class Memory:
    """Keys and values of the prompts and of the codes drawn so far, row by row, in memory taken once.

    Rows know nothing of each other: each has its own prompt and its own position.
    """

    def __init__(self, config: TransformerConfig, rows: int, like: Tensor) -> None:
        """like: has the device and the precision."""
        heads, length = config.decoder_attention_heads, config.image_length
        shape = (config.decoder_layers, 2, rows, heads)
        self.codes = like.new_zeros(*shape, length, config.d_model // heads)
        self._texts = like.new_zeros(*shape, config.max_text_length, config.d_model // heads)
        self._tokens = torch.ones(rows, dtype=torch.long, device=like.device)
        self.positions = torch.zeros(rows, dtype=torch.long, device=like.device)

    def start(self, row: int, text: EncodedText) -> None:
        """A row begins anew. text: of one prompt, without padding."""
        tokens = text.mask.shape[-1]
        self._texts[:, :, row, :, :tokens] = text.layers[:, :, 0]
        self._tokens[row] = tokens
        self.positions[row] = 0

    def move(self, source: slice, target: slice) -> None:
        """Copy rows to others."""
        for held in (self.codes, self._texts):
            held[:, :, target] = held[:, :, source]
        for held in (self._tokens, self.positions):
            held[target] = held[source]

    def clear(self, rows: slice) -> None:
        """Forget all numbers of rows, where some are not finite: a mask hides any others."""
        for held in (self.codes, self._texts):
            held[:, :, rows] = 0

    def window(self, rows: int, codes: int, tokens: int) -> Window:
        """The first rows, with the first codes and tokens of each: no row may be further than that."""
        positions = self.positions[:rows]
        return Window(
            positions,
            self.codes[:, :, :rows, :, :codes],
            self._mask(positions + 1, codes),
            self._texts[:, :, :rows, :, :tokens],
            self._mask(self._tokens[:rows], tokens),
        )

    def _mask(self, visible: Tensor, width: int) -> Tensor:
        hidden = torch.arange(width, device=visible.device) >= visible[:, None]
        mask = torch.zeros(hidden.shape, dtype=self.codes.dtype, device=visible.device)
        return mask.masked_fill_(hidden, -torch.inf)[:, None, None]


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
        query = self.cross_attn.query(self.cross_attn_ln_pre(x))
        x = x + self.cross_attn_ln_post(self.cross_attn.mix(query, text, mask))
        fed: Tensor = x + self.ffn(x)
        return fed

    def forward(self, x: Tensor, text: KeyValue, mask: Tensor) -> Tensor:
        query, pair = self.self_attn.project(self.self_attn_ln_pre(x))
        attended = self.self_attn.mix(query, pair, causal=True)
        return self._after_self_attention(x + self.self_attn_ln_post(attended), text, mask)

    def step(self, x: Tensor, window: Window, layer: int) -> Tensor:
        query, pair = self.self_attn.project(self.self_attn_ln_pre(x))
        attended = self.self_attn.mix(query, window.append(layer, pair), window.codes_mask)
        x = x + self.self_attn_ln_post(attended)
        return self._after_self_attention(x, window.text(layer), window.texts_mask)


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
        pairs = [torch.stack(layer.cross_attn.key_value(states)) for layer in self._stack()]
        return EncodedText(torch.stack(pairs), visible[:, None, None, :])

    def _logits(self, x: Tensor) -> Tensor:
        logits: Tensor = self.lm_head(self.final_ln(x)).float()
        return logits

    def forward(self, codes: Tensor, text: EncodedText) -> Tensor:
        """codes: (n, length), the start token first -> logits (n, length, image_vocab_size + 1)."""
        x = self.embedding(codes)
        for layer, (key, value) in zip(self._stack(), text.layers, strict=True):
            x = layer(x, (key, value), text.mask)
        return self._logits(x)

    def step(self, codes: Tensor, window: Window) -> Tensor:
        """codes: (rows,) each row's previous one, at position 0 the start token -> (rows, image_vocab_size + 1)."""
        x = self.embedding(codes[:, None], window.positions[:, None])
        for index, layer in enumerate(self._stack()):
            x = layer.step(x, window, index)
        return self._logits(x)[:, 0]
