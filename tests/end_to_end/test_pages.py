"""Every page, in English by day and in French by night: for everybody, by keyboard, on a narrow screen.

A theme changes no words and a language no colours, so two states of each page show all there is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser
from playwright.sync_api import Page as Tab

from tests.browsers import Visit, chromium, pytestmark
from tests.gateway.desk_parts import close_all
from tests.houses import serving
from tests.pages import checks
from tests.pages.scene import FAKES, SETTINGS, Scene, filled, scene_parts
from tests.pages.table import PAGES, Page
from tests.pages.tabs import WIDE, Look, open_tab

__all__ = ["chromium", "pytestmark"]


@dataclass(frozen=True, slots=True)
class State:
    """A page as somebody sees it."""

    page: Page
    look: Look

    def __str__(self) -> str:
        return f"{self.page.name}-{self.look.language}-{self.look.colours}"


BY_DAY = [State(page, Look(page.who, "en", "light")) for page in PAGES]
BY_NIGHT = [State(page, Look(page.who, "fr", "dark")) for page in PAGES]
BOTH = [state for pair in zip(BY_DAY, BY_NIGHT, strict=True) for state in pair]
once = pytest.mark.parametrize("seen", BY_DAY, ids=str, indirect=True)
in_both = pytest.mark.parametrize("seen", BOTH, ids=str, indirect=True)


@dataclass(frozen=True, slots=True)
class Seen:
    """A state that is open in a browser."""

    state: State
    visit: Visit

    @property
    def tab(self) -> Tab:
        return self.visit.page


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serving(tmp_path_factory.mktemp("data"), scene_parts(), **SETTINGS) as (house, url):
        yield filled(house, url, FAKES)
    close_all()


@pytest.fixture(scope="module")
def visits(chromium: Browser, scene: Scene) -> Iterator[Callable[[Look], Visit]]:
    """A tab for each look, opened when it is needed."""
    opened: dict[Look, Visit] = {}

    def visit(look: Look) -> Visit:
        if look not in opened:
            opened[look] = open_tab(chromium, scene, look)
        opened[look].complaints.clear()
        return opened[look]

    yield visit
    for visited in opened.values():
        visited.page.context.close()


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest, scene: Scene, visits: Callable[[Look], Visit]) -> Seen:
    """Opened once for all that is asked of it."""
    state: State = request.param
    visit = visits(state.look)
    visit.page.goto(scene.url + state.page.path.format_map(scene.names))
    state.page.do(visit.page)
    return Seen(state, visit)


@in_both
def test_axe_finds_nothing(seen: Seen) -> None:
    assert checks.axe_faults(seen.tab) == []


@in_both
def test_nothing_sticks_out_at_320_pixels(seen: Seen) -> None:
    assert checks.reflow_faults(seen.tab) == []


@in_both
def test_it_says_what_it_is_and_in_which_language(seen: Seen) -> None:
    assert checks.head_faults(seen.tab, seen.state.look.language) == []


@once
def test_nothing_moves_for_whoever_asked_for_less_motion(seen: Seen) -> None:
    assert checks.motion_faults(seen.tab) == []


@once
def test_tab_reaches_everything_and_shows_where_it_is(seen: Seen) -> None:
    assert checks.keyboard_faults(seen.tab) == []


@in_both
def test_nothing_was_blocked_and_nothing_went_wrong(seen: Seen) -> None:
    """A breach of the content security policy is told on the console. Last: it is about all of the above."""
    assert seen.visit.complaints == []


FAULTY = """<!doctype html><html lang="de"><title></title><style>
  button { animation: turn 1s infinite; transition: color 1s } @keyframes turn { to { rotate: 1turn } }
  html { scroll-behavior: smooth } a:focus { outline: none } p { width: 400px; color: #ccc; background: #fff }
  .cover { position: fixed; inset: 0; background: #fff } details { position: relative; z-index: 1 }</style>
  <p>pale and wide</p><img src="x.png"><button></button><a href="#">unseen</a><input id="late" tabindex="-1">
  <div class="cover"></div>"""


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (checks.axe_faults, "image-alt"),
        (checks.axe_faults, "button-name"),
        (checks.axe_faults, "html-lang-valid|document-title"),
        (checks.axe_faults, "color-contrast|landmark-one-main"),
        (checks.reflow_faults, "px wide"),
        (checks.motion_faults, "<button>"),
        (checks.motion_faults, "scrolls smoothly"),
        (checks.keyboard_faults, "Tab does not reach: <input"),
        (checks.keyboard_faults, "no focus to be seen: <a"),
        (checks.keyboard_faults, "focus behind something else: <button"),
        (lambda tab: checks.head_faults(tab, "en"), "lang is de"),
        (lambda tab: checks.head_faults(tab, "en"), "mains is 0"),
        (lambda tab: checks.head_faults(tab, "en"), "title ''"),
    ],
)
def test_the_checks_see_planted_faults(faulty: Tab, check: Callable[[Tab], list[str]], told: str) -> None:
    assert any(words in fault for fault in check(faulty) for words in told.split("|"))


@pytest.fixture(scope="module")
def faulty(chromium: Browser) -> Iterator[Tab]:
    tab = chromium.new_page(viewport=WIDE)
    tab.set_content(FAULTY)
    yield tab
    tab.close()


@pytest.mark.parametrize(
    "script",
    [
        "document.body.insertAdjacentHTML('beforeend', '<b style=color:red>x</b>')",
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'let x'}))",
        "new Image().src = 'https://elsewhere.example/'",
        "console.error('x')",
        "setTimeout(() => { throw new Error('x') })",
    ],
)
def test_what_the_policy_blocks_is_a_complaint(chromium: Browser, scene: Scene, script: str) -> None:
    visit = Visit(chromium.new_page())
    visit.page.goto(scene.url)
    assert visit.complaints == []
    visit.page.evaluate(script)
    visit.page.wait_for_timeout(100)
    visit.page.close()
    assert visit.complaints
