"""The review desk in a real browser, by keyboard alone: sign in, look, block, allow, undo, go on, escalate."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from gateway.assembly import House
from tests.browsers import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, later, opened, until
from tests.gateway.walks import Book
from tests.houses import client_of, serving

__all__ = ["chromium", "pytestmark"]

expect.set_options(timeout=PATIENCE_MS)

MOST_TABS = 80  # more than any page of these has stops
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


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visit]:
    """Somebody of the public."""
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    visitor = Visit(context.new_page())
    yield visitor
    context.close()
    assert visitor.complaints == []


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
    """Press a key once the page is all there and listens."""
    page.wait_for_load_state()
    expect(page.locator("#keys-switch")).to_be_visible()
    page.keyboard.press(key)


def choose(page: Page, key: str, words: str) -> None:
    """Go to a list by its key, and type what it shall say."""
    press(page, key)
    page.keyboard.type(words)
    page.keyboard.press("Escape")


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(MOST_TABS):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")


def follow(page: Page, wanted: Locator) -> None:
    """Go to a link or a button with Tab, and press it."""
    tab_to(page, wanted)
    page.keyboard.press("Enter")


def decide_all(page: Page, key: str, clause: str, reason: str, told: str) -> None:
    """Say the same of every picture with one key, say why, and send it."""
    press(page, key)
    choose(page, "c", clause)
    choose(page, "r", reason)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text(told)


def test_the_whole_way_of_a_picture_without_a_mouse(
    visit: Visit, visitor: Visit, served: tuple[House, str], ada: Moderator
) -> None:
    """Held, looked at, blocked, appealed, overturned by somebody else, served: and what happens beside it."""
    (house, url), page = served, visit.page
    studio = ask(visitor, url)
    for prompt in ("all doubtful fox", "all doubtful owl"):
        hold(opened(client_of(house, url)), prompt)

    sign_in(page, url, ada)
    press(page, "n")
    expect(page.locator("#lease")).to_be_visible()
    assert page.evaluate("scrollY") == 0, "a case opens at its sentence"
    look_closely(page)
    decide_all(page, "b", "gore", "A person looked at this picture: it shows", "Blocked.")
    assert Book(house).picture_states.count("withheld") == 9
    decide_all(page, "a", "no rule", "A person looked at this picture and", "Allowed.")
    press(page, "u")
    expect(page.locator(".typed")).to_have_text("all doubtful fox")
    assert "released" not in Book(house).picture_states
    press(page, "3")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Escalated")
    expect(page.locator(".typed")).to_have_text("all doubtful owl")
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", level=1)).to_have_text("What waits for a person")

    statement = appeal(visitor, studio)
    follow(page, page.get_by_role("button", name="Sign out"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(page, url, Moderator(house, url, name=f"ben{ada.name}"))
    follow(page, page.get_by_role("link", name="Appeals", exact=True))
    expect(page.get_by_role("heading", level=1)).to_have_text("Appeals")
    press(page, "n")
    expect(page.locator(".typed").first).to_contain_text("It is a toy.")
    look_closely(page)
    decide_all(page, "1", "no rule", "Another person looked at this again and found", "Overturned.")
    later(house)
    until(lambda: Book(house).picture_states.count("released") == 1)
    until(lambda: house.recourse.statement(statement.rpartition("/")[2]).review is not None)

    visitor.page.goto(statement)
    expect(visitor.page.locator("main")).to_contain_text("The picture has been brought back and is shown.")
    expect(visitor.page.locator("main")).to_contain_text("the decision was wrong")
    visitor.page.goto(studio)
    visitor.wait_for_pictures(1)
    served_at = visitor.page.locator(".face-shown img").get_attribute("src")
    assert page.request.get(f"{url}{served_at}").headers["content-type"] == "image/png"
    assert house.decisions.broken_ledger() is None


def ask(visitor: Visit, url: str) -> str:
    """Type a sentence into the studio, and wait until a person is asked. Returns where it is drawn."""
    page = visitor.page
    page.goto(url)
    expect(page.locator("[autofocus]")).to_be_focused()
    page.keyboard.type(HOSTILE)
    page.keyboard.press("Enter")
    expect(page.locator(".pane.face-held")).to_have_count(9)
    return page.url


def look_closely(page: Page) -> None:
    """See a picture as it is, and let it be blurred again."""
    picture = page.locator("[data-picture] img").first
    press(page, "Space")
    expect(picture).to_have_attribute("src", re.compile("^blob:"))
    press(page, "Space")
    expect(picture).to_have_attribute("src", re.compile(r"\.png$"))


def appeal(visitor: Visit, studio: str) -> str:
    """From a withheld picture to the statement of reasons, and object. Returns its address."""
    page = visitor.page
    page.goto(studio)
    follow(page, page.get_by_role("link", name="Withheld").first)
    follow(page, page.locator(".missing summary"))
    follow(page, page.locator(".missing a").first)
    expect(page.get_by_role("heading", level=1)).to_have_text("What was decided, and why")
    address = page.url
    tab_to(page, page.locator("#text"))
    page.keyboard.type(f"It is a toy. {HOSTILE}")
    follow(page, page.get_by_role("button", name="Appeal"))
    expect(page.locator("#appeal").get_by_role("status")).to_contain_text("Your appeal waits for a person")
    return address


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
