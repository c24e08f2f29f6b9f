"""How fast pictures are scored: one batch of views beside a loop over files, and large models with random weights."""

import io
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import open_clip
import torch
from PIL import Image
from torch import Tensor

from policies.identity import ModelIdentity
from safety.checks.image_concepts import ImageConcepts
from safety.checks.realism import PersonPresence, Realism
from safety.concept_banks import load_banks
from safety.pictures import CENTRE, SHIPPED, PictureEmbedder, load_embedder
from safety.screen import PictureCheck, Screen

PICTURES, SIDE = 9, 256
OURS = "one batch, three views, all scores"
LOOP = "loop over PNG files, one view, no scores"
LOOP_OF_VIEWS = "loop over PNG files, three views, no scores"
BLOCKS = 24  # a side: pictures neither flat nor noise, about 105 kB each as PNG
SEED = 20_261
MEMORY_UNIT = 1024  # Linux tells the peak in KiB
FLOAT = 4  # bytes


@dataclass(frozen=True, slots=True)
class Measured:
    """Of nine pictures, median of the rounds: seconds of the clock and of the processor."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Size:
    """One architecture with random weights. weights_mb: of its numbers; peak_mb: of the whole process so far."""

    parameters: int
    embedding: tuple[int, ...]
    weights_mb: float
    peak_mb: float
    seconds: Measured


def nine_pictures() -> list[Tensor]:
    """uint8 (3, 256, 256) each."""
    random = torch.Generator().manual_seed(SEED)
    coarse = torch.rand(PICTURES, 3, BLOCKS, BLOCKS, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bicubic").clamp(0, 1)
    return list((smooth * 255).to(torch.uint8))


def measure_scoring(rounds: int) -> dict[str, Measured]:
    """Ours and two loops in turns, with the shipped model, after one round that warms up."""
    embedder, banks = load_embedder(), load_banks()
    checks: list[PictureCheck] = [build(embedder, banks) for build in (ImageConcepts, Realism, PersonPresence)]
    screen, pictures = Screen([], embedder, checks), nine_pictures()
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{SHIPPED}")
    model.eval()

    @torch.inference_mode()
    def loop(views: Callable[[Image.Image], list[Image.Image]]) -> None:
        for picture in pictures:
            for view in views(Image.open(io.BytesIO(_png(picture))).convert("RGB")):
                model.encode_image(preprocess(view)[None], normalize=True)

    sides = {
        OURS: lambda: screen.pictures(pictures),
        LOOP: lambda: loop(lambda whole: [whole]),
        LOOP_OF_VIEWS: lambda: loop(_views_of),
    }
    return in_turns(sides, rounds)


def _views_of(whole: Image.Image) -> list[Image.Image]:
    margin = round(SIDE * (1 - CENTRE) / 2)
    box = (margin, margin, SIDE - margin, SIDE - margin)
    return [whole, whole.transpose(Image.Transpose.FLIP_LEFT_RIGHT), whole.crop(box)]


def _png(picture: Tensor) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "PNG")
    return file.getvalue()


def measure_size(architecture: str, rounds: int) -> Size:
    """An open_clip architecture at full size, its weights random: what it costs, not what it sees."""
    network = open_clip.create_model(architecture)
    count = sum(weight.numel() for weight in network.parameters())
    embedder = PictureEmbedder(network, _no_words, ModelIdentity(architecture, ""), heads=None)
    pictures = nine_pictures()
    shapes: list[tuple[int, ...]] = []
    seconds = in_turns({architecture: lambda: shapes.append(embedder.embed(pictures).embeddings.shape)}, rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MEMORY_UNIT
    return Size(count, tuple(shapes[0]), count * FLOAT / 1e6, peak, seconds[architecture])


def _no_words(texts: list[str]) -> Tensor:
    raise NotImplementedError(f"no vocabulary to read {texts} with")


def in_turns(sides: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Measured]:
    """Each side once a round, so that whatever else the machine does strikes all of them."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, run in sides.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            if turn:
                spent[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: Measured(_median(times, 0), _median(times, 1)) for name, times in spent.items()}


def _median(times: Sequence[tuple[float, float]], clock: int) -> float:
    return statistics.median(one[clock] for one in times)
