"""The studio in a real browser against a real server: every promise of the page that only a browser can keep."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, expect

from tests.browsers import PATIENCE_MS, Visit, chromium, pytestmark
from tests.gateway.studio_parts import Studio
from tests.houses import serving

__all__ = ["PATIENCE_MS", "Visit", "chromium", "pytestmark"]

ASKED = "a heap of rotten fish"
REFUSED = "beheading of a prisoner, severed head, blood everywhere"


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, studio: Studio) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("data"), studio.parts) as (_, url):
        yield url


@pytest.fixture
def visit(chromium: Browser, url: str, studio: Studio) -> Iterator[Visit]:
    studio.go.clear()
    context = chromium.new_context(locale="en-GB", reduced_motion="reduce")
    visit = Visit(context.new_page())
    visit.page.goto(url)
    yield visit
    studio.go.set()
    context.close()
    assert visit.complaints == []  # a breach of the content security policy is told on the console


def test_typing_a_prompt_and_pressing_enter_brings_nine_pictures(visit: Visit) -> None:
    visit.ask("a cat")
    visit.wait_for_pictures(9)
    expect(visit.page.get_by_role("status")).to_contain_text("Nine pictures")
    expect(visit.page.get_by_alt_text("a cat – picture 9 of 9")).to_be_visible()


def test_pictures_arrive_without_a_reload_and_polling_ends(visit: Visit, studio: Studio) -> None:
    visit.ask("a slow cat")
    expect(visit.page.locator(".face-drawing.pane")).to_have_count(9)
    visit.page.evaluate("window.samePage = true")
    studio.go.set()
    visit.wait_for_pictures(9)
    assert visit.page.evaluate("window.samePage")
    expect(visit.page.locator("#poll")).to_have_count(0)


def test_words_typed_while_it_draws_stay_in_the_box(visit: Visit, studio: Studio) -> None:
    visit.ask("a slow cat")
    visit.page.get_by_role("textbox").fill("a dog next")
    studio.go.set()
    visit.wait_for_pictures(9)
    expect(visit.page.get_by_role("textbox")).to_have_value("a dog next")


def test_an_example_is_drawn_at_one_press(visit: Visit) -> None:
    visit.page.get_by_role("button", name="a lion").click()
    visit.wait_for_pictures(9)


def test_cancel_stops_a_drawing(visit: Visit) -> None:
    visit.ask("a slow cat")
    visit.page.get_by_role("button", name="Cancel").click()
    expect(visit.page.get_by_role("heading", name="Stopped")).to_be_visible()
    expect(visit.page.get_by_role("textbox")).to_have_value("a slow cat")


def test_a_refused_prompt_is_explained_and_the_next_one_is_drawn(visit: Visit) -> None:
    visit.ask(REFUSED)
    expect(visit.page.get_by_text("does not make bloody or mutilated bodies")).to_be_visible()
    expect(visit.page.get_by_role("textbox")).to_have_value(REFUSED)
    visit.ask("a cat")
    visit.wait_for_pictures(9)


def test_a_question_is_answered_with_one_press(visit: Visit) -> None:
    visit.ask(ASKED)
    expect(visit.page.get_by_role("heading", name="Did you mean this?")).to_be_visible()
    visit.page.get_by_role("button", name="Yes, draw it").click()
    visit.wait_for_pictures(9)
    expect(visit.page.get_by_role("heading", name=ASKED)).to_be_visible()


def test_whoever_did_not_mean_it_is_led_back_to_the_sentence(visit: Visit) -> None:
    visit.ask(ASKED)
    visit.page.get_by_role("link", name="Change the sentence").click()
    expect(visit.page.get_by_role("textbox")).to_be_focused()
    visit.page.keyboard.type("a cat")
    visit.page.keyboard.press("Enter")
    visit.wait_for_pictures(9)


def test_the_page_speaks_french_when_asked(visit: Visit) -> None:
    visit.page.get_by_role("link", name="Français").click()
    visit.ask("un homme décapité, du sang partout")
    expect(visit.page.get_by_text("ne crée pas de corps ensanglantés")).to_be_visible()
    assert visit.page.locator("html").get_attribute("lang") == "fr"


def test_withheld_and_held_pictures_lead_to_their_reasons(visit: Visit) -> None:
    visit.ask("spoiled and doubtful")
    visit.wait_for_pictures(7)
    visit.page.get_by_role("link", name="Withheld").click()
    expect(visit.page.get_by_role("heading", name="Picture 2 · gore")).to_be_in_viewport()
    expect(visit.page.get_by_role("link", name="Waiting for a person")).to_be_visible()


def test_a_picture_can_be_enlarged_and_leafed_through_by_keyboard_alone(visit: Visit) -> None:
    visit.ask("a cat")
    visit.wait_for_pictures(9)
    visit.page.get_by_role("link", name="picture 1 of 9").press("Enter")
    dialog = visit.page.get_by_role("dialog", name="Picture 1 of 9")
    expect(dialog).to_be_visible()
    visit.page.keyboard.press("ArrowRight")
    expect(visit.page.get_by_role("dialog", name="Picture 2 of 9")).to_be_visible()
    visit.page.keyboard.press("Escape")
    expect(visit.page.get_by_role("dialog")).to_have_count(0)
    expect(visit.page.get_by_role("link", name="picture 2 of 9")).to_be_focused()


def test_one_picture_and_the_sheet_can_be_saved(visit: Visit) -> None:
    visit.ask("a cat")
    visit.wait_for_pictures(9)
    with visit.page.expect_download() as sheet:
        visit.page.get_by_role("link", name="Save the sheet").click()
    assert sheet.value.suggested_filename == "gardefou-a-cat.png"
    assert Image.open(io.BytesIO(Path(sheet.value.path()).read_bytes())).size == (224, 224)
    visit.page.get_by_role("link", name="picture 3 of 9").click()
    with visit.page.expect_download() as picture:
        visit.page.get_by_role("link", name="Save this picture").click()
    assert Image.open(io.BytesIO(Path(picture.value.path()).read_bytes())).size == (64, 64)


def test_run_can_be_pressed_again_after_going_back(visit: Visit) -> None:
    visit.ask("a cat")
    visit.wait_for_pictures(9)
    visit.page.go_back()
    visit.page.get_by_role("textbox").fill("a dog")
    visit.page.get_by_role("button", name="Run", exact=True).click()
    visit.wait_for_pictures(9)
    expect(visit.page.get_by_role("heading", name="a dog")).to_be_visible()


@pytest.mark.parametrize("prompt", ["<img src=x onerror=alert(1)>", "a \u202egnp.tac cat", "cat" * 300])
def test_a_hostile_prompt_neither_runs_nor_breaks_a_narrow_page(visit: Visit, prompt: str) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 640})
    visit.ask(prompt)
    visit.wait_for_pictures(9)
    assert visit.page.locator("h1").inner_text() == prompt
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_without_javascript_a_question_is_answered_too(chromium: Browser, url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("textbox").fill(ASKED)
    page.get_by_role("textbox").press("Enter")
    page.get_by_role("link", name="Change the sentence").click(timeout=PATIENCE_MS)
    expect(page.get_by_role("textbox")).to_be_focused()
    page.get_by_role("button", name="Yes, draw it").click()
    expect(page.locator(".face-shown img")).to_have_count(9, timeout=PATIENCE_MS)
    context.close()


def test_without_javascript_the_page_refreshes_until_nine_pictures_are_there(chromium: Browser, url: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(url)
    page.get_by_role("textbox").fill("a cat")
    page.get_by_role("textbox").press("Enter")
    expect(page.locator(".face-shown img")).to_have_count(9, timeout=PATIENCE_MS)
    page.get_by_role("link", name="picture 4 of 9").click()
    expect(page.get_by_text("Picture 4 of 9")).to_be_visible()
    context.close()
