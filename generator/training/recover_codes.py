"""Find the typical cells of published weights again: `python -m generator.training.recover_codes`.

They are not part of a model folder, yet training cannot go on without them. Scenes that the weights were trained on are
drawn code by code, each code chosen by the network's own logits and by how near its cell is to the scene's; the mean of
the cells that a code was chosen for is then the better guess of its cell. The first guess is what the decoder makes of
one code everywhere.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from generator.dalle_mini.image_decoder import Memory
from generator.dalle_mini.weights import LoadedModel, load_model
from generator.registry import NANO_FOLDER
from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.captions import Captioner
from generator.training.concepts import load_concepts
from generator.training.patch_codes import CODES, CODES_FILE, patches, pictures, save_codes
from generator.training.scenes import Scene, SceneMaker
from generator.training.train_decoder import draw, psnr
from generator.training.train_transformer import CONFIG

_TOGETHER = 64
_TOLERANCES = (0.4, 0.2, 0.1)  # squared distance that weighs as much as one nat, round by round
_KEYS_TOGETHER = 16


def first_guess(model: LoadedModel) -> Tensor:
    """(2048, 192): a cell in the middle of a field of each code."""
    middle = CONFIG.image_length // 2 + 6
    fields = []
    for codes in torch.split(torch.arange(CODES), _TOGETHER):
        field = draw(model.vqgan, codes[:, None].expand(-1, CONFIG.image_length)).clamp(0, 1)
        fields.append(patches(field).view(len(codes), CONFIG.image_length, -1)[:, middle])
    return torch.cat(fields)


def _memory_of(model: LoadedModel, captions: Sequence[str]) -> Memory:
    ids, visible = model.tokenizer.batch(list(captions))
    decoder = model.transformer.decoder
    text = decoder.read(model.transformer.encoder(ids, visible), visible)
    memory = Memory(CONFIG, len(ids), decoder.embedding.embed_tokens.weight)
    for row, count in enumerate(visible.sum(1).tolist()):
        one = type(text)(text.layers[:, :, row : row + 1, :, :count], text.mask[row : row + 1, ..., :count])
        memory.start(row, one)
    return memory


def guided_codes(model: LoadedModel, captions: Sequence[str], cells: Tensor, centres: Tensor, bold: float) -> Tensor:
    """cells: (n, 144, 192) of the scenes -> (n, 144) codes, most likely given the caption and near the scene."""
    memory, norms = _memory_of(model, captions), centres.square().sum(1)
    previous = torch.full((len(cells),), CONFIG.decoder_start_token_id)
    chosen = []
    for place in range(CONFIG.image_length):
        seen = min(CONFIG.image_length, (place // _KEYS_TOGETHER + 1) * _KEYS_TOGETHER)
        logits = model.transformer.decoder.step(previous, memory.window(len(cells), seen, CONFIG.max_text_length))
        distances = norms - 2 * cells[:, place] @ centres.T
        previous = (logits[:, :CODES].log_softmax(-1) - distances / bold).argmax(-1)
        memory.positions[:] = min(place + 1, CONFIG.image_length - 1)
        chosen.append(previous)
    return torch.stack(chosen, 1)


def means(codes: Tensor, cells: Tensor, centres: Tensor) -> Tensor:
    """The mean cell of each code; of a code never chosen the old guess."""
    counts = torch.bincount(codes, minlength=CODES)[:, None]
    sums = torch.zeros_like(centres).index_add_(0, codes, cells)
    return torch.where(counts > 0, sums / counts.clamp(min=1), centres)


def _scenes(seed: int, count: int) -> list[Scene]:
    """Every drawing alone, and scenes of the pool of that seed."""
    concepts = load_concepts()
    maker = SceneMaker(concepts, seed)
    alone = [scene for concept in concepts for scene in maker.alone_each(concept)]
    return alone + [maker.any() for _ in range(count - len(alone))]


@torch.inference_mode()
def recover(model: LoadedModel, artwork: Artwork, scenes: list[Scene]) -> Tensor:
    """(2048, 192) typical cells."""
    captioner, drawn = Captioner(0), pictures(scenes, artwork)
    cells = patches(drawn).view(len(scenes), CONFIG.image_length, -1)
    centres = first_guess(model)
    for bold in _TOLERANCES:
        codes = [
            guided_codes(model, [captioner(scene) for scene in part], cells[start : start + len(part)], centres, bold)
            for start in range(0, len(scenes), _TOGETHER)
            for part in [scenes[start : start + _TOGETHER]]
        ]
        centres = means(torch.cat(codes).flatten(), cells.flatten(0, 1), centres)
        print(f"{psnr(model.vqgan, drawn[:_TOGETHER], centres):.2f} dB", flush=True)
    return centres


def main() -> None:
    """Parse the command line and write the codes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=NANO_FOLDER)
    parser.add_argument("--artwork", type=Path, default=Path(".training/artwork"))
    parser.add_argument("--scenes", type=int, default=1728)
    parser.add_argument("--out", type=Path, default=CODES_FILE)
    args = parser.parse_args()
    artwork = Artwork(fetch(NOTO, args.artwork))
    save_codes(recover(load_model(args.folder), artwork, _scenes(0, args.scenes)), args.out)


if __name__ == "__main__":
    main()
