"""One of each generator, made as an operator would: from a name, a folder or an address, and plain options."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgpack

from generator.contract import ImageGenerator
from generator.options import Options, Upstream
from generator.registry import create_from_plain, recipe_of
from policies.identity import write_manifest
from tests.generator import tiny
from tests.generator.tiny_pipelines import PIPELINES, write_pipeline
from tests.houses import Parts, serving

Kind = Callable[[Path], AbstractContextManager[ImageGenerator]]
GRID = 9


def made(name: str, folder: Path | None = None, options: Options | None = None) -> ImageGenerator:
    """As another process makes it: from nothing but what was sent there."""
    sent = msgpack.packb(recipe_of(name, folder, options=options).arguments)
    return create_from_plain(*msgpack.unpackb(sent))


def write_hub_folder(folder: Path) -> Path:
    """DALL-E Mini in its released layout, at random weights."""
    tiny.write_configs(folder)
    tiny.write_msgpack(tiny.scanned(tiny.flax_transformer(tiny.transformer())), folder / "flax_model.msgpack")
    tiny.write_msgpack(tiny.flax_vqgan(tiny.vqgan()), folder / "vqgan_flax_model.msgpack")
    write_manifest(folder, "tiny")
    return folder


@contextmanager
def _dalle_nano(_: Path) -> Iterator[ImageGenerator]:
    yield made("dalle-nano")


@contextmanager
def _dalle_mini(folder: Path) -> Iterator[ImageGenerator]:
    yield made("dalle-mini", write_hub_folder(folder / "hub"))


def _diffusers(name: str) -> Kind:
    @contextmanager
    def kind(folder: Path) -> Iterator[ImageGenerator]:
        options = Options(sizes=("32x32", "64x32"), batch=3, arguments={"num_inference_steps": 2})
        yield made("diffusers", write_pipeline(name, folder / name), options)

    return kind


@contextmanager
def _upstream(folder: Path) -> Iterator[ImageGenerator]:
    """A second gardefou behind this one."""
    with serving(folder / "upstream", Parts(), requests_per_minute=10_000, gate_seconds=60) as (house, url):
        upstream = Upstream(f"{url}/v1", "fake", house.keys.create("gateway"), seeds=True)
        yield made("openai", None, Options(sizes=("64x64", "128x128"), upstream=upstream))


KINDS: dict[str, Kind] = {
    "dalle-nano": _dalle_nano,
    "dalle-mini": _dalle_mini,
    **{f"diffusers: {name}": _diffusers(name) for name in PIPELINES},
    "openai: a second gardefou": _upstream,
}
