"""The studio: works without JavaScript, says why, keeps what is typed inert, and shows a drawing to its owner alone."""

import html
import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from gateway.assembly import House
from gateway.errors import GatewayError
from gateway.web.pages import plain
from gateway.web.texts import ENGLISH, FRENCH, negotiate, round_up
from policies.signals import Category
from tests.gateway.studio_parts import CALM, Studio
from tests.houses import serving

DEADLINE_S = 10
ASKED = "a heap of rotten fish"
REFUSED = "beheading of a prisoner, severed head, blood everywhere"


class Browser:
    """A visitor without JavaScript: reads pages, fills forms, waits as the page itself would."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, follow_redirects=True, timeout=DEADLINE_S)

    def home(self, accept_language: str = "") -> httpx.Response:
        return self.client.get("/", headers={"accept-language": accept_language})

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.home().text)
        assert found
        return found[1]

    def run(self, prompt: str, csrf: str | None = None) -> httpx.Response:
        form = {"prompt": prompt, "csrf": self.csrf() if csrf is None else csrf}
        return self.client.post("/studio", data=form)

    def answer(self, question: httpx.Response, **changed: str) -> httpx.Response:
        """Press yes; changed: fields that somebody meddled with."""
        form = re.search(r'<form class="answer".*?</form>', question.text, re.DOTALL)
        assert form
        fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form[0]))
        return self.client.post("/studio", data={name: html.unescape(v) for name, v in fields.items()} | changed)

    def run_to_the_end(self, prompt: str) -> httpx.Response:
        return self.wait(self.run(prompt))

    def wait(self, page: httpx.Response) -> httpx.Response:
        give_up = time.monotonic() + DEADLINE_S
        while 'http-equiv="refresh"' in page.text and time.monotonic() < give_up:
            time.sleep(0.02)
            page = self.client.get(page.url)
        return page


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, studio: Studio) -> Iterator[tuple[House, str]]:
    with serving(tmp_path_factory.mktemp("data"), studio.parts) as house_and_url:
        yield house_and_url


@pytest.fixture(scope="module")
def url(served: tuple[House, str]) -> str:
    return served[1]


@pytest.fixture
def browser(url: str, studio: Studio) -> Iterator[Browser]:
    studio.go.clear()
    browser = Browser(url)
    with browser.client:
        yield browser
    studio.go.set()


@pytest.fixture
def stranger(url: str) -> Iterator[Browser]:
    """Another visitor of the same service."""
    browser = Browser(url)
    with browser.client:
        yield browser


def words(page: httpx.Response) -> str:
    """What a person reads: no tags, no entities."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


