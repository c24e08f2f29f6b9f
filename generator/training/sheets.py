"""Pictures side by side on one sheet, each with a line of text below it."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # Pillow's own has no accents
_TEXT = 11  # pixels
_LINES = 3
_GAP = 6
_LINE_HEIGHT = 14


def as_image(pixels: Tensor) -> Image.Image:
    """uint8 (3, height, width) -> a picture without metadata."""
    return Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())


def _wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """As many words a line as fit."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def sheet(pictures: Sequence[Tensor], texts: Sequence[str], columns: int, tile: int) -> Image.Image:
    """Row by row. tile: the width of a picture on the sheet, in pixels."""
    font = ImageFont.truetype(_FONT, _TEXT)
    height = tile + _LINES * _LINE_HEIGHT + _GAP
    whole = Image.new("RGB", (columns * (tile + _GAP) + _GAP, -(-len(pictures) // columns) * height + _GAP), "#eeeeee")
    draw = ImageDraw.Draw(whole)
    for index, (pixels, text) in enumerate(zip(pictures, texts, strict=True)):
        left, top = _GAP + index % columns * (tile + _GAP), _GAP + index // columns * height
        whole.paste(as_image(pixels).resize((tile, tile), Image.Resampling.LANCZOS), (left, top))
        draw.multiline_text((left, top + tile), _wrapped(text, font, tile), "black", font, spacing=1)
    return whole
