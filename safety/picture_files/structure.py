"""A file's outer structure, walked before anything is decoded: its format, where its pictures lie, what else it holds.

A decoder reads what it understands and ignores the rest. The rest may be a video, an archive or a page that nobody
judged, so a file has to be a picture from its first byte to its last.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from safety.picture_files.refusals import NotAPicture, Why

MAGIC = {"PNG": b"\x89PNG\r\n\x1a\n", "JPEG": b"\xff\xd8\xff", "GIF": b"GIF8", "WEBP": b"RIFF"}
MEDIA_TYPES = {
    "PNG": ("image/png", "image/apng", "image/vnd.mozilla.apng", "image/x-png"),
    "JPEG": ("image/jpeg", "image/jpg", "image/pjpeg"),
    "GIF": ("image/gif",),
    "WEBP": ("image/webp",),
}
UNNAMED_TYPES = ("", "application/octet-stream", "binary/octet-stream")  # say nothing of what the bytes are

JPEG_START, JPEG_END, JPEG_TEM = 0xD8, 0xD9, 0x01
JPEG_PARTS = 4  # pictures of one file, each judged; a phone writes two, a stereo camera at most three
JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")  # in a scan, FF00 is a byte and D0 to D7 restart it
GIF_TRAILER, GIF_EXTENSION, GIF_FRAME, GIF_NOTHING = 0x3B, 0x21, 0x2C, 0x00

SNIFFED_BYTES = 1024  # how far readers of PDF and HTML look for a beginning
DOCUMENT = re.compile(rb"%PDF-|<(?:!doctype html|html|script|iframe|svg)[\s>]", re.IGNORECASE)
ZIP_END = struct.Struct("<4s4H2LH")  # end of central directory: signature, disks, entries, size, offset, comment
ZIP_TAIL = ZIP_END.size + 0xFFFF  # how far from the end of a file its comment may push it


@dataclass(frozen=True, slots=True)
class Structure:
    """format: as Pillow names it. parts: where its pictures lie; several only in a JPEG file of several pictures."""

    format: str
    parts: tuple[slice, ...]


def structure_of(content: bytes) -> Structure:
    """Raises NotAPicture for what is not, from its first byte to its last, a picture of one of the four formats."""
    picture_format = format_of(content)
    try:
        parts = PARTS[picture_format](content)
    except (IndexError, struct.error) as error:
        raise NotAPicture(Why.TRUNCATED) from error
    if content[parts[-1].stop :].strip(b"\0"):  # zeros hold nothing; cameras pad with them
        raise NotAPicture(Why.EXTRA_BYTES)
    if DOCUMENT.search(content, 0, SNIFFED_BYTES) or _is_archive(content):
        raise NotAPicture(Why.TWO_THINGS)
    return Structure(picture_format, parts)


def format_of(content: bytes) -> str:
    """By its first bytes. Raises NotAPicture."""
    for name, magic in MAGIC.items():
        if content.startswith(magic) and (name != "WEBP" or content[8:12] == b"WEBP"):
            return name
    raise NotAPicture(Why.UNKNOWN_FORMAT)


def require_type(content: bytes, media_type: str) -> None:
    """Raises NotAPicture when a media type names something else than the first bytes do."""
    named = media_type.partition(";")[0].strip().lower()
    if named not in UNNAMED_TYPES and named not in MEDIA_TYPES[format_of(content)]:
        raise NotAPicture(Why.TYPE_MISMATCH)


def _png(content: bytes) -> tuple[slice, ...]:
    declared = frames = 0
    is_deep = is_keyed = has_data = False
    for name, start, end in _png_chunks(content):
        if name == b"IHDR":
            is_deep = content[start + 8] == 16
        elif name == b"acTL" and not has_data:
            declared = struct.unpack_from(">I", content, start)[0]
        frames += name == b"fcTL"
        is_keyed |= name == b"tRNS"
        has_data |= name == b"IDAT"
        if name == b"IEND":
            if frames != declared or (is_deep and is_keyed):  # readers disagree on what is seen of such files
                raise NotAPicture(Why.TWO_THINGS)
            return (slice(0, end + 4),)
    raise NotAPicture(Why.TRUNCATED)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each."""
    at = len(MAGIC["PNG"])
    while at < len(content):
        length, name = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            raise NotAPicture(Why.TRUNCATED)
        yield name, at + 8, at + 8 + length
        at += 12 + length


def _jpeg(content: bytes) -> tuple[slice, ...]:
    """One picture after another: phones append a gain map or a second view, each a whole JPEG."""
    parts: list[slice] = []
    at = 0
    while content.startswith(MAGIC["JPEG"], at) and len(parts) < JPEG_PARTS:
        parts.append(slice(at, _jpeg_end(content, at)))
        at = parts[-1].stop
        while content[at : at + 1] == b"\0":
            at += 1
    return tuple(parts)


def _jpeg_end(content: bytes, start: int) -> int:
    at = start + 2
    while found := JPEG_MARKER.search(content, at):
        at, marker = found.end(), found[1][0]
        if marker == JPEG_END:
            return at
        if marker == JPEG_START:
            raise NotAPicture(Why.DAMAGED)
        if marker != JPEG_TEM:
            at += max(2, struct.unpack_from(">H", content, at)[0])
    raise NotAPicture(Why.TRUNCATED)


def _gif(content: bytes) -> tuple[slice, ...]:
    at = 13 + _gif_table(content[10])
    while (kind := content[at]) != GIF_TRAILER:
        if kind == GIF_EXTENSION:
            at = _gif_blocks_end(content, at + 2)
        elif kind == GIF_FRAME:
            at = _gif_blocks_end(content, at + 11 + _gif_table(content[at + 9]))
        elif kind == GIF_NOTHING:
            at += 1
        else:
            raise NotAPicture(Why.DAMAGED)
    return (slice(0, at + 1),)


def _gif_table(flags: int) -> int:
    """Bytes of a colour table."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _gif_blocks_end(content: bytes, at: int) -> int:
    while length := content[at]:
        at += 1 + length
    return at + 1


def _webp(content: bytes) -> tuple[slice, ...]:
    end = 8 + struct.unpack_from("<I", content, 4)[0]
    if end > len(content):
        raise NotAPicture(Why.TRUNCATED)
    return (slice(0, end),)


PARTS = {"PNG": _png, "JPEG": _jpeg, "GIF": _gif, "WEBP": _webp}


def _is_archive(content: bytes) -> bool:
    """A ZIP file, and what is made of one: its directory stands near its end and says where it begins."""
    found = content.rfind(b"PK\x05\x06", max(0, len(content) - ZIP_TAIL))
    if found < 0 or found + ZIP_END.size > len(content):
        return False
    entries, size = ZIP_END.unpack_from(content, found)[4:6]
    return bool(entries) and content[max(0, found - size) :].startswith(b"PK\x01\x02")
