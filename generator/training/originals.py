"""The scenes as they should look: composed of the artwork that dalle-nano learnt from."""

from collections.abc import Callable, Sequence
from pathlib import Path

from generator.training.artwork import NOTO, Artwork, fetch
from generator.training.drawing import Pictures
from generator.training.patch_codes import pictures
from generator.training.scenes import Scene


def originals_from(folder: Path) -> Callable[[Sequence[Scene]], Pictures]:
    """Draws scenes as uint8 (3, 96, 96). folder: where the artwork is kept. Raises CalledProcessError offline."""
    artwork = Artwork(fetch(NOTO, folder))

    def draw(scenes: Sequence[Scene]) -> Pictures:
        return list((pictures(list(scenes), artwork) * 255).round().byte())

    return draw
