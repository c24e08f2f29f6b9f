"""The generators by name, as the settings name them."""

from collections.abc import Callable
from pathlib import Path

from generator.contract import ImageGenerator

Factory = Callable[[Path | None, int | None], ImageGenerator]

NANO_FOLDER = Path(__file__).parent / "dalle_mini" / "nano"


class UnknownGenerator(Exception):
    """No generator has this name, or it needs a folder and none was given."""


def _dalle_nano(folder: Path | None, threads: int | None) -> ImageGenerator:
    from generator.dalle_mini.generator import DalleMini
    from generator.dalle_mini.sampling import SamplingSettings

    settings = SamplingSettings(condition_scale=1.0, temperature=0.55)
    # one thread: these layers are so small that a second one waits more than it works on a busy machine
    return DalleMini(folder or NANO_FOLDER, settings, batch_size=3, threads=threads or 1)


def _dalle_mini(folder: Path | None, threads: int | None) -> ImageGenerator:
    from generator.dalle_mini.generator import DalleMini
    from generator.dalle_mini.sampling import SamplingSettings

    if folder is None:
        raise UnknownGenerator("the folder of its weights is missing: `gardefou models pull` fetches it")
    return DalleMini(folder, SamplingSettings(), batch_size=9, threads=threads)


GENERATORS: dict[str, Factory] = {
    "dalle-nano": _dalle_nano,  # shipped, 64-pixel drawings of some 240 things
    "dalle-mini": _dalle_mini,  # the released weights, from a folder
    "dalle-mega": _dalle_mini,  # the same, six times as large
}


def create_generator(name: str, folder: Path | None = None, threads: int | None = None) -> ImageGenerator:
    """Load a generator. folder: None takes the shipped weights; threads: None leaves torch's own choice.

    Raises UnknownGenerator listing the known names, and whatever the generator raises about its files.
    """
    if name not in GENERATORS:
        raise UnknownGenerator(f"unknown generator {name!r}; known: {', '.join(GENERATORS)}")
    return GENERATORS[name](folder, threads)
