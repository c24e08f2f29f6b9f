"""Train clip-nano's picture tower: pictures are pulled towards what a sentence encoder says of their names.

    python -m safety.training.clip_nano --photographs FILE.npz [--wallpapers FOLDER] [--begin-with FOLDER] --steps 2000

Resumes from the checkpoint in --work. --begin-with starts from the weights of a clip-nano and keeps its text space,
and --keep mixes a share of them into what training made. safety.training.clip_nano_text then trains the text tower.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from open_clip.modified_resnet import ModifiedResNet
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from safety.concept_scorer import load_heads
from safety.pictures import load_embedder
from safety.training.emoji_artwork import STYLES, Concept, load_concepts, load_sprites
from safety.training.muon import ConvMuon
from safety.training.picture_labels import UNCLEAR, is_left_out, subjects, tone_phrases
from safety.training.picture_mix import SIZE, Batch, Mixer, Photographs, collect_drawings, collect_photographs
from safety.training.sentence_targets import WIDTH, embed_sentences

DIMENSIONS = 256
VISION = {"layers": [1, 2, 2, 2], "width": 24, "head_width": 64, "image_size": SIZE}
MEAN, STD = 0.5, 0.25  # of pixel values in 0..1, the same for every channel
LANDSCAPE = "landscape"
FINISHED = "finished_tower.pt"
MOST_ORTHOGONALISED = 400_000  # numbers in a matrix: to orthogonalise a larger one costs as much as the pass itself
SUBJECT_GAIN = 8  # the subjects' linear layer sees the embedding times this, so that it learns as fast as the rest
WALLPAPER_PATCH = 96
GENDER_PHRASES = ("a woman, a girl, female", "a man, a boy, male")
MEDIUM_PHRASES = (
    "a drawing, an illustration, clip art, a cartoon",
    "a photograph, a real photo taken with a camera",
)


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Everything pictures are drawn from, and the sentence embeddings of what they may show."""

    drawings: Any
    photographs: list[Photographs]
    classes: list[str]
    class_targets: Tensor
    attribute_targets: Tensor  # tones, then genders, then media


def concept_phrases(concept: Concept) -> list[str]:
    """Ways to say what an emoji shows."""
    return [
        concept.base,
        f"a drawing of {concept.base}",
        f"{concept.base}, {', '.join(concept.keywords[:6])}",
    ]


def photograph_phrases(name: str) -> list[str]:
    """Ways to say what a photograph shows."""
    plain = name.replace("_", " ")
    return [plain, f"a photo of a {plain}", f"a photograph of a {plain}, taken with a camera"]


def wallpaper_patches(folder: Path, use: str) -> Tensor:
    """uint8 (n, 3, 96, 96): sharp photographs of nature; every third file is for evaluation."""
    files = sorted(folder.rglob("nature/*.jpg"))
    chosen = [f for i, f in enumerate(files) if (i % 3 == 2) == (use == "evaluate")]
    random = np.random.default_rng(0)
    patches = []
    for file in chosen:
        picture = Image.open(file).convert("RGB")
        for height in (150, 260, 420, 700):
            small = picture.resize((round(picture.width * height / picture.height), height), Image.Resampling.LANCZOS)
            for _ in range(18):
                x = int(random.integers(small.width - WALLPAPER_PATCH))
                y = int(random.integers(small.height - WALLPAPER_PATCH))
                patch = np.array(small.crop((x, y, x + WALLPAPER_PATCH, y + WALLPAPER_PATCH)))
                patches.append(torch.from_numpy(patch).permute(2, 0, 1))
    return torch.stack(patches)


def load_photographs(path: Path, use: str) -> tuple[Tensor, list[str]]:
    """uint8 (n, 3, 32, 32) and class names; use is "train" or "test"."""
    with np.load(path) as arrays:
        pixels = torch.from_numpy(arrays[f"{use}_images"]).permute(0, 3, 1, 2).contiguous()
        return pixels, arrays[f"{use}_labels"].tolist()


def load_world(arguments: argparse.Namespace) -> World:
    """Read and render all training material; sentence embeddings are cached."""
    concepts = load_concepts(arguments.artwork)
    named = {c.base: c for c in concepts if c.tone == 0 and not is_left_out(c)}
    styles = [load_sprites(s, concepts, arguments.artwork, arguments.work) for s in STYLES if s.use == "train"]
    pixels, names = load_photographs(arguments.photographs, "train")
    shown = [*sorted(set(names)), LANDSCAPE]
    photographs = [collect_photographs(pixels, names, len(named), shown)]
    if arguments.wallpapers:
        patches = wallpaper_patches(arguments.wallpapers, "train")
        photographs.append(collect_photographs(patches, [LANDSCAPE] * len(patches), len(named), shown))
    class_targets, attribute_targets = _targets(list(named.values()), shown, arguments.work)
    return World(collect_drawings(styles, list(named)), photographs, [*named, *shown], class_targets, attribute_targets)


