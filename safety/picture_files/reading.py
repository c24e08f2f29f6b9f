"""Read a picture that somebody sent, into the pixels that are judged. Runs in a process of its own, without torch."""

import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageFile

from safety.picture_files.appearances import appearances, colours_of, turn_of
from safety.picture_files.frames import FRAMES_READ, chosen_frames, frames_of
from safety.picture_files.refusals import NotAPicture, PictureTooLarge, Why
from safety.picture_files.structure import Structure, structure_of

SMALLEST_SIDE = 8  # pixels; below this nothing can be recognised
MOVING = 4  # times the pixels of the largest picture: what all frames of one may have together
MOST_XMP = 1 << 20  # bytes
BOMBS = (Image.DecompressionBombError, Image.DecompressionBombWarning)


@dataclass(frozen=True, slots=True)
class View:
    """One look of one frame. content: RGB rows, 8 bits, 3 * width * height bytes."""

    width: int
    height: int
    content: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Facts:
    """format: "png", "jpeg", "webp", "gif". frames: how many it has, and how many are looked at. xmp: as it stands."""

    format: str
    frames: int
    frames_judged: int
    xmp: bytes


def read_picture(content: bytes, max_pixels: int) -> Iterator[Facts | View]:
    """The facts, then each view; the first is what a viewer shows first.

    Sizes are read from the headers before any pixel is unpacked. max_pixels: of all views together.
    Raises NotAPicture, PictureTooLarge, MemoryError.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield from _within(_read(content, max_pixels), max_pixels)
    except (NotAPicture, PictureTooLarge, MemoryError):
        raise
    except BOMBS as error:
        raise PictureTooLarge(f"it has more than {max_pixels} pixels") from error
    except Exception as error:  # whatever Pillow's readers throw at bytes that no honest program wrote
        raise NotAPicture(Why.TRUNCATED if "truncated" in str(error) else Why.DAMAGED) from error


def _within(read: Iterator[Facts | View], max_pixels: int) -> Iterator[Facts | View]:
    for item in read:
        if isinstance(item, View):
            max_pixels -= item.width * item.height
            if max_pixels < 0:
                raise PictureTooLarge("its frames and looks have too many pixels together")
        yield item


def _read(content: bytes, max_pixels: int) -> Iterator[Facts | View]:
    structure = structure_of(content)
    for number, part in enumerate(structure.parts):
        with Image.open(io.BytesIO(content[part]), formats=(structure.format,)) as picture:
            _require_fit(picture, max_pixels)
            count, chosen = _frames(picture, structure, max_pixels)
            if number == 0:
                yield Facts(structure.format.lower(), count, len(chosen) * len(structure.parts), _xmp(picture))
            yield from _views(picture, chosen, max_pixels)


def _frames(picture: ImageFile.ImageFile, structure: Structure, max_pixels: int) -> tuple[int, list[int]]:
    """How many pictures the file holds, and which frames of this part are judged."""
    if structure.format == "JPEG":  # Pillow may count the other parts as frames of the first
        return len(structure.parts), [0]
    count = frames_of(picture)
    if count > FRAMES_READ:
        raise NotAPicture(Why.TOO_MANY_FRAMES)
    if count > 1 and count * picture.width * picture.height > MOVING * max_pixels:
        raise PictureTooLarge(f"{count} frames of {picture.width} x {picture.height} pixels are too many")
    return count, chosen_frames(picture, lambda: _require_fit(picture, max_pixels))


def _views(picture: ImageFile.ImageFile, frames: list[int], max_pixels: int) -> Iterator[View]:
    colours, turn = colours_of(picture), turn_of(picture)
    for number in frames:
        picture.seek(number)
        _require_fit(picture, max_pixels)
        for look in appearances(picture, colours, turn):
            yield View(look.width, look.height, look.tobytes())


def _require_fit(picture: Image.Image, max_pixels: int) -> None:
    """Also of every frame: a GIF grows with a frame that reaches beyond it."""
    if picture.width * picture.height > max_pixels:
        raise PictureTooLarge(f"{picture.width} x {picture.height} pixels are more than {max_pixels}")
    if not picture.width or not picture.height:
        raise NotAPicture(Why.EMPTY)
    if min(picture.size) < SMALLEST_SIDE:
        raise NotAPicture(Why.TOO_SMALL)


def _xmp(picture: ImageFile.ImageFile) -> bytes:
    said = picture.info.get("xmp", b"")
    return (said if isinstance(said, bytes) else str(said).encode())[:MOST_XMP]
