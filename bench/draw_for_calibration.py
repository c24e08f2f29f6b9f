"""Draw a labelled folder of dalle-nano's pictures, to fit and to measure the picture gate on what it will really see.

    python bench/draw_for_calibration.py .training/drawn --emoji .training/emoji
    python -m safety.training.calibrate_pictures --photographs FILE.npz --pictures .training/drawn
    python -m safety.training.picture_scorecard --photographs FILE.npz --pictures .training/drawn

Stands outside the packages because it needs both the generator and the labels of safety, which know nothing of each
other. Half of the pictures are for calibration, half for evaluation, by seed.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.at_once import draw_at_once
from generator.contract import ImageGenerator, PictureRequest
from generator.registry import create_generator
from generator.training.concepts import Concept, load_concepts
from safety.training import emoji_artwork
from safety.training.picture_labels import drawing_labels, subjects

SIZE = "256x256"
PLACES = ("on the beach", "in space", "in the city", "on a blue background")
SEEDS = {"sensitive": range(8)}  # there are few sensitive things: more pictures of each
HARMLESS_SEEDS = range(2)


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to draw and what it shows. shows, unclear: names of subjects."""

    prompt: str
    seed: int
    kind: str
    shows: tuple[str, ...]
    unclear: tuple[str, ...]

    @property
    def row(self) -> dict[str, str]:
        """Its line of labels.csv."""
        name = "".join(c if c.isalnum() else "_" for c in self.prompt)
        return {
            "file": f"{name}-{self.seed}.png",
            "shows": " ".join(self.shows),
            "unclear": " ".join(self.unclear),
            "use": "evaluate" if self.seed % 2 else "calibrate",
            "prompt": self.prompt,
            "kind": self.kind,
        }


def jobs(emoji: Path) -> Iterator[Job]:
    """Every thing the generator knows by itself, and each in one place."""
    by_code = {concept.code: concept for concept in emoji_artwork.load_concepts(emoji)}
    for concept in load_concepts():
        labels = drawing_labels([by_code[_code(concept)]])[0].tolist()
        shows = tuple(s for s, value in zip(subjects(), labels, strict=True) if value == 1)
        unclear = tuple(s for s, value in zip(subjects(), labels, strict=True) if value == -1)
        name = concept.names["en"][0]
        for seed in SEEDS.get(concept.kind, HARMLESS_SEEDS):
            yield Job(name, seed, concept.kind, shows, unclear)
        place = PLACES[concept.index % len(PLACES)]
        yield Job(f"{name} {place}", concept.index, concept.kind, shows, unclear)


def _code(concept: Concept) -> str:
    return emoji_artwork.plain_code("-".join(f"{ord(char):x}" for char in concept.emoji[0]))


def draw(generator: ImageGenerator, wanted: list[Job], out: Path) -> None:
    """Write the pictures and labels.csv."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(wanted[0].row))
        writer.writeheader()
        for start in range(0, len(wanted), generator.batch_size):
            group = wanted[start : start + generator.batch_size]
            requests = [PictureRequest(job.prompt, job.seed, SIZE) for job in group]
            for job, image in zip(group, draw_at_once(generator, requests), strict=True):
                (out / job.row["file"]).write_bytes(image.encode())
                writer.writerow(job.row)


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--emoji", type=Path, default=Path(".training/emoji"), help="artwork, fetched when absent")
    args = parser.parse_args()
    wanted = list(jobs(args.emoji))
    draw(create_generator("dalle-nano"), wanted, args.out)
    print(f"{len(wanted)} pictures in {args.out}")


if __name__ == "__main__":
    main()
