"""Write the trained networks as the shipped model folder: `python -m generator.training.export`."""

import argparse
import json
from pathlib import Path

import torch
from pydantic import BaseModel

from generator.dalle_mini.transformer import DalleMiniTransformer
from generator.dalle_mini.vqgan import VQGANDecoder
from generator.dalle_mini.weights import (
    TRANSFORMER_CONFIG,
    TRANSFORMER_WEIGHTS,
    VQGAN_CONFIG,
    VQGAN_WEIGHTS,
    save_weights,
)
from generator.registry import NANO_FOLDER
from generator.training.train_decoder import VQGAN
from generator.training.train_transformer import CONFIG
from policies.identity import write_manifest

MODEL_NAME = "dalle-nano"


def _write_config(config: BaseModel, path: Path) -> None:
    path.write_text(json.dumps(config.model_dump(), indent=2) + "\n")


def export(transformer_state: Path, decoder_state: Path | None, folder: Path) -> None:
    """The running means of both trainings, as float16, with configuration and manifest. None: that decoder stays."""
    transformer = DalleMiniTransformer(CONFIG)
    transformer.load_state_dict(torch.load(transformer_state, weights_only=True)["mean"])
    save_weights(transformer, folder / TRANSFORMER_WEIGHTS)
    if decoder_state:
        vqgan = VQGANDecoder(VQGAN)
        vqgan.load_state_dict(torch.load(decoder_state, weights_only=True))
        save_weights(vqgan, folder / VQGAN_WEIGHTS)
    _write_config(CONFIG, folder / TRANSFORMER_CONFIG)
    _write_config(VQGAN, folder / VQGAN_CONFIG)
    write_manifest(folder, MODEL_NAME)


def main() -> None:
    """Parse the command line and write; tokenizer.json must already lie in the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transformer", type=Path, default=Path(".training/transformer.pt"))
    parser.add_argument("--decoder", type=Path, help="without it, the decoder of the folder stays")
    parser.add_argument("--out", type=Path, default=NANO_FOLDER)
    args = parser.parse_args()
    export(args.transformer, args.decoder, args.out)


if __name__ == "__main__":
    main()
