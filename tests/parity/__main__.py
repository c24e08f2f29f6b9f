"""Prints how near ours is to the original, to min-dalle and to taming-transformers: `make parity`.

Exit code 1 when a figure is outside its bound. Everything has random weights; nothing is fetched.
"""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from generator.dalle_mini.config import DalleMiniConfig, TransformerConfig, VQGANConfig
from generator.dalle_mini.convert import convert
from generator.dalle_mini.flax_reader import read_transformer
from generator.dalle_mini.tokenizer import PAD
from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.dalle_mini.weights import empty_transformer, fill, load_model
from tests.generator.drawing import most_likely
from tests.generator.test_convert import write_min_dalle
from tests.parity.min_dalle import START_TOKEN, MinDalle
from tests.parity.original import Original
from tests.parity.random_vqgan import random_state, random_vqgan, unclipped
from tests.parity.taming_decoder import picture_of

KEYS: dict[str, Any] = {  # as released but for width and depth: what could differ does not depend on them
    "d_model": 128,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 170,
    "decoder_ffn_dim": 170,
    "encoder_vocab_size": 1536,
    "image_vocab_size": 16384,
    "max_text_length": 64,
    "image_length": 256,
    "decoder_start_token_id": 16384,
    "normalize_text": True,
}
CONFIG = TransformerConfig.from_keys(KEYS)
VQGAN = VQGANConfig()  # full size
GUIDANCE = 10.0


@dataclass(frozen=True)
class Row:
    """One line of the table. found is at most `bound`, or, where things are counted, at least."""

    what: str
    found: float
    bound: float
    counted: int | None = None  # out of how many
    scale: float | None = None  # the largest number compared

    @property
    def holds(self) -> bool:
        return self.found >= self.bound if self.counted else self.found <= self.bound

    def __str__(self) -> str:
        found = f"{self.found:.0f} of {self.counted} equal" if self.counted else f"{self.found:.1e}"
        scale = "" if self.scale is None else f"{self.scale:.1f}"
        bound = (
            "all" if self.counted == self.bound else f"{self.bound:.0e}" if not self.counted else f"{self.bound:.0f}"
        )
        return f"| {self.what} | {found} | {scale} | {bound} | {'yes' if self.holds else '**NO**'} |"


def _near(what: str, ours: Tensor, theirs: Tensor, bound: float) -> Row:
    return Row(what, float((ours - theirs).abs().max()), bound, scale=float(theirs.abs().max()))


def _equal(what: str, ours: Tensor, theirs: Tensor) -> Row:
    return Row(what, float((ours == theirs).sum()), ours.numel(), counted=ours.numel())


def _prompts() -> Tensor:
    """A short one, one that fills all 64 places, and the blank one twice: what guidance wants, (4, 64)."""
    stream = torch.Generator().manual_seed(2)
    ids = torch.full((4, CONFIG.max_text_length), PAD)
    for row, length in zip(ids, (9, CONFIG.max_text_length, 2, 2), strict=True):
        row[:length] = torch.randint(3, CONFIG.encoder_vocab_size, (length,), generator=stream)
        row[0], row[length - 1] = 0, 2
    return ids


def _draw(network: DalleMiniTransformer, config: TransformerConfig, scale: float) -> Tensor:
    """The most likely codes: (4, image_length), or with guidance those of the two prompts."""
    ids, blank = _prompts(), _prompts()[-1:]
    return most_likely(network, DalleMiniConfig(config, VQGAN), ids if scale == 1 else ids[:2], blank, scale)


def _guided(logits: Tensor, scale: float) -> Tensor:
    if scale == 1:
        return logits
    conditioned, blank = logits.chunk(2)
    return blank + scale * (conditioned - blank)


