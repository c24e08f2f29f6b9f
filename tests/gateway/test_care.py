"""Care for the people at the desk: pauses are enforced wherever pictures are seen, and what is avoided is not given."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import select

from gateway.assembly import House
from gateway.errors import PauseNeeded
from gateway.store.cases import Cases, Lease
from gateway.store.decisions import Decisions, KeptPicture, Received, State
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.ids import new_id
from gateway.store.listing import Filters
from gateway.store.people import Person, Role
from gateway.store.tables import CaseRow, ExposureRow, LedgerRow
from policies.care import load_care
from policies.signals import Category, Stage
from policies.verdict import Action
from tests.gateway.desk_parts import Moderator, close_all, desk_parts, hold, lease_of, opened, wipe, words
from tests.gateway.test_cases import SAID, people
from tests.gateway.test_ledger import POLICY, SHA256, judgement
from tests.houses import client_of, serving

CARE = load_care()
LIMIT = CARE.before_pause // CARE.points[5]  # so many of the gravest pictures, and a pause begins


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def cases(engine: Engine) -> Cases:
    return Cases(engine, lease_s=60, undo_s=0)


@pytest.fixture
def ada(engine: Engine) -> Person:
    return people(engine, 1)[0]


def held(engine: Engine, severity: int = 5) -> str:
    """The id of one more case of this severity."""
    decisions = Decisions(engine, "ins", b"key")
    request_id = decisions.received(Received("key", "k", "openai", "m", "a cat", 1, "64x64", 7), POLICY)
    decisions.prompt_judged(request_id, judgement(Stage.PROMPT))
    decisions.generating(request_id)
    picture_id = new_id("img")
    decisions.quarantined(request_id, [KeptPicture(picture_id, 0, SHA256, 7, "png")])
    decisions.pictures_judged(request_id, {picture_id: judgement(Stage.PICTURE, Action.REVIEW)}, hold=False)
    decisions.moved(request_id, State.QUARANTINED, State.PICTURES_JUDGED)
    decisions.finished(request_id, State.HELD, "held", "content_policy_violation", {})
    with transaction(engine, "test") as session:
        case = session.exec(select(CaseRow).where(CaseRow.request_id == request_id)).one()
        case.severity, case.category = severity, Category.SEXUAL
        session.add(case)
        return case.id


def taken(cases: Cases, person: Person) -> Lease:
    lease = cases.claim_next(person, Filters())
    assert lease
    return lease


def look(cases: Cases, lease: Lease, person: Person) -> str:
    (picture,) = cases.read(lease.case_id, person).at_stake
    cases.revealed(lease, picture.id, person)
    return picture.id


def tire(engine: Engine, cases: Cases, person: Person) -> None:
    """Somebody sees as much as they should before a pause."""
    for _ in range(LIMIT):
        lease = cases.claim(held(engine), person)
        picture_id = look(cases, lease, person)
        cases.say(lease, person, replace(SAID, choices={picture_id: "block"}))


def earlier(engine: Engine, minutes: float) -> None:
    """All that was seen was seen so much earlier."""
    with transaction(engine, "test") as session:
        for row in session.exec(select(ExposureRow)):
            moment = datetime.fromisoformat(row.seen_at) - timedelta(minutes=minutes)
            row.seen_at = moment.isoformat(timespec="microseconds")
            session.add(row)


def test_after_the_budget_no_picture_is_shown_until_the_pause_is_over(
    engine: Engine, cases: Cases, ada: Person
) -> None:
    held(engine, severity=4)
    graver = taken(cases, ada)
    tire(engine, cases, ada)

    with pytest.raises(PauseNeeded) as refused:
        look(cases, graver, ada)
    assert 0 < (refused.value.retry_after_s or 0) <= CARE.pause.total_seconds()
    with reading(engine) as session:
        revealed = session.exec(select(LedgerRow).where(LedgerRow.kind == "revealed")).all()
    assert len(revealed) == LIMIT, "what was not shown is not in the ledger as seen"

    earlier(engine, CARE.pause_minutes)
    look(cases, graver, ada)


def test_whoever_rests_is_given_calm_work_and_may_decide_what_they_hold(
    engine: Engine, cases: Cases, ada: Person
) -> None:
    held(engine, severity=4)
    mine = taken(cases, ada)
    tire(engine, cases, ada)
    grave = held(engine, severity=4)
    (picture,) = cases.read(mine.case_id, ada).at_stake
    cases.say(mine, ada, replace(SAID, choices={picture.id: "block"}))

    assert cases.claim_next(ada, Filters()) is None
    with pytest.raises(PauseNeeded):
        cases.claim(grave, ada)
    held(engine, severity=CARE.calm_severity)
    calm = taken(cases, ada)
    assert calm.case_id != grave


def test_a_pause_is_of_one_person_and_a_picture_counts_once(engine: Engine, cases: Cases) -> None:
    ada, bob = people(engine, 2)
    held(engine)
    lease = taken(cases, ada)
    for _ in range(3 * LIMIT):
        look(cases, lease, ada)
    assert cases.care.exposure(ada).stretch == CARE.points[5]
    cases.give_back(lease, ada)

    tire(engine, cases, bob)
    assert cases.care.exposure(bob).rests_until
    assert cases.care.exposure(ada).stretch == CARE.points[5]
    look(cases, cases.claim(held(engine), ada), ada)


def test_the_same_picture_counts_again_in_another_shift(engine: Engine, cases: Cases, ada: Person) -> None:
    lease = cases.claim(held(engine), ada)
    look(cases, lease, ada)
    earlier(engine, 60 * CARE.shift_hours)
    assert cases.care.exposure(ada).shift == 0
    look(cases, lease, ada)
    assert cases.care.exposure(ada).shift == CARE.points[5]


def test_what_somebody_avoids_comes_to_others(engine: Engine, cases: Cases) -> None:
    ada, bob = people(engine, 2)
    held(engine)
    cases.care.wish(ada, False, [Category.SEXUAL, Category.GORE])

    assert cases.claim_next(ada, Filters()) is None
    assert cases.claim_next(bob, Filters())
    cases.care.wish(ada, False, [])
    held(engine)
    assert cases.claim_next(ada, Filters())


def test_calm_work_is_mild_work_until_it_is_taken_back(engine: Engine, cases: Cases, ada: Person) -> None:
    for severity in (5, 3, CARE.calm_severity):
        held(engine, severity)
    cases.care.wish(ada, True, [])

    lease = taken(cases, ada)
    assert cases.read(lease.case_id, ada).case.severity == CARE.calm_severity
    cases.care.wish(ada, False, [])
    assert cases.read(taken(cases, ada).case_id, ada).case.severity == 5


# --- at the desk ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    with serving(tmp_path_factory.mktemp("data"), desk_parts(), gate_seconds=30, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def moderator(running: tuple[House, str]) -> Iterator[Moderator]:
    wipe(running[0])
    moderator = Moderator(*running)
    moderator.sign_in()
    yield moderator
    close_all()


def rest(moderator: Moderator) -> None:
    """They have just seen as much as they should."""
    with transaction(open_engine(moderator.house.settings.database), "test") as session:
        for picture in session.exec(select(ExposureRow)):
            picture.points = CARE.before_pause
            session.add(picture)


def revealed(moderator: Moderator, page: httpx.Response) -> httpx.Response:
    action = re.findall(r'action="([^"]+/reveal)"', page.text)[0]
    return moderator.post(action, page, lease=lease_of(page))


def test_the_page_tells_the_person_where_they_stand_and_the_desk_obeys(moderator: Moderator) -> None:
    hold(opened(client_of(moderator.house, moderator.url)))
    page = moderator.take()
    assert f"{CARE.before_pause} points left before a pause" in words(page)
    assert revealed(moderator, page).headers["content-type"].startswith("image/")
    assert f"of {CARE.before_pause} points" in words(moderator.get("/review/care"))

    rest(moderator)
    refused = revealed(moderator, page)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "pause_needed")
    assert int(refused.headers["retry-after"]) > 0
    assert "You rest until" in words(moderator.get("/review/care"))
    assert "A pause has begun" in words(moderator.get(page.url.path))
    assert "recorded" in words(moderator.decide(page, "block")), "what was taken may still be decided"


def test_wishes_are_kept_and_the_list_shows_no_picture_of_what_is_avoided(moderator: Moderator) -> None:
    hold(opened(client_of(moderator.house, moderator.url)))
    assert "<img" in moderator.get("/review").text
    page = moderator.post("/review/care", None, calm="1", **{"avoid-gore": "1", "avoid-nonsense": "1"})

    assert "Kept." in words(page)
    assert re.findall(r'name="([^"]+)" value="1" checked', page.text) == ["calm", "avoid-gore"]
    assert "<img" not in moderator.get("/review/queue").text
    assert moderator.take().url.path == "/review"


def test_the_page_is_for_whoever_decides_and_a_form_from_elsewhere_changes_nothing(
    running: tuple[House, str], moderator: Moderator
) -> None:
    viewer = Moderator(*running, name="vera", role=Role.VIEWER)
    viewer.sign_in()
    assert viewer.get("/review/care").status_code == 403
    assert "/review/care" not in viewer.get("/review").text
    assert moderator.client.post("/review/care", data={"calm": "1", "csrf": "forged"}).status_code == 403
    assert "checked" not in moderator.get("/review/care").text


def test_in_french(moderator: Moderator) -> None:
    moderator.client.cookies.set("gardefou_language", "fr")

    page = moderator.client.get("/review/care", headers={"Accept-Language": "fr"})
    assert "Soin de soi" in words(page)
