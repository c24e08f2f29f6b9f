"""The settings of both networks, read from the released config.json files with their original keys."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator


class UnsupportedConfig(Exception):
    """A config.json asks for an architecture that this code does not implement, or makes no sense."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a config.json.

        Raises UnsupportedConfig naming the file and every key that is missing, wrong or not implemented.
        """
        try:
            return cls.from_keys(json.loads(path.read_text("utf-8")))
        except (OSError, json.JSONDecodeError, UnsupportedConfig) as error:
            raise UnsupportedConfig(f"{path}: {error}") from error

    @classmethod
    def from_keys(cls, keys: dict[str, Any]) -> Self:
        """Check already parsed keys. Raises UnsupportedConfig."""
        try:
            return cls.model_validate(keys)
        except ValidationError as error:
            problems = (f"{'.'.join(map(str, p['loc'])) or 'config'}: {p['msg']}" for p in error.errors())
            raise UnsupportedConfig("; ".join(problems)) from error


class _Switches(_Settings):
    """Switches of the original configuration class that no released checkpoint turns: refused by name."""

    activation_function: Literal["gelu"] = "gelu"
    ln_positions: Literal["normformer"] = "normformer"
    ln_type: Literal["layernorm"] = "layernorm"
    use_glu: Literal[True] = True
    use_bias: Literal[False] = False
    force_ln_scale: Literal[False] = False
    scale_embedding: Literal[False] = False
    tie_word_embeddings: Literal[False] = False
    use_final_ln_encoder: Literal[True] = True
    use_final_ln_decoder: Literal[True] = True
    use_cosine_attention: Literal[False] = False
    use_head_scale: Literal[False] = False
    use_absolute_position_embeddings: Literal[True] = True
    use_swin_position_embeddings: Literal[False] = False
    use_deepnet_scaling: Literal[False] = False
    use_subln_init: Literal[False] = False
    use_alibi: Literal[False] = False
    sinkhorn_iters: Literal[1] = 1


class TransformerConfig(_Switches):
    """Sizes of the text-to-codes transformer; an absent key means what it does in the original's configuration.py."""

    d_model: PositiveInt
    encoder_layers: PositiveInt
    decoder_layers: PositiveInt
    encoder_attention_heads: PositiveInt
    decoder_attention_heads: PositiveInt
    encoder_ffn_dim: PositiveInt
    decoder_ffn_dim: PositiveInt
    encoder_vocab_size: PositiveInt
    image_vocab_size: PositiveInt
    max_text_length: PositiveInt = 64
    image_length: PositiveInt = 256
    decoder_start_token_id: int = Field(default=-1, validate_default=True)
    normalize_text: bool = False

    @model_validator(mode="before")
    @classmethod
    def _default_start_token(cls, keys: dict[str, Any]) -> dict[str, Any]:
        if keys.get("decoder_start_token_id") is None and "image_vocab_size" in keys:
            return {**keys, "decoder_start_token_id": keys["image_vocab_size"]}
        return keys

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        for heads in (self.encoder_attention_heads, self.decoder_attention_heads):
            if self.d_model % heads:
                raise ValueError(f"d_model {self.d_model} is not a multiple of {heads} attention heads")
        if not 0 <= self.decoder_start_token_id <= self.image_vocab_size:
            raise ValueError(
                f"decoder_start_token_id {self.decoder_start_token_id} is outside 0..{self.image_vocab_size}"
            )
        return self


class VQGANConfig(_Settings):
    """Sizes of the picture decoder (CompVis/taming-transformers, Decoder)."""

    ch: PositiveInt = 128
    ch_mult: tuple[PositiveInt, ...] = Field(default=(1, 1, 2, 2, 4), min_length=1, strict=False)
    num_res_blocks: int = Field(default=2, ge=0)
    attn_resolutions: tuple[PositiveInt, ...] = Field(default=(16,), strict=False)
    resolution: PositiveInt = 256
    z_channels: PositiveInt = 256
    embed_dim: PositiveInt = 256
    n_embed: PositiveInt = 16384
    out_ch: Literal[3] = 3
    num_groups: PositiveInt = 32  # ours; the released decoder always uses 32
    double_z: Literal[False] = False
    give_pre_end: Literal[False] = False
    resamp_with_conv: Literal[True] = True

    @model_validator(mode="after")
    def _sizes_fit(self) -> Self:
        shrink = 2 ** (len(self.ch_mult) - 1)
        if self.resolution % shrink:
            raise ValueError(f"resolution {self.resolution} is not a multiple of {shrink}")
        if self.ch % self.num_groups:
            raise ValueError(f"ch {self.ch} is not a multiple of num_groups {self.num_groups}")
        return self

    @property
    def grid(self) -> int:
        """Codes per row and per column of a picture."""
        return int(self.resolution // 2 ** (len(self.ch_mult) - 1))


@dataclass(frozen=True, slots=True)
class DalleMiniConfig:
    """The two halves of one generator."""

    transformer: TransformerConfig
    vqgan: VQGANConfig

    def __post_init__(self) -> None:
        """Refuse halves that do not fit together. Raises UnsupportedConfig."""
        if self.transformer.image_length != self.vqgan.grid**2:
            raise UnsupportedConfig(
                f"image_length {self.transformer.image_length} is not the "
                f"{self.vqgan.grid}x{self.vqgan.grid} codes of the VQGAN"
            )
        if self.transformer.image_vocab_size + 1 < self.vqgan.n_embed:
            raise UnsupportedConfig(
                f"image_vocab_size {self.transformer.image_vocab_size} is smaller than n_embed {self.vqgan.n_embed}"
            )
