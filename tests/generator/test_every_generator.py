"""The contract, held by every generator there is: seeds, sizes, grids, progress, cancellation, and what is refused."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

import pytest
import torch
from torch import Tensor

from generator.at_once import draw_at_once
from generator.batcher import WaitingLine
from generator.contract import MAX_SEED, GenerationCancelled, ImageGenerator, PictureRequest
from generator.openai_upstream import OpenAIUpstream
from tests.generator.kinds import GRID, KINDS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:diffusers")  # numpy 2.4 in its schedulers

ROUNDING = 1  # of 255: pipelines add up in another order when more pictures are drawn together
MARKED = 16  # a second gardefou puts another watermark into each picture


@pytest.fixture(scope="module", params=list(KINDS))
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImageGenerator]:
    with KINDS[request.param](tmp_path_factory.mktemp("kind")) as made:
        yield made


def asked(generator: ImageGenerator, *seeds: int, size: str | None = None) -> list[PictureRequest]:
    return [PictureRequest("two red cats on the moon", seed, size or generator.sizes[0]) for seed in seeds]


def draw(generator: ImageGenerator, requests: Sequence[PictureRequest]) -> list[Tensor]:
    return [image.pixels for image in draw_at_once(generator, requests)]


def differ(first: Tensor, second: Tensor) -> int:
    return int((first.int() - second.int()).abs().max())


def test_a_full_batch_is_drawn_as_promised(generator: ImageGenerator) -> None:
    requests = asked(generator, *range(generator.batch_size))
    shares: list[float] = []
    images = draw_at_once(generator, requests, shares.append)
    width, height = map(int, generator.sizes[0].split("x"))
    assert [image.seed for image in images] == [request.seed for request in requests]
    assert {tuple(image.pixels.shape) for image in images} == {(3, height, width)}
    assert {image.pixels.dtype for image in images} == {torch.uint8}
    assert all(image.pixels.is_contiguous() for image in images)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_picture_follows_from_its_seed_and_not_from_its_neighbours(generator: ImageGenerator) -> None:
    first, second, third = draw(generator, asked(generator, 1, 40, MAX_SEED))
    (alone,) = draw(generator, asked(generator, 40))
    same = MARKED if isinstance(generator, OpenAIUpstream) else ROUNDING
    assert differ(alone, second) <= same
    assert differ(first, second) > same
    assert differ(second, third) > same


def test_every_size_is_what_it_says(generator: ImageGenerator) -> None:
    requests = [PictureRequest("a cat", 7, size) for size in generator.sizes]
    for start in range(0, len(requests), generator.batch_size):
        for request, pixels in zip(
            requests[start:], draw(generator, requests[start:][: generator.batch_size]), strict=False
        ):
            width, height = map(int, request.size.split("x"))
            assert pixels.shape == (3, height, width)


def test_nine_pictures_come_through_the_waiting_line(generator: ImageGenerator) -> None:
    async def grid() -> list[int]:
        async with (
            WaitingLine(generator, GRID, 60) as line,
            aclosing(line.draw(asked(generator, *range(GRID)), "one")) as groups,
        ):
            return [index async for group in groups for index, _ in group]

    assert sorted(asyncio.run(grid())) == list(range(GRID))


def test_a_cancelled_drawing_stops_and_the_next_one_is_drawn(generator: ImageGenerator) -> None:
    shares: list[float] = []
    with pytest.raises(GenerationCancelled):
        draw_at_once(generator, asked(generator, 1), shares.append, lambda: True)
    assert 1.0 not in shares
    assert len(draw(generator, asked(generator, 1))) == 1


def test_nothing_asked_nothing_drawn(generator: ImageGenerator) -> None:
    assert draw(generator, []) == []


def test_what_must_not_be_asked_is_refused(generator: ImageGenerator) -> None:
    for requests in (asked(generator, 0, size="31x31"), asked(generator, -1), asked(generator, MAX_SEED + 1)):
        with pytest.raises(ValueError, match=r"size|seed"):
            draw(generator, requests)


def test_it_is_known_by_a_name_and_a_hash(generator: ImageGenerator) -> None:
    assert generator.identity == generator.identity
    assert generator.identity.name
    assert len(bytes.fromhex(generator.identity.sha256)) == 32
