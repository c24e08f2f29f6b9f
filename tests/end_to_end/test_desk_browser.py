"""The review desk in a real browser, by keyboard alone: sign in, look, block, allow, undo, go on, escalate."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.assembly import House
from tests.end_to_end.test_studio_browser import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, later, opened, until
from tests.gateway.walks import Book
from tests.houses import client_of, serving

__all__ = ["chromium", "pytestmark"]

expect.set_options(timeout=PATIENCE_MS)

HOSTILE = "all doubtful <img src=x onerror=alert(1)> <a hx-get=/ hx-trigger=load>x</a> \u202e\u200b"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), undo_seconds=3600, gate_seconds=30) as served:
        yield served
    close_all()


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    """Somebody new for each test: a code signs in once."""
    return Moderator(*served, name=f"ada{len(served[0].login.people.all())}")


@pytest.fixture
def visit(chromium: Browser, served: tuple[House, str]) -> Iterator[Visit]:
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    visit = Visit(context.new_page())
    yield visit
    context.close()
    assert visit.complaints == []  # a breach of the content security policy is told on the console


def sign_in(page: Page, url: str, moderator: Moderator) -> None:
    """Tab from field to field, and Enter."""
    page.goto(f"{url}/review")
    expect(page.locator("[autofocus]")).to_be_focused()
    for value in (moderator.name, moderator.secrets.password, moderator.code()):
        page.keyboard.type(value)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What waits for a person")


def press(page: Page, key: str) -> None:
    """Press a key once the page listens."""
    expect(page.locator("#keys-switch")).to_be_visible()
    page.keyboard.press(key)


def choose(page: Page, key: str, words: str) -> None:
    """Go to a list by its key, and type what it shall say."""
    press(page, key)
    page.keyboard.type(words)
    page.keyboard.press("Escape")


def test_a_moderator_works_through_the_queue_without_a_mouse(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    (house, url), page = served, visit.page
    client = opened(client_of(house, url))
    for prompt, count in ((HOSTILE, 2), ("all doubtful fox", 1), ("all doubtful owl", 1)):
        hold(client, prompt, count)
    sign_in(page, url, ada)

    press(page, "n")
    expect(page.get_by_role("heading", name="Decide")).to_be_visible()
    first = page.locator("[data-picture] img").first
    press(page, "Space")
    expect(first).to_have_attribute("src", re.compile("^blob:"))
    press(page, "Space")
    expect(first).to_have_attribute("src", re.compile(r"\.png$"))

    press(page, "1")
    press(page, "2")
    expect(page.locator(".allow :checked")).to_have_count(1)
    expect(page.locator(".block :checked")).to_have_count(1)
    press(page, "b")
    choose(page, "c", "gore")
    choose(page, "r", "A person looked at this picture: it shows")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Blocked.")
    assert Book(house).picture_states.count("withheld") == 2

    press(page, "a")
    choose(page, "c", "no rule")
    choose(page, "r", "A person looked at this picture and")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Allowed.")
    press(page, "u")
    expect(page.locator(".typed")).to_have_text("all doubtful fox")
    assert "released" not in Book(house).picture_states

    press(page, "3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Escalated")
    press(page, "a")
    choose(page, "c", "no rule")
    choose(page, "r", "A person looked at this picture and")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Allowed.")
    later(house)
    until(lambda: Book(house).picture_states.count("released") == 1)
    assert house.decisions.broken_ledger() is None


def test_single_letters_can_be_turned_off_and_are_listed(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    page = visit.page
    sign_in(page, served[1], ada)
    press(page, "?")
    expect(page.get_by_role("dialog")).to_contain_text("take the next case")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keys: on").press("Enter")
    page.reload()
    press(page, "?")
    expect(page.get_by_role("button", name="Keys: off")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_nothing_is_cut_off_on_a_narrow_screen(chromium: Browser, served: tuple[House, str], ada: Moderator) -> None:
    house, url = served
    hold(opened(client_of(house, url)), "all doubtful " + "x" * 300)
    context = chromium.new_context(locale="fr-FR", viewport={"width": 320, "height": 640})
    page = context.new_page()
    page.goto(f"{url}/review/login")
    widths = [page.evaluate("document.documentElement.scrollWidth")]
    ada.sign_in()
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in ada.client.cookies.items()])
    for path in ("/review", str(ada.take().url)):
        page.goto(path if path.startswith("http") else url + path)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()
    assert widths == [320, 320, 320]
