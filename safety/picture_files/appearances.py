"""The pixels that a person sees: turned, colour-managed, on a ground.

One file may look different in different programs, and then each look is judged. A transparent picture is seen on any
ground; on each it is a mixture of what is seen on white and on black. A picture whose colour profile or gamma turns it
into quite another one looks so only where that is obeyed.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from itertools import product

from PIL import Image, ImageChops, ImageCms, ImageFile, ImageStat

GROUNDS = "white", "black"
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
SCREEN_GAMMA = 2.2
UNSEEN = 2  # levels of 255: a profile that moves no colour by more is left alone
ANOTHER_PICTURE = 24  # levels on average: a profile that moves colours by more makes another picture of it
SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}  # of a picture's mode, as a profile names it

Colours = Callable[[Image.Image], Image.Image]  # a frame in its own mode -> RGB


def plain(frame: Image.Image) -> Image.Image:
    """The colours as the numbers stand, taken for sRGB."""
    return _eight_bit(frame).convert("RGB")


def _eight_bit(frame: Image.Image) -> Image.Image:
    """16-bit greys are scaled; Pillow's own conversion cuts them off."""
    if frame.mode.startswith("I"):
        return frame.point(lambda level: level * (1 / 257) + 0.5).convert("L")
    return frame


def colours_of(picture: ImageFile.ImageFile) -> list[Colours]:
    """How its colours are shown: as its profile or gamma says, and as they stand where those differ a lot."""
    managed = _by_profile(picture) or _by_gamma(picture)
    if managed is None:
        return [plain]
    wheel = _wheel(picture.mode)
    distance = ImageStat.Stat(ImageChops.difference(managed(wheel), plain(wheel)))
    if max(high for _, high in distance.extrema) <= UNSEEN:
        return [plain]
    return [managed, plain] if max(distance.mean) > ANOTHER_PICTURE else [managed]


def turn_of(picture: ImageFile.ImageFile) -> Image.Transpose | None:
    """How EXIF says that it was held."""
    exif = Image.Exif()
    exif.load(picture.info.get("exif") or b"")
    return TURNS.get(exif.get(ORIENTATION, 1))


def appearances(frame: Image.Image, colours: Sequence[Colours], turn: Image.Transpose | None) -> Iterator[Image.Image]:
    """Every look of a frame, in RGB; the first is as its profile says, on white."""
    alpha = _alpha(frame)
    opaque = frame.convert("RGB") if alpha else frame
    for ground, coloured in product(GROUNDS if alpha else GROUNDS[:1], colours):
        seen = coloured(opaque)
        if alpha:
            seen = Image.composite(seen, Image.new("RGB", seen.size, ground), alpha)
        yield seen.transpose(turn) if turn is not None else seen


def _alpha(frame: Image.Image) -> Image.Image | None:
    """None when nothing of it can be seen through."""
    if not frame.has_transparency_data:
        return None
    alpha = frame.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _by_profile(picture: ImageFile.ImageFile) -> Colours | None:
    """None for no profile and for one that cannot be used: viewers ignore it as well."""
    embedded, mode = picture.info.get("icc_profile"), _profiled_mode(picture)
    if not embedded or mode not in SPACES:
        return None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if profile.profile.xcolor_space != SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None

    return lambda frame: transform.apply(_eight_bit(frame).convert(mode))


def _by_gamma(picture: ImageFile.ImageFile) -> Colours | None:
    """PNG's gAMA, where neither a profile nor sRGB stands above it. 0: nothing that could be obeyed."""
    gamma = picture.info.get("gamma")
    if picture.format != "PNG" or not gamma or "srgb" in picture.info or "icc_profile" in picture.info:
        return None
    exponent = 1 / (gamma * SCREEN_GAMMA)
    table = [round(255 * (level / 255) ** exponent) for level in range(256)] * 3
    return lambda frame: plain(frame).point(table)


def _profiled_mode(picture: ImageFile.ImageFile) -> str:
    if picture.mode in ("1", "LA") or picture.mode.startswith("I"):
        return "L"
    return "RGB" if picture.mode in ("P", "RGBA", "RGBX") else picture.mode


def _wheel(mode: str) -> Image.Image:
    """Colours of a mode, from end to end of each channel."""
    ramp = Image.linear_gradient("L").resize((16, 16))
    if mode == "CMYK":
        turned = ramp.transpose(Image.Transpose.ROTATE_90)
        return Image.merge("CMYK", (ramp, turned, ImageChops.invert(ramp), Image.new("L", ramp.size)))
    if mode in ("L", "LA", "1") or mode.startswith("I"):
        return ramp
    return Image.merge("RGB", (ramp, ramp.transpose(Image.Transpose.ROTATE_90), ImageChops.invert(ramp)))
