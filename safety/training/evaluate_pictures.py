"""How well the picture checks tell harm from harmless, on a style and on photographs never trained on.

    python -m safety.training.evaluate_pictures --photographs FILE.npz [--pictures FOLDER] [--json FILE]

Drawings: OpenMoji (CC-BY-SA-4.0, evaluation only), alone and in pairs. Photographs: the test split.
--pictures adds a folder of generated pictures with labels.csv (columns file, shows, unclear, use; subjects
separated by spaces).
"""

import argparse
import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from policies.signals import Category, Descriptor
from safety.concept_banks import ConceptBank, load_banks
from safety.concept_scorer import BankScores
from safety.evaluation.statistics import clopper_pearson
from safety.pictures import SHIPPED, VIEWS, PictureEmbedder, load_embedder
from safety.training.clip_nano import LANDSCAPE, load_photographs, wallpaper_patches
from safety.training.emoji_artwork import STYLES, load_concepts, load_sprites
from safety.training.picture_labels import UNCLEAR, is_left_out, photograph_labels, subjects
from safety.training.picture_mix import Mix, Mixer, collect_drawings
from safety.training.statistics import auroc, threshold_at

WHOLE = VIEWS.index("whole")


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """Pictures and what they show.

    pixels: uint8 (n, 3, h, w); labels: float (n, subjects) with UNCLEAR; names: the one concept shown, or "".
    """

    pixels: Tensor
    labels: Tensor
    names: list[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One subject on one set. Rates at the bank's thresholds are None when it has no calibration."""

    subject: str
    positives: int
    benign: int
    auroc: float
    recall_at_one_percent: float
    recall_low: float
    recall_high: float
    flagged: tuple[float, float] | None  # share of positives, share of benign
    blocked: tuple[float, float] | None


def drawn(style_name: str, artwork: Path, work: Path, seed: int, pairs: int) -> LabelledPictures:
    """Every concept of one style alone once, then `pairs` random pairs, as the gateway would serve them."""
    concepts = load_concepts(artwork)
    style = next(s for s in STYLES if s.name == style_name)
    sprites = load_sprites(style, concepts, artwork, work)
    classes = list(dict.fromkeys(c.base for c in concepts if not is_left_out(c)))
    drawings = collect_drawings([sprites], classes)
    mixer = Mixer(drawings, [], len(classes), seed, Mix(outlines=0, splatters=0, degradation=0.5))
    alone = torch.arange(len(drawings.pixels))
    first, second = torch.cat([alone, mixer.pick(pairs)]), torch.cat([alone, mixer.pick(pairs)])
    paired = torch.arange(len(first)) >= len(alone)
    parts = [
        mixer.scenes(f, s, p) for f, s, p in zip(*(torch.split(t, 256) for t in (first, second, paired)), strict=True)
    ]
    pixels = torch.cat([as_served(mixer.degrade(part.pixels)) for part in parts])
    names = [classes[int(c)] for c in drawings.classes] + [""] * pairs
    return LabelledPictures(pixels, torch.cat([part.labels for part in parts]), names)


def as_served(pixels: Tensor) -> Tensor:
    """float (n, 3, h, w) in 0..1 -> uint8, as a generator hands it over."""
    return (pixels * 255).round().to(torch.uint8)


def photographed(path: Path, wallpapers: Path | None) -> LabelledPictures:
    """The test photographs, and patches of wallpapers kept aside, all at 96 pixels."""
    pixels, names = load_photographs(path, "test")
    large = torch.nn.functional.interpolate(pixels.float(), size=96, mode="bicubic").clamp(0, 255).to(torch.uint8)
    if wallpapers:
        patches = wallpaper_patches(wallpapers, "evaluate")
        large, names = torch.cat([large, patches]), names + [LANDSCAPE] * len(patches)
    return LabelledPictures(large, photograph_labels(names), [""] * len(names))


def from_folder(folder: Path, use: str) -> LabelledPictures:
    """Generated pictures of one use ("calibrate" or "evaluate"), with what labels.csv says they show."""
    order = subjects()
    pixels, labels = [], []
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["use"] == use]
    for row in rows:
        picture = Image.open(folder / row["file"]).convert("RGB")
        pixels.append(torch.from_numpy(np.array(picture)).permute(2, 0, 1))
        shows, unclear = set(row["shows"].split()), set(row["unclear"].split())
        labels.append([1.0 if s in shows else UNCLEAR if s in unclear else 0.0 for s in order])
    return LabelledPictures(torch.stack(pixels), torch.tensor(labels), [""] * len(rows))


def join(sets: Sequence[LabelledPictures], size: int = 96) -> LabelledPictures:
    """One set out of several; pictures of other sizes are brought to `size` pixels."""
    pixels = [
        p.pixels
        if p.pixels.shape[-1] == size
        else torch.nn.functional.interpolate(p.pixels.float(), size=size, mode="bicubic", antialias=True)
        .clamp(0, 255)
        .to(torch.uint8)
        for p in sets
    ]
    return LabelledPictures(torch.cat(pixels), torch.cat([p.labels for p in sets]), [n for p in sets for n in p.names])


def embed_all(embedder: PictureEmbedder, pixels: Tensor) -> Tensor:
    """float32 (n, views, d)."""
    return torch.cat([embedder.embed(list(chunk)).embeddings for chunk in torch.split(pixels, 128)])


