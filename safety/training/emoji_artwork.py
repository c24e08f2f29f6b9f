"""The drawings clip-nano learns from: emoji artwork of several styles, from npm packages."""

import io
import json
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
import torch
from PIL import Image
from torch import Tensor

SPRITE_SIZE = 80  # pixels; production pictures hold about 64 pixels of detail

COMPONENTS, FLAGS = 2, 9  # emojibase groups that show no thing


@dataclass(frozen=True, slots=True)
class Style:
    """One set of emoji artwork: where it comes from and what it may be used for."""

    name: str
    package: str
    version: str
    licence: str
    use: str  # "train" | "calibrate" | "evaluate"

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
    Style("openmoji", "openmoji", "17.0.0", "CC-BY-SA-4.0", "evaluate"),
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


def _iconify_svgs(archive: Path, concepts: list[Concept]) -> dict[str, str]:
    """SVG text by code for an Iconify set (icons.json holds bodies, chars.json code points)."""
    icons = _read_json(archive, "icons.json")
    by_code = {plain_code(code): name for code, name in _read_json(archive, "chars.json").items()}
    bodies = dict(icons["icons"])
    for alias, target in icons.get("aliases", {}).items():
        bodies.setdefault(alias, bodies.get(target["parent"]))
    found = {}
    for concept in concepts:
        names = [by_code.get(concept.code, ""), *_icon_names(concept)]
        icon = next((bodies[name] for name in names if bodies.get(name)), None)
        if icon:
            width, height = icon.get("width", icons["width"]), icon.get("height", icons["height"])
            found[concept.code] = (
                f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
                f'viewBox="0 0 {width} {height}">{icon["body"]}</svg>'
            )
    return found


def _openmoji_svgs(archive: Path, concepts: list[Concept]) -> dict[str, str]:
    """SVG text by code for OpenMoji, one file per emoji."""
    wanted = {concept.code for concept in concepts}
    found = {}
    with tarfile.open(archive) as package:
        for member in package:
            code = plain_code(Path(member.name).stem)
            if member.name.startswith("package/color/svg/") and code in wanted:
                file = package.extractfile(member)
                if file is not None:
                    found[code] = file.read().decode()
    return found


def render(svg: str, size: int = SPRITE_SIZE) -> Tensor:
    """An SVG as uint8 (4, size, size) RGBA."""
    png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=size, height=size, skip_system_fonts=True))
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    if picture.size != (size, size):
        square = Image.new("RGBA", (size, size))
        square.paste(picture, ((size - picture.width) // 2, (size - picture.height) // 2))
        picture = square
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


@dataclass(frozen=True, slots=True, eq=False)
class Sprites:
    """Rendered artwork of one style. pixels: uint8 (n, 4, SPRITE_SIZE, SPRITE_SIZE); concepts: n of them."""

    style: str
    pixels: Tensor
    concepts: list[Concept]


def _keeps(concept: Concept, style_index: int, position: int) -> bool:
    """Half of the skin-tone variants per style: they show the same thing five times."""
    return concept.tone == 0 or (position + style_index) % 2 == 0


def load_sprites(style: Style, concepts: list[Concept], folder: Path, cache: Path) -> Sprites:
    """Render a style once and keep the pixels in `cache`."""
    index = STYLES.index(style)
    wanted = [c for position, c in enumerate(concepts) if _keeps(c, index, position)]
    stored = cache / f"sprites-{style.name}.npz"
    if not stored.is_file():
        archive = fetch(style, folder)
        find = _openmoji_svgs if style.name == "openmoji" else _iconify_svgs
        svgs = find(archive, wanted)
        rendered = np.stack([render(svg).numpy() for svg in svgs.values()])
        cache.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(stored, pixels=rendered, codes=np.array(list(svgs)))
    with np.load(stored) as arrays:
        pixels, codes = torch.from_numpy(arrays["pixels"]), arrays["codes"].tolist()
    by_code = {c.code: c for c in wanted}
    return Sprites(style.name, pixels, [by_code[code] for code in codes])
