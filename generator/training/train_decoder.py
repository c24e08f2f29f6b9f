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
from generator.training.patch_codes import CODES, CODES_FILE, encode, load_codes, pictures
from generator.training.scenes import SceneMaker

VQGAN = VQGANConfig(
    ch=32,
    ch_mult=(1, 2, 3, 3),
    num_res_blocks=0,
    attn_resolutions=(12,),
    resolution=SIDE,
    z_channels=96,
    embed_dim=32,
    n_embed=CODES,
    num_groups=8,
)
BATCH = 32
MUON_RATE = 0.02
ADAM_RATE = 3e-3
EMA = 0.998


def new_decoder(centres: Tensor) -> VQGANDecoder:
    """Untrained; the codebook starts as the typical cells' main components."""
    decoder = VQGANDecoder(VQGAN)
    main = torch.pca_lowrank(centres, VQGAN.embed_dim)[2]
    vectors = (centres - centres.mean(0)) @ main
    decoder.codebook.weight.data.copy_(vectors / vectors.std())
    return decoder


def draw(decoder: VQGANDecoder, codes: Tensor) -> Tensor:
    """(n, 144) codes -> (n, 3, 96, 96), unclipped, with a gradient."""
    vectors = decoder.codebook(codes).unflatten(1, (VQGAN.grid, VQGAN.grid))
    return decoder.decode_latent(vectors.permute(0, 3, 1, 2))


def reconstruction_loss(drawn: Tensor, wanted: Tensor) -> Tensor:
    """L1 + MSE + L1 of the horizontal and vertical differences, so that edges stay sharp."""
    edges = sum(functional.l1_loss(drawn.diff(dim=axis), wanted.diff(dim=axis)) for axis in (2, 3))
    return functional.l1_loss(drawn, wanted) + 2 * functional.mse_loss(drawn, wanted) + edges


def factor(share: float) -> float:
    """Share of the peak rates after a share 0..1 of the time: short warm-up, then falling to zero."""
    return min(1.0, share / 0.02) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, share)))


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


class DecoderOptimizer:
    """Muon for the convolutions, each seen as a matrix (output, input * window); AdamW for the rest."""

    def __init__(self, decoder: VQGANDecoder) -> None:
        self._kernels = [parameter for parameter in decoder.parameters() if parameter.ndim == 4]
        self._matrices = [nn.Parameter(kernel.detach().flatten(1)) for kernel in self._kernels]  # same memory
        others = [parameter for parameter in decoder.parameters() if parameter.ndim != 4]
        self._muon: torch.optim.Optimizer = torch.optim.Muon(self._matrices, lr=MUON_RATE, weight_decay=0.0)
        self._adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        self._adam.zero_grad(set_to_none=True)
        for kernel in self._kernels:
            kernel.grad = None

    def step(self, factor: float) -> None:
        """One step at a share of the peak rates."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        self._muon.param_groups[0]["lr"] = MUON_RATE * factor
        self._adam.param_groups[0]["lr"] = ADAM_RATE * factor
        self._muon.step()
        self._adam.step()


def learn(decoder: VQGANDecoder, optimizer: DecoderOptimizer, factor: float, wanted: Tensor, centres: Tensor) -> float:
    """One step; the loss."""
    with torch.autocast("cpu", torch.bfloat16):
        drawn = draw(decoder, encode(wanted, centres)).float()
    loss = reconstruction_loss(drawn, wanted)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
    optimizer.step(factor)
    return loss.item()


def train(args: argparse.Namespace) -> None:
    """Train for args.seconds of wall clock; keep the averaged weights in args.out."""
    torch.manual_seed(args.seed)
    artwork, concepts = Artwork(fetch(NOTO, args.artwork)), load_concepts()
    centres = load_codes(args.codes)
    maker, other = SceneMaker(concepts, args.seed), SceneMaker(concepts, args.seed + 1)
    held = pictures([other.any() for _ in range(64)], artwork)
    decoder, mean = new_decoder(centres), new_decoder(centres)
    if args.resume:
        decoder.load_state_dict(torch.load(args.out, weights_only=True))
    mean.load_state_dict(decoder.state_dict())
    optimizer = DecoderOptimizer(decoder)
    start, step = time.monotonic(), 0
    while (share := (time.monotonic() - start) / args.seconds) < 1:
        wanted = pictures([maker.any() for _ in range(BATCH)], artwork)
        loss = learn(decoder, optimizer, factor(share) * args.rate_scale, wanted, centres)
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
    parser.add_argument("--codes", type=Path, default=CODES_FILE)
    parser.add_argument("--out", type=Path, default=Path(".training/decoder.pt"))
    parser.add_argument("--resume", action="store_true", help="go on from --out")
    parser.add_argument("--rate-scale", type=float, default=1.0)
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    train(args)


if __name__ == "__main__":
    main()
