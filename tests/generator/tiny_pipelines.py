"""Pipelines of diffusers small enough to draw in milliseconds: real classes, random weights, made without a network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SIDE = 32  # pixels
ENCODER, DECODER = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2


def _clip_tokenizer() -> CLIPTokenizer:
    names = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    return CLIPTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=[], model_max_length=16)


def _clip_text(kind: type = CLIPTextModel, **sizes: int) -> Any:
    keys: dict[str, Any] = {
        "vocab_size": 64, "hidden_size": 32, "intermediate_size": 37, "num_hidden_layers": 2,
        "num_attention_heads": 4, "max_position_embeddings": 16, "projection_dim": 32, "bos_token_id": 0,
        "eos_token_id": 1, "pad_token_id": 1,
    }  # fmt: skip
    return kind(CLIPTextConfig(**(keys | sizes)))


def _t5_tokenizer() -> T5Tokenizer:
    scores = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -10.0), ("▁", -2.0), *((letter, -3.0) for letter in LETTERS)]
    return T5Tokenizer(vocab=scores, extra_ids=0, model_max_length=16)


def _t5_text() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4))


def _gemma_tokenizer() -> GemmaTokenizer:
    names = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *LETTERS]
    return GemmaTokenizer(vocab={name: number for number, name in enumerate(names)}, merges=[])


def _gemma_text() -> Gemma2Model:
    return Gemma2Model(Gemma2Config(vocab_size=64, hidden_size=8, intermediate_size=16, num_hidden_layers=1,
                                    num_attention_heads=2, num_key_value_heads=1, head_dim=4))  # fmt: skip


def _vae(latent_channels: int = 4, **keys: Any) -> diffusers.AutoencoderKL:
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8), down_block_types=ENCODER, up_block_types=DECODER,
        latent_channels=latent_channels, norm_num_groups=4, sample_size=SIDE, **keys,
    )  # fmt: skip


def _unet(cross_attention_dim: int, **keys: Any) -> diffusers.UNet2DConditionModel:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16), layers_per_block=1, sample_size=SIDE // 2, attention_head_dim=4, norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=cross_attention_dim, **keys,
    )  # fmt: skip


def _stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline(
        vae=_vae(), text_encoder=_clip_text(), tokenizer=_clip_tokenizer(), unet=_unet(32),
        scheduler=diffusers.EulerAncestralDiscreteScheduler(steps_offset=1), feature_extractor=None,
        safety_checker=None, requires_safety_checker=False,
    )  # fmt: skip


def _stable_diffusion_xl() -> Any:
    unet = _unet(
        64, addition_embed_type="text_time", addition_time_embed_dim=8, projection_class_embeddings_input_dim=80
    )
    return diffusers.StableDiffusionXLPipeline(
        vae=_vae(), text_encoder=_clip_text(), text_encoder_2=_clip_text(CLIPTextModelWithProjection),
        tokenizer=_clip_tokenizer(), tokenizer_2=_clip_tokenizer(), unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(),
    )  # fmt: skip


def _stable_diffusion_3() -> Any:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=SIDE // 2, patch_size=1, in_channels=4, num_layers=1, attention_head_dim=8, num_attention_heads=4,
        caption_projection_dim=32, joint_attention_dim=32, pooled_projection_dim=64, out_channels=4,
    )  # fmt: skip
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_vae(shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=_clip_text(CLIPTextModelWithProjection), tokenizer=_clip_tokenizer(),
        text_encoder_2=_clip_text(CLIPTextModelWithProjection), tokenizer_2=_clip_tokenizer(),
        text_encoder_3=_t5_text(), tokenizer_3=_t5_tokenizer(),
    )  # fmt: skip


def _flux() -> Any:
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1, in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=32, pooled_projection_dim=32, axes_dims_rope=(4, 4, 8), guidance_embeds=True,
    )  # fmt: skip
    return diffusers.FluxPipeline(
        transformer=transformer, scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=_vae(1, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False), text_encoder=_clip_text(),
        tokenizer=_clip_tokenizer(), text_encoder_2=_t5_text(), tokenizer_2=_t5_tokenizer(),
    )  # fmt: skip


def _sana() -> Any:
    transformer = diffusers.SanaTransformer2DModel(
        patch_size=1, in_channels=4, out_channels=4, num_layers=1, num_attention_heads=2, attention_head_dim=4,
        num_cross_attention_heads=2, cross_attention_head_dim=4, cross_attention_dim=8, caption_channels=8,
        sample_size=SIDE // 4,
    )  # fmt: skip
    kinds = ("ResBlock", "ResBlock", "ResBlock")
    vae = diffusers.AutoencoderDC(
        latent_channels=4, attention_head_dim=2, encoder_block_types=kinds, decoder_block_types=kinds,
        encoder_block_out_channels=(8, 8, 8), decoder_block_out_channels=(8, 8, 8), encoder_layers_per_block=(1, 1, 1),
        decoder_layers_per_block=(1, 1, 1), encoder_qkv_multiscales=((), (), ()), decoder_qkv_multiscales=((), (), ()),
        upsample_block_type="interpolate", downsample_block_type="stride_conv", scaling_factor=0.41,
    )  # fmt: skip
    return diffusers.SanaPipeline(
        tokenizer=_gemma_tokenizer(), text_encoder=_gemma_text(), vae=vae, transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
    )  # fmt: skip


def _amused() -> Any:
    transformer = diffusers.UVit2DModel(
        hidden_size=8, use_bias=False, hidden_dropout=0.0, cond_embed_dim=32, micro_cond_encode_dim=2,
        micro_cond_embed_dim=10, encoder_hidden_size=32, vocab_size=32, codebook_size=32, in_channels=8,
        block_out_channels=8, num_res_blocks=1, downsample=True, upsample=True, block_num_heads=1, num_hidden_layers=1,
        num_attention_heads=1, attention_dropout=0.0, intermediate_size=8, layer_norm_eps=1e-6,
        ln_elementwise_affine=True, sample_size=SIDE // 2,
    )  # fmt: skip
    vqvae = diffusers.VQModel(
        block_out_channels=(8, 8), down_block_types=ENCODER, up_block_types=DECODER,
        latent_channels=8, norm_num_groups=4, num_vq_embeddings=32, sample_size=SIDE, mid_block_add_attention=False,
        lookup_from_codebook=True,
    )  # fmt: skip
    return diffusers.AmusedPipeline(
        transformer=transformer, scheduler=diffusers.AmusedScheduler(mask_token_id=31), vqvae=vqvae,
        text_encoder=_clip_text(CLIPTextModelWithProjection), tokenizer=_clip_tokenizer(),
    )  # fmt: skip


PIPELINES: dict[str, Callable[[], Any]] = {
    "stable-diffusion": _stable_diffusion,
    "stable-diffusion-xl": _stable_diffusion_xl,
    "stable-diffusion-3": _stable_diffusion_3,
    "flux": _flux,
    "sana": _sana,
    "amused": _amused,
}


def write_pipeline(name: str, folder: Path) -> Path:
    """A pipeline's folder as `save_pretrained` writes it."""
    torch.manual_seed(0)
    PIPELINES[name]().save_pretrained(folder)
    return folder
