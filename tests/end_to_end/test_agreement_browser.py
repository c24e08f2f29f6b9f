"""The pages of agreement and numbers in a real browser: curves from their own tables, both colours, narrow screens."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from gateway.assembly import House
from gateway.store.engine import open_engine
from gateway.store.people import Role
from tests.end_to_end.test_studio_browser import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.agreement_parts import seed_looks
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, opened, until
from tests.gateway.walks import Book
from tests.houses import client_of, serving

__all__ = ["chromium", "pytestmark"]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    with serving(tmp_path_factory.mktemp("data"), desk_parts(), gate_seconds=30) as served:
        yield served
    close_all()


@pytest.fixture(scope="module")
def sue(served: tuple[House, str]) -> Moderator:
    """A senior moderator who took part in what two people looked at."""
    house, url = served
    ada, sue = Moderator(house, url), Moderator(house, url, name="sue", role=Role.SENIOR)
    hold(opened(client_of(house, url)))
    seed_looks(open_engine(house.settings.database), Book(house).requests[0].id, [ada.person, sue.person], 90, 80)
    sue.sign_in()
    return sue


def open_context(chromium: Browser, served: tuple[House, str], sue: Moderator, **preferences: object) -> BrowserContext:
    context = chromium.new_context(**preferences)  # type: ignore[arg-type]
    cookies = [{"name": name, "value": value, "url": served[1]} for name, value in sue.client.cookies.items()]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    return context


@pytest.mark.parametrize("path", ["/review/agreement", "/review/numbers"])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_curve_is_drawn_from_the_table_beneath_it_and_breaks_no_policy(
    chromium: Browser, served: tuple[House, str], sue: Moderator, path: str, colours: str
) -> None:
    context = open_context(chromium, served, sue, locale="en-GB", color_scheme=colours, reduced_motion="reduce")
    visit = Visit(context.new_page())
    page = visit.page
    page.goto(f"{served[1]}{path}?days=90")
    expect(page.locator("figure.series .plot canvas").first).to_be_visible()
    assert drawn(page) > 500  # a curve and its grid, in the colours of the page
    first = page.locator("figure.series").first
    expect(first.locator("table")).to_be_hidden()
    first.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(first.locator("table tbody tr")).not_to_have_count(0)
    expect(first.locator("table")).to_be_visible()
    context.close()
    assert visit.complaints == []


def test_it_is_drawn_anew_when_the_colours_change(chromium: Browser, served: tuple[House, str], sue: Moderator) -> None:
    context = open_context(chromium, served, sue, locale="fr-FR", color_scheme="light")
    page = context.new_page()
    page.goto(f"{served[1]}/review/agreement")
    drawn = "() => document.querySelector('.plot canvas')?.toDataURL() ?? ''"
    light = page.evaluate(drawn)
    page.emulate_media(color_scheme="dark")
    until(lambda: page.evaluate(drawn) not in ("", light), 30)
    context.close()


def test_without_javascript_the_tables_are_there(chromium: Browser, served: tuple[House, str], sue: Moderator) -> None:
    context = open_context(chromium, served, sue, locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served[1]}/review/agreement")
    expect(page.locator("figure.series table").first).to_be_visible()
    expect(page.locator(".plot").first).to_be_hidden()
    context.close()


def test_nothing_is_cut_off_on_a_narrow_screen(chromium: Browser, served: tuple[House, str], sue: Moderator) -> None:
    context = open_context(chromium, served, sue, locale="fr-FR", viewport={"width": 320, "height": 640})
    page, widths = context.new_page(), []
    for path in ("/review/agreement", "/review/numbers"):
        page.goto(served[1] + path)
        expect(page.locator(".plot canvas").first).to_be_visible()
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()
    assert widths == [320, 320]


def drawn(page: Page) -> int:
    """How many dots of the first curve are painted."""
    count: int = page.evaluate("""() => {
        const canvas = document.querySelector(".plot canvas");
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return data.filter((value, place) => place % 4 === 3 && value > 0).length;
    }""")
    return count
