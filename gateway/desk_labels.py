"""What people decided at the desk, as the labelled sets that `evaluate prompts` and `evaluate pictures` read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.assembly import reopen_judged
from gateway.settings import Settings
from gateway.store.image_files import ImageFiles
from gateway.store.truth import Truth
from policies.signals import Stage
from safety.csv_cells import csv_pieces
from safety.evaluation.picture_rows import SUBJECTS

PROMPTS, PICTURES = "prompts.csv", "pictures.csv"


@dataclass(frozen=True, slots=True)
class Written:
    """How much was written. left_out: what may show a child, pictures that are gone, and findings about no category."""

    prompts: int
    pictures: int
    left_out: int


def write_labels(settings: Settings, out: Path) -> Written:
    """Write both files, in place of older ones. Raises FileNotFoundError where nothing was ever recorded."""
    truths = reopen_judged(settings).truths()
    files = ImageFiles(settings.data / "pictures")
    prompts = [*_prompts(truths)]
    pictures = [*_pictures(truths, files)]
    out.mkdir(parents=True, exist_ok=True)
    _write(out / PROMPTS, ["text", "unsafe", "category"], prompts)
    _write(out / PICTURES, ["file", "shows", "unclear"], pictures)
    return Written(len(prompts), len(pictures), len(truths) - len(prompts) - len(pictures))


def _prompts(truths: Sequence[Truth]) -> Iterator[list[object]]:
    for truth in truths:
        if truth.decision.stage == Stage.PROMPT and not truth.restricted:
            yield [truth.prompt, int(truth.harmful), truth.category]


def _pictures(truths: Sequence[Truth], files: ImageFiles) -> Iterator[list[object]]:
    """A person says whether a rule is broken: of what else a picture shows nothing is known."""
    for truth in truths:
        decision = truth.decision
        if decision.stage != Stage.PICTURE or truth.restricted or decision.picture_sha256 is None:
            continue
        path = files.path_of(decision.picture_sha256)
        about = {truth.category} if truth.harmful else {*json.loads(decision.categories)}
        known = about & {*SUBJECTS}
        if path and known:
            shows = " ".join(sorted(known)) if truth.harmful else ""
            yield [str(path.resolve()), shows, " ".join(subject for subject in SUBJECTS if subject not in known)]


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_pieces(header, rows))
