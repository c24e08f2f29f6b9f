"""Reading pictures that people send: the pixels judged are those a viewer shows; whatever else is refused."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageCms

from safety.picture_files.appearances import TURNS
from safety.picture_files.frames import FRAMES_JUDGED, FRAMES_READ
from safety.picture_files.reading import Facts, View, read_picture
from safety.picture_files.refusals import NotAPicture, PictureTooLarge, Why

MAX_PIXELS = 100_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")


def encoded(picture: Image.Image, picture_format: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, picture_format, **options)
    return file.getvalue()


def read(content: bytes, max_pixels: int = MAX_PIXELS) -> tuple[Facts, list[Image.Image]]:
    facts, *views = read_picture(content, max_pixels)
    assert isinstance(facts, Facts)
    return facts, [Image.frombytes("RGB", (v.width, v.height), v.content) for v in views if isinstance(v, View)]


def only(content: bytes) -> Image.Image:
    _, (view,) = read(content)
    return view


def refusal(content: bytes) -> Why:
    with pytest.raises(NotAPicture) as refused:
        read(content)
    return refused.value.why


def halves(mode: str = "RGB") -> Image.Image:
    """Red on the left, blue on the right, wider than high."""
    picture = Image.new("RGB", (32, 16), "red")
    picture.paste((0, 0, 255), (16, 0, 32, 16))
    return picture.convert(mode)


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with(*chunks: bytes, of: Image.Image | None = None) -> bytes:
    """A PNG file with more chunks behind its header."""
    content = encoded(of or halves())
    return content[:33] + b"".join(chunks) + content[33:]


def near(seen: object, expected: tuple[int, int, int], by: int = 3) -> bool:
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= by for a, b in zip(seen, expected, strict=True))


# The pixels judged are the pixels seen


@pytest.mark.parametrize("picture_format", FORMATS)
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_still_picture_has_one_view_of_its_own_pixels(picture_format: str, mode: str) -> None:
    picture = halves(mode)
    if (picture_format, mode) == ("JPEG", "P"):
        pytest.skip("JPEG has no palette")
    seen, expected = only(encoded(picture, picture_format)), picture.convert("RGB")
    for place in ((4, 8), (28, 8)):
        at = expected.getpixel(place)
        assert isinstance(at, tuple)
        assert near(seen.getpixel(place), (at[0], at[1], at[2]), by=8)


def test_cmyk_is_seen_in_its_colours_and_not_inverted() -> None:
    seen = only(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"))
    assert near(seen.getpixel((8, 8)), (254, 0, 0), by=4)


@pytest.mark.parametrize(("level", "expected"), [(0, 0), (0x8000, 128), (0xFFFF, 255), (0x0100, 1)])
def test_sixteen_bit_greys_are_scaled_and_not_cut_off(level: int, expected: int) -> None:
    picture = Image.new("I;16", (16, 16), level)
    assert only(encoded(picture)).getpixel((8, 8)) == (expected,) * 3


def test_sixteen_bit_colours_keep_their_upper_byte() -> None:
    row = b"\0" + struct.pack(">3H", 0xFF00, 0x8000, 0x0100) * 16
    content = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
    content += chunk(b"IDAT", zlib.compress(row * 16)) + chunk(b"IEND", b"")
    assert only(content).getpixel((3, 3)) == (255, 128, 1)


@pytest.mark.parametrize("orientation", [1, *TURNS])
@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_is_judged_as_it_was_held(picture_format: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = only(encoded(halves(), picture_format, exif=exif))
    assert (seen.width > seen.height) == (orientation < 5)
    red_corner = {1: (2, 2), 2: (-3, 2), 3: (-3, -3), 4: (2, -3), 5: (2, 2), 6: (2, 2), 7: (-3, -3), 8: (-3, -3)}
    x, y = red_corner[orientation]
    assert near(seen.getpixel((x % seen.width, y % seen.height)), (254, 0, 0), by=16)


@pytest.mark.parametrize("picture_format", ["PNG", "WEBP"])
def test_a_transparent_picture_is_seen_on_white_and_on_black(picture_format: str) -> None:
    clear = encoded(Image.new("RGBA", (16, 16), (200, 0, 0, 0)), picture_format)
    _, views = read(clear)
    assert [view.getpixel((8, 8)) for view in views] == [(255, 255, 255), (0, 0, 0)]
    opaque = encoded(Image.new("RGBA", (16, 16), (200, 0, 0, 255)), picture_format, lossless=True)
    assert only(opaque).getpixel((8, 8)) == (200, 0, 0)


def test_a_palette_with_a_clear_colour_is_seen_on_both_grounds() -> None:
    picture = Image.new("P", (16, 16), 0)
    picture.putpalette([200, 0, 0, 0, 0, 200])
    _, views = read(encoded(picture, "GIF", transparency=0))
    assert [view.getpixel((8, 8)) for view in views] == [(255, 255, 255), (0, 0, 0)]


def test_a_gamma_that_makes_another_picture_of_it_is_judged_with_and_without() -> None:
    """The trick by which a thumbnail shows one picture and a browser another."""
    grey = Image.new("RGB", (16, 16), (250, 250, 250))
    _, views = read(png_with(chunk(b"gAMA", struct.pack(">I", 1000)), of=grey))
    first, second = [view.getpixel((8, 8)) for view in views]
    assert (near(first, (104, 104, 104), by=3), second) == (True, (250, 250, 250))
    usual = png_with(chunk(b"gAMA", struct.pack(">I", 45455)), of=grey)
    assert only(usual).getpixel((8, 8)) == (250, 250, 250)


def test_a_colour_profile_is_obeyed_and_the_usual_one_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert only(encoded(halves(), icc_profile=srgb)).getpixel((4, 4)) == (255, 0, 0)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for useless in (lab, b"no profile", b"\0" * 128):
        assert only(encoded(halves(), icc_profile=useless)).getpixel((4, 4)) == (255, 0, 0)


def test_a_profile_that_swaps_colours_is_judged_with_and_without() -> None:
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = srgb.index(b"rXYZ"), srgb.index(b"bXYZ")
    srgb[red : red + 4], srgb[blue : blue + 4] = b"bXYZ", b"rXYZ"
    _, views = read(encoded(halves(), icc_profile=bytes(srgb)))
    managed, plain = [view.getpixel((4, 4)) for view in views]
    assert (near(managed, (0, 0, 255)), plain) == (True, (255, 0, 0))


# Moving pictures


def moving(picture_format: str, frames: list[Image.Image], **options: object) -> bytes:
    options = {"duration": 100, **({"lossless": True} if picture_format == "WEBP" else {}), **options}
    return encoded(frames[0], picture_format, save_all=True, append_images=frames[1:], **options)


def greys(count: int) -> list[Image.Image]:
    return [Image.new("RGB", (16, 16), (level % 128 + 1,) * 3) for level in range(count)]


MOVING = ("GIF", "PNG", "WEBP")


@pytest.mark.parametrize("picture_format", MOVING)
def test_of_few_frames_all_are_judged(picture_format: str) -> None:
    facts, views = read(moving(picture_format, greys(FRAMES_JUDGED)))
    assert (facts.frames, facts.frames_judged, len(views)) == (FRAMES_JUDGED,) * 3


@pytest.mark.parametrize("picture_format", MOVING)
@pytest.mark.parametrize("place", [1, 17, 49])
def test_one_odd_frame_of_many_is_among_those_judged(picture_format: str, place: int) -> None:
    frames = greys(50)
    frames[place] = Image.new("RGB", (16, 16), "red")
    facts, views = read(moving(picture_format, frames))
    assert (facts.frames, facts.frames_judged) == (50, FRAMES_JUDGED)
    assert any(near(view.getpixel((8, 8)), (255, 0, 0), by=8) for view in views)


def test_a_frame_that_stays_long_is_judged_however_many_odder_ones_there_are() -> None:
    noise = random.Random(3)  # noqa: S311
    odd = [Image.new("RGB", (16, 16), tuple(noise.choices((0, 255), k=3))) for _ in range(60)]
    odd[30] = Image.new("RGB", (16, 16), (90, 100, 110))
    durations = [20] * 60
    durations[30] = 5000
    _, views = read(moving("GIF", odd, duration=durations))
    assert any(near(view.getpixel((8, 8)), (90, 100, 110)) for view in views)


def test_a_jpeg_of_several_pictures_is_judged_in_all_of_them() -> None:
    content = encoded(Image.new("RGB", (16, 16), "red"), "JPEG") + encoded(Image.new("RGB", (16, 16), "blue"), "JPEG")
    facts, views = read(content)
    assert (facts.frames, facts.frames_judged) == (2, 2)
    assert near(views[1].getpixel((8, 8)), (0, 0, 254))


# What is refused


@pytest.mark.parametrize("picture_format", FORMATS)
def test_c36_a_truncated_file_is_refused_wherever_it_ends(picture_format: str) -> None:
    content = encoded(halves(), picture_format)
    for length in range(0, len(content) - 1, 7):
        assert refusal(content[:length]) in (Why.TRUNCATED, Why.DAMAGED, Why.UNKNOWN_FORMAT)


@pytest.mark.parametrize("picture_format", FORMATS)
@pytest.mark.parametrize("extra", [b"<html><script>", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"x"])
def test_c37_bytes_behind_the_picture_are_refused(picture_format: str, extra: bytes) -> None:
    assert refusal(encoded(halves(), picture_format) + extra) is Why.EXTRA_BYTES


@pytest.mark.parametrize("picture_format", FORMATS)
def test_zeros_behind_a_picture_hold_nothing(picture_format: str) -> None:
    assert read(encoded(halves(), picture_format) + bytes(100))[1]


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.html", "<script>alert(1)</script>")
    return file.getvalue()


TWO_THINGS: dict[str, Callable[[], bytes]] = {
    "a ZIP archive in a chunk": lambda: png_with(chunk(b"zzZz", archive())),
    "a ZIP archive in a comment": lambda: encoded(halves(), "JPEG", comment=archive()),
    "a PDF document": lambda: png_with(chunk(b"pdFs", b"%PDF-1.7")),
    "an HTML page": lambda: encoded(halves(), "GIF", comment=b"<script>alert(1)</script>"),
    "frames that are not announced": lambda: png_with(chunk(b"fcTL", bytes(26))),
    "frames announced and missing": lambda: png_with(chunk(b"acTL", struct.pack(">II", 2, 0))),
}


@pytest.mark.parametrize("kind", TWO_THINGS)
def test_c37_a_picture_that_is_something_else_as_well(kind: str) -> None:
    assert refusal(TWO_THINGS[kind]()) is Why.TWO_THINGS


@pytest.mark.parametrize(("size", "why"), [((7, 100), Why.TOO_SMALL), ((1, 1), Why.TOO_SMALL)])
def test_a_picture_too_small_to_show_anything(size: tuple[int, int], why: Why) -> None:
    assert refusal(encoded(Image.new("RGB", size))) is why


@pytest.mark.parametrize("picture_format", FORMATS)
def test_c35_a_bomb_is_refused_by_its_header(picture_format: str) -> None:
    bomb = encoded(Image.new("1" if picture_format != "WEBP" else "RGB", (4000, 4000)), picture_format)
    with pytest.raises(PictureTooLarge):
        read(bomb)


def test_c35_frames_are_together_no_larger_than_one_picture_may_be() -> None:
    with pytest.raises(PictureTooLarge):
        read(moving("GIF", [frame.resize((200, 200)) for frame in greys(4)]), max_pixels=100_000)
    with pytest.raises(PictureTooLarge):
        read(moving("GIF", [frame.resize((100, 100)) for frame in greys(50)]), max_pixels=100_000)


def test_c35_a_frame_that_reaches_beyond_its_picture_does_not_grow_it_beyond_the_limit() -> None:
    content = bytearray(encoded(Image.new("P", (300, 300)), "GIF"))
    content[6:10] = struct.pack("<HH", 16, 16)
    with pytest.raises((PictureTooLarge, NotAPicture)):
        read(bytes(content), max_pixels=10_000)


@pytest.mark.parametrize("picture_format", ["GIF", "PNG"])
def test_c36_more_frames_than_are_looked_through(picture_format: str) -> None:
    frames = [Image.new("L", (8, 8), i % 2 * 255) for i in range(FRAMES_READ + 1)]
    assert refusal(moving(picture_format, frames)) is Why.TOO_MANY_FRAMES


# Whatever the bytes, there is an answer


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("picture_format", FORMATS)
def test_mutated_files_are_read_or_refused_and_nothing_else(picture_format: str, seed: int) -> None:
    noise = random.Random(seed)  # noqa: S311
    moves = seed % 2 and picture_format != "JPEG"
    valid = moving(picture_format, greys(3)) if moves else encoded(halves(), picture_format)
    for _ in range(25):
        content = bytearray(valid)
        for _ in range(noise.randint(1, 6)):
            content[noise.randrange(len(content))] = noise.randrange(256)
        if noise.random() < 0.3:
            cut = noise.randrange(len(content))
            content[cut : cut + noise.randint(1, 9)] = noise.randbytes(noise.randint(0, 9))
        try:
            facts, views = read(bytes(content))
        except (NotAPicture, PictureTooLarge):
            continue
        assert views
        assert facts.frames >= 1
        assert sum(view.width * view.height for view in views) <= MAX_PIXELS
