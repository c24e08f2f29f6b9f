from pathlib import Path

import pytest
import torch

from generator.contract import ImageGenerator, PictureRequest
from generator.registry import GENERATORS, UnknownGenerator, create_generator
from tests.generator import tiny

SHIPPED = ["dalle-nano"]


@pytest.fixture(scope="module", params=SHIPPED)
def shipped(request: pytest.FixtureRequest) -> ImageGenerator:
    return create_generator(request.param)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownGenerator, match="dalle-nano, dalle-mini"):
        create_generator("dalle-giga")


def test_a_generator_that_is_not_shipped_needs_a_folder() -> None:
    with pytest.raises(UnknownGenerator, match="folder"):
        create_generator("dalle-mini")


def test_a_folder_is_enough_for_the_released_architecture(tmp_path: Path) -> None:
    generator: ImageGenerator = create_generator("dalle-mini", tiny.write_folder(tmp_path))
    assert generator.identity.name == "tiny"


def test_threads_are_set_only_when_asked(tmp_path: Path) -> None:
    tiny.write_folder(tmp_path)
    before = torch.get_num_threads()
    create_generator("dalle-nano", tmp_path)
    assert torch.get_num_threads() == before
    create_generator("dalle-nano", tmp_path, threads=1)
    assert torch.get_num_threads() == 1
    torch.set_num_threads(before)


def test_every_shipped_generator_draws_a_full_batch_as_promised(shipped: ImageGenerator) -> None:
    size = shipped.sizes[0]
    requests = [PictureRequest("un chat sur la lune", seed, size) for seed in range(shipped.batch_size)]
    shares: list[float] = []
    images = shipped.draw(requests, shares.append, lambda: False)
    width, height = map(int, size.split("x"))
    assert [image.seed for image in images] == [request.seed for request in requests]
    assert {image.pixels.shape for image in images} == {(3, height, width)}
    assert {image.pixels.dtype for image in images} == {torch.uint8}
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_a_shipped_generator_is_known_by_its_name_and_hash(shipped: ImageGenerator) -> None:
    assert shipped.identity.name in GENERATORS
    assert len(shipped.identity.sha256) == 64
