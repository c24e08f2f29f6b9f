"""The pages and programs of the queues: each sees and takes what is theirs, look-alikes are one row, views are kept."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from gateway.assembly import House
from gateway.cli import app
from gateway.store.engine import open_engine
from gateway.store.people import Role
from tests.gateway.banned_parts import Easel, ask
from tests.gateway.desk_parts import Moderator, case_path, close_all, csrf_of, opened, program_of, wipe, words
from tests.gateway.queue_parts import HOUR, put
from tests.houses import client_of, serving
from tests.wire import assert_error

QUEUES = """queues:
  - name: french
    title: {en: In French, fr: En français}
    open: false
  - name: rest
    title: {en: All the rest, fr: Tout le reste}
rules:
  - {when: {language: [fr]}, queue: french}
  - {queue: rest}
"""
ENGLISH = "a doubtful original of a house in the garden"
FRENCH = "doubtful, un chat dans le jardin de la vieille maison"
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    (data / "queues.yaml").write_text(QUEUES)
    settings = {"desk_queues": data / "queues.yaml", "gate_seconds": 60, "requests_per_minute": 1000}
    with serving(data, Easel().parts, **settings) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    """A service that nobody has used."""
    wipe(running[0])
    yield running
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def engine(house: House) -> Iterator[Engine]:
    engine = open_engine(house.settings.database)
    yield engine
    engine.dispose()


@pytest.fixture
def client(served: tuple[House, str]) -> httpx.Client:
    """Whoever asks for pictures."""
    return opened(client_of(*served))


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    """A moderator who is signed in, in English."""
    ada = Moderator(*served)
    ada.sign_in()
    return ada


def users(house: House, *arguments: str) -> int:
    """What `gardefou users` answers to these; its exit code."""
    queues = {"GARDEFOU_DESK_QUEUES": str(house.settings.desk_queues)}
    return CliRunner().invoke(app, ["users", *arguments, "--data", str(house.settings.data)], env=queues).exit_code


def rows(page: httpx.Response) -> int:
    return page.text.count('class="case-row')


def test_a_prompts_language_leads_its_case_into_a_queue_and_the_page_shows_queue_by_queue(
    house: House, ada: Moderator, client: httpx.Client
) -> None:
    for prompt in (ENGLISH, FRENCH):
        ask(client, prompt)
    assert users(house, "grant", "ada", "french") == 0
    page = words(ada.get())
    assert "All queues 2 In French 1 All the rest 1" in page
    french = ada.get("/review?queue=french")
    assert rows(french) == 1
    assert "<h1>In French</h1>" in french.text
    taken = ada.post("/review/next", french, queue="french")
    assert "In French" in words(taken)
    assert taken.url.params["queue"] == "french"
    assert "Nothing waits" in words(ada.decide(taken, "block", queue="french"))
    assert rows(ada.get()) == 1
    assert "Toutes les files 1 En français 0 Tout le reste 1" in words(ada.get("/review?lang=fr"))


def test_a_queue_that_is_not_theirs_is_not_shown_and_every_way_into_it_is_refused(
    served: tuple[House, str], ada: Moderator, client: httpx.Client
) -> None:
    house, url = served
    ask(client, FRENCH)
    admin = Moderator(house, url, name="adm", role=Role.ADMIN)
    admin.sign_in()
    found = re.search(r'href="(/review/cases/cas_\w+)"', admin.get().text)
    assert found
    path = found[1]
    thumbnail = re.search(rf"{path}/pictures/\w+\.png", admin.get().text)
    assert thumbnail
    page = ada.get()
    assert "In French" not in words(page)
    assert rows(page) == 0
    for refused in (
        ada.get("/review?queue=french"),
        ada.get(path),
        ada.get(thumbnail[0]),
        ada.post(f"{path}/claim", page),
        ada.post("/review/next", page, queue="french"),
    ):
        assert refused.status_code == 403
    program = program_of(house, url, name="robot")
    case_id = path.rpartition("/")[2]
    assert program.get("/api/v1/reviews").json()["counts"]["open"] == 0
    assert program.post("/api/v1/reviews/next", json={}).json() == {"case_id": None}
    for answer in (
        program.get("/api/v1/reviews?queue=french"),
        program.post("/api/v1/reviews/next", json={"queue": "french"}),
        program.get(f"/api/v1/reviews/{case_id}"),
        program.post(f"/api/v1/reviews/{case_id}/claim"),
    ):
        assert_error(answer, 403, "separation_of_duties")
    assert_error(program.get("/api/v1/reviews?queue=german"), 400, "invalid_value", "queue")


def test_grants_are_given_and_taken_at_the_terminal_and_hold_at_once(
    house: House, ada: Moderator, client: httpx.Client
) -> None:
    ask(client, FRENCH)
    assert users(house, "grant", "ada", "french") == 0
    page = ada.take()
    assert case_path(page)
    listed = CliRunner().invoke(app, ["users", "list", "--data", str(house.settings.data)])
    assert re.search(r"ada +moderator +active +french", listed.stdout)
    assert users(house, "revoke", "ada", "french") == 0
    assert ada.decide(page, "block").status_code == 403
    assert ada.get(case_path(page)).status_code == 403
    assert users(house, "grant", "ada", "german") == 1
    assert users(house, "grant", "nobody", "french") == 2


def test_queues_that_could_not_work_stop_every_command_with_the_line(house: House, tmp_path: Path) -> None:
    (tmp_path / "queues.yaml").write_text(QUEUES.replace("queue: rest}", "queue: left}"))
    command = ["users", "grant", "ada", "french", "--data", str(house.settings.data)]
    told = CliRunner().invoke(app, command, env={"GARDEFOU_DESK_QUEUES": str(tmp_path / "queues.yaml")})
    assert told.exit_code == 2
    assert "queues.yaml:9: rules[1].queue: should be one of french, rest (found left)" in told.stderr


def test_pictures_that_look_the_same_are_one_row_that_says_so(
    served: tuple[House, str], ada: Moderator, client: httpx.Client
) -> None:
    for prompt in ("doubtful original", "doubtful recompressed", "doubtful other", "doubtful original again"):
        ask(client, prompt)
    page = ada.get()
    assert rows(page) == 2
    assert "and 2 that look the same" in words(page)
    told = program_of(*served).get("/api/v1/reviews").json()["data"]
    assert [case["look_the_same"] for case in told] == [2, 0]
    assert "et 2 qui lui ressemblent" in words(ada.get("/review?lang=fr"))


def test_a_long_queue_comes_in_pages(house: House, engine: Engine, ada: Moderator) -> None:
    queues = house.desk.cases.queues
    put_in = [put(engine, queues, ago=HOUR - timedelta(minutes=number)) for number in range(30)]
    first = ada.get("/review?band=high")
    assert rows(first) == 25
    onward = re.search(r'<a href="([^"]+)" rel="next">Further down the queue', first.text)
    assert onward
    assert "band=high" in onward[1]
    second = ada.get(onward[1].replace("&amp;", "&"))
    assert rows(second) == 5
    assert 'rel="next"' not in second.text
    assert "Back to the front" in words(second)
    seen = re.findall(r"/review/cases/(cas_\w+)\"", first.text + second.text)
    assert seen == put_in
    assert "Nothing waits behind this" in words(ada.get(f"/review?after={put_in[-1]}"))


def test_the_api_comes_in_the_same_pages(served: tuple[House, str], engine: Engine) -> None:
    put_in = [put(engine, served[0].desk.cases.queues, ago=HOUR - timedelta(minutes=n)) for n in range(26)]
    program = program_of(*served)
    first = program.get("/api/v1/reviews").json()
    second = program.get("/api/v1/reviews", params={"after": first["next"]}).json()
    assert [case["id"] for case in first["data"] + second["data"]] == put_in
    assert second["next"] is None
    assert first["counts"]["by_queue"]["rest"]["open"] == 26
    assert (first["data"][0]["queue"], first["data"][0]["language"]) == ("rest", "en")


class TestViews:
    def test_filters_are_kept_under_a_name_used_and_deleted(self, engine: Engine, house: House, ada: Moderator) -> None:
        put(engine, house.desk.cases.queues, category="gore")
        put(engine, house.desk.cases.queues, category="hate")
        page = ada.post("/review/views", ada.get("/review?category=gore"), name="gore first", category="gore")
        link = re.search(r'<a class="chip" href="([^"]+)" aria-current="true"><bdi>gore first', page.text)
        assert link
        assert rows(ada.get(link[1])) == 1
        page = ada.post("/review/views/delete", page, name="gore first")
        assert "gore first" not in page.text

    def test_nobody_sees_or_deletes_those_of_others_and_a_hostile_name_is_inert(
        self, served: tuple[House, str], ada: Moderator
    ) -> None:
        ben = Moderator(*served, name="ben")
        ben.sign_in()
        page = ada.post("/review/views", name=HOSTILE, band="high")
        assert "<script>alert" not in page.text
        assert "&lt;script&gt;alert(1)" in page.text
        assert "alert(1)" not in ben.get().text
        ben.post("/review/views/delete", name=HOSTILE)
        assert "alert(1)" in ada.get().text

    def test_a_name_that_cannot_be_kept_is_told(self, ada: Moderator) -> None:
        assert "Not kept" in words(ada.post("/review/views", name=" ", band="high"))

    def test_a_form_of_another_page_changes_nothing(self, ada: Moderator, house: House) -> None:
        answer = ada.client.post("/review/views", data={"csrf": "forged", "name": "x", "band": "high"})
        assert answer.status_code == 403
        assert house.saved_filters.of(ada.person) == []
        assert csrf_of(ada.get())


def test_what_nobody_may_decide_is_told_to_whoever_manages_people(
    served: tuple[House, str], ada: Moderator, client: httpx.Client
) -> None:
    ask(client, FRENCH)
    admin = Moderator(*served, name="adm", role=Role.ADMIN)
    admin.sign_in()
    told = "1 cases wait that nobody with an account may decide"
    assert told in words(admin.get())
    assert told not in words(ada.get())
    assert users(served[0], "grant", "ada", "french") == 0
    assert told not in words(admin.get())


def test_what_waits_too_long_goes_to_a_senior_by_itself_and_the_metrics_say_so(
    served: tuple[House, str], engine: Engine, client: httpx.Client, ada: Moderator
) -> None:
    house, url = served
    put(engine, house.desk.cases.queues, ago=24 * HOUR, language="fr")
    senior = Moderator(house, url, name="sen", role=Role.SENIOR)
    senior.sign_in()
    before = _metric(url, 'gateway_review_escalations_total{queue="french"}')
    for _ in range(2):  # the service itself may have done it already
        house.desk.escalate_late()
    assert _metric(url, 'gateway_review_escalations_total{queue="french"}') == before + 1
    page = senior.take()
    assert "In French" in words(page)
    assert "it waited for too long and went to the seniors by itself" in words(page)


def _metric(url: str, name: str) -> float:
    line = next(line for line in httpx.get(f"{url}/metrics").text.splitlines() if line.startswith(name))
    return float(line.split()[-1])
