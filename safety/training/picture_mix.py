"""Endless training pictures: emoji in small scenes and photographs, degraded alike to deny shortcuts."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from safety.training.emoji_artwork import Concept, Sprites
from safety.training.picture_labels import UNCLEAR, drawing_labels, merge, photograph_labels, subjects

SIZE = 64  # pixels: clip-nano's input
GENDERS = ("female", "male")


@dataclass(frozen=True, slots=True, eq=False)
class Drawings:
    """Artwork of several styles with everything said about it.

    pixels: uint8 (n, 4, s, s) RGBA; classes: long (n); labels: float (n, subjects);
    tones, genders: long (n), -1 unknown; weights: float (n), how often to draw each;
    ink: bool (n), drawn in one colour (see fill_inside).
    """

    pixels: Tensor
    classes: Tensor
    labels: Tensor
    tones: Tensor
    genders: Tensor
    weights: Tensor
    ink: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Photographs:
    """Photographs of one size. pixels: uint8 (n, 3, s, s) RGB; the rest as in Drawings."""

    pixels: Tensor
    classes: Tensor
    labels: Tensor
    genders: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Training pictures and what to learn from them.

    pixels: float (n, 3, SIZE, SIZE) in 0..1; targets: float (n, classes), rows sum to 1 (0: no class).
    """

    pixels: Tensor
    targets: Tensor
    labels: Tensor
    tones: Tensor
    genders: Tensor


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares of a batch."""

    photographs: float = 0.22
    mush: float = 0.07
    pairs: float = 0.35
    outlines: float = 0.35
    flat: float = 0.12
    splatters: float = 0.06
    degradation: float = 1.0


def _weight(concept: Concept, labels: Tensor, ink: bool) -> float:
    """How often to draw a sprite. Ink: less of a style, and icon sets hold many of one harmful thing."""
    harmful = bool((labels[: subjects().index("person")] == 1).any())
    if ink:
        return 1.0 if harmful else 0.4
    if harmful:
        return 4.0 if concept.tone == 0 else 1.0
    return 1.0 if concept.tone == 0 else 0.35


def collect_drawings(styles: Sequence[Sprites], classes: Sequence[str]) -> Drawings:
    """Join the styles, keeping the concepts whose base label is one of `classes`."""
    position = {name: index for index, name in enumerate(classes)}
    kept = [(s, i, c) for s in styles for i, c in enumerate(s.concepts) if c.base in position]
    concepts = [concept for _, _, concept in kept]
    labels = drawing_labels(concepts)
    people = labels[:, subjects().index("person")] == 1
    ink = [sprites.ink for sprites, _, _ in kept]
    tones = torch.tensor([concept.tone for concept in concepts])
    return Drawings(
        pixels=torch.stack([sprites.pixels[index] for sprites, index, _ in kept]),
        classes=torch.tensor([position[concept.base] for concept in concepts]),
        labels=labels,
        tones=torch.where(people, tones, -1),
        genders=torch.tensor([GENDERS.index(c.gender) if c.gender else -1 for c in concepts]),
        weights=torch.tensor([_weight(c, *said) for c, *said in zip(concepts, labels, ink, strict=True)]),
        ink=torch.tensor(ink),
    )


def collect_photographs(pixels: Tensor, names: Sequence[str], offset: int, classes: Sequence[str]) -> Photographs:
    """Photographs with their class names; their classes start at `offset`."""
    genders = {"girl": 0, "woman": 0, "boy": 1, "man": 1}
    return Photographs(
        pixels=pixels,
        classes=torch.tensor([offset + classes.index(name) for name in names]),
        labels=photograph_labels(names),
        genders=torch.tensor([genders.get(name, -1) for name in names]),
    )


class Mixer:
    """Draws batches from a seeded generator."""

    def __init__(
        self,
        drawings: Drawings,
        photographs: Sequence[Photographs],
        classes: int,
        seed: int,
        mix: Mix | None = None,
    ) -> None:
        self.drawings = drawings
        self.photographs = photographs
        self.classes = classes
        self.mix = mix or Mix()
        self.random = torch.Generator().manual_seed(seed)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.random)

    def chance(self, count: int, share: float) -> Tensor:
        """bool (count): which rows a random change applies to."""
        return self.uniform(count) < share

    def batch(self, count: int) -> Batch:
        """One shuffled batch of drawings, scenes, photographs and mush."""
        photographs = round(count * self.mix.photographs)
        mush = round(count * self.mix.mush)
        parts = [self._scenes(count - photographs - mush), self._snapshots(photographs), self._mush(mush)]
        parts = [part for part in parts if len(part.pixels)]
        order = torch.randperm(count, generator=self.random)
        joined = [torch.cat(column)[order] for column in zip(*(_columns(p) for p in parts), strict=True)]
        return Batch(self.degrade(joined[0]), *joined[1:])

    def pick(self, count: int) -> Tensor:
        """Indices of drawings, by weight."""
        return torch.multinomial(self.drawings.weights, count, replacement=True, generator=self.random)

    def _scenes(self, count: int) -> Batch:
        return self.scenes(self.pick(count), self.pick(count), self.chance(count, self.mix.pairs))

    def scenes(self, first: Tensor, second: Tensor, paired: Tensor) -> Batch:
        """Drawing `first` alone, or beside drawing `second` where `paired`; not degraded yet."""
        pixels, on_photograph = self._backgrounds(len(first))
        pixels[paired] = self._place(pixels[paired], second[paired], paired[paired], side=1)
        pixels = self._place(pixels, first, paired, side=-1)
        d = self.drawings
        labels = torch.where(paired[:, None], merge(d.labels[first], d.labels[second]), d.labels[first])
        labels[on_photograph, -1] = UNCLEAR
        pixels, labels = self._splatter(pixels, labels)
        one = functional.one_hot(d.classes[first], self.classes).float()
        two = functional.one_hot(d.classes[second], self.classes).float()
        return Batch(
            pixels,
            torch.where(paired[:, None], 0.6 * one + 0.4 * two, one),
            labels,
            torch.where(paired, -1, d.tones[first]),
            torch.where(paired, -1, d.genders[first]),
        )

    def _backgrounds(self, count: int) -> tuple[Tensor, Tensor]:
        """float (count, 3, SIZE, SIZE) and which of them are photographs."""
        kind = self.uniform(count)[:, None, None, None]
        colour, other = self.uniform(count, 3, 1, 1), self.uniform(count, 3, 1, 1)
        ramp = torch.linspace(0, 1, SIZE)[None, None, :, None]
        horizon = (ramp > self.uniform(count, 1, 1, 1, low=0.3, high=0.8)).float()
        clouds = functional.interpolate(self.uniform(count, 3, 5, 5), size=(SIZE, SIZE), mode="bicubic").clamp(0, 1)
        pixels = torch.where(kind < 0.35, torch.ones(()), colour.expand(-1, -1, SIZE, SIZE))
        pixels = torch.where(kind > 0.52, colour * ramp + other * (1 - ramp), pixels)
        pixels = torch.where(kind > 0.64, colour * horizon + other * (1 - horizon), pixels)
        pixels = torch.where(kind > 0.76, clouds, pixels)
        on_photograph = kind[:, 0, 0, 0] > 0.9
        if self.photographs and bool(on_photograph.any()):
            pixels[on_photograph] = self._photograph_pixels(int(on_photograph.sum()))[0]
        return pixels, on_photograph

    def _place(self, canvas: Tensor, chosen: Tensor, paired: Tensor, side: int) -> Tensor:
        """Draw one sprite per row over the canvas: in the middle, or smaller on its side when paired."""
        count = len(chosen)
        if not count:
            return canvas
        scale = torch.where(paired, self.uniform(count, low=0.4, high=0.65), self.uniform(count, low=0.55, high=1.05))
        aside = side * self.uniform(count, low=0.35, high=0.5)
        shift = torch.where(paired, aside, self.uniform(count, low=-0.2, high=0.2))
        sprites = self._inked(self.drawings.pixels[chosen].float() / 255, self.drawings.ink[chosen])
        sprites = self._outlined(self._flattened(sprites))
        layer = self._warp(sprites, scale, shift)
        return canvas * (1 - layer[:, 3:]) + layer[:, :3]

    def _warp(self, sprites: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        """Scale, turn, flip, bend and move the sprites onto a SIZE x SIZE canvas, premultiplied."""
        count = len(sprites)
        angle = self.uniform(count, low=-0.35, high=0.35) * self.chance(count, 0.6)
        flip = torch.where(self.chance(count, 0.5), -1.0, 1.0)
        cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
        down = self.uniform(count, low=-0.2, high=0.2)
        theta = torch.stack(
            [
                torch.stack([flip * cos, flip * sin, -flip * (cos * shift + sin * down)], 1),
                torch.stack([-sin, cos, sin * shift - cos * down], 1),
            ],
            1,
        )
        grid = functional.affine_grid(theta, [count, 4, SIZE, SIZE], align_corners=False)
        wobble = self.uniform(count, 2, 8, 8, low=-0.06, high=0.06) * self.chance(count, 0.3)[:, None, None, None]
        grid = grid + functional.interpolate(wobble, size=(SIZE, SIZE), mode="bilinear").permute(0, 2, 3, 1)
        premultiplied = torch.cat([sprites[:, :3] * sprites[:, 3:], sprites[:, 3:]], 1)
        minified = functional.avg_pool2d(premultiplied, 2)
        small = scale < 0.6
        layer = torch.empty(count, 4, SIZE, SIZE)
        layer[~small] = functional.grid_sample(premultiplied[~small], grid[~small], align_corners=False)
        layer[small] = functional.grid_sample(minified[small], grid[small], align_corners=False)
        return layer

    def _inked(self, sprites: Tensor, ink: Tensor) -> Tensor:
        """Give drawings in one colour an ink, and most of them colours within."""
        count = int(ink.sum())
        if not count:
            return sprites
        within, alpha = sprites[ink, :1], sprites[ink, 3:]
        dark = (
            self.uniform(count, 3, 1, 1)
            * self.uniform(count, 1, 1, 1, high=0.6)
            * self.chance(count, 0.5)[:, None, None, None]
        )
        colours = functional.interpolate(self.uniform(count, 3, 3, 3), size=sprites.shape[-2:], mode="nearest")
        one = self.uniform(count, 3, 1, 1).expand_as(colours)
        pale = torch.where(self.chance(count, 0.4)[:, None, None, None], one, colours)
        pale = pale + self.uniform(count, 1, 1, 1) * (1 - pale)
        unfilled = self.chance(count, 0.35)[:, None, None, None]
        painted = torch.cat(
            [dark * (1 - within) + pale * within, torch.where(unfilled, alpha * (1 - within), alpha)], 1
        )
        sprites = sprites.clone()
        sprites[ink] = painted
        return sprites

    def _flattened(self, sprites: Tensor) -> Tensor:
        """Few levels in each colour of some sprites, as styles without shading have."""
        chosen = self.chance(len(sprites), self.mix.flat)[:, None, None, None]
        levels = torch.randint(2, 6, (len(sprites), 1, 1, 1), generator=self.random)
        flat = torch.cat([(sprites[:, :3] * levels).round() / levels, sprites[:, 3:]], 1)
        return torch.where(chosen, flat, sprites)

    def _outlined(self, sprites: Tensor) -> Tensor:
        """Darken edges of some sprites, as line-drawn styles do."""
        chosen = self.chance(len(sprites), self.mix.outlines)
        if not bool(chosen.any()):
            return sprites
        picture = sprites[chosen]
        grey = torch.cat([picture[:, :3].mean(1, keepdim=True) * picture[:, 3:], picture[:, 3:]], 1)
        local = functional.max_pool2d(grey, 3, 1, 1) + functional.max_pool2d(-grey, 3, 1, 1)
        edge = (local.amax(1, keepdim=True) * self.uniform(len(picture), 1, 1, 1, low=1.5, high=5)).clamp(0, 1)
        contour = _contour(picture[:, 3:]) * self.chance(len(picture), 0.6)[:, None, None, None]
        edge = torch.maximum(edge * (self.chance(len(picture), 0.8)[:, None, None, None]), contour)
        faded = picture[:, :3] + self.uniform(len(picture), 1, 1, 1, high=0.7) * (1 - picture[:, :3])
        body = torch.where(self.chance(len(picture), 0.4)[:, None, None, None], faded, picture[:, :3])
        sprites = sprites.clone()
        sprites[chosen] = torch.cat([body * (1 - edge), torch.maximum(picture[:, 3:], edge)], 1)
        return sprites

    def _splatter(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Blots and drips on some pictures: blood when dark red, paint otherwise."""
        chosen = self.chance(len(pixels), self.mix.splatters)
        count = int(chosen.sum())
        if not count:
            return pixels, labels
        coarse = functional.interpolate(self.uniform(count, 1, 9, 9), size=(SIZE, SIZE), mode="bicubic")
        fine = functional.interpolate(self.uniform(count, 1, 24, 8), size=(SIZE, SIZE), mode="bicubic")
        mask = torch.sigmoid((coarse * 0.75 + fine * 0.25 - 0.62) * 60)
        blood = self.chance(count, 0.5)[:, None, None, None]
        red = torch.cat([self.uniform(count, 1, 1, 1, low=0.45, high=0.8), self.uniform(count, 2, 1, 1, high=0.12)], 1)
        paint = self.uniform(count, 3, 1, 1) * torch.tensor([0.4, 1.0, 1.0])[None, :, None, None]
        pixels, labels = pixels.clone(), labels.clone()
        pixels[chosen] = pixels[chosen] * (1 - mask) + torch.where(blood, red, paint) * mask
        gore, person, violence = (subjects().index(name) for name in ("gore", "person", "violence"))
        spilt = blood[:, 0, 0, 0] & (mask.mean((1, 2, 3)) > 0.04)
        rows = chosen.nonzero()[:, 0]
        labels[rows, gore] = torch.where(spilt, 1.0, labels[rows, gore])
        hurt = spilt & (labels[rows, person] == 1)
        labels[rows, violence] = torch.where(hurt, UNCLEAR, labels[rows, violence])
        return pixels, labels

    def _photograph_pixels(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Cropped, flipped photographs: pixels, source and row of each."""
        source = torch.randint(len(self.photographs), (count,), generator=self.random)
        row = torch.zeros(count, dtype=torch.long)
        pixels = torch.empty(count, 3, SIZE, SIZE)
        for number, photographs in enumerate(self.photographs):
            here = source == number
            if not bool(here.any()):
                continue
            row[here] = torch.randint(len(photographs.pixels), (int(here.sum()),), generator=self.random)
            pixels[here] = self._crop(photographs.pixels[row[here]].float() / 255)
        return pixels, source, row

    def _crop(self, pictures: Tensor) -> Tensor:
        count = len(pictures)
        scale = self.uniform(count, low=0.7, high=1.0)
        flip = torch.where(self.chance(count, 0.5), -1.0, 1.0)
        room = 1 - scale
        theta = torch.zeros(count, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1] = scale * flip, scale
        theta[:, :, 2] = self.uniform(count, 2, low=-1, high=1) * room[:, None]
        grid = functional.affine_grid(theta, [count, 3, SIZE, SIZE], align_corners=False)
        return functional.grid_sample(pictures, grid, mode="bicubic", align_corners=False, padding_mode="border").clamp(
            0, 1
        )

    def _snapshots(self, count: int) -> Batch:
        pixels, source, row = self._photograph_pixels(count)
        rows = list(zip(source.tolist(), row.tolist(), strict=True))
        classes = torch.tensor([int(self.photographs[s].classes[r]) for s, r in rows], dtype=torch.long)
        labels = torch.stack([self.photographs[s].labels[r] for s, r in rows])
        genders = torch.tensor([int(self.photographs[s].genders[r]) for s, r in rows])
        targets = functional.one_hot(classes, self.classes).float()
        return Batch(pixels, targets, labels, torch.full((count,), -1), genders)

    def _mush(self, count: int) -> Batch:
        """What a generator draws when it has not understood: blurs, blobs, noise. No class, no photograph."""
        scenes = self._scenes(count)
        pixels = scenes.pixels
        if self.photographs:
            snapped = self.chance(count, 0.4)
            pixels[snapped] = self._photograph_pixels(int(snapped.sum()))[0]
        coarse = functional.interpolate(functional.interpolate(pixels, size=7, mode="area"), size=SIZE, mode="bicubic")
        side = int(torch.randint(3, 65, (1,), generator=self.random))
        blobs = functional.interpolate(self.uniform(count, 3, side, side), size=SIZE, mode="bicubic")
        grey = self.chance(count, 0.3)[:, None, None, None]
        blobs = torch.where(grey, blobs.mean(1, keepdim=True), blobs)
        pixels = torch.where(self.chance(count, 0.5)[:, None, None, None], coarse, blobs).clamp(0, 1)
        labels = torch.full_like(scenes.labels, UNCLEAR)
        labels[:, -1] = 0.0
        unknown = torch.full((count,), -1)
        return Batch(pixels, torch.zeros(count, self.classes), labels, unknown, unknown)

    def degrade(self, pixels: Tensor) -> Tensor:
        """Light, blur, noise, few colours, JPEG: to drawings and photographs alike."""
        strength = self.mix.degradation
        pixels = self._recolour(pixels, strength)
        pixels = self._lower_resolution(pixels, 0.45 * strength)
        noisy = self.chance(len(pixels), 0.35 * strength)[:, None, None, None]
        noise = torch.randn(pixels.shape, generator=self.random) * self.uniform(len(pixels), 1, 1, 1, high=0.08)
        pixels = torch.where(noisy, pixels + noise, pixels)
        few = self.chance(len(pixels), 0.08 * strength)[:, None, None, None]
        pixels = torch.where(few, (pixels * 6).round() / 6, pixels).clamp(0, 1)
        return self._compress(pixels, 0.25 * strength)

    def _recolour(self, pixels: Tensor, strength: float) -> Tensor:
        count = len(pixels)
        angle = self.uniform(count, low=-0.25, high=0.25) * self.chance(count, 0.5 * strength)
        saturation = 1 + self.uniform(count, low=-0.4, high=0.6) * strength
        saturation = torch.where(self.chance(count, 0.04 * strength), torch.zeros(()), saturation)
        contrast = (1 + self.uniform(count, low=-0.25, high=0.25) * strength)[:, None, None, None]
        light = (self.uniform(count, low=-0.1, high=0.1) * strength)[:, None, None, None]
        turned = torch.einsum("nij,njhw->nihw", _hue_rotation(angle, saturation), pixels)
        return ((turned - 0.5) * contrast + 0.5 + light).clamp(0, 1)

    def _lower_resolution(self, pixels: Tensor, share: float) -> Tensor:
        chosen = self.chance(len(pixels), share)
        if not bool(chosen.any()):
            return pixels
        side = int(torch.randint(22, 56, (1,), generator=self.random))
        small = functional.interpolate(pixels[chosen], size=side, mode="area")
        mode = "nearest" if float(self.uniform(1)) < 0.15 else "bicubic"
        pixels = pixels.clone()
        pixels[chosen] = functional.interpolate(small, size=SIZE, mode=mode).clamp(0, 1)
        return pixels

    def _compress(self, pixels: Tensor, share: float) -> Tensor:
        rows = self.chance(len(pixels), share).nonzero()[:, 0]
        quality = torch.randint(30, 96, (len(rows),), generator=self.random).tolist()
        if len(rows):
            pixels = pixels.clone()
            pixels[rows] = torch.stack([_jpeg(p, q) for p, q in zip(pixels[rows], quality, strict=True)])
        return pixels


def _contour(alpha: Tensor) -> Tensor:
    """float (n, 1, s, s): a line of four pixels along the edge of what is opaque."""
    return (functional.max_pool2d(alpha, 5, 1, 2) + functional.max_pool2d(-alpha, 3, 1, 1)).clamp(0, 1)


def _jpeg(picture: Tensor, quality: int) -> Tensor:
    """The picture, float (3, h, w) in 0..1, after JPEG compression."""
    encoded = io.BytesIO()
    levels = (picture * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    Image.fromarray(levels).save(encoded, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(encoded))).permute(2, 0, 1).float() / 255


def _columns(batch: Batch) -> tuple[Tensor, ...]:
    return batch.pixels, batch.targets, batch.labels, batch.tones, batch.genders


def _hue_rotation(angle: Tensor, saturation: Tensor) -> Tensor:
    """(n, 3, 3) colour matrices: turn by `angle` radians about grey, then scale the distance from grey."""
    cos, sin = torch.cos(angle)[:, None, None], torch.sin(angle)[:, None, None]
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
    chroma = cos * (torch.eye(3) - grey) + sin * cross
    return grey + saturation[:, None, None] * chroma
