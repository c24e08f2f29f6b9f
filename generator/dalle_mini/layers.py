"""What the two halves of the transformer share: bias-only norm, attention, gated feed-forward."""

import torch
from torch import Tensor, nn
from torch.nn import functional

LAYER_NORM_EPS = 1e-5

KeyValue = tuple[Tensor, Tensor]  # each (n, heads, length, head_dim)


class BiasNorm(nn.Module):
    """LayerNorm without a scale: the checkpoints hold only its bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, self.bias.shape, eps=LAYER_NORM_EPS) + self.bias


class Attention(nn.Module):
    """Multi-head attention without biases; logits scaled by head_dim^-0.5."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def key_value(self, source: Tensor) -> KeyValue:
        """(n, length, width) -> what queries attend to."""
        return self._split(self.k_proj(source)), self._split(self.v_proj(source))

    def forward(self, x: Tensor, attended: KeyValue, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """x: (n, queries, width). mask: bool, for (n, heads, queries, keys), true where visible."""
        mixed = functional.scaled_dot_product_attention(
            self._split(self.q_proj(x)), *attended, attn_mask=mask, is_causal=causal
        )
        projected: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return projected


class GLU(nn.Module):
    """Feed-forward with a GELU gate (Shazeer 2020) and a norm in the middle (NormFormer, 2021)."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.ln_in = BiasNorm(width)
        self.wi_gate = nn.Linear(width, hidden, bias=False)
        self.wi_up = nn.Linear(width, hidden, bias=False)
        self.ln_mid = BiasNorm(hidden)
        self.wo = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln_in(x)
        projected: Tensor = self.wo(self.ln_mid(functional.gelu(self.wi_gate(x)) * self.wi_up(x)))
        return projected


class Embedding(nn.Module):
    """Token plus learnt position, then LayerNorm."""

    def __init__(self, vocabulary: int, positions: int, width: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.embed_positions = nn.Embedding(positions, width)
        self.layernorm_embedding = nn.LayerNorm(width, LAYER_NORM_EPS)

    def forward(self, ids: Tensor, start: int = 0) -> Tensor:
        """(n, length) ids of the positions start, start + 1, ... -> (n, length, width)."""
        positions = self.embed_positions.weight[start : start + ids.shape[1]]
        embedded: Tensor = self.layernorm_embedding(self.embed_tokens(ids) + positions)
        return embedded
