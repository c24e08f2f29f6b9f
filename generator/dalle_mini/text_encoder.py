"""The text half of DALL-E Mini: token ids -> one state per token."""

from torch import Tensor, nn

from generator.dalle_mini.config import TransformerConfig
from generator.dalle_mini.layers import GLU, LAYER_NORM_EPS, Attention, BiasNorm, Embedding


class _EncoderLayer(nn.Module):
    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.self_attn_ln_pre = BiasNorm(config.d_model)
        self.self_attn = Attention(config.d_model, config.encoder_attention_heads)
        self.self_attn_ln_post = nn.LayerNorm(config.d_model, LAYER_NORM_EPS)
        self.ffn = GLU(config.d_model, config.encoder_ffn_dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, pair = self.self_attn.project(self.self_attn_ln_pre(x))
        x = x + self.self_attn_ln_post(self.self_attn.mix(query, pair, mask))
        fed: Tensor = x + self.ffn(x)
        return fed


class TextEncoder(nn.Module):
    """A BART-like encoder with NormFormer norms (borisdayma/dalle-mini, modeling.py, FlaxBartEncoder)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.embedding = Embedding(config.encoder_vocab_size, config.max_text_length, config.d_model)
        self.layers = nn.ModuleList(_EncoderLayer(config) for _ in range(config.encoder_layers))
        self.final_ln = BiasNorm(config.d_model)

    def forward(self, ids: Tensor, visible: Tensor) -> Tensor:
        """ids, visible: (n, length), visible false at padding -> (n, length, d_model)."""
        x = self.embedding(ids)
        mask = visible[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        states: Tensor = self.final_ln(x)
        return states
