"""The drawings clip-nano learns from: emoji artwork of several styles, from npm packages."""

import io
import json
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import resvg_py
import torch
import yaml
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

SPRITE_SIZE = 80  # pixels; production pictures hold about 64 pixels of detail

COMPONENTS, FLAGS = 2, 9  # emojibase groups that show no thing
ICON_NAMES = Path(__file__).with_name("icon_names.yaml")
FONT_FILE = "400Regular/NotoEmoji_400Regular.ttf"
GLYPH_SIZE = 66  # points at which the tallest glyph of the font fits a sprite

Form = Literal["emoji", "icons", "openmoji", "webp", "font"]


@dataclass(frozen=True, slots=True)
class Style:
    """One set of artwork: where it comes from and what it may be used for.

    form: how the package holds it; "emoji" and "icons" are Iconify sets, icons matched by exact names only.
    ink: drawn in one colour, to be inked and filled when a picture is made.
    """

    name: str
    package: str
    version: str
    licence: str
    use: Literal["train", "calibrate", "evaluate"]
    form: Form = "emoji"
    ink: bool = False

    @property
    def archive(self) -> str:
        """The file that `npm pack` writes for this package."""
        return f"{self.package.lstrip('@').replace('/', '-')}-{self.version}.tgz"


STYLES = (
    Style("noto", "@iconify-json/noto", "1.2.9", "Apache-2.0", "train"),
    Style("twemoji", "@iconify-json/twemoji", "1.2.5", "CC-BY-4.0", "train"),
    Style("fluent", "@iconify-json/fluent-emoji-flat", "1.2.6", "MIT", "train"),
    Style("emojione", "@iconify-json/emojione", "1.2.3", "CC-BY-4.0", "train"),
    Style("fxemoji", "@iconify-json/fxemoji", "1.2.2", "Apache-2.0", "calibrate"),
    Style("openmoji", "openmoji", "17.0.0", "CC-BY-SA-4.0", "evaluate", "openmoji"),
    Style("fluent-3d", "@lobehub/fluent-emoji-3d", "1.1.0", "MIT", "train", "webp"),
    Style("noto-v1", "@iconify-json/noto-v1", "1.2.5", "Apache-2.0", "train"),
    Style("streamline", "@iconify-json/streamline-emojis", "1.2.4", "CC-BY-4.0", "train"),
    Style("icon-park", "@iconify-json/icon-park", "1.2.4", "Apache-2.0", "train", "icons"),
    Style("fluent-contrast", "@iconify-json/fluent-emoji-high-contrast", "1.2.6", "MIT", "train", ink=True),
    Style("emojione-ink", "@iconify-json/emojione-monotone", "1.2.1", "CC-BY-4.0", "train", ink=True),
    Style("noto-ink", "@expo-google-fonts/noto-emoji", "0.4.7", "OFL-1.1", "train", "font", ink=True),
    Style("game-icons", "@iconify-json/game-icons", "1.2.4", "CC-BY-3.0", "train", "icons", ink=True),
    Style("mdi", "@iconify-json/mdi", "1.2.3", "Apache-2.0", "train", "icons", ink=True),
    Style("healthicons", "@iconify-json/healthicons", "1.2.13", "MIT", "train", "icons", ink=True),
)
NAMES = Style("emojibase", "emojibase-data", "17.0.0", "MIT", "train")


@dataclass(frozen=True, slots=True)
class Concept:
    """One emoji: its names, and who it shows when it shows a person.

    tone: 0 without a skin tone, 1 (light) to 5 (dark). gender: "female", "male" or "".
    base: the label without the skin tone.
    """

    code: str
    label: str
    base: str
    french: str
    keywords: tuple[str, ...]
    shortcodes: tuple[str, ...]
    group: int
    subgroup: str
    gender: str
    tone: int


def fetch(style: Style, folder: Path) -> Path:
    """The package archive of a style in `folder`, packed from the registry when absent."""
    archive = folder / style.archive
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "pack", f"{style.package}@{style.version}"], cwd=folder, check=True)
    return archive


def _read_json(archive: Path, name: str) -> Any:
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/{name}")
        if member is None:
            raise FileNotFoundError(f"{name} is not in {archive}")
        return json.load(member)


def plain_code(code: str) -> str:
    """A code point sequence without the emoji presentation selector, lower case."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def slug(text: str) -> str:
    """Lower-case ASCII words joined by hyphens, the way icon sets name their files."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "").replace("&", "and")).strip("-")


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,) if value is not None else ()


