"""The nine pictures on one sheet: panes in a window frame, with a quiet pane for each that is missing."""

import io
from collections.abc import Mapping

from PIL import Image, ImageDraw, PngImagePlugin

COLUMNS = 3
GAP = 8  # pixels between panes and around them, as on the page
FRAME = (38, 52, 58)
GLASS = (205, 216, 220)
RAIL = (140, 157, 163)


def compose(pictures: Mapping[int, bytes], asked: int, about: Mapping[str, str]) -> bytes:
    """A PNG of `asked` panes, three in a row.

    pictures: pane index (from 0) -> encoded picture, at least one, for those that may be shown; panes are as
    large as the first. about: PNG text chunks, such as Title.
    """
    panes = {index: _decoded(content) for index, content in pictures.items()}
    rows = -(-asked // COLUMNS)
    width, height = size = next(iter(panes.values())).size
    sheet = Image.new("RGB", (_span(COLUMNS, width), _span(rows, height)), FRAME)
    for index in range(asked):
        row, column = divmod(index, COLUMNS)
        corner = (_span(column, width), _span(row, height))
        sheet.paste(panes[index] if index in panes else _closed(size), corner)
    return _png(sheet, about)


def _span(count: int, length: int) -> int:
    return GAP + count * (length + GAP)


def _decoded(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as picture:
        return picture.convert("RGB")


def _closed(size: tuple[int, int]) -> Image.Image:
    """A pane behind a guard rail: light, and plainly no picture."""
    width, height = size
    pane = Image.new("RGB", size, GLASS)
    pen = ImageDraw.Draw(pane)
    top, foot, stroke = round(height * 0.38), round(height * 0.68), max(1, width // 64)
    for line in (top, foot):
        pen.line([(width * 0.2, line), (width * 0.8, line)], RAIL, stroke)
    for step in range(5):
        x = width * (0.26 + 0.12 * step)
        pen.line([(x, top), (x, foot)], RAIL, stroke)
    return pane


def _png(sheet: Image.Image, about: Mapping[str, str]) -> bytes:
    chunks = PngImagePlugin.PngInfo()
    for name, text in about.items():
        chunks.add_itxt(name, text)
    encoded = io.BytesIO()
    sheet.save(encoded, "PNG", pnginfo=chunks)
    return encoded.getvalue()
