"""What is left of a picture's provenance after what people do to pictures, measured on pictures of the service itself.

Pictures go the whole way of a request; each manipulated copy is then verified as the public endpoint verifies it.
"""

import asyncio
import io
import math
import secrets
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from gateway.assembly import House, build_house
from gateway.auth import Caller
from gateway.errors import ContentRefused
from gateway.generation import Asked
from gateway.provenance import Verification
from gateway.settings import Settings
from gateway.store.decisions import State
from safety.evaluation.statistics import Estimate, share
from safety.picture_files.pixels import decode_picture
from safety.provenance.watermark import KEY_BYTES, THRESHOLD, TILE, Watermark, evened

CALLER = Caller("terminal", "scorecard")
SIZE, TOGETHER = "256x256", 10
PROMPTS = ("a cat", "a firefighter and a dog", "un chat sur la lune", "a red apple on the beach", "deux oiseaux",
           "a rocket in space", "a castle", "a lion in the city", "une fleur bleue", "a train on a blue background",
           "a bee", "un bateau sur la mer", "a pizza", "a penguin in the snow", "a violin")  # fmt: skip
ORIENTATIONS = 8
Manipulation = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Released:
    """A picture that left the service, and the decision that let it."""

    content: bytes
    decision_id: str


@dataclass(frozen=True, slots=True)
class Row:
    """What verifying copies found after one manipulation: the commonest answer of a layer, and shares of copies."""

    manipulation: str
    credentials: str
    source_type: str
    mark_found: Estimate
    leads_back: Estimate
    conclusion: str


@dataclass(frozen=True, slots=True)
class FalseAlarms:
    """How often a key finds its mark in pictures that do not have it. expected: if correlations were pure chance."""

    trials: int
    alarms: int
    highest_z: float
    upper_bound: float
    expected: float


@dataclass(frozen=True, slots=True)
class Scorecard:
    """pictures: how many were drawn and released."""

    pictures: int
    rows: tuple[Row, ...]
    false_alarms: FalseAlarms


def _saved(output_format: str, **options: Any) -> Callable[[Image.Image], bytes]:
    def save(picture: Image.Image) -> bytes:
        encoded = io.BytesIO()
        picture.save(encoded, output_format, **options)
        return encoded.getvalue()

    return save


_png = _saved("png")


def _then(change: Callable[[Image.Image], Image.Image]) -> Manipulation:
    return _opened(lambda picture: _png(change(picture)))


def _opened(change: Callable[[Image.Image], bytes]) -> Manipulation:
    def manipulate(content: bytes) -> bytes:
        with Image.open(io.BytesIO(content)) as picture:
            return change(picture.convert("RGB"))

    return manipulate


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    size = round(picture.width * factor), round(picture.height * factor)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _cropped(picture: Image.Image) -> Image.Image:
    return picture.crop((7, 8, picture.width - 8, picture.height - 7))


