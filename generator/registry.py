"""The generators by name, as the settings name them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from generator.channel import Recipe
from generator.contract import GeneratorUnusable, ImageGenerator
from generator.options import Options

NANO_FOLDER = Path(__file__).parent / "dalle_mini" / "nano"

PLACES = 18  # a request for nine, and room for another that comes meanwhile

Factory = Callable[[Path | None, int | None, Options], ImageGenerator]


class UnknownGenerator(GeneratorUnusable):
    """No generator has this name, or it needs a folder and none was given."""


def _dalle_nano(folder: Path | None, threads: int | None, _: Options) -> ImageGenerator:
    from generator.dalle_mini.generator import DalleMini
    from generator.dalle_mini.sampling import SamplingSettings

    settings = SamplingSettings(condition_scale=1.0, temperature=0.55)
    # one thread: these layers are so small that a second one waits more than it works on a busy machine
    return DalleMini(folder or NANO_FOLDER, settings, batch_size=PLACES, threads=threads or 1)


def _dalle_mini(folder: Path | None, threads: int | None, _: Options) -> ImageGenerator:
    from generator.dalle_mini.generator import DalleMini
    from generator.dalle_mini.sampling import SamplingSettings

    if folder is None:
        raise UnknownGenerator("the folder of its weights is missing: `gardefou models pull` fetches it")
    return DalleMini(folder, SamplingSettings(), batch_size=PLACES, threads=threads)


def _diffusers(weights: Path | None, threads: int | None, options: Options) -> ImageGenerator:
    if weights is None:
        raise GeneratorUnusable("diffusers needs GARDEFOU_GENERATOR_WEIGHTS: a pipeline's folder or hub id")
    try:
        from generator.diffusers_pipeline import DiffusersPipeline
    except ModuleNotFoundError as error:
        raise GeneratorUnusable("diffusers is not installed: pip install 'gardefou[diffusers]'") from error
    return DiffusersPipeline(
        str(weights), revision=options.revision, sizes=options.sizes, batch_size=options.batch or 3,
        arguments=options.arguments, threads=threads,
    )  # fmt: skip


def _openai(weights: Path | None, _: int | None, options: Options) -> ImageGenerator:
    from generator.openai_upstream import OpenAIUpstream

    if options.upstream is None:
        raise GeneratorUnusable("openai needs GARDEFOU_UPSTREAM_URL and GARDEFOU_UPSTREAM_MODEL")
    if weights is not None:
        raise GeneratorUnusable("openai draws elsewhere: unset GARDEFOU_GENERATOR_WEIGHTS")
    return OpenAIUpstream(options.upstream, options.sizes, options.batch or 9, options.arguments)


GENERATORS: dict[str, tuple[Factory, frozenset[str]]] = {  # what builds it, and the options that it understands
    "dalle-nano": (_dalle_nano, frozenset()),  # shipped, 64-pixel drawings of some 240 things
    "dalle-mini": (_dalle_mini, frozenset()),  # the released weights, from a folder
    "dalle-mega": (_dalle_mini, frozenset()),  # the same, six times as large
    "diffusers": (_diffusers, frozenset({"sizes", "batch", "arguments", "revision"})),  # any of its pipelines
    "openai": (_openai, frozenset({"sizes", "batch", "arguments", "upstream"})),  # any OpenAI-compatible images API
}


def create_generator(
    name: str, folder: Path | None = None, threads: int | None = None, options: Options | None = None
) -> ImageGenerator:
    """Load a generator. folder: None takes the shipped weights; threads: None leaves torch's own choice.

    Raises UnknownGenerator listing the known names, GeneratorUnusable for what does not fit it, and whatever the
    generator raises about its files.
    """
    if name not in GENERATORS:
        raise UnknownGenerator(f"unknown generator {name!r}; known: {', '.join(GENERATORS)}")
    factory, understood = GENERATORS[name]
    options = options or Options()
    for option in options.set - understood:
        raise GeneratorUnusable(f"the generator {name} has no {option} to set")
    return factory(folder, threads, options)


def create_from_plain(name: str, folder: str | None, threads: int | None, options: Mapping[str, Any]) -> ImageGenerator:
    """What a worker does with the arguments of recipe_of."""
    return create_generator(name, Path(folder) if folder else None, threads, Options.from_plain(options))


def recipe_of(
    name: str, folder: Path | None = None, threads: int | None = None, options: Options | None = None
) -> Recipe:
    """create_generator for a worker, in plain values. An upstream's key is among them."""
    plain = (options or Options()).plain
    return Recipe(f"{__name__}:{create_from_plain.__name__}", (name, str(folder) if folder else None, threads, plain))