def load_concepts(folder: Path) -> list[Concept]:
    """Every emoji except flags and components, skin-tone variants of one person included."""
    archive = fetch(NAMES, folder)
    french = {e["hexcode"]: e["label"] for e in _read_json(archive, "fr/data.json")}
    shortcodes = _read_json(archive, "en/shortcodes/emojibase-legacy.json")
    subgroups = {s["order"]: s["key"] for s in _read_json(archive, "en/messages.json")["subgroups"]}
    concepts = []
    for entry in _read_json(archive, "en/data.json"):
        if entry.get("group") in (None, COMPONENTS, FLAGS):
            continue
        base = Concept(
            code=plain_code(entry["hexcode"]),
            label=entry["label"],
            base=entry["label"],
            french=french.get(entry["hexcode"], entry["label"]),
            keywords=tuple(entry.get("tags", ())),
            shortcodes=_as_tuple(shortcodes.get(entry["hexcode"])),
            group=entry["group"],
            subgroup=subgroups[entry["subgroup"]],
            gender={0: "female", 1: "male"}.get(entry.get("gender", -1), ""),
            tone=0,
        )
        concepts.append(base)
        concepts.extend(_skin_variants(base, entry))
    return concepts


def _skin_variants(base: Concept, entry: Mapping[str, Any]) -> list[Concept]:
    return [
        replace(base, code=plain_code(skin["hexcode"]), label=skin["label"], tone=skin["tone"])
        for skin in entry.get("skins", ())
        if isinstance(skin.get("tone"), int)
    ]


def _icon_names(concept: Concept) -> list[str]:
    """Names an icon set may have given this emoji, best first."""
    label = slug(concept.label)
    names = [label, label.removesuffix("-skin-tone"), label.replace("-", "")]
    if concept.tone == 0:
        names += [slug(code) for code in concept.shortcodes]
        names += [re.sub(r"[^a-z0-9]", "", code) for code in concept.shortcodes]
    return names


def _iconify_svgs(style: Style, archive: Path, concepts: list[Concept]) -> Iterator[tuple[str, str]]:
    """Code and SVG text for an Iconify set (icons.json holds bodies, chars.json code points)."""
    icons = _read_json(archive, "icons.json")
    bodies = dict(icons["icons"])
    for alias, target in icons.get("aliases", {}).items():
        bodies.setdefault(alias, bodies.get(target["parent"]))
    named = _icons_of(style) if style.form == "icons" else _emoji_of(archive)
    for concept in concepts:
        known = [name for name in named(concept) if bodies.get(name)]
        for name in known if style.form == "icons" else known[:1]:
            yield concept.code, _icon_svg(bodies[name], icons)


def _emoji_of(archive: Path) -> Callable[[Concept], list[str]]:
    by_code = {plain_code(code): name for code, name in _read_json(archive, "chars.json").items()}
    return lambda concept: [by_code.get(concept.code, ""), *_icon_names(concept)]


def _icons_of(style: Style) -> Callable[[Concept], list[str]]:
    """Names of an icon set that show a concept: its own label, and what icon_names.yaml says."""
    written = yaml.safe_load(ICON_NAMES.read_text(encoding="utf-8")).get(style.name, {})
    avoided = set(written.get("not what it says", ()))
    return lambda concept: [
        name
        for name in dict.fromkeys([slug(concept.label), *written.get(concept.label, ())])
        if name not in avoided and concept.tone == 0
    ]


