"""Train dalle-nano's picture decoder: `python -m generator.training.train_decoder --seconds 900`."""

import argparse
import math
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from generator.dalle_mini.config import VQGANConfig
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.backgrounds import SIDE
from generator.training.concepts import load_concepts
from generator.training.patch_codes import CODES, encode, pictures
from generator.training.scenes import SceneMaker

VQGAN = VQGANConfig(
    ch=32,
    ch_mult=(1, 2, 3, 3),
    num_res_blocks=0,
    attn_resolutions=(8,),
    resolution=SIDE,
    z_channels=96,
    embed_dim=32,
    n_embed=CODES,
    num_groups=8,
)
BATCH = 32
PEAK_RATE = 2e-3
EMA = 0.998


def new_decoder(centres: Tensor) -> VQGANDecoder:
    """Untrained; the codebook starts as the typical cells' main components."""
    decoder = VQGANDecoder(VQGAN)
    main = torch.pca_lowrank(centres, VQGAN.embed_dim)[2]
    vectors = (centres - centres.mean(0)) @ main
    decoder.codebook.weight.data.copy_(vectors / vectors.std())
    return decoder


def draw(decoder: VQGANDecoder, codes: Tensor) -> Tensor:
    """(n, 64) codes -> (n, 3, 64, 64), unclipped, with a gradient."""
    vectors = decoder.codebook(codes).unflatten(1, (VQGAN.grid, VQGAN.grid))
    return decoder.decode_latent(vectors.permute(0, 3, 1, 2))


def reconstruction_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """L1 + MSE + L1 of the horizontal and vertical differences, so that edges stay sharp."""
    edges = sum(functional.l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis)) for axis in (2, 3))
    return functional.l1_loss(drawn, wanted) + 2 * functional.mse_loss(drawn, wanted) + edges


def rate(share: float) -> float:
    """Learning rate after a share 0..1 of the time: short warm-up, then a cosine to zero."""
    return PEAK_RATE * min(1.0, share / 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share)))


@torch.no_grad()
def track_mean(mean: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the parameters, in place."""
    for kept, current in zip(mean.parameters(), model.parameters(), strict=True):
        kept.lerp_(current, 1 - decay)


@torch.no_grad()
def psnr(decoder: VQGANDecoder, wanted: Tensor, centres: Tensor) -> float:
    """dB, over all pixels."""
    error = functional.mse_loss(draw(decoder, encode(wanted, centres)).clamp(0, 1), wanted)
    return float(-10 * error.log10())


def learn(decoder: VQGANDecoder, optimizer: torch.optim.Optimizer, wanted: Tensor, centres: Tensor) -> float:
    """One step; the loss."""
    with torch.autocast("cpu", torch.bfloat16):
        drawn = draw(decoder, encode(wanted, centres)).float()
    loss = reconstruction_loss(drawn, wanted)
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
    optimizer.step()
    return loss.item()


def train(args: argparse.Namespace) -> None:
    """Train for args.seconds of wall clock; keep the averaged weights in args.out."""
    torch.manual_seed(args.seed)
    artwork, concepts = Artwork(fetch(NOTO, args.artwork)), load_concepts()
    centres = torch.load(args.codes, weights_only=True)
    maker, other = SceneMaker(concepts, args.seed), SceneMaker(concepts, args.seed + 1)
    held = pictures([other.any() for _ in range(64)], artwork)
    decoder, mean = new_decoder(centres), new_decoder(centres)
    if args.resume:
        decoder.load_state_dict(torch.load(args.out, weights_only=True))
    mean.load_state_dict(decoder.state_dict())
    decoder.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(decoder.parameters(), PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.01)
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / args.seconds) < 1:
        optimizer.param_groups[0]["lr"] = rate(share) * args.rate_scale
        wanted = pictures([maker.any() for _ in range(BATCH)], artwork)
        loss = learn(decoder, optimizer, wanted, centres)
        track_mean(mean, decoder, min(EMA, (1 + step) / (10 + step)))
        step += 1
        if step % 100 == 0:
            torch.save(mean.state_dict(), args.out)
            seconds, used = time.monotonic() - start, time.process_time()
            quality = psnr(mean, held, centres)
            print(f"{step} {seconds:.0f}s cpu {used:.0f}s loss {loss:.4f} psnr {quality:.2f} dB", flush=True)
    torch.save(mean.state_dict(), args.out)


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--artwork", type=Path, default=Path(".training/artwork"))
    parser.add_argument("--codes", type=Path, default=Path(".training/codes.pt"))
    parser.add_argument("--out", type=Path, default=Path(".training/decoder.pt"))
    parser.add_argument("--resume", action="store_true", help="go on from --out")
    parser.add_argument("--rate-scale", type=float, default=1.0)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    train(args)


if __name__ == "__main__":
    main()
