"""A browser's tab as somebody of a scene has it: signed in, in a language, by day or by night."""

from dataclasses import dataclass
from typing import Literal

from playwright.sync_api import Browser, ViewportSize

from tests.browsers import Visit
from tests.pages.scene import Scene

WIDE, NARROW = ViewportSize(width=1280, height=900), ViewportSize(width=320, height=640)


@dataclass(frozen=True, slots=True)
class Look:
    """Whose eyes, and how they like a page. who: as in the table."""

    who: str = "public"
    language: str = "en"
    colours: Literal["light", "dark"] = "light"


def open_tab(browser: Browser, scene: Scene, look: Look, size: ViewportSize = WIDE) -> Visit:
    """An empty tab with the cookies of whoever looks. Its context is to be closed."""
    context = browser.new_context(
        locale=look.language, reduced_motion="reduce", color_scheme=look.colours, viewport=size
    )
    cookies = scene.client_of(look.who).cookies.items()
    context.add_cookies([{"name": name, "value": value, "url": scene.url} for name, value in cookies])
    return Visit(context.new_page())