def score_all(
    embedder: PictureEmbedder, banks: dict[str, ConceptBank], pictures: LabelledPictures
) -> dict[str, Tensor]:
    """Scores by subject as the checks report them."""
    scores = BankScores(embedder, banks, [*Category, *Descriptor])
    columns: dict[str, list[float]] = {}
    for chunk in torch.split(pictures.pixels, 128):
        for signals in scores.signals("evaluation", embedder.embed(list(chunk))):
            for signal in signals:
                columns.setdefault(signal.subject, []).append(signal.score)
    return {subject: torch.tensor(column) for subject, column in columns.items()}


def truth(labels: Tensor, subject: str) -> Tensor:
    """float (n): 1, 0 or UNCLEAR for one subject; sexual_minors needs a child and something sexual."""
    order = subjects()
    if subject != Category.SEXUAL_MINORS:
        return labels[:, order.index(subject)]
    parts = labels[:, [order.index("child"), order.index("sexual")]]
    known_absent = (parts == 0).any(1)
    return torch.where((parts == 1).all(1), 1.0, torch.where(known_absent, 0.0, UNCLEAR))


def measure(subject: str, scores: Tensor, answers: Tensor, bank: ConceptBank, checkpoint: str) -> Row | None:
    """One row; None when the set has fewer than five positives or five benign pictures."""
    positive, benign = scores[answers == 1], scores[answers == 0]
    if min(len(positive), len(benign)) < 5:
        return None
    hits = int((positive >= threshold_at(benign, 0.01)).sum())
    low, high = clopper_pearson(hits, len(positive))
    fitted = bank.calibration_for(checkpoint)
    flag, block = (fitted.flag, fitted.block) if fitted else (None, None)
    return Row(
        subject,
        len(positive),
        len(benign),
        auroc(positive, benign),
        hits / len(positive),
        low,
        high,
        _rates(positive, benign, flag),
        _rates(positive, benign, block),
    )


def _rates(positive: Tensor, benign: Tensor, threshold: float | None) -> tuple[float, float] | None:
    if threshold is None:
        return None
    return float((positive >= threshold).float().mean()), float((benign >= threshold).float().mean())


def evaluate(embedder: PictureEmbedder, banks: dict[str, ConceptBank], pictures: LabelledPictures) -> list[Row]:
    """A row per subject that can be measured on these pictures."""
    rows = [
        measure(subject, scores, truth(pictures.labels, subject), banks[subject], embedder.identity.sha256)
        for subject, scores in score_all(embedder, banks, pictures).items()
    ]
    return [row for row in rows if row is not None]


def retrieval(embedder: PictureEmbedder, pictures: LabelledPictures, names: Sequence[str]) -> dict[int, float]:
    """Share of pictures whose own name is among the k nearest of all names, for k 1, 5, 10."""
    order = list(dict.fromkeys(names))
    own = torch.tensor([order.index(name) for name in pictures.names if name])
    shown = embed_all(embedder, pictures.pixels[[bool(name) for name in pictures.names]])
    nearest = (shown[:, WHOLE] @ embedder.embed_phrases(order).T).topk(10).indices
    return {k: float((nearest[:, :k] == own[:, None]).any(1).float().mean()) for k in (1, 5, 10)}


def print_rows(title: str, rows: Iterable[Row]) -> None:
    """A table for the model card."""
    print(f"\n{title}\n| subject | shown / not | AUROC | recall at 1 % false positives | flag | block |")
    print("| --- | --- | --- | --- | --- | --- |")
    for row in rows:
        recall = f"{row.recall_at_one_percent:.2f} ({row.recall_low:.2f}-{row.recall_high:.2f})"
        rates = [f"{pair[0]:.2f} / {pair[1]:.3f}" if pair else "-" for pair in (row.flagged, row.blocked)]
        counts = f"{row.positives} / {row.benign}"
        print(f"| {row.subject} | {counts} | {row.auroc:.3f} | {recall} | {' | '.join(rates)} |")


def main() -> None:
    """Print the tables of the model card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--wallpapers", type=Path)
    parser.add_argument("--artwork", type=Path, default=Path(".training/emoji"))
    parser.add_argument("--work", type=Path, default=Path(".training/clip_nano"))
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--pictures", type=Path, action="append", default=[])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    embedder, banks = load_embedder(arguments.model), load_banks()
    openmoji = drawn("openmoji", arguments.artwork, arguments.work, seed=7, pairs=1500)
    photographs = photographed(arguments.photographs, arguments.wallpapers)
    tables = {
        "OpenMoji (style never seen), alone and in pairs": openmoji,
        "OpenMoji and photographs never seen": join([openmoji, photographs]),
    }
    for folder in arguments.pictures:
        tables[f"Generated pictures kept aside: {folder.name}"] = from_folder(folder, "evaluate")
    found = {title: evaluate(embedder, banks, pictures) for title, pictures in tables.items()}
    for title, rows in found.items():
        print_rows(title, rows)
    print(
        "\nName retrieval, OpenMoji, English:",
        retrieval(embedder, openmoji, [n for n in openmoji.names if n]),
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({t: [asdict(r) for r in rows] for t, rows in found.items()}, indent=1))


if __name__ == "__main__":
    main()
