"""Reports from the public: a person looks, nothing goes by a report alone, and what is withdrawn is served no more."""

import html
import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.assembly import House
from gateway.store.listing import Filters
from gateway.store.tables import CaseRow
from tests.gateway.desk_parts import (
    Moderator,
    case_path,
    close_all,
    csrf_of,
    desk_parts,
    later,
    opened,
    until,
    wipe,
    words,
)
from tests.gateway.test_review_desk import HOSTILE
from tests.gateway.walks import Book
from tests.houses import client_of, serving

KEEP = {"clause": "none", "reason": "nothing_against"}
WITHDRAW = {"clause": "gore", "reason": "shows_after_all"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), undo_seconds=3600, gate_seconds=60, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> tuple[House, str]:
    """A service that nobody has used."""
    wipe(running[0])
    return running


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    yield
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def link(served: tuple[House, str]) -> str:
    """A picture that was released."""
    client = opened(client_of(*served))
    answer = client.post("/v1/images/generations", json={"prompt": "a red fox", "size": "64x64"})
    return str(answer.json()["data"][0]["url"])


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    ada = Moderator(*served)
    assert ada.sign_in().status_code == 200
    return ada


def somebody(house: House) -> httpx.Client:
    """A browser that was never here."""
    url = f"http://127.0.0.1:{house.settings.port}"
    return opened(httpx.Client(base_url=url, follow_redirects=True, timeout=60))


def report(house: House, reason: str = "violence", note: str = "", by: httpx.Client | None = None) -> httpx.Response:
    browser, path = by or somebody(house), f"/pictures/{Book(house).pictures[0].id}/report"
    form = {"csrf": csrf_of(browser.get(path)), "reason": reason, "note": note}
    return browser.post(path, data=form)


def reported(house: House) -> list[CaseRow]:
    return house.desk.cases.waiting(Filters(source="report"))


def whole(house: House) -> bool:
    return house.decisions.broken_ledger() is None


def test_a_report_removes_nothing_and_many_are_one_case_with_a_count(house: House, link: str, ada: Moderator) -> None:
    for reason in ("violence", "violence", "other"):
        assert "a person will look at it" in words(report(house, reason))
    assert httpx.get(link).status_code == 200
    (case,) = reported(house)
    assert (case.reports, case.category, case.pictures) == (3, "gore", 1)
    assert "3 reports" in words(ada.get("/review?source=report"))
    assert whole(house)


def test_one_browser_counts_once(house: House, link: str) -> None:
    browser = somebody(house)
    first, second = (report(house, by=browser) for _ in range(2))
    assert first.url == second.url
    assert reported(house)[0].reports == 1


def test_a_picture_that_is_withdrawn_is_served_no_more_and_its_record_says_so(
    house: House, link: str, ada: Moderator
) -> None:
    outcome = report(house, note="Blood.").url
    page = ada.post("/review/next", source="report")
    assert "Blood." in words(page)
    assert "Withdrawn" in words(ada.decide(page, "block", **WITHDRAW))
    assert httpx.get(link).status_code == 410
    assert Book(house).picture_states == ["withdrawn"]
    assert "the picture was withdrawn" in words(somebody(house).get(str(outcome)))
    picture = Book(house).pictures[0]
    assert "has been withdrawn" in words(somebody(house).get(f"/decisions/{picture.decision_id}"))
    assert somebody(house).get(f"/pictures/{picture.id}/report").status_code == 410
    assert Book(house).ends == [("withheld", "blocked_image")]
    assert whole(house)


