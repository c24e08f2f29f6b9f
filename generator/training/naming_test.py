"""Pictures for somebody who has not seen the prompts to name: `python -m generator.training.naming_test DIR KEY`.

DIR gets 01.png .. 64.png and sheets of 16 of them, in an order shuffled by seed, with nothing in names or metadata that
tells a prompt. KEY, a file elsewhere, tells which is which. `gardefou evaluate naming` scores what the person wrote.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from generator.registry import create_generator
from generator.training.concepts import load_concepts
from generator.training.drawing import draw_all
from generator.training.gallery_prompts import SEED, gallery_prompts
from generator.training.naming import Key, Tile
from generator.training.sheets import as_image, sheet

ON_A_SHEET, COLUMNS, TILE = 16, 4, 256


def shuffled(numbers: Sequence[int], seed: int) -> list[int]:
    """The same order each time."""
    order = list(numbers)
    random.Random(seed).shuffle(order)  # noqa: S311 - an order, not a secret
    return order


def write_test(folder: Path, key: Path, weights: Path | None, seed: int, order: int) -> None:
    """Draw the prompts of a seed, write the tiles in the given order's shuffle, and the key."""
    generator = create_generator("dalle-nano", weights)
    prompts = gallery_prompts(load_concepts(), seed)
    pictures = draw_all(generator, [prompt.text for prompt in prompts], [prompt.number for prompt in prompts])
    places = shuffled(range(len(prompts)), order)
    folder.mkdir(parents=True, exist_ok=True)
    for number, place in enumerate(places, 1):
        as_image(pictures[place]).save(folder / f"{number:02}.png")
    for first in range(0, len(places), ON_A_SHEET):
        shown = [pictures[place] for place in places[first : first + ON_A_SHEET]]
        numbers = [str(first + index) for index in range(1, len(shown) + 1)]
        sheet(shown, numbers, COLUMNS, TILE).save(folder / f"sheet-{first // ON_A_SHEET + 1}.png")
    tiles = (
        Tile(number, prompt.text, tuple(thing.names["en"][0] for thing in prompt.things), prompt.never_seen)
        for number, prompt in enumerate((prompts[place] for place in places), 1)
    )
    Key(generator.identity, tuple(tiles)).write(key)


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("key", type=Path)
    parser.add_argument("--weights", type=Path, help="other weights than the shipped ones")
    parser.add_argument("--seed", type=int, default=SEED, help="of the prompts")
    parser.add_argument("--order", type=int, default=0, help="seed of the shuffle")
    args = parser.parse_args()
    write_test(args.folder, args.key, args.weights, args.seed, args.order)


if __name__ == "__main__":
    main()
