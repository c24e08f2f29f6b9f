"""What people write stays what they wrote: on every page that shows it, in a real browser, in both languages."""

import csv
import io
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import pytest
from playwright.sync_api import Browser, Dialog, Request

from gateway.errors import InvalidValue
from gateway.export_words import What
from gateway.store.people import Role
from tests.browsers import Visit, chromium, pytestmark
from tests.gateway.desk_parts import close_all
from tests.houses import serving
from tests.pages.hostile import HOSTILE
from tests.pages.scene import FAKES, SETTINGS, Scene, scene_parts
from tests.pages.tabs import Look, open_tab

__all__ = ["chromium", "pytestmark"]

RUN = {"=", "+", "-", "@", "\t", "\r", "\n"}
PLANTED = """() => [...document.querySelectorAll('*')].flatMap(e => [
  ...(e.matches('[planted], planted-element, iframe, object, embed, base, style, math, script:not([src^="/static/"])')
    ? [e.outerHTML.slice(0, 120)] : []),
  ...[...e.attributes].filter(({name, value}) => name.startsWith('on') || name.startsWith('hx-on') || name === 'style'
    || (['href', 'src', 'action', 'formaction', 'data'].includes(name) && !/^([?#]|\\/(?!\\/)|blob:)/.test(value)))
    .map(({name, value}) => `${e.tagName} ${name}=${value.slice(0, 120)}`),
])"""


@dataclass
class Watched:
    """A tab, and all that somebody's words brought about in it."""

    visit: Visit
    home: str
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.visit.page.on("dialog", self._dialog)
        self.visit.page.on("request", self._request)

    def _dialog(self, dialog: Dialog) -> None:
        self.faults.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "blob:", "data:")):
            self.faults.append(f"asked {request.url}")

    def faults_of(self, path: str) -> list[str]:
        """Open a page, and tell what is not as it was written."""
        self.faults.clear()
        self.visit.complaints.clear()
        self.visit.page.goto(self.home + path)
        return [*self.faults, *self.visit.complaints, *self.visit.page.evaluate(PLANTED)]


@dataclass(frozen=True, slots=True)
class Written:
    """What was written of a class, and where each shows: page -> (who looks, path)."""

    text: str
    places: dict[str, tuple[str, str]]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with serving(tmp_path_factory.mktemp("data"), scene_parts(), **SETTINGS) as (house, url):
        yield Scene(house, url, FAKES)
    close_all()


@pytest.fixture(scope="module")
def open_as(chromium: Browser, scene: Scene) -> Iterator[Callable[[str, str], Watched]]:
    """A tab of somebody, in a language."""
    opened: dict[Look, Watched] = {}

    def watched(who: str, language: str) -> Watched:
        look = Look(who, language)
        if look not in opened:
            opened[look] = Watched(open_tab(chromium, scene, look), scene.url)
        return opened[look]

    yield watched
    for one in opened.values():
        one.visit.page.context.close()


@pytest.fixture(scope="module", params=HOSTILE)
def written(request: pytest.FixtureRequest, scene: Scene) -> Written:
    """All of a class, as a prompt, a note, an appeal, a report, a reason: wherever there is room for words."""
    text = " ".join(HOSTILE[request.param])
    scene.house.recourse._limiter.storage.reset()
    drawing = scene.draw(f"{text} calm")
    picture = scene.public.get(f"/studio/{drawing}").text.partition('data-report="')[2].partition('"')[0]
    report = scene.send(picture, reason="other", note=text).url.path
    reported = scene.newest()
    case = scene.hold(f"{text} all doubtful")
    scene.decide("senior", case, "ban", note=text)
    ban = scene.people["senior"].get("/review/banned").text.partition('action="/review/banned/')[2].partition("/")[0]
    scene.people["senior"].post(f"/review/banned/{ban}/lift", why=text)
    decision = scene.decision_on(case)
    appeal = scene.appeal(decision, text)
    scene.decide("colleague", appeal, "block", reason="still_breaks_rule", note=text)
    lease = scene.take("moderator", reported)
    scene.people["moderator"].say(lease, "escalation", reason="rule_is_silent", note=text)
    waiting = scene.hold(f"{text} all doubtful")
    return Written(
        text,
        {
            "drawing": ("public", f"/studio/{drawing}"),
            "picture": ("public", f"/studio/{drawing}/pictures/1"),
            "statement": ("public", f"/decisions/{decision}"),
            "report": ("public", report),
            "queue": ("viewer", "/review"),
            "case": ("viewer", f"/review/cases/{waiting}"),
            "decided": ("senior", f"/review/cases/{case}"),
            "appeal": ("senior", f"/review/cases/{appeal}"),
            "reported": ("senior", f"/review/cases/{reported}"),
            "banned": ("senior", "/review/banned"),
            "ledger": ("auditor", "/review/ledger"),
        },
    )


@pytest.mark.parametrize("language", ["en", "fr"])
def test_words_stay_words(written: Written, open_as: Callable[[str, str], Watched], language: str) -> None:
    looks = {page: partial(open_as(who, language).faults_of, path) for page, (who, path) in written.places.items()}
    assert {page: look() for page, look in looks.items()} == {page: [] for page in looks}


def test_they_are_shown_as_they_were_typed(written: Written, open_as: Callable[[str, str], Watched]) -> None:
    def shown(page: str, selector: str) -> list[str]:
        who, path = written.places[page]
        tab = open_as(who, "en").visit.page
        tab.goto(open_as(who, "en").home + path)
        return [str(told) for told in tab.locator(selector).evaluate_all("all => all.map(e => e.textContent)")]

    assert shown("drawing", "h1 bdi") == [unicodedata.normalize("NFC", f"{written.text} calm")]
    assert written.text in shown("statement", "dd bdi")
    assert written.text in shown("decided", ".timeline bdi")
    assert written.text in shown("banned", "dd bdi")


@pytest.mark.parametrize("what", list(What))
def test_an_export_holds_nothing_that_a_spreadsheet_would_run(written: Written, scene: Scene, what: What) -> None:
    auditor = scene.people["auditor"]
    answer = auditor.post("/review/ledger/export", auditor.get("/review/ledger"), what=what, form="csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert len(rows) > 1
    assert [cell for row in rows for cell in row if unicodedata.normalize("NFKC", cell)[:1] in RUN] == []


def test_a_tab_that_was_fooled_is_noticed(open_as: Callable[[str, str], Watched]) -> None:
    """What the other tests look for does show."""
    watched = open_as("public", "en")
    assert watched.faults_of("/") == []
    watched.visit.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<a planted href=//evil.example/>x</a>')"
    )
    watched.visit.page.evaluate("alert(1)")
    watched.visit.page.evaluate("fetch('https://evil.example/').catch(() => 0)")
    assert len(watched.visit.page.evaluate(PLANTED)) == 2
    assert watched.faults[0] == "a dialog: 1"
    assert watched.visit.complaints


def test_nobody_can_have_such_a_name(scene: Scene) -> None:
    for name in (text for texts in HOSTILE.values() for text in texts):
        with pytest.raises(InvalidValue):
            scene.house.login.create(name, Role.VIEWER)