def test_a_withdrawal_can_be_appealed_and_the_picture_comes_back(
    served: tuple[House, str], link: str, ada: Moderator
) -> None:
    house = served[0]
    report(house)
    ada.decide(ada.post("/review/next", source="report"), "block", **WITHDRAW)
    decision_id = Book(house).pictures[0].decision_id
    public = somebody(house)
    form = {"csrf": csrf_of(public.get(f"/decisions/{decision_id}")), "text": "It is ketchup."}
    public.post(f"/decisions/{decision_id}", data=form)
    ben = Moderator(*served, name="ben")
    ben.sign_in()
    ben.decide(ben.post("/review/next", source="appeal"), "allow", clause="none", reason="was_mistaken")
    later(house)
    until(lambda: Book(house).picture_states == ["released"])
    assert httpx.get(link).status_code == 200
    until(lambda: Book(house).ends == [("released", "allowed")])
    assert whole(house)


def test_another_reason_given_while_a_decision_can_be_undone_is_looked_at(
    house: House, link: str, ada: Moderator
) -> None:
    report(house)
    ada.decide(ada.post("/review/next", source="report"), "allow", **KEEP)
    assert reported(house) == []
    report(house, "hate")
    assert len(reported(house)) == 1
    assert httpx.get(link).status_code == 200
    assert whole(house)


def test_what_a_person_kept_is_not_asked_again_for_the_same_reason(house: House, link: str, ada: Moderator) -> None:
    outcome = report(house).url
    ada.decide(ada.post("/review/next", source="report"), "allow", **KEEP)
    later(house)
    until(lambda: "A person has looked: the picture stays" in words(somebody(house).get(str(outcome))))
    assert "A person has looked: the picture stays" in words(report(house, "violence"))
    assert reported(house) == []
    report(house, "hate")
    assert len(reported(house)) == 1
    assert httpx.get(link).status_code == 200
    assert [row.decided_by for row in Book(house).decisions][-1] == ada.person.id
    assert whole(house)


def test_a_picture_reported_for_showing_a_child_is_shown_to_nobody(house: House, link: str, ada: Moderator) -> None:
    report(house, "other")
    report(house, "child")
    (case,) = reported(house)
    assert (case.restricted, case.category, case.severity) == (True, "sexual_minors", 5)
    page = ada.post("/review/next", source="report")
    assert "<img" not in page.text
    path = f"{case_path(page)}/pictures/{case.picture_id}.png"
    assert ada.get(path).status_code == 403
    assert "A second person has to allow it" in words(ada.decide(page, "allow", **KEEP))


def test_a_picture_that_was_never_released_cannot_be_reported_or_found(house: House, link: str) -> None:
    assert somebody(house).get("/pictures/img_nothing/report").status_code == 404
    assert somebody(house).get("/reports/rpt_nothing").status_code == 404


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_somebody_writes_comes_alive(text: str, house: House, link: str, ada: Moderator) -> None:
    report(house, note=text)
    page = ada.post("/review/next", source="report")
    assert text in html.unescape(re.sub(r"<[^>]+>", "", page.text))
    assert not re.search(r"<(script(?! src=\"/static/)|img src=x|svg onload|a hx-get)", page.text)


def test_a_form_from_elsewhere_and_one_without_a_reason_are_refused(house: House, link: str) -> None:
    path, browser = f"/pictures/{Book(house).pictures[0].id}/report", somebody(house)
    csrf = csrf_of(browser.get(path))
    assert browser.post(path, data={"csrf": "x", "reason": "hate"}).status_code == 403
    for reason in ("", "because"):
        assert browser.post(path, data={"csrf": csrf, "reason": reason}).status_code == 400
    assert reported(house) == []


def test_whoever_reports_too_often_has_to_wait(house: House, link: str) -> None:
    answers = [report(house).status_code for _ in range(21)]
    assert answers == [200] * 20 + [429]


def test_the_studio_and_the_provenance_page_lead_to_the_form(served: tuple[House, str], link: str) -> None:
    house, url = served
    content = httpx.get(link).content
    browser = opened(httpx.Client(base_url=url, timeout=60))
    found = browser.post("/provenance", files={"image": ("fox.png", content, "image/png")})
    assert f"/pictures/{Book(house).pictures[0].id}/report" in found.text