class TestWithoutJavaScript:
    def test_the_empty_page_has_a_box_a_button_and_nine_examples_in_two_languages(self, browser: Browser) -> None:
        page = browser.home().text
        assert '<input id="prompt" name="prompt" type="text"' in page
        assert page.count('<li class="pane example">') == 9
        assert 'lang="fr"><span>un tournesol' in page
        assert 'lang="en"><span>a lion' in page

    def test_a_prompt_leads_to_its_own_page_with_nine_pictures_that_open(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a cat")
        assert re.fullmatch(r"/studio/req_[0-9A-Za-z]{22}", page.url.path)
        links = [html.unescape(src) for src in re.findall(r'src="(/images/[^"]+)"', page.text)]
        assert len(links) == 9
        assert browser.client.get(links[0]).headers["content-type"] == "image/png"

    def test_while_it_runs_the_page_refreshes_itself_and_offers_to_cancel(
        self, browser: Browser, studio: Studio
    ) -> None:
        page = browser.run("a slow cat")
        assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
        assert f'action="{page.url.path}/cancel"' in page.text
        assert "usually about" in words(page)
        studio.go.set()
        assert "Nine pictures" in words(browser.wait(page))

    def test_while_it_runs_the_page_says_how_much_is_drawn(self, browser: Browser, studio: Studio) -> None:
        page = browser.run("a slow cat")
        for _ in range(200):
            if '<progress max="1" value="0.25" aria-label="How much of the pictures is drawn">' in page.text:
                break
            time.sleep(0.05)
            page = browser.client.get(page.url.path)
        else:
            pytest.fail(page.text)
        studio.go.set()
        assert "<progress" not in browser.wait(page).text

    def test_cancel_stops_it_and_keeps_the_prompt(self, browser: Browser) -> None:
        page = browser.run("a slow cat")
        stopped = browser.wait(browser.client.post(f"{page.url.path}/cancel", data={"csrf": browser.csrf()}))
        assert ENGLISH.cancelled_heading in words(stopped)
        assert 'value="a slow cat"' in stopped.text

    def test_a_pane_leads_to_a_page_with_that_picture_and_its_neighbours(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a spoiled cat")  # the second pane shows nothing
        large = browser.client.get(f"{page.url.path}/pictures/3")
        assert "Picture 3 of 9" in words(large)
        assert f'rel="prev" href="{page.url.path}/pictures/1"' in large.text
        assert f'rel="next" href="{page.url.path}/pictures/4"' in large.text

    def test_the_sheet_holds_the_released_pictures_in_their_places_and_says_what_it_is(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a spoiled cat")
        answer = browser.client.get(f"{page.url.path}/sheet.png")
        sheet = Image.open(io.BytesIO(answer.content))
        assert sheet.size == (224, 224)  # three panes of 64 and four gaps of 8
        assert sheet.crop((8, 8, 72, 72)).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)) == CALM
        assert sheet.getpixel((82, 10)) == (205, 216, 220)  # the withheld one: a light, closed pane
        assert sheet.info["Title"] == "a spoiled cat"
        assert 'filename="gardefou-a-spoiled-cat.png"' in answer.headers["content-disposition"]


class TestRefusals:
    def test_a_refused_prompt_says_why_and_gives_its_reference(self, browser: Browser) -> None:
        page = browser.run_to_the_end(REFUSED)
        assert "This service does not make bloody or mutilated bodies." in words(page)
        assert re.search(r"dec_[0-9A-Za-z]{22}", page.text)
        assert re.search(r"default@\d+", page.text)

    def test_in_french_too(self, browser: Browser) -> None:
        browser.home()
        browser.client.get("/?lang=fr")
        page = browser.run_to_the_end("un homme décapité, du sang partout")
        assert '<html lang="fr"' in page.text
        assert "Ce service ne crée pas de corps ensanglantés" in words(page)

    def test_what_the_policy_does_not_disclose_is_not_told(self, browser: Browser) -> None:
        page = browser.run_to_the_end("something unspeakable")
        assert ENGLISH.refused_undisclosed in words(page)
        assert "minors" not in words(page)
        assert "sexual" not in words(page)

    def test_the_prompt_stays_in_the_box_and_does_not_taint_the_next(self, browser: Browser) -> None:
        refused = browser.run_to_the_end(REFUSED)
        assert f'value="{REFUSED}"' in refused.text
        assert re.search(r'href="/decisions/dec_\w+#appeal">Appeal<', refused.text)
        assert "Nine pictures" in words(browser.run_to_the_end("a cat"))

    def test_withheld_and_held_pictures_are_cards_with_words_and_reasons_beside_the_shown_ones(
        self, browser: Browser
    ) -> None:
        page = browser.run_to_the_end("spoiled and doubtful")
        assert "7 of 9 pictures · 1 withheld · 1 waiting for a person" in words(page)
        for card in ('face-withheld" id="pane-2"', 'face-held" id="pane-3"', 'id="why-2"', 'id="why-3"'):
            assert card in page.text
        assert "Picture 2 · gore" in words(page)
        assert page.text.count("#appeal") == 1, "what waits for a person needs no appeal"

    def test_when_no_picture_passes_the_page_says_that_the_sentence_was_fine(self, browser: Browser) -> None:
        page = browser.run_to_the_end("all spoiled")
        assert ENGLISH.all_withheld_heading in words(page)
        assert page.text.count("face-withheld") == 2 * 9  # the panes, and the knobs of the rail
        assert browser.client.get(f"{page.url.path}/sheet.png").status_code == 404

    def test_pictures_that_nobody_could_judge_are_told_as_an_outage_and_not_shown(self, browser: Browser) -> None:
        page = browser.run_to_the_end("unreadable")
        assert ENGLISH.errors["classifier_unavailable"] in words(page)
        assert page.text.count("face-held") == 2 * 9
        assert "/images/" not in page.text

    def test_a_failure_is_never_told_as_a_refusal(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a broken cat")
        assert ENGLISH.failed_heading in words(page)
        assert ENGLISH.errors["generation_failed"] in words(page)
        assert ENGLISH.refused_heading not in words(page)

    def test_the_words_that_led_to_it_are_marked_as_they_were_typed(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a n4k3d <b>woman</b>")
        assert "<bdi>a <mark>n4k3d</mark> &lt;b&gt;woman&lt;/b&gt;</bdi>" in page.text
        assert ENGLISH.marked in words(page)
        assert "Try clothed people" in words(page)

    @pytest.mark.parametrize("prompt", ["a swastika flag, gas the jews", "something unspeakable"])
    def test_where_a_category_keeps_the_place_to_itself_nothing_is_marked(self, browser: Browser, prompt: str) -> None:
        page = browser.run_to_the_end(prompt)
        assert ENGLISH.refused_heading in words(page)
        assert "<mark>" not in page.text
        assert ENGLISH.marked not in words(page)


class TestQuestions:
    def test_a_doubtful_prompt_is_asked_about_and_one_press_draws_it_and_is_recorded(
        self, browser: Browser, served: tuple[House, str]
    ) -> None:
        question = browser.run_to_the_end(ASKED)
        assert f"{ENGLISH.asked_heading} {ENGLISH.your_prompt} {ASKED} This may come out disgusting" in words(question)
        assert "/images/" not in question.text
        drawn = browser.wait(browser.answer(question))
        assert "Nine pictures" in words(drawn)
        view = served[0].decisions.view(drawn.url.path.rpartition("/")[2])
        assert view is not None
        assert view.confirms == re.findall(r"dec_[0-9A-Za-z]{22}", words(question))[0]

    def test_in_french_too(self, browser: Browser) -> None:
        browser.client.get("/?lang=fr")
        question = browser.run_to_the_end(ASKED)
        assert FRENCH.asked_heading in html.unescape(question.text)
        assert "Est-ce bien ce que vous voulez voir ?" in words(question)
        assert FRENCH.asked_yes in words(question)

    def test_a_yes_is_no_yes_to_another_sentence(self, browser: Browser) -> None:
        question = browser.run_to_the_end(ASKED)
        answer = browser.answer(question, prompt="a heap of rotten meat")
        assert answer.status_code == 400
        assert ENGLISH.errors["confirmation_invalid"] in words(answer)
        assert 'value="a heap of rotten meat"' in answer.text

    def test_a_yes_is_no_yes_of_another_visitor(self, browser: Browser, stranger: Browser) -> None:
        answer = stranger.answer(browser.run_to_the_end(ASKED), csrf=stranger.csrf())
        assert answer.status_code == 400
        assert ENGLISH.errors["confirmation_invalid"] in words(answer)

    def test_running_it_again_asks_no_second_time(self, browser: Browser) -> None:
        drawn = browser.wait(browser.answer(browser.run_to_the_end(ASKED)))
        confirmation = re.search(r'name="confirmation" value="([^"]+)"', drawn.text)
        assert confirmation
        form = {"prompt": ASKED, "csrf": browser.csrf(), "confirmation": confirmation[1]}
        assert "Nine pictures" in words(browser.wait(browser.client.post("/studio", data=form)))

    def test_a_graver_find_is_refused_without_a_question(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a heap of rotten fish, a naked woman")
        assert ENGLISH.refused_heading in words(page)
        assert 'name="confirmation"' not in page.text


class TestInertText:
    @pytest.mark.parametrize(
        "prompt",
        ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}} {% raw %}", "' hx-get='/x' a='"],
    )
    def test_markup_in_a_prompt_stays_text(self, browser: Browser, prompt: str) -> None:
        page = browser.run_to_the_end(prompt)
        shown = re.search(r"<bdi>([^<>]*)</bdi>", page.text)
        assert shown
        assert html.unescape(shown[1]) == prompt
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "49" not in words(page)

    def test_marks_that_reorder_text_stay_out_of_titles_and_alternative_texts(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a \u202egnp.tac\u202c cat")
        titles = re.findall(r"<title>.*?</title>|alt=\"[^\"]*\"", page.text)
        assert len(titles) == 11
        assert not any("\u202e" in title for title in titles)
        assert "<bdi>a \u202egnp.tac\u202c cat</bdi>" in page.text

    def test_a_sheet_is_saved_under_a_plain_name(self, browser: Browser) -> None:
        page = browser.run_to_the_end('../../é"\u202e; rm "x')
        name = browser.client.get(f"{page.url.path}/sheet.png").headers["content-disposition"]
        assert name == 'attachment; filename="gardefou-rm-x.png"'

    def test_plain_keeps_the_words_of_every_script(self) -> None:
        assert plain(" قطة\u2067 على\n\tالشاطئ\u2069 ") == "قطة على الشاطئ"


class TestOwnership:
    @pytest.mark.parametrize("part", ["", "/grid", "/pictures/1", "/sheet.png"])
    def test_another_visitor_does_not_see_that_it_exists(self, browser: Browser, stranger: Browser, part: str) -> None:
        page = browser.run_to_the_end("a cat")
        mine, theirs = (visitor.client.get(page.url.path + part) for visitor in (browser, stranger))
        never = stranger.client.get("/studio/req_0000000000000000000000" + part)
        assert mine.status_code == 200
        assert theirs.status_code == never.status_code == 404
        assert "a cat" not in theirs.text

    def test_a_page_whose_drawing_is_gone_is_told_to_reload_rather_than_to_wait(self, browser: Browser) -> None:
        assert browser.client.get("/studio/req_0000000000000000000000/grid").headers["hx-refresh"] == "true"

    def test_another_visitor_cannot_cancel_it(self, browser: Browser, stranger: Browser) -> None:
        page = browser.run("a slow cat")
        answer = stranger.client.post(f"{page.url.path}/cancel", data={"csrf": stranger.csrf()})
        assert answer.status_code == 404
        assert 'http-equiv="refresh"' in browser.client.get(page.url).text

    @pytest.mark.parametrize("token", ["", "wrong", "é"])
    def test_a_form_without_the_right_token_starts_nothing_and_keeps_the_prompt(
        self, browser: Browser, token: str
    ) -> None:
        answer = browser.run("a cat", csrf=token)
        assert answer.status_code == 403
        assert 'value="a cat"' in answer.text
        assert ENGLISH.errors["csrf_failed"] in words(answer)

    @pytest.mark.parametrize("origin", ["http://elsewhere", "null", "http://[no address", ""])
    def test_a_form_from_another_site_starts_nothing(self, browser: Browser, origin: str) -> None:
        form = {"prompt": "a cat", "csrf": browser.csrf()}
        answer = browser.client.post("/studio", data=form, headers={"origin": origin})
        assert answer.status_code == 403

    def test_the_token_of_another_session_does_not_fit(self, browser: Browser, stranger: Browser) -> None:
        browser.home()
        assert browser.run("a cat", csrf=stranger.csrf()).status_code == 403


class TestErrors:
    def test_an_empty_prompt_is_told_kindly(self, browser: Browser) -> None:
        answer = browser.run("   ")
        assert answer.status_code == 400
        assert ENGLISH.errors["missing_required_parameter"] in words(answer)
        assert 'aria-invalid="true"' in answer.text

    def test_a_prompt_that_is_too_long_is_kept(self, browser: Browser) -> None:
        answer = browser.run("cat " * 300)
        assert answer.status_code == 400
        assert ENGLISH.errors["prompt_too_long"] in words(answer)
        assert f'value="{"cat " * 300}"' in answer.text

    @pytest.mark.parametrize(
        ("content", "kind", "status"),
        [
            (b"prompt=" + b"a" * (2 << 20), "application/x-www-form-urlencoded", 413),
            (b"prompt=%ff%fe", "application/x-www-form-urlencoded", 400),
            (b"&".join([b"a=1"] * 50), "application/x-www-form-urlencoded", 400),
            (b'{"prompt": "a cat"}', "application/json", 415),
        ],
    )
    def test_what_no_form_of_ours_sends_is_refused_on_the_page(
        self, browser: Browser, content: bytes, kind: str, status: int
    ) -> None:
        answer = browser.client.post("/studio", content=content, headers={"content-type": kind})
        assert answer.status_code == status
        assert 'role="alert"' in answer.text

    def test_too_many_runs_are_told_with_when_to_come_back(self, tmp_path: Path) -> None:
        with serving(tmp_path, Studio().parts, requests_per_minute=1) as (_, url):
            browser = Browser(url)
            browser.run_to_the_end("a cat")
            answer = browser.run("a dog")
            browser.client.close()
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert 'value="a dog"' in answer.text

    def test_a_full_line_is_told_as_crowding_not_as_a_refusal(self, tmp_path: Path) -> None:
        with serving(tmp_path, Studio().parts, queue_capacity=8) as (_, url):
            browser = Browser(url)
            page = browser.run_to_the_end("a cat")
            browser.client.close()
        assert ENGLISH.errors["overloaded"] in words(page)

    def test_every_way_a_request_can_end_has_words_or_the_common_ones(self) -> None:
        told = set(ENGLISH.errors)
        codes = {error.code for error in _family(GatewayError)} | {"crashed"}
        assert told <= codes
        assert all(ENGLISH.error(code) and FRENCH.error(code) for code in codes)


class TestLanguages:
    def test_both_languages_say_everything(self) -> None:
        assert ENGLISH.errors.keys() == FRENCH.errors.keys()
        assert ENGLISH.categories.keys() == FRENCH.categories.keys() == set(Category)
        for field in ENGLISH.__slots__:
            english, french = getattr(ENGLISH, field), getattr(FRENCH, field)
            if isinstance(english, str):
                assert re.findall(r"{\w+}", english) == re.findall(r"{\w+}", french) or field in (
                    "ready",
                    "finished_some",
                )
                assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", french))

    @pytest.mark.parametrize(
        ("header", "language"),
        [
            ("", "en"),
            ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
            ("en;q=0.5, fr;q=0.6", "fr"),
            ("de,en;q=0.3", "en"),
            ("fr;q=0", "en"),
            ("fr;q=nan,en;q=0.1", "en"),
            ("fr;q=1e999", "fr"),
            ("*" * 5000 + ",fr", "en"),
        ],
    )
    def test_accept_language_is_followed(self, header: str, language: str) -> None:
        assert negotiate(header) == language

    def test_a_chosen_language_is_remembered_and_beats_the_browser(self, browser: Browser) -> None:
        assert '<html lang="fr"' in browser.home("fr").text
        browser.client.get("/?lang=en")
        assert '<html lang="en"' in browser.home("fr").text

    def test_an_unknown_language_or_colour_changes_nothing(self, browser: Browser) -> None:
        page = browser.client.get('/?lang=xx&colours="><b>')
        assert '<html lang="en">' in page.text

    def test_colours_can_be_chosen(self, browser: Browser) -> None:
        browser.client.get("/?colours=dark")
        assert '<html lang="en" data-colours="dark">' in browser.home().text

    @pytest.mark.parametrize(("seconds", "told"), [(0, 1), (3.2, 4), (11, 15), (58, 60), (61, 70)])
    def test_an_estimate_is_rounded_to_what_it_is_worth(self, seconds: float, told: int) -> None:
        assert round_up(seconds) == told


class TestUnderAStrictContentSecurityPolicy:
    @pytest.mark.parametrize("prompt", ["a cat", "spoiled and doubtful", REFUSED, "a broken cat"])
    def test_no_page_needs_inline_code_or_style(self, browser: Browser, prompt: str) -> None:
        page = browser.run_to_the_end(prompt)
        assert "script-src 'self'; style-src 'self'" in page.headers["content-security-policy"]
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?! src=)|javascript:|hx-on", page.text)
        sources = re.findall(r'(?:src|href|action)="([^"]+)"', page.text)
        assert all(source.startswith(("/", "?", "#")) for source in sources)

    def test_what_the_pages_load_is_there(self, browser: Browser) -> None:
        linked = re.findall(r'"(/static/[^"]+)"', browser.home().text)
        style = browser.client.get("/static/style.css").text
        linked += [f"/static/{name}" for name in re.findall(r'url\("([^"]+)"\)', style)]
        assert len(linked) >= 6
        assert {browser.client.get(path).status_code for path in linked} == {200}

    def test_pages_about_a_person_are_not_cached(self, browser: Browser) -> None:
        page = browser.run_to_the_end("a cat")
        assert page.headers["cache-control"] == "private, no-store"


def _family(error: type[GatewayError]) -> set[type[GatewayError]]:
    return {error}.union(*(_family(child) for child in error.__subclasses__()))
