"""Take docs/studio-*.png from a running service: `python bench/screenshots.py http://127.0.0.1:8000`.

Needs Chromium (Debian's package) and the dev dependencies.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parent.parent / "docs"
CHROMIUM = os.environ.get("GARDEFOU_CHROMIUM", "/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WIDE, PHONE = {"width": 1280, "height": 840}, {"width": 390, "height": 844}


def page_of(browser: Browser, url: str, *, language: str, dark: bool = False, phone: bool = False) -> Page:
    """A visitor's page in a language, a colour scheme and a size."""
    context = browser.new_context(
        locale=language, color_scheme="dark" if dark else "light", viewport=PHONE if phone else WIDE
    )
    page = context.new_page()
    page.goto(url)
    return page


def run(page: Page, prompt: str) -> None:
    """Type a prompt and wait for the end of its request."""
    page.fill("[name=prompt]", prompt)
    page.keyboard.press("Enter")
    page.wait_for_url("**/studio/req_*")
    page.locator("[hx-trigger]").wait_for(state="detached", timeout=60_000)


def main() -> None:
    """Empty, nine pictures, a refusal; light and dark, wide and narrow, English and French."""
    url = sys.argv[1]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page_of(browser, url, language="en").screenshot(path=DOCS / "studio-empty.png")
        for name, prompt, options in (
            ("nine", "a firefighter and a dog", {"language": "en"}),
            ("nine-dark-fr", "un chat sur la lune", {"language": "fr", "dark": True}),
            ("phone", "a castle", {"language": "en", "phone": True}),
            ("refused", "une femme nue", {"language": "fr"}),
        ):
            page = page_of(browser, url, **options)
            run(page, prompt)
            page.wait_for_timeout(1000)  # the last tiles fade in
            page.screenshot(path=DOCS / f"studio-{name}.png", full_page=name == "phone")
        browser.close()


if __name__ == "__main__":
    main()