def _targets(concepts: list[Concept], shown: list[str], work: Path) -> tuple[Tensor, Tensor]:
    cached = work / "sentence_targets.pt"
    if not cached.is_file():
        phrases = [concept_phrases(c) for c in concepts] + [photograph_phrases(n) for n in shown]
        flat = embed_sentences([p for some in phrases for p in some])
        classes = functional.normalize(flat.view(len(phrases), -1, WIDTH).mean(1), dim=-1)
        tones = [f"a person with {phrase}" for phrase in tone_phrases()]
        attributes = embed_sentences([*tones, *GENDER_PHRASES, *MEDIUM_PHRASES])
        torch.save((classes, attributes), cached)
    classes, attributes = torch.load(cached, weights_only=True)
    return classes, attributes


class TextSpace(nn.Module):
    """The map from sentence embeddings to the shared space: at first, partly whitened components."""

    def __init__(self, sentences: Tensor) -> None:
        super().__init__()
        self.mean: Tensor
        self.register_buffer("mean", sentences.mean(0))
        _, spread, axes = torch.linalg.svd(sentences - sentences.mean(0), full_matrices=False)
        keep = axes[:DIMENSIONS] / (spread[:DIMENSIONS, None] / spread[0]) ** 0.5
        self.projection = nn.Parameter(keep.T.contiguous())

    def forward(self, sentences: Tensor) -> Tensor:
        """(n, WIDTH) sentence embeddings -> (n, DIMENSIONS), L2-normalised."""
        return functional.normalize((sentences - self.mean) @ self.projection, dim=-1)


class PictureTower(nn.Module):
    """The picture tower, the text space and a linear layer over the subjects."""

    def __init__(self, class_targets: Tensor) -> None:
        super().__init__()
        heads = VISION["width"] * 32 // VISION["head_width"]  # type: ignore[operator]
        self.visual = ModifiedResNet(VISION["layers"], DIMENSIONS, heads=heads, image_size=SIZE, width=VISION["width"])
        self.space = TextSpace(class_targets)
        self.scale = nn.Parameter(torch.tensor(2.7))
        self.subjects = nn.Linear(DIMENSIONS, len(subjects()))

    def embed(self, pixels: Tensor) -> Tensor:
        """float (n, 3, SIZE, SIZE) in 0..1 -> (n, DIMENSIONS), L2-normalised."""
        normal = ((pixels - MEAN) / STD).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            embedding = self.visual(normal)
        return functional.normalize(embedding.float(), dim=-1)

    def begin_with(self, folder: Path, phrases: Sequence[str], sentences: Tensor) -> None:
        """Take over a clip-nano: its picture tower, its heads and, by least squares, its text space, fixed from now on.

        phrases: what its text tower reads; sentences: float (n, WIDTH), the sentence embeddings of the same.
        """
        shipped = load_embedder(folder)
        self.load_state_dict(published_tower(folder), strict=False)
        said, centred = shipped.embed_phrases(phrases), sentences - self.space.mean
        ridge = 1e-3 * len(phrases) / WIDTH * torch.eye(WIDTH)
        fitted = torch.linalg.solve(centred.T @ centred / centred.square().sum(1).mean() + ridge, centred.T @ said)
        with torch.no_grad():
            self.space.projection.copy_(fitted)
            self.scale.copy_(torch.tensor(shipped.logit_scale).log())
        self.space.requires_grad_(False)

    @torch.no_grad()
    def keep(self, share: float, folder: Path) -> None:
        """Move weights back towards those of a clip-nano that training began with: the mean generalises better.

        Source: Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
        """
        own = self.state_dict()
        for name, value in published_tower(folder).items():
            if value.is_floating_point():
                own[name].lerp_(value, share)


def published_tower(folder: Path) -> dict[str, Tensor]:
    """The picture tower and the heads of a clip-nano, under PictureTower's names, floats as float32."""
    weights = load_file(folder / "open_clip_model.safetensors")
    heads = load_heads(load_embedder(folder))
    tower = {name: value for name, value in weights.items() if name.startswith("visual.")}
    tower["subjects.weight"] = torch.stack([heads[s].weight for s in subjects()]) / SUBJECT_GAIN
    tower["subjects.bias"] = torch.stack([heads[s].bias for s in subjects()])
    return {name: value.float() if value.is_floating_point() else value for name, value in tower.items()}


def _choose(logits: Tensor, answers: Tensor) -> Tensor:
    """Cross entropy over the rows whose answer is known (>= 0)."""
    known = answers >= 0
    return functional.cross_entropy(logits[known], answers[known]) if bool(known.any()) else logits.sum() * 0


