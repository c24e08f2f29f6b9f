"""Which frames of a moving picture are judged."""

import math
from collections.abc import Callable

from PIL import Image, ImageFile

FRAMES_JUDGED = 8
FRAMES_BY_TIME = 4  # the rest by how different they look
FRAMES_READ = 1000  # a longer picture is refused
SHORTEST_MS = 100  # what viewers make of a frame that asks for 10 ms or less
LOOK = 8, 8  # pixels that frames are compared by


def frames_of(picture: ImageFile.ImageFile) -> int:
    """How many it has; 1 when it stands still."""
    return int(getattr(picture, "n_frames", 1))


def chosen_frames(picture: ImageFile.ImageFile, check: Callable[[], None]) -> list[int]:
    """The numbers of the frames to judge, ascending: all of a few, else the first, those seen longest, the oddest.

    Half are those on the screen at evenly spaced moments, so that nothing shown for long is missed; the others each
    look as different as can be from all chosen before, so that a single flash is not missed either.
    check: called at every frame before it is unpacked; may raise.
    """
    count = frames_of(picture)
    if count <= FRAMES_JUDGED:
        return [*range(count)]
    looks, shown_ms = [], []
    for number in range(count):
        picture.seek(number)
        check()
        looks.append(picture.convert("RGBA").resize(LOOK, Image.Resampling.BOX).tobytes())
        shown_ms.append(_shown_ms(picture))
    return sorted(_oddest(looks, _seen_longest(shown_ms)))


def _shown_ms(picture: ImageFile.ImageFile) -> float:
    asked = float(picture.info.get("duration", 0))
    return asked if asked > 10 else SHORTEST_MS


def _seen_longest(shown_ms: list[float]) -> list[int]:
    """The first frame, and those on the screen at evenly spaced moments."""
    step, moments, passed = sum(shown_ms) / FRAMES_BY_TIME, [0], 0.0
    for number, milliseconds in enumerate(shown_ms):
        before, passed = passed, passed + milliseconds
        if math.floor(passed / step - 0.5) > math.floor(before / step - 0.5):
            moments.append(number)
    return [*dict.fromkeys(moments)][:FRAMES_JUDGED]


def _oddest(looks: list[bytes], chosen: list[int]) -> list[int]:
    """Farthest-point sampling (Gonzalez, 1985) on from those chosen; ends early when no other look is left."""
    nearest = [min(math.dist(look, looks[other]) for other in chosen) for look in looks]
    while len(chosen) < FRAMES_JUDGED and max(nearest) > 0:
        chosen = [*chosen, nearest.index(max(nearest))]
        nearest = [min(known, math.dist(look, looks[chosen[-1]])) for known, look in zip(nearest, looks, strict=True)]
    return chosen
