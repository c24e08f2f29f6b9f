"""Emoji artwork from npm packages: fetched with `npm pack`, unpacked, rendered to RGBA pixels."""

import io
import json
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

VARIATION_SELECTOR = "\ufe0f"


@dataclass(frozen=True, slots=True)
class ArtworkPackage:
    """A package of drawings. licence: of the drawings, as the package states it."""

    package: str
    version: str
    licence: str

    @property
    def archive(self) -> str:
        """The file name `npm pack` gives."""
        return f"{self.package.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


NOTO = ArtworkPackage("@iconify-json/noto", "1.2.9", "Apache-2.0")


def fetch(package: ArtworkPackage, folder: Path) -> Path:
    """The package's archive in folder, downloaded with npm when absent. Raises CalledProcessError offline."""
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / package.archive
    if not archive.is_file():
        npm = shutil.which("npm") or "npm"
        subprocess.run(
            [npm, "pack", f"{package.package}@{package.version}", "--pack-destination", str(folder)],
            check=True,
        )
    return archive


def _member(archive: Path, name: str) -> Any:
    with tarfile.open(archive) as tar:
        file = tar.extractfile(f"package/{name}")
        if file is None:
            raise FileNotFoundError(f"{archive} holds no {name}")
        return json.load(file)


def codepoints(emoji: str, keep_selector: bool) -> str:
    """ "1f408" or "1f469-200d-1f692": the key of an emoji in chars.json."""
    return "-".join(f"{ord(part):x}" for part in emoji if keep_selector or part != VARIATION_SELECTOR)


class Artwork:
    """A package's drawings, by emoji."""

    def __init__(self, archive: Path) -> None:
        icons = _member(archive, "icons.json")
        self._icons: dict[str, dict[str, Any]] = icons["icons"]
        self._names: dict[str, str] = _member(archive, "chars.json")
        self._size: tuple[int, int] = (icons["width"], icons["height"])
        self.render = lru_cache(maxsize=None)(self._render)

    def _svg(self, emoji: str, size: int) -> str:
        name = self._names.get(codepoints(emoji, False)) or self._names[codepoints(emoji, True)]
        icon = self._icons[name]
        width, height = icon.get("width", self._size[0]), icon.get("height", self._size[1])
        return (
            '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'viewBox="0 0 {width} {height}" width="{size}" height="{size}">{icon["body"]}</svg>'
        )

    def _render(self, emoji: str, size: int) -> NDArray[np.float32]:
        """(size, size, 4) in 0..1, straight alpha, drawn twice as large and averaged. KeyError: not drawn."""
        drawn = bytes(resvg_py.svg_to_bytes(svg_string=self._svg(emoji, size * 2)))
        picture = Image.open(io.BytesIO(drawn)).convert("RGBA").resize((size, size), Image.Resampling.BOX)
        return np.asarray(picture, np.float32) / np.float32(255)