def losses(tower: PictureTower, batch: Batch, world: World) -> dict[str, Tensor]:
    """Each part of the training loss."""
    embedding = tower.embed(batch.pixels)
    scale = tower.scale.exp().clamp(max=60)
    logits = scale * embedding @ tower.space(world.class_targets).T
    attributes = scale * embedding @ tower.space(world.attribute_targets).T
    tones = len(tone_phrases())
    photograph = batch.labels[:, -1]
    media = torch.where(photograph == UNCLEAR, -1, photograph.long())
    named = batch.targets.sum(1) > 0
    shown = tower.subjects(embedding * SUBJECT_GAIN)
    clear = (batch.labels != UNCLEAR).float()
    boost = 1 + 2 * (batch.labels == 1).float()
    wrong = functional.binary_cross_entropy_with_logits(shown, batch.labels.clamp(min=0), weight=clear * boost)
    return {
        "class": functional.cross_entropy(logits[named], batch.targets[named], label_smoothing=0.05),
        "tone": 0.25 * _choose(attributes[:, :tones], batch.tones),
        "gender": 0.25 * _choose(attributes[:, tones : tones + 2], batch.genders),
        "medium": 0.25 * _choose(attributes[:, tones + 2 :], torch.where(named, media, -1)),
        "subjects": 5 * wrong,
    }


class MixedBatches(IterableDataset[Batch]):
    """The mixer as a data set, so that pictures are made in a second process."""

    def __init__(self, world: World, seed: int, size: int) -> None:
        self.world, self.seed, self.size = world, seed, size

    def __iter__(self) -> Iterator[Batch]:
        torch.set_num_threads(1)
        mixer = Mixer(self.world.drawings, self.world.photographs, len(self.world.classes), self.seed)
        while True:
            yield mixer.batch(self.size)


def optimisers(tower: PictureTower, rate: float) -> list[torch.optim.Optimizer]:
    """Muon for the kernels and all but the largest matrices of the picture tower, AdamW for everything else."""
    matrices = [p for p in tower.visual.parameters() if p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 12]
    matrices = [p for p in matrices if p.numel() <= MOST_ORTHOGONALISED]
    chosen = {id(p) for p in matrices}
    space = {id(p) for p in tower.space.parameters()}
    rest = [p for p in tower.parameters() if id(p) not in chosen | space]
    groups = [{"params": rest, "lr": 2e-3}, {"params": list(tower.space.parameters()), "lr": 5e-4}]
    return [ConvMuon(matrices, rate), torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=1e-4)]


def _set_rate(optimisers_: list[torch.optim.Optimizer], share: float) -> None:
    """Warm up for 4 % of the steps, then straight down to almost nothing."""
    factor = min(1.0, share / 0.04, (1 - share) / 0.75 + 0.01)
    for optimiser in optimisers_:
        for group in optimiser.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def train(arguments: argparse.Namespace) -> None:
    """Run to --steps, leaving a checkpoint every 100."""
    world = load_world(arguments)
    torch.manual_seed(0)
    tower = PictureTower(world.class_targets).to(memory_format=torch.channels_last)
    optimisers_ = optimisers(tower, arguments.rate)
    checkpoint = arguments.work / "picture_tower.pt"
    start = 0
    if checkpoint.is_file():
        stored = torch.load(checkpoint, weights_only=True)
        start = stored["step"]
        tower.load_state_dict(stored["tower"])
        for optimiser, state in zip(optimisers_, stored["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        tower.space.requires_grad_(arguments.begin_with is None)
    elif arguments.begin_with:
        phrases = [p for c in load_concepts(arguments.artwork) if c.tone == 0 for p in concept_phrases(c)]
        tower.begin_with(arguments.begin_with, phrases, embed_sentences(phrases))
    batches = iter(
        DataLoader(MixedBatches(world, 1000 + start, arguments.batch), batch_size=None, num_workers=arguments.mixers)
    )
    began = time.monotonic()
    for step in range(start, arguments.steps):
        _set_rate(optimisers_, step / arguments.steps)
        parts = losses(tower, next(batches), world)
        for optimiser in optimisers_:
            optimiser.zero_grad(set_to_none=True)
        torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
        for optimiser in optimisers_:
            optimiser.step()
        if step % 20 == 0:
            shown = " ".join(f"{name} {value.item():.3f}" for name, value in parts.items())
            cpu = sum(os.times()[:4])
            print(f"{step} {time.monotonic() - began:.0f}s cpu {cpu:.0f}s {shown}", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == arguments.steps:
            states = [optimiser.state_dict() for optimiser in optimisers_]
            torch.save({"step": step + 1, "tower": tower.state_dict(), "optimisers": states}, checkpoint)
    if arguments.keep:
        tower.keep(arguments.keep, arguments.begin_with)
    torch.save({"tower": tower.state_dict()}, arguments.work / FINISHED)


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="cifar100_subset.npz")
    parser.add_argument("--wallpapers", type=Path, help="folder with mate-backgrounds unpacked")
    parser.add_argument("--begin-with", type=Path, help="a clip-nano's folder to go on from")
    parser.add_argument("--keep", type=float, default=0, help="share of --begin-with in the finished weights")
    parser.add_argument("--artwork", type=Path, default=Path(".training/emoji"), help="where npm packages are kept")
    parser.add_argument("--work", type=Path, default=Path(".training/clip_nano"))
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rate", type=float, default=0.02)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mixers", type=int, default=1, help="processes that make pictures; 0: the training one does")
    return parser.parse_args()


if __name__ == "__main__":
    options = parse_arguments()
    torch.set_num_threads(options.threads)
    train(options)
