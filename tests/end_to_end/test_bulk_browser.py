"""In a real browser, by keyboard alone: cases selected and decided together, and the palette that Ctrl-K opens."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from gateway.assembly import House
from gateway.store.listing import Filters
from tests.end_to_end.test_desk_browser import choose, press, sign_in, visit
from tests.end_to_end.test_studio_browser import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, opened, wipe
from tests.gateway.walks import Book
from tests.houses import client_of, serving

__all__ = ["chromium", "pytestmark", "visit"]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), undo_seconds=3600, gate_seconds=60, bulk_alone=3) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    """Four cases wait."""
    house, url = running
    wipe(house)
    client = opened(client_of(house, url))
    for what in ("fox", "owl", "elk", "hen"):
        hold(client, f"all doubtful {what}")
    yield running
    close_all()


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    return Moderator(*served)


def picked(page: Page) -> list[bool]:
    return [box.is_checked() for box in page.locator(".pick input").all()]


def open_palette(page: Page, typed: str = "") -> None:
    press(page, "Control+k")
    expect(page.get_by_role("combobox", name="Find a page")).to_be_focused()
    page.keyboard.type(typed)


def chosen(page: Page) -> str:
    """What the combobox says is chosen."""
    active = page.locator("#palette-sought").get_attribute("aria-activedescendant")
    option = page.locator(f"#{active}")
    expect(option).to_have_attribute("aria-selected", "true")
    return option.locator(".palette-words").inner_text()


def test_cases_are_selected_previewed_blocked_and_reverted_without_a_mouse(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    (house, url), page = served, visit.page
    sign_in(page, url, ada)
    press(page, "x")
    press(page, "j")
    press(page, "j")
    press(page, "Shift+X")
    assert picked(page) == [True, True, True, False]
    press(page, "x")
    expect(page.locator("#together-count")).to_have_text("2 of at most 50 selected")
    page.evaluate("htmx.trigger('#queue', 'every')")  # the list is exchanged every ten seconds
    with page.expect_response(re.compile("/review/queue")):
        page.evaluate("htmx.ajax('GET', '/review/queue', {target: '#queue', swap: 'outerMorph'})")
    expect(page.locator(".pick :checked")).to_have_count(2)
    assert picked(page) == [True, True, False, False]

    press(page, "d")
    expect(page.get_by_role("heading", level=1)).to_have_text("Look through, then decide together")
    press(page, "Space")
    expect(page.locator("[data-picture] img").first).to_have_attribute("src", re.compile("^blob:"))
    press(page, "2")
    choose(page, "c", "gore")
    choose(page, "r", "A person looked at this picture: it shows")
    expect(page.locator("#reason option:checked")).to_contain_text("it shows what the service does not make")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Decided by ada.")
    assert sorted(Book(house).picture_states) == ["held", "held", "withheld", "withheld"]

    open_palette(page, "revert")
    assert chosen(page) == "Revert this batch"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Reverted by ada.")
    assert Book(house).picture_states == ["held"] * 4
    assert house.decisions.broken_ledger() is None


def test_selecting_works_with_tab_and_space_and_with_letters_off(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    page = visit.page
    sign_in(page, served[1], ada)
    page.get_by_role("button", name="Keys: on").press("Enter")
    page.keyboard.press("x")
    assert picked(page) == [False] * 4
    page.get_by_role("checkbox").nth(1).focus()
    page.keyboard.press("Space")
    assert picked(page) == [False, True, False, False]
    expect(page.locator("#together-count")).to_have_text("1 of at most 50 selected")
    page.get_by_role("button", name="Decide together").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Look through, then decide together")


def test_the_palette_goes_to_pages_and_cases_and_gives_the_focus_back(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    (house, url), page = served, visit.page
    sign_in(page, url, ada)
    page.get_by_label("Urgency").focus()
    open_palette(page)
    page.keyboard.press("Escape")
    expect(page.get_by_label("Urgency")).to_be_focused()

    open_palette(page, "bat")
    assert chosen(page) == "Batches"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Batches")

    case = house.desk.cases.waiting(Filters())[0].id
    open_palette(page, case[4:10])
    assert chosen(page) == f"Open case {case[4:10]}"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/review/cases/{case}")
    open_palette(page, case)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/review/cases/{case}")


def test_the_palette_runs_what_the_buttons_of_the_page_do_with_letters_off_too(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    page = visit.page
    sign_in(page, served[1], ada)
    page.get_by_role("button", name="Keys: on").press("Enter")
    open_palette(page, "next case")
    assert chosen(page) == "Take the next case"
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decide")).to_be_visible()
    expect(page.locator("#palette")).not_to_be_visible()

    open_palette(page, "picture 1 ban")
    assert chosen(page) == "Picture 1 · Ban look-alikes"
    page.keyboard.press("Enter")
    expect(page.locator(".ban input")).to_be_checked()

    open_palette(page)
    first = chosen(page)
    page.keyboard.press("ArrowUp")
    last = chosen(page)
    page.keyboard.press("ArrowDown")
    assert chosen(page) == first != last
    page.keyboard.type("no such thing")
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("Nothing of that name")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).not_to_be_visible()


def test_the_pages_fit_a_narrow_screen_in_french(chromium: Browser, served: tuple[House, str], ada: Moderator) -> None:
    house, url = served
    ada.sign_in()
    cases = [case.id for case in house.desk.cases.waiting(Filters())]
    page_of = ada.post("/review/batches", None, **{f"case-{case}": "1" for case in cases})
    context = chromium.new_context(locale="fr-FR", viewport={"width": 320, "height": 640})
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in ada.client.cookies.items()])
    page, widths = context.new_page(), []
    for path in ("/review", "/review/batches", str(page_of.url)):
        page.goto(path if path.startswith("http") else url + path)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    expect(page.locator("#palette-open")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type("decider")
    expect(page.locator("#palette-list li").first).to_contain_text("Ne rien décider")
    widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()
    assert widths == [320] * 4