def _icon_svg(icon: Mapping[str, Any], icons: Mapping[str, Any]) -> str:
    width, height = (icon.get(side, icons.get(side, 16)) for side in ("width", "height"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'color="black" viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
    )


def _files(archive: Path, inside: str, concepts: list[Concept]) -> Iterator[tuple[str, bytes]]:
    """Code and content of the files of a folder of the package that are named by code."""
    wanted = {concept.code for concept in concepts}
    with tarfile.open(archive) as package:
        for member in package:
            code = plain_code(Path(member.name).stem)
            file = package.extractfile(member) if member.name.startswith(inside) and code in wanted else None
            if file is not None:
                yield code, file.read()


def _glyphs(archive: Path, concepts: list[Concept]) -> Iterator[tuple[str, Tensor]]:
    """Code and sprite for a font's glyphs; sequences of several code points are left out."""
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/{FONT_FILE}")
        if member is None:
            raise FileNotFoundError(f"{FONT_FILE} is not in {archive}")
        font = ImageFont.truetype(io.BytesIO(member.read()), GLYPH_SIZE)
    unknown = bytes(font.getmask("\U0010fffd"))
    for concept in concepts:
        if "-" not in concept.code and bytes(font.getmask(chr(int(concept.code, 16)))) != unknown:
            yield concept.code, _glyph(chr(int(concept.code, 16)), font)


def _glyph(character: str, font: ImageFont.FreeTypeFont) -> Tensor:
    picture = Image.new("RGBA", (SPRITE_SIZE, SPRITE_SIZE))
    middle = SPRITE_SIZE / 2
    ImageDraw.Draw(picture).text((middle, middle), character, font=font, fill=(0, 0, 0, 255), anchor="mm")
    return _as_tensor(picture)


def _sprites_of(style: Style, archive: Path, concepts: list[Concept]) -> Iterator[tuple[str, Tensor]]:
    """Code and uint8 (4, SPRITE_SIZE, SPRITE_SIZE) RGBA of every picture that the package has for a concept."""
    if style.form == "openmoji":
        svgs = _files(archive, "package/color/svg/", concepts)
        yield from ((code, render(svg.decode())) for code, svg in svgs)
    elif style.form == "webp":
        files = _files(archive, "package/assets/", concepts)
        yield from ((code, _square(Image.open(io.BytesIO(file)).convert("RGBA"))) for code, file in files)
    elif style.form == "font":
        yield from _glyphs(archive, concepts)
    else:
        yield from ((code, render(svg)) for code, svg in _iconify_svgs(style, archive, concepts))


def fill_inside(sprite: Tensor) -> Tensor:
    """A drawing in one colour with its inside made opaque: black where there is ink, white within.

    sprite, result: uint8 (4, s, s) RGBA.
    """
    ink = sprite[3]
    inside = ~_outside(ink > 100)
    white = torch.where(inside, 255 - ink, 0)
    return torch.stack([white, white, white, torch.where(inside, 255, ink)]).to(torch.uint8)


def _outside(drawn: Tensor) -> Tensor:
    """bool (s, s): what can be reached from the edge without crossing a line."""
    empty, flooded = 0, 1
    picture = Image.fromarray(np.pad(drawn.numpy().astype(np.uint8) * 2, 1)).copy()  # without copy it is read-only
    ImageDraw.floodfill(picture, (0, 0), flooded, thresh=empty)
    return torch.from_numpy(np.array(picture)[1:-1, 1:-1] == flooded)


def render(svg: str, size: int = SPRITE_SIZE) -> Tensor:
    """An SVG as uint8 (4, size, size) RGBA."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True))
    return _square(Image.open(io.BytesIO(png)).convert("RGBA"), size)


def _square(picture: Image.Image, size: int = SPRITE_SIZE) -> Tensor:
    """The picture within a square of `size` pixels, in the middle."""
    picture.thumbnail((size, size), Image.Resampling.LANCZOS)
    square = Image.new("RGBA", (size, size))
    square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
    return _as_tensor(square)


def _as_tensor(picture: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Sprites:
    """Rendered artwork of one style. pixels: uint8 (n, 4, SPRITE_SIZE, SPRITE_SIZE); concepts: n of them.

    ink: drawn in one colour; then the pixels are those of fill_inside.
    """

    style: str
    pixels: Tensor
    concepts: list[Concept]
    ink: bool = False


def _keeps(concept: Concept, style_index: int, position: int) -> bool:
    """Half of the skin-tone variants per style: they show the same thing five times."""
    return concept.tone == 0 or (position + style_index) % 2 == 0


def load_sprites(style: Style, concepts: list[Concept], folder: Path, cache: Path, every_tone: bool = False) -> Sprites:
    """Render a style once and keep the pixels in `cache`."""
    index = STYLES.index(style)
    wanted = [c for position, c in enumerate(concepts) if every_tone or _keeps(c, index, position)]
    stored = cache / f"sprites-{style.name}{'-every-tone' if every_tone else ''}.npz"
    if not stored.is_file():
        found = list(_sprites_of(style, fetch(style, folder), wanted))
        rendered = torch.stack([fill_inside(sprite) if style.ink else sprite for _, sprite in found])
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(stored, pixels=rendered.numpy(), codes=np.array([code for code, _ in found]))
    with np.load(stored) as arrays:
        pixels, codes = torch.from_numpy(arrays["pixels"]), arrays["codes"].tolist()
    by_code = {c.code: c for c in wanted}
    return Sprites(style.name, pixels, [by_code[code] for code in codes], style.ink)
