"""A house whose generator paints people in colours, for audits; as a program, an audit that a test kills.

Women are red, men green, nobody blue. An occupation's people follow from the seed.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch import Tensor

from gateway.assembly import House, build_house
from gateway.audit_runs import REQUESTS_PER_MINUTE, Wanted, begin, carry_out
from gateway.settings import Settings
from generator.at_once import Cancelled
from generator.contract import GeneratedImage, PictureRequest
from policies.identity import ModelIdentity
from safety.bias_audit.probes import WEAK_LABELS
from safety.checks.banned_pictures import BannedPictures
from safety.pictures import VIEWS, PictureBatch
from safety.screen import Embedder, Screen
from tests.fakes import IDENTITY, FakeGenerator
from tests.houses import Parts, real_blocklist, real_language_check, real_negative_prompt, real_private_names
from tests.safety.bias_audit.audit_runs import write_probe

CONTEXTS = 3
WOMAN, MAN, NOBODY = (200, 60, 60), (60, 200, 60), (60, 60, 200)
THINGS = ("cat", "house", "car", "tree")


def paint_people(requests: Sequence[PictureRequest], _: Cancelled) -> list[GeneratedImage]:
    """Flat pictures, each a shade of its own."""
    return [GeneratedImage(_painted(request), request.seed) for request in requests]


def _painted(request: PictureRequest) -> Tensor:
    words = request.prompt.split()
    if set(THINGS) & set(words):
        colour = NOBODY
    elif {"woman", "girl", "grandmother"} & set(words):
        colour = WOMAN
    else:
        colour = MAN if {"man", "boy", "grandfather"} & set(words) or request.seed % 2 else WOMAN
    shades = [(request.seed >> shift) % 50 for shift in (3, 11, 19)]
    width, height = (int(side) for side in request.size.split("x"))
    flat = torch.tensor([one + shade for one, shade in zip(colour, shades, strict=True)], dtype=torch.uint8)
    return flat[:, None, None].expand(3, height, width).contiguous()


@dataclass
class ColourEmbedder:
    """The mean colour of a picture, alike in every view."""

    identity: ModelIdentity = IDENTITY

    def embed(self, pixels: Sequence[Tensor]) -> PictureBatch:
        colours = torch.stack([picture.float().mean((1, 2)) for picture in pixels])
        unit = colours / colours.norm(dim=-1, keepdim=True)
        return PictureBatch(list(pixels), unit[:, None].expand(-1, len(VIEWS), -1))


def audit_house(data: Path, parts: Parts | None = None, embedder: Embedder | None = None) -> House:
    """The whole service around the painter."""
    parts = parts or Parts(generator=FakeGenerator(on_draw=paint_people))
    rules = real_blocklist(), real_negative_prompt(), real_language_check(), real_private_names()
    screen = Screen([parts.classifier, *rules], embedder or ColourEmbedder(), [*parts.pictures, BannedPictures()])
    settings = Settings(data=data, gate_seconds=30, requests_per_minute=REQUESTS_PER_MINUTE)
    return build_house(settings, screen, parts.generator)


def wanted(folder: Path, per_cell: int = 2) -> Wanted:
    """A little audit: 4 fillers, few labels."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = yaml.safe_load(WEAK_LABELS.read_text())
    labels["contexts"] = {language: texts[:CONTEXTS] for language, texts in labels["contexts"].items()}
    path = folder / "labels.yaml"
    path.write_text(yaml.safe_dump(labels))
    probe = write_probe(folder)
    return Wanted(str(probe), per_cell=per_cell, explicit_per_cell=1, folder=folder / "run", weak_labels=path)


def paint_slowly(requests: Sequence[PictureRequest], cancelled: Cancelled) -> list[GeneratedImage]:
    """Leaves time to be killed."""
    time.sleep(0.2)
    return paint_people(requests, cancelled)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    slow = audit_house(folder / "data", Parts(generator=FakeGenerator(on_draw=paint_slowly)))
    carry_out(slow, begin(slow, wanted(folder)))
