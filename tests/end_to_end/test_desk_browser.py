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


def test_an_appeal_is_overturned_by_somebody_else_without_a_mouse(
    visit: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    (house, url), page = served, visit.page
    known = {picture.id for picture in Book(house).pictures}
    hold(opened(client_of(house, url)), "all doubtful teddy")
    (picture,) = [row for row in Book(house).pictures if row.id not in known]
    ada.sign_in()
    ada.decide(ada.post("/review/next"), "block")
    (blocked,) = [row.decision_id for row in Book(house).pictures if row.id == picture.id]

    page.goto(f"{url}/decisions/{blocked}")
    page.locator("#text").focus()
    page.keyboard.type(f"It is a toy. {HOSTILE}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#appeal").get_by_role("status")).to_contain_text("Your appeal waits for a person")

    ben = Moderator(house, url, name=f"ben{ada.name}")
    sign_in(page, url, ben)
    page.get_by_role("link", name="Appeals", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Appeals")
    press(page, "n")
    expect(page.locator(".typed").first).to_contain_text("It is a toy.")
    press(page, "Space")
    expect(page.locator("[data-picture] img").first).to_have_attribute("src", re.compile("^blob:"))
    press(page, "1")
    choose(page, "c", "no rule")
    choose(page, "r", "Another person looked at this again and found")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Overturned.")
    later(house)
    until(lambda: [row.state for row in Book(house).pictures if row.id == picture.id] == ["released"])
    until(lambda: house.recourse.statement(str(blocked)).review is not None)
    page.goto(f"{url}/decisions/{blocked}")
    expect(page.locator("main")).to_contain_text("The picture has been brought back and is shown.")
    expect(page.locator("main")).to_contain_text("the decision was wrong")
    assert page.request.get(url + house.links.path(picture.id)).headers["content-type"] == "image/png"
    assert house.decisions.broken_ledger() is None


def test_a_picture_is_reported_from_the_studio_without_a_mouse(visit: Visit, served: tuple[House, str]) -> None:
    url, page = served[1], visit.page
    page.goto(url)
    page.locator("#prompt").fill("a calm lighthouse")
    page.keyboard.press("Enter")
    page.locator("#pane-1 a").focus(timeout=PATIENCE_MS)
    page.keyboard.press("Enter")
    page.locator("#viewer-report").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Report a picture")
    page.get_by_role("radio").first.focus()
    page.keyboard.press("ArrowDown")
    page.locator("#note").focus()
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you: a person will look at it")


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


def test_the_pages_of_decisions_and_reports_fit_a_narrow_screen(chromium: Browser, served: tuple[House, str]) -> None:
    house, url = served
    client = opened(client_of(house, url))
    refused = client.post("/v1/images/generations", json={"prompt": "unspeakable cat", "size": "64x64"}).json()
    client.post("/v1/images/generations", json={"prompt": "a cat", "size": "64x64"})
    (picture, *_) = [row for row in Book(house).pictures if row.state == "released"]
    paths = (f"/decisions/{refused['error']['x_gateway']['decision_id']}", f"/decisions/{picture.decision_id}",
             f"/pictures/{picture.id}/report", "/decisions/dec_none")  # fmt: skip
    context = chromium.new_context(locale="fr-FR", viewport={"width": 320, "height": 640})
    page, widths = context.new_page(), []
    for path in paths:
        page.goto(url + path)
        widths.append(page.evaluate("document.documentElement.scrollWidth"))
    context.close()
    assert widths == [320] * 4
