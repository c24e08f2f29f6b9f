"""Draw docs/gallery-dalle-nano.md and its sheets: `python -m generator.training.gallery`. By seed, nothing picked."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from generator.registry import create_generator
from generator.training.captions import LANGUAGES
from generator.training.concepts import load_concepts
from generator.training.drawing import draw_all
from generator.training.gallery_prompts import SEED, GalleryPrompt, gallery_prompts
from generator.training.sheets import sheet
from policies.identity import ModelIdentity

PAGE = "gallery-dalle-nano.md"
SCORE = Path("naming-test/score.md")
COLUMNS, TILE = 8, 132
_LANGUAGE_NAMES = {"en": "English", "fr": "French"}
_ABOUT = f"""\
# Gallery of dalle-nano

32 English and 32 French prompts, drawn through the shipped generator at its own sampling. Nobody picked them:
`generator/training/gallery_prompts.py` makes them from the list of things with seed {SEED}, and a picture's seed is its
prompt's number. Half of them ask for one thing (eight on white, four before a colour, four in a place), half for two.
A star marks two things that training never showed together. `make gallery` draws this page again.
"""


def _mark(prompt: GalleryPrompt) -> str:
    return " *" if prompt.never_seen else ""


def _section(language: str, prompts: Sequence[GalleryPrompt]) -> str:
    listed = "\n".join(
        f"{prompt.number}. {prompt.text}{_mark(prompt).replace('*', chr(92) + '*')}" for prompt in prompts
    )
    name = _LANGUAGE_NAMES[language]
    return f"## {name}\n\n![32 {name} prompts](gallery-dalle-nano-{language}.png)\n\n{listed}\n"


def _naming(docs: Path, model: ModelIdentity) -> str:
    """What `gardefou evaluate naming` printed, as long as the test was held on these weights."""
    path = docs / SCORE
    text = path.read_text("utf-8") if path.is_file() else ""
    found = text if model.sha256 in text else "Not yet held on these weights.\n"
    return f"## Blind naming test\n\n[How it is held](naming-test/README.md).\n\n{found}"


def write_gallery(docs: Path, folder: Path | None) -> None:
    """Draw every prompt, and write the page with a sheet for each language."""
    generator = create_generator("dalle-nano", folder)
    prompts = gallery_prompts(load_concepts())
    pictures = draw_all(generator, [prompt.text for prompt in prompts], [prompt.number for prompt in prompts])
    sections = []
    for language in LANGUAGES:
        shown = [prompt for prompt in prompts if prompt.language == language]
        drawn = [pictures[prompt.number - 1] for prompt in shown]
        texts = [f"{prompt.number}. {prompt.text}{_mark(prompt)}" for prompt in shown]
        sheet(drawn, texts, COLUMNS, TILE).save(docs / f"gallery-dalle-nano-{language}.png", optimize=True)
        sections.append(_section(language, shown))
    weights = f"Drawn by {generator.identity.name}, sha256 `{generator.identity.sha256}`.\n"
    (docs / PAGE).write_text("\n".join([_ABOUT, weights, *sections, _naming(docs, generator.identity)]), "utf-8")


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="other weights than the shipped ones")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    write_gallery(args.out, args.folder)


if __name__ == "__main__":
    main()
