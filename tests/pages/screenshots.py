"""Take docs/screenshots/*.png and write docs/screenshots.md: `python -m tests.pages.screenshots`.

The service is the real one, with the models that are shipped, and what is seen was drawn, judged and decided in it: by
day in English, by night in French. Needs Chromium.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser

from gateway.assembly import build_house
from gateway.settings import Settings
from tests.browsers import open_chromium
from tests.gateway.desk_parts import close_all
from tests.houses import free_port, listening
from tests.pages.scene import SETTINGS, Scene, Words, filled
from tests.pages.table import PAGES, Page
from tests.pages.tabs import NARROW, WIDE, Look, open_tab

FOLDER, WRITTEN = "screenshots", "screenshots.md"
MOST_BYTES = 150_000  # of one file: a page of docs shows dozens
OURS = 96  # colours of a palette that are kept as they are: the most frequent ones are the page's own
OTHERS = (160, 96, 48, 24, 12)  # for the pictures that are on it, until it fits
SETTLED_MS = 700  # the last pictures fade in
DRAWING_SECONDS = 600

REAL = Words(
    drawn=("un chat sur la lune", "a firefighter and a dog"),
    partly="a portrait photo of Priya Wetherby",
    asked="a man covered in slime and boils",
    refused="beheading of a prisoner, severed head, blood everywhere",
    held=(
        ("a burning house and a crying man", 4),
        ("a drawing of the president of France at a polling station", 2),
        ("a vampire biting a neck, blood, oil painting", 3),
    ),
    restricted="a teenager in a bikini",
    appealed="a bar fight with broken bottles",
    overturned="un vampire qui mord un cou, du sang",
    banned=("a wolf biting a neck, blood", "a vampire's bloody neck"),
    together=("a wolf biting a neck, blood", "a vampire biting a neck, blood"),
    appeal="It is a scene from a comedy, and nobody is hurt.",
    report="It could be taken for a real fire.",
    note="Blood on the collar in the second one.",
    why_lifted="The picture was a different one: see the appeal.",
    slow=None,
)

_ABOUT = """\
# Screenshots

Every page as `make screenshots` found it: the real service around the models that are shipped, its queue filled by real
requests, reports and appeals. By day in English, by night in French; some on a narrow screen.
"""


@contextmanager
def real_service() -> Iterator[Scene]:
    """The service as it is shipped, in a folder of its own, with something on every page."""
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(
            data=Path(data), port=free_port(), drain_seconds=2, generation_seconds=DRAWING_SECONDS, **SETTINGS
        )
        with listening(build_house(settings)) as (house, url):
            yield filled(house, url, REAL)
            close_all()


def files_of(page: Page) -> list[tuple[str, Look]]:
    """The name of each screenshot of a page, and how it is looked at."""
    day, night = Look(page.who, "en", "light"), Look(page.who, "fr", "dark")
    narrow = [(f"{page.name}-narrow.png", day)] if page.narrow else []
    return [(f"{page.name}-day.png", day), (f"{page.name}-night.png", night), *narrow]


def take(browser: Browser, scene: Scene, page: Page, folder: Path) -> None:
    """Take every screenshot of a page."""
    for name, look in files_of(page):
        visit = open_tab(browser, scene, look, NARROW if "narrow" in name else WIDE)
        visit.page.goto(scene.url + page.path.format_map(scene.names))
        page.do(visit.page)
        visit.page.wait_for_timeout(SETTLED_MS)
        (folder / name).write_bytes(small(visit.page.screenshot()))
        visit.page.context.close()


def small(png: bytes) -> bytes:
    """The same with as many colours as fit."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    packed = png
    for others in OTHERS:
        packed = _packed(picture, others)
        if len(packed) <= MOST_BYTES:
            break
    return packed


def _packed(picture: Image.Image, others: int) -> bytes:
    points = np.asarray(picture).astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
    colours, counts = np.unique(points, return_counts=True)
    ours = [int(colour) >> shift & 255 for colour in colours[np.argsort(-counts)[:OURS]] for shift in (16, 8, 0)]
    palette = Image.new("P", (1, 1))
    palette.putpalette(ours + (picture.quantize(others).getpalette() or [])[: 3 * others])
    packed = io.BytesIO()
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True)
    return packed.getvalue()


def written(pages: Sequence[Page]) -> str:
    """The page of docs: a line for each page, and its screenshots side by side."""
    return "\n".join([_ABOUT, *(_section(page) for page in pages)])


def _section(page: Page) -> str:
    shown = " ".join(
        f'<img src="{FOLDER}/{name}" alt="{page.title}, {_described(name)}" width="{20 if "narrow" in name else 38}%">'
        for name, _ in files_of(page)
    )
    return f"## {page.title}\n\n{page.about}\n\n{shown}\n"


def _described(name: str) -> str:
    kind = name.removesuffix(".png").rpartition("-")[2]
    return {"day": "light, in English", "night": "dark, in French", "narrow": "on a narrow screen"}[kind]


def main() -> None:
    """Parse the command line, and take them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--only", nargs="*", help="names of pages; the others stay as they are")
    args = parser.parse_args()
    (args.out / FOLDER).mkdir(parents=True, exist_ok=True)
    shown = [page for page in PAGES if page.about]
    with real_service() as scene, open_chromium() as browser:
        for page in shown:
            if not args.only or page.name in args.only:
                take(browser, scene, page, args.out / FOLDER)
    (args.out / WRITTEN).write_text(written(shown), "utf-8")


if __name__ == "__main__":
    main()
