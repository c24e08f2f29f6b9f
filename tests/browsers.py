"""A real Chromium for tests and for the command that takes screenshots."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

CHROMIUM = Path(os.environ.get("GARDEFOU_CHROMIUM", "/usr/bin/chromium"))
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 15_000

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not CHROMIUM.exists() and os.environ.get("GARDEFOU_REQUIRE_BROWSER") != "1", reason="no Chromium here"
    ),
]


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """Headless, from the system's own package."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Of a module and not of the session: while Playwright runs, no other test could start an event loop."""
    with open_chromium() as browser:
        yield browser


@dataclass
class Visit:
    """A page, and everything that it complained about. A page that is refused is no complaint of its own."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    _refused: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("response", self._see)
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _see(self, response: Response) -> None:
        if response.status >= 400 and response.request.is_navigation_request():
            self._refused.add(response.url)

    def _note(self, message: ConsoleMessage) -> None:
        told_by_status = message.location["url"] in self._refused and message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not told_by_status:
            self.complaints.append(message.text)

    def ask(self, prompt: str) -> None:
        """Type and press Enter."""
        self.page.get_by_role("textbox").fill(prompt)
        self.page.get_by_role("textbox").press("Enter")

    def wait_for_pictures(self, count: int) -> None:
        """Wait until so many pictures are shown and loaded."""
        pictures = self.page.locator(".face-shown img")
        expect(pictures).to_have_count(count, timeout=PATIENCE_MS)
        for picture in pictures.all():
            expect(picture).to_have_js_property("naturalWidth", 64)