MANIPULATIONS: Mapping[str, Manipulation] = {
    "nothing": lambda content: content,
    "one byte added to the file": lambda content: content + b"\0",
    "saved again as PNG": _opened(_png),
    "JPEG, quality 75": _opened(_saved("jpeg", quality=75)),
    "JPEG, quality 50": _opened(_saved("jpeg", quality=50)),
    "WebP, quality 80": _opened(_saved("webp", quality=80)),
    "half the size and back": _then(lambda picture: _scaled(_scaled(picture, 0.5), 2)),
    "left at half the size": _then(lambda picture: _scaled(picture, 0.5)),
    "cropped by 6 %": _then(_cropped),
    "mirrored": _then(lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
    "turned by 90 degrees": _then(lambda picture: picture.transpose(Image.Transpose.ROTATE_90)),
    "a third brighter": _then(lambda picture: ImageEnhance.Brightness(picture).enhance(1.33)),
    "left at 80 % of the size": _then(lambda picture: _scaled(picture, 0.8)),
    "turned by 1 degree": _then(lambda picture: picture.rotate(1, Image.Resampling.BICUBIC)),
    "turned by 5 degrees": _then(lambda picture: picture.rotate(5, Image.Resampling.BICUBIC)),
    "a quarter of the size and back": _then(lambda picture: _scaled(_scaled(picture, 0.25), 4)),
}


def measure(pictures: int, keys: int) -> Scorecard:
    """Draw so many pictures, manipulate and verify them; look for the marks of so many other keys in them."""
    with tempfile.TemporaryDirectory() as data:
        house = build_house(Settings(data=Path(data), requests_per_minute=10_000, database_url=None))
        return asyncio.run(measure_in(house, pictures, keys))


async def measure_in(house: House, pictures: int, keys: int) -> Scorecard:
    """The same in a house of one's own."""
    async with house:
        released = await _draw(house, pictures)
        rows = [await _row(house, name, manipulate, released) for name, manipulate in MANIPULATIONS.items()]
        return Scorecard(len(released), tuple(rows), _false_alarms(released, keys))


async def _draw(house: House, pictures: int) -> list[Released]:
    released: list[Released] = []
    model, size = house.generator.identity.name, SIZE if SIZE in house.generator.sizes else house.generator.sizes[0]
    for first in range(0, 2 * pictures, TOGETHER):  # twice: what the gate keeps back is drawn again
        prompt = PROMPTS[first // TOGETHER % len(PROMPTS)]
        try:
            generation = await house.pipeline.run(Asked(prompt, TOGETHER, size, model, "bench", first), CALLER)
        except ContentRefused:
            continue
        shown = [drawn for drawn in generation.pictures if drawn.state is State.RELEASED]
        released += [Released(drawn.content, drawn.decision_id) for drawn in shown]
        if len(released) >= pictures:
            break
    return released[:pictures]


async def _row(house: House, name: str, manipulate: Manipulation, released: Sequence[Released]) -> Row:
    found = [await house.verifier.verify(manipulate(picture.content)) for picture in released]
    return Row(
        manipulation=name,
        credentials=_commonest(one.seen.credential.standing for one in found),
        source_type=_commonest(one.seen.source_type or "none" for one in found),
        mark_found=_share(one.seen.mark.found for one in found),
        leads_back=_share(_by_mark(one, picture) for one, picture in zip(found, released, strict=True)),
        conclusion=_commonest(one.reason.conclusion for one in found),
    )


def _by_mark(found: Verification, picture: Released) -> bool:
    return found.seen.mark.found and found.origin is not None and found.origin.decision_id == picture.decision_id


def _share(flags: Any) -> Estimate:
    estimate = share(np.fromiter(flags, dtype=np.bool_))
    assert estimate is not None
    return estimate


def _commonest(answers: Any) -> str:
    """The commonest answer, and how common it is where it is not the only one."""
    counted = Counter(str(answer) for answer in answers)
    ((answer, count),) = counted.most_common(1)
    return answer if len(counted) == 1 else f"{answer} ({count / counted.total():.0%})"


def _false_alarms(released: Sequence[Released], keys: int) -> FalseAlarms:
    """Marked pictures under keys that are not theirs: a key knows nothing of a picture that was marked with another."""
    watermarks = [Watermark(secrets.token_bytes(KEY_BYTES)) for _ in range(keys)]
    tiles = [evened(decode_picture(picture.content, 1 << 22)) for picture in released]
    heights = np.array([watermark.find_in(tile).z for watermark in watermarks for tile in tiles])
    alarms = heights >= THRESHOLD
    chances = TILE * TILE * ORIENTATIONS
    return FalseAlarms(len(heights), int(alarms.sum()), float(heights.max()), _share(alarms).high, chances * _tail())


def _tail() -> float:
    """The chance that one normally distributed correlation reaches THRESHOLD."""
    return float(math.erfc(THRESHOLD / math.sqrt(2)) / 2)


def table(card: Scorecard) -> str:
    """The scorecard in Markdown."""
    alarms = card.false_alarms
    lines = [
        "| what was done | content credentials | source type | watermark found | leads to its decision | conclusion |",
        "|---|---|---|---|---|---|",
        *(f"| {row.manipulation} | {row.credentials} | {row.source_type} | {_percent(row.mark_found)} | "
          f"{_percent(row.leads_back)} | {row.conclusion} |" for row in card.rows),
        "",
        f"{card.pictures} pictures of {SIZE}; shares with their 95 % interval. False alarms at z = {THRESHOLD:g}: "
        f"{alarms.alarms} in {alarms.trials} looks with other keys (highest z {alarms.highest_z:.2f}), so fewer than "
        f"{alarms.upper_bound:.2g} of the looks (95 %); pure chance would give {alarms.expected:.1g}.",
    ]  # fmt: skip
    return "\n".join(lines)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%}–{estimate.high:.1%})"
