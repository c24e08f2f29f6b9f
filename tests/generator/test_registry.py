import sys
from pathlib import Path

import pytest
import torch

from generator.contract import GeneratorUnusable, ImageGenerator
from generator.options import Options, Upstream
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


def test_a_shipped_generator_is_known_by_its_name_and_hash(shipped: ImageGenerator) -> None:
    assert shipped.identity.name in GENERATORS
    assert len(shipped.identity.sha256) == 64


@pytest.mark.parametrize(
    ("name", "folder", "options", "says"),
    [
        ("dalle-nano", None, Options(arguments={"quality": "low"}), "dalle-nano has no arguments"),
        ("dalle-mini", Path("x"), Options(sizes=("64x64",)), "dalle-mini has no sizes"),
        ("dalle-nano", None, Options(upstream=Upstream("http://x/v1", "m")), "dalle-nano has no upstream"),
        ("diffusers", None, Options(), "GARDEFOU_GENERATOR_WEIGHTS"),
        ("openai", None, Options(), "GARDEFOU_UPSTREAM_URL and GARDEFOU_UPSTREAM_MODEL"),
        ("openai", Path("x"), Options(upstream=Upstream("http://x/v1", "m")), "unset GARDEFOU_GENERATOR_WEIGHTS"),
        ("openai", None, Options(revision="main", upstream=Upstream("http://x/v1", "m")), "openai has no revision"),
    ],
)
def test_a_setting_that_does_not_fit_is_named_and_not_ignored(
    name: str, folder: Path | None, options: Options, says: str
) -> None:
    with pytest.raises(GeneratorUnusable, match=says):
        create_generator(name, folder, None, options)


def test_diffusers_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "generator.diffusers_pipeline", None)
    with pytest.raises(GeneratorUnusable, match=r"pip install 'gardefou\[diffusers\]'"):
        create_generator("diffusers", Path("x"))