def _fed(drawn: Tensor) -> Tensor:
    """The start token, then all codes but the last; (4, image_length)."""
    started = torch.cat([torch.full((len(drawn), 1), CONFIG.decoder_start_token_id), drawn[:, :-1]], 1)
    return started.repeat(len(_prompts()) // len(drawn), 1)


def _their_logits(original: Original, drawn: Tensor) -> Tensor:
    ids = _prompts()
    return torch.from_numpy(original.logits(ids.numpy(), (ids != PAD).numpy(), _fed(drawn).numpy()).copy())


def _against_the_original(original: Original, network: DalleMiniTransformer) -> Iterator[Row]:
    """Where it finds our code most likely after each start of our drawing, the drawings are the same."""
    ids = _prompts()
    visible = ids != PAD
    states = torch.from_numpy(original.encode(ids.numpy(), visible.numpy()).copy())
    yield _near("text encoder / original", network.encoder(ids, visible)[visible], states[visible], 2e-5)
    for scale, how in ((1.0, "alone"), (GUIDANCE, f"guidance {GUIDANCE:.0f}")):
        drawn = _draw(network, CONFIG, scale)
        logits = _their_logits(original, drawn)
        yield _near(f"logits, teacher-forced, {how} / original", network(ids, visible, _fed(drawn)), logits, 5e-5)
        likely = _guided(logits, scale)[..., : VQGAN.n_embed].argmax(-1)
        yield _equal(f"most likely codes, {how} / original", drawn, likely)


def _against_min_dalle(theirs: MinDalle, network: DalleMiniTransformer) -> Iterator[Row]:
    ids = _prompts()[[2, 0]]  # it wants the blank one first
    visible = ids != PAD
    states = network.encoder(ids, visible)
    yield _near("text encoder / min-dalle", states[visible], theirs.encode(ids)[visible], 2e-5)
    for start, whose in ((CONFIG.decoder_start_token_id, "the released"), (START_TOKEN, "its own")):
        config = CONFIG.model_copy(update={"decoder_start_token_id": start})
        drawn, found = _draw(network, config, GUIDANCE)[0], theirs.most_likely(ids, GUIDANCE, start)
        yield _equal(f"most likely codes from {whose} start token / min-dalle", drawn, found)


def _pictures(theirs: MinDalle, network: VQGANDecoder) -> Iterator[Row]:
    codes = torch.arange(VQGAN.n_embed).reshape(-1, VQGAN.grid**2)[7:8]
    ours, taming = unclipped(network, codes), picture_of(VQGAN, random_state(VQGAN), codes)
    yield _near("VQGAN at full size, 0..1 not clipped / taming-transformers", ours, taming, 1e-4)
    in_bytes = network(codes).float(), (taming.clamp(0, 1) * 255).to(torch.uint8).float()
    yield _near("VQGAN at full size, in 8 bits / taming-transformers", *in_bytes, 1)
    painted = theirs.paint(codes).permute(2, 0, 1)[None]  # 0..255, not rounded
    yield _near("VQGAN at full size, 0..255 / min-dalle", ours.clamp(0, 1) * 255, painted, 0.1)


@torch.inference_mode()
def main() -> int:
    """Print the table, row by row."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # min-dalle takes all processors when imported; small layers wait more than they work
    print("| ours / beside | difference | largest value | bound | holds |\n| --- | --- | --- | --- | --- |")
    holds = True
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        original, network, path = Original(KEYS), empty_transformer(CONFIG), folder / "original" / "flax_model.msgpack"
        original.save(path.parent)
        fill(network, read_transformer(path, CONFIG), path)
        write_min_dalle(folder / "min-dalle", network, random_vqgan(VQGAN), torch.float32)
        convert(folder / "min-dalle", None, folder / "ours", "parity", None)
        theirs, model = MinDalle(CONFIG, folder / "min-dalle"), load_model(folder / "ours")
        for row in chain(
            _against_the_original(original, model.transformer),
            _against_min_dalle(theirs, model.transformer),
            _pictures(theirs, model.vqgan),
        ):
            holds &= row.holds
            print(row, flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
