"""The figures of dalle-nano's model card: `python -m generator.training.evaluate`."""

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from generator.contract import ImageGenerator
from generator.registry import create_generator
from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.backgrounds import SIDE
from generator.training.concepts import Concept, load_concepts
from generator.training.drawing import draw_all
from generator.training.patch_codes import pictures
from generator.training.scenes import SceneMaker

SEED = 0


def drawings(artwork: Artwork, concepts: list[Concept]) -> tuple[Tensor, Tensor]:
    """Every original single drawing on white, (n, 3, 96, 96), and the number of its concept."""
    maker = SceneMaker(concepts, SEED)
    scenes = [scene for concept in concepts for scene in maker.alone_each(concept)]
    return pictures(scenes, artwork), torch.tensor([scene.things[0].concept.index for scene in scenes])


def draw(generator: ImageGenerator, prompts: list[str]) -> Tensor:
    """(n, 3, 96, 96) in 0..1, one picture a prompt, all with the same seed."""
    drawn = torch.stack(draw_all(generator, prompts, [SEED] * len(prompts)))
    return functional.interpolate(drawn / 255, SIDE, mode="area")


def named_right(drawn: Tensor, asked: Tensor, originals: Tensor, concepts: Tensor) -> tuple[float, float]:
    """Share whose nearest original drawing (pixel distance) shows the concept asked for; and within five."""
    distances = torch.cdist(drawn.flatten(1), originals.flatten(1))
    ranked = concepts[distances.argsort(1)]
    right = ranked == asked[:, None]
    return float(right[:, 0].float().mean()), float(right[:, :5].any(1).float().mean())


def seconds_for_nine(generator: ImageGenerator) -> float:
    """Processor seconds of a 3 x 3 grid."""
    start = time.process_time()
    draw(generator, ["a cat on the moon"] * 9)
    return time.process_time() - start


def main() -> None:
    """Draw things by their English and French names, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="other weights than the shipped ones")
    parser.add_argument("--artwork", type=Path, default=Path(".training/artwork"))
    parser.add_argument("--every", type=int, default=3, help="draw every third thing of the list")
    args = parser.parse_args()
    concepts = load_concepts()
    generator = create_generator("dalle-nano", args.folder)
    originals, numbers = drawings(Artwork(fetch(NOTO, args.artwork)), concepts)
    asked = concepts[:: args.every]
    indices = torch.tensor([concept.index for concept in asked])
    print(f"nine pictures: {seconds_for_nine(generator):.2f} processor seconds")
    for language in ("en", "fr"):
        drawn = draw(generator, [concept.names[language][0] for concept in asked])
        first, five = named_right(drawn, indices, originals, numbers)
        print(f"{language}: nearest original is the thing asked for {first:.3f}, among the nearest five {five:.3f}")


if __name__ == "__main__":
    main()
