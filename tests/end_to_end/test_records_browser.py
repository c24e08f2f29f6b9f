"""The pages of the policies and of the ledger in a real browser: at any width, in both languages, by keyboard."""

from collections.abc import Iterator
from itertools import product

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.assembly import House
from gateway.store.people import Role
from tests.end_to_end.test_studio_browser import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, opened
from tests.houses import client_of, serving

__all__ = ["chromium", "pytestmark"]

expect.set_options(timeout=PATIENCE_MS)

PAGES = ("/review/policies", "/review/policies/default?against=strict", "/review/ledger")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    with serving(tmp_path_factory.mktemp("data"), desk_parts(), gate_seconds=30) as served:
        hold(opened(client_of(*served)), "all doubtful fox", 2)
        yield served
    close_all()


@pytest.fixture(scope="module")
def auditor(served: tuple[House, str]) -> Moderator:
    auditor = Moderator(*served, name="ada", role=Role.AUDITOR)
    auditor.sign_in()
    return auditor


@pytest.fixture
def visit(chromium: Browser, served: tuple[House, str], auditor: Moderator) -> Iterator[Visit]:
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    for cookie in auditor.client.cookies.jar:
        context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": served[1]}])
    visit = Visit(context.new_page())
    yield visit
    context.close()
    assert visit.complaints == []  # a breach of the content security policy is told on the console


def is_sideways(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_nothing_reaches_beyond_320_pixels_and_the_console_stays_silent(
    visit: Visit, served: tuple[House, str]
) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 640})
    for path, (language, colours) in product(PAGES, (("fr", "dark"), ("en", "light"))):
        separator = "&" if "?" in path else "?"
        visit.page.goto(f"{served[1]}{path}{separator}lang={language}&colours={colours}")
        expect(visit.page.locator("html")).to_have_attribute("lang", language)
        for summary in visit.page.locator("details > summary").all()[:3]:
            summary.click()
        assert not is_sideways(visit.page), path


def test_a_policy_is_found_read_and_compared_by_keyboard(visit: Visit, served: tuple[House, str]) -> None:
    page = visit.page
    page.goto(f"{served[1]}/review/policies")
    page.get_by_role("link", name="Compare default, strict").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="What strict@5 says otherwise")).to_be_in_viewport()
    page.get_by_role("region", name="Likeness matrix. Table").focus()
    expect(page.get_by_role("cell", name="block").first).to_be_visible()


def test_the_ledger_is_verified_and_a_row_opened_by_keyboard(visit: Visit, served: tuple[House, str]) -> None:
    page = visit.page
    page.goto(f"{served[1]}/review/ledger?kind=decided")
    page.locator("#verify").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#check")).to_contain_text("The ledger is whole.")
    page.goto(f"{served[1]}/review/ledger?kind=verified")
    page.locator(".link summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".canonical").first).to_contain_text('"kind":"verified"')
    page.locator("select[name=form]").select_option("csv")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").press("Enter")
    assert download.value.suggested_filename.endswith(".csv")
