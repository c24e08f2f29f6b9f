"""The picture decoder: codes -> RGB, as in taming-transformers, decode side only."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.dalle_mini.config import VQGANConfig

GROUP_NORM_EPS = 1e-6  # taming's value; torch's default is 1e-5


class _ResBlock(nn.Module):
    def __init__(self, channels_in: int, channels_out: int, groups: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, channels_in, GROUP_NORM_EPS)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.norm2 = nn.GroupNorm(groups, channels_out, GROUP_NORM_EPS)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, padding=1)
        self.nin_shortcut: nn.Module = (
            nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.conv1(functional.silu(self.norm1(x)))
        hidden = self.conv2(functional.silu(self.norm2(hidden)))
        merged: Tensor = self.nin_shortcut(x) + hidden
        return merged


class _AttnBlock(nn.Module):
    """Single-head attention over all positions, scale channels^-0.5."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, GROUP_NORM_EPS)
        self.q = nn.Conv2d(channels, channels, 1)
        self.k = nn.Conv2d(channels, channels, 1)
        self.v = nn.Conv2d(channels, channels, 1)
        self.proj_out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(x)
        query, key, value = (conv(hidden).flatten(2).transpose(1, 2) for conv in (self.q, self.k, self.v))
        attended = functional.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.proj_out(attended.transpose(1, 2).reshape(x.shape))
        return x + projected


class _Upsample(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        larger: Tensor = self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        return larger


class _Middle(nn.Module):
    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.block_1 = _ResBlock(channels, channels, groups)
        self.attn_1 = _AttnBlock(channels, groups)
        self.block_2 = _ResBlock(channels, channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.block_2(self.attn_1(self.block_1(x)))
        return hidden


class _Level(nn.Module):
    """One resolution: residual blocks, attention after each where configured, then 2x enlargement."""

    def __init__(
        self, channels_in: int, channels_out: int, blocks: int, groups: int, attends: bool, enlarges: bool
    ) -> None:
        super().__init__()
        sources = [channels_in] + [channels_out] * (blocks - 1)
        self.block = nn.ModuleList(_ResBlock(source, channels_out, groups) for source in sources)
        self.attn = nn.ModuleList(_AttnBlock(channels_out, groups) for _ in range(blocks if attends else 0))
        self.upsample = _Upsample(channels_out) if enlarges else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for index, block in enumerate(self.block):
            x = block(x)
            if self.attn:
                x = self.attn[index](x)
        enlarged: Tensor = self.upsample(x)
        return enlarged


class _Decoder(nn.Module):
    """Parameter names are taming's: conv_in, mid, up.{level}, norm_out, conv_out."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        widths = [config.ch * factor for factor in config.ch_mult]
        self.conv_in = nn.Conv2d(config.z_channels, widths[-1], 3, padding=1)
        self.mid = _Middle(widths[-1], config.num_groups)
        self.up = nn.ModuleList(
            _Level(
                widths[min(level + 1, len(widths) - 1)],
                widths[level],
                config.num_res_blocks + 1,
                config.num_groups,
                attends=config.resolution // 2**level in config.attn_resolutions,
                enlarges=level > 0,
            )
            for level in range(len(widths))
        )
        self.norm_out = nn.GroupNorm(config.num_groups, widths[0], GROUP_NORM_EPS)
        self.conv_out = nn.Conv2d(widths[0], config.out_ch, 3, padding=1)

    def forward(self, latent: Tensor) -> Tensor:
        hidden = self.mid(self.conv_in(latent))
        for level in reversed(self.up):
            hidden = level(hidden)
        picture: Tensor = self.conv_out(functional.silu(self.norm_out(hidden)))
        return picture


class VQGANDecoder(nn.Module):
    """Turns a grid of codes into a picture (Esser et al. 2021, arXiv:2012.09841)."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.grid = config.grid
        self.codebook = nn.Embedding(config.n_embed, config.embed_dim)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        self.decoder = _Decoder(config)

    def decode_latent(self, latent: Tensor) -> Tensor:
        """(n, embed_dim, grid, grid) code vectors -> (n, 3, resolution, resolution), unclipped 0..1."""
        picture: Tensor = self.decoder(self.post_quant_conv(latent))
        return picture

    def forward(self, codes: Tensor) -> Tensor:
        """(n, grid * grid) codes in raster order -> uint8 (n, 3, resolution, resolution), truncated."""
        vectors = self.codebook(codes).unflatten(1, (self.grid, self.grid))
        pixels = self.decode_latent(vectors.permute(0, 3, 1, 2)).float()
        return (pixels.clamp(0, 1) * 255).to(torch.uint8)
