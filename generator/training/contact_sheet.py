"""Draw docs/contact-sheet.png: `python -m generator.training.contact_sheet`. First seed, nothing picked.

The picture carries no prompts, so that somebody who has not seen them can try to name its tiles; they are
numbered in docs/contact-sheet.md.
"""

import argparse
from pathlib import Path

from PIL import Image

from generator.at_once import draw_at_once
from generator.contract import GeneratedImage, ImageGenerator, PictureRequest
from generator.registry import create_generator

COLUMNS = 8
TILE = 128  # pixels on the sheet
SEED = 0

ENGLISH = (
    "a cat",
    "a firefighter and a dog",
    "the moon",
    "a red car",
    "a pizza",
    "an elephant",
    "a doctor",
    "a guitar",
    "a rocket in space",
    "two apples",
    "a knife",
    "a skull",
    "an astronaut on the moon",
    "a castle",
    "a penguin in the snow",
    "a bicycle",
    "a birthday cake",
    "a robot on a blue background",
    "a shark",
    "a smiling face",
    "a palm tree",
    "three bananas",
    "a snake and a spider",
    "a police officer",
)
FRENCH = (
    "un chat sur la lune",
    "un chien",
    "un pompier",
    "une maison",
    "un arbre",
    "un cheval à la plage",
    "une tasse de café",
    "un croissant",
    "une grenouille",
    "un lion et un tigre",
    "une fusée",
    "le soleil",
    "un bonhomme de neige",
    "trois fraises",
    "une seringue",
    "une bombe",
    "un fantôme dans la forêt",
    "une princesse",
    "un avion",
    "une tortue en mer",
    "un cuisinier",
    "un cactus sur fond jaune",
    "un verre de vin",
    "un papillon",
)


def draw_all(generator: ImageGenerator, prompts: tuple[str, ...]) -> list[GeneratedImage]:
    """One picture per prompt, all with the same seed."""
    requests = [PictureRequest(prompt, SEED, "256x256") for prompt in prompts]
    return draw_at_once(generator, requests)


def sheet(images: list[GeneratedImage]) -> Image.Image:
    """COLUMNS tiles a row, in order."""
    rows = -(-len(images) // COLUMNS)
    whole = Image.new("RGB", (COLUMNS * TILE, rows * TILE), "white")
    for index, image in enumerate(images):
        tile = Image.fromarray(image.pixels.permute(1, 2, 0).cpu().numpy()).resize(
            (TILE, TILE), Image.Resampling.LANCZOS
        )
        whole.paste(tile, (index % COLUMNS * TILE, index // COLUMNS * TILE))
    return whole


def prompt_list(prompts: tuple[str, ...], model: str) -> str:
    """The page that goes with the sheet."""
    lines = "\n".join(f"{number}. {prompt}" for number, prompt in enumerate(prompts, 1))
    return (
        f"# Contact sheet of {model}\n\n"
        f"Tiles of [contact-sheet.png](contact-sheet.png), row by row, {COLUMNS} a row, seed {SEED}, "
        "none picked. Made by `python -m generator.training.contact_sheet`.\n\n"
        f"{lines}\n"
    )


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generator", default="dalle-nano")
    parser.add_argument("--folder", type=Path, help="other weights than the shipped ones")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    generator = create_generator(args.generator, args.folder)
    prompts = ENGLISH + FRENCH
    sheet(draw_all(generator, prompts)).save(args.out / "contact-sheet.png", optimize=True)
    (args.out / "contact-sheet.md").write_text(prompt_list(prompts, generator.identity.name))


if __name__ == "__main__":
    main()
