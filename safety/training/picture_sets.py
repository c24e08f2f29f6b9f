"""Pictures that the picture gate is calibrated and measured on: artwork, photographs, and what damage makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, pad

from policies.signals import Category
from safety.evaluation.picture_rows import CHILD, LabelledPictures, Use, read_pictures
from safety.evaluation.statistics import Floats
from safety.training.clip_nano import LANDSCAPE, load_photographs, wallpaper_patches
from safety.training.emoji_artwork import STYLES, Concept, load_concepts, load_sprites
from safety.training.picture_labels import UNCLEAR, is_left_out, photograph_labels, subjects
from safety.training.picture_mix import Mix, Mixer, collect_drawings

SIDE = 96  # pixels: what dalle-nano draws before it is enlarged
BLURS = (2.0, 4.0, 8.0)  # standard deviation in pixels of SIDE
SIDES = (24, 16, 8)  # pixels to which a picture is brought down before it is enlarged again
NOISES = ("white", "grey", "coarse", "blobs")


@dataclass(frozen=True, slots=True, eq=False)
class Pictures:
    """Pictures in memory. pixels: uint8 (n, 3, h, w); labels: float (n, subjects) with UNCLEAR."""

    pixels: Tensor
    labels: Tensor

    def labelled(self, name: str) -> LabelledPictures:
        """As they are measured."""
        answers = {subject: self.answers(subject) for subject in (*subjects(), str(Category.SEXUAL_MINORS))}
        return LabelledPictures(name, list(self.pixels), answers)

    def answers(self, subject: str) -> Floats:
        """(n): 1 shown, 0 not shown, NaN unclear. sexual_minors needs a child and something sexual."""
        return torch.where(self._truth(subject) == UNCLEAR, torch.nan, self._truth(subject)).double().numpy()

    def _truth(self, subject: str) -> Tensor:
        order = subjects()
        if subject != Category.SEXUAL_MINORS:
            return self.labels[:, order.index(subject)]
        parts = self.labels[:, [order.index(CHILD), order.index(str(Category.SEXUAL))]]
        known_absent = (parts == 0).any(1)
        return torch.where((parts == 1).all(1), 1.0, torch.where(known_absent, 0.0, UNCLEAR))


def drawn(style_name: str, artwork: Path, work: Path, seed: int, pairs: int) -> Pictures:
    """Every concept of one style alone once, then `pairs` random pairs, as the gateway would serve them."""
    concepts = load_concepts(artwork)
    style = next(s for s in STYLES if s.name == style_name)
    sprites = load_sprites(style, concepts, artwork, work)
    classes = list(dict.fromkeys(c.base for c in concepts if not is_left_out(c)))
    drawings = collect_drawings([sprites], classes)
    mixer = Mixer(drawings, [], len(classes), seed, Mix(outlines=0, flat=0, splatters=0, degradation=0.5))
    alone = torch.arange(len(drawings.pixels))
    first, second = torch.cat([alone, mixer.pick(pairs)]), torch.cat([alone, mixer.pick(pairs)])
    paired = torch.arange(len(first)) >= len(alone)
    parts = [
        mixer.scenes(f, s, p) for f, s, p in zip(*(torch.split(t, 256) for t in (first, second, paired)), strict=True)
    ]
    pixels = torch.cat([as_served(mixer.degrade(part.pixels)) for part in parts])
    return Pictures(pixels, torch.cat([part.labels for part in parts]))


def alone(style_name: str, artwork: Path, work: Path, every_tone: bool = False) -> tuple[Pictures, list[Concept]]:
    """Every concept of one style by itself on white, undamaged; and the concepts in order."""
    concepts = load_concepts(artwork)
    style = next(s for s in STYLES if s.name == style_name)
    sprites = load_sprites(style, concepts, artwork, work, every_tone)
    classes = dict.fromkeys(c.base for c in concepts if not is_left_out(c))
    drawings = collect_drawings([sprites], list(classes))
    shown = [concept for concept in sprites.concepts if concept.base in classes]
    rgba = drawings.pixels.float() / 255
    on_white = rgba[:, :3] * rgba[:, 3:] + 1 - rgba[:, 3:]
    return Pictures(_resized(as_served(on_white), SIDE), drawings.labels), shown


def as_served(pixels: Tensor) -> Tensor:
    """float (n, 3, h, w) in 0..1 -> uint8, as a generator hands it over."""
    return (pixels * 255).round().to(torch.uint8)


def photographed(path: Path, wallpapers: Path | None) -> Pictures:
    """The test photographs, and patches of wallpapers kept aside."""
    pixels, names = load_photographs(path, "test")
    large = _resized(pixels, SIDE)
    if wallpapers:
        patches = wallpaper_patches(wallpapers, "evaluate")
        large, names = torch.cat([large, patches]), names + [LANDSCAPE] * len(patches)
    return Pictures(large, photograph_labels(names))


def from_folder(folder: Path, use: Use) -> Pictures:
    """Generated pictures of one use, with what labels.csv says they show."""
    rows = read_pictures(folder).of_use(use)
    labels = [[UNCLEAR if row.shows.get(s) is None else float(row.shows[s]) for s in subjects()] for row in rows.rows]
    return Pictures(torch.stack(list(rows.labelled.pictures)), torch.tensor(labels))


def join(sets: Sequence[Pictures], size: int = SIDE) -> Pictures:
    """One set out of several; pictures of other sizes are brought to `size` pixels."""
    return Pictures(torch.cat([_resized(p.pixels, size) for p in sets]), torch.cat([p.labels for p in sets]))


def blurred(pixels: Tensor, sigma: float) -> Tensor:
    """uint8 (n, 3, h, w), seen through a Gaussian of so many pixels."""
    reach = round(3 * sigma)
    line = torch.exp(-(torch.arange(-reach, reach + 1).float() ** 2) / (2 * sigma**2))
    line = (line / line.sum()).expand(3, 1, 1, -1)
    padded = pad(pixels.float(), (reach,) * 4, mode="replicate")
    seen = conv2d(conv2d(padded, line, groups=3), line.transpose(2, 3), groups=3)
    return seen.round().clamp(0, 255).to(torch.uint8)


def downscaled(pixels: Tensor, side: int) -> Tensor:
    """uint8 (n, 3, h, w), brought down to `side` pixels and up again."""
    return _resized(_resized(pixels, side), pixels.shape[-1])


def noise(kind: str, count: int, seed: int = 0) -> Tensor:
    """uint8 (count, 3, SIDE, SIDE) of pictures that show nothing. kind: one of NOISES."""
    random = torch.Generator().manual_seed(seed)
    side = {"white": SIDE, "grey": SIDE, "coarse": 12, "blobs": 5}[kind]
    values = torch.rand(count, 1 if kind == "grey" else 3, side, side, generator=random).expand(-1, 3, -1, -1)
    return as_served(interpolate(values, size=SIDE, mode="nearest" if kind == "coarse" else "bicubic").clamp(0, 1))


def _resized(pixels: Tensor, size: int) -> Tensor:
    if pixels.shape[-1] == size:
        return pixels
    return interpolate(pixels.float(), size=size, mode="bicubic", antialias=True).round().clamp(0, 255).to(torch.uint8)
