"""Take docs/bias-audit-*.png of a report: `python -m bench.report_screenshots REPORT.html REPORT_FR.html`.

The first in light, the second in dark colours. Needs Chromium (Debian's package) and the dev dependencies.
"""

import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from tests.browsers import CHROMIUM, FLAGS

DOCS = Path(__file__).parent.parent / "docs"
WIDTH, HEIGHT = 900, 1500
COLOURS = 128
BEGINNING, SCORER, EXAMPLES = (
    "bias-audit-report.png",
    "bias-audit-scorer-dark-fr.png",
    "bias-audit-examples-dark-fr.png",
)


def main() -> None:
    """The beginning of the one, and how well the scorer reads with the first examples of the other."""
    light, dark = (Path(path).resolve().as_uri() for path in sys.argv[1:3])
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}).new_page()
        page.goto(light)
        page.screenshot(path=DOCS / BEGINNING)
        page = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="dark").new_page()
        page.goto(dark)
        page.locator("#calibration").screenshot(path=DOCS / SCORER)
        page.set_viewport_size({"width": WIDTH, "height": WIDTH})
        page.goto(f"{dark}#tile-1-2")
        page.screenshot(path=DOCS / EXAMPLES)
        browser.close()
    for name in (BEGINNING, SCORER, EXAMPLES):
        Image.open(DOCS / name).convert("RGB").quantize(COLOURS).save(DOCS / name, optimize=True)


if __name__ == "__main__":
    main()
