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


def attend(query: Tensor, attended: KeyValue, mask: Tensor | None, causal: bool = False) -> Tensor:
    """query: (n, heads, queries, head_dim); mask: for (n, heads, queries, keys), bool or added to the logits.

    A single query on a processor takes two products: the fused kernel there is slower for it, and on two threads its
    last bits depend on the other rows.
    """
    if query.shape[2] > 1 or query.is_cuda or mask is None:
        return functional.scaled_dot_product_attention(query, *attended, attn_mask=mask, is_causal=causal)
    keys, values = attended
    logits = query @ keys.transpose(-1, -2) * query.shape[-1] ** -0.5
    mixed: Tensor = (logits + mask).softmax(-1) @ values
    return mixed


def joined(*maps: nn.Linear) -> nn.Linear:
    """Linear maps of the same input as one, their outputs side by side."""
    with torch.device("meta"):
        one = nn.Linear(maps[0].in_features, sum(one.out_features for one in maps), bias=False)
    one.weight = nn.Parameter(torch.cat([one.weight for one in maps]), requires_grad=False)
    return one


class Attention(nn.Module):
    """Multi-head attention without biases; logits scaled by head_dim^-0.5."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)
        self.qkv_proj: nn.Module | None = None

    def join(self) -> None:
        """Project queries, keys and values of the same input in one product, from now on."""
        self.qkv_proj = joined(self.q_proj, self.k_proj, self.v_proj)
        del self.q_proj, self.k_proj, self.v_proj

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def query(self, x: Tensor) -> Tensor:
        """(n, queries, width) -> (n, heads, queries, head_dim)."""
        return self._split(self.q_proj(x))

    def key_value(self, source: Tensor) -> KeyValue:
        """(n, length, width) -> what queries attend to."""
        return self._split(self.k_proj(source)), self._split(self.v_proj(source))

    def project(self, x: Tensor) -> tuple[Tensor, KeyValue]:
        """Queries, and keys with values, of the same input."""
        if self.qkv_proj is None:
            return self.query(x), self.key_value(x)
        query, key, value = (self._split(part) for part in self.qkv_proj(x).chunk(3, -1))
        return query, (key, value)

    def mix(self, query: Tensor, attended: KeyValue, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """Attend (masks as in `attend`) -> (n, queries, width)."""
        mixed = attend(query, attended, mask, causal)
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
        self.wi: nn.Module | None = None

    def join(self) -> None:
        """Both maps of the input in one product, from now on."""
        self.wi = joined(self.wi_gate, self.wi_up)
        del self.wi_gate, self.wi_up

    def _gate_and_up(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.wi is None:
            return self.wi_gate(x), self.wi_up(x)
        gate, up = self.wi(x).chunk(2, -1)
        return gate, up

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self._gate_and_up(self.ln_in(x))
        projected: Tensor = self.wo(self.ln_mid(functional.gelu(gate) * up))
        return projected


class Embedding(nn.Module):
    """Token plus learnt position, then LayerNorm."""

    def __init__(self, vocabulary: int, positions: int, width: int) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(vocabulary, width)
        self.embed_positions = nn.Embedding(positions, width)
        self.layernorm_embedding = nn.LayerNorm(width, LAYER_NORM_EPS)

    def forward(self, ids: Tensor, positions: Tensor | None = None) -> Tensor:
        """(n, length) ids and where they stand, by default from 0 on -> (n, length, width)."""
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        embedded: Tensor = self.layernorm_embedding(self.embed_tokens(ids) + self.embed_positions(positions))
        return embedded
