"""Signing in at the desk (reference 4.4, rows 44 to 51): two secrets, once each; nobody learns who has an account."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from gateway.assembly import House
from gateway.cli import app
from gateway.store.engine import open_engine, transaction
from gateway.store.people import ABSOLUTE, IDLE, Role
from gateway.store.tables import PersonRow, SignInRow
from tests.gateway.desk_parts import Moderator, close_all, csrf_of, desk_parts, hold, opened, wipe, words
from tests.gateway.walks import Book
from tests.houses import client_of, serving


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    with serving(tmp_path_factory.mktemp("data"), desk_parts(), gate_seconds=30) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    wipe(running[0])
    yield running
    close_all()


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    """Somebody who has an account, and is not signed in."""
    return Moderator(*served)


def signed_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in words(answer)


def test_name_password_and_code_open_the_desk(ada: Moderator) -> None:
    assert str(ada.get().url).endswith("/review/login")
    assert signed_in(ada.sign_in())
    assert signed_in(ada.get())


@pytest.mark.parametrize("wrong", [{"name": "nobody"}, {"password": "guess"}, {"code": "000000"}, {"code": "١٢٣٤٥٦"}])
def test_whatever_is_wrong_the_answer_is_the_same(ada: Moderator, wrong: dict[str, str]) -> None:
    answer = ada.sign_in(**wrong)
    assert answer.status_code == 401
    assert "Name, password or code is wrong" in words(answer)
    assert ada.secrets.password not in answer.text
    told = re.sub(r'name="(csrf|name)"[^>]*', "", answer.text)
    assert told == re.sub(r'name="(csrf|name)"[^>]*', "", ada.sign_in(name="somebody", password="x").text)


def test_a_code_is_good_once(ada: Moderator) -> None:
    code = ada.code()
    assert signed_in(ada.sign_in(code=code))
    ada.client.cookies.clear()
    assert ada.sign_in(code=code).status_code == 401


def test_guessing_is_stopped_and_says_when_to_come_back(ada: Moderator) -> None:
    answers = [ada.sign_in(password="guess") for _ in range(21)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_signing_in_gives_another_cookie_and_ends_the_one_before(ada: Moderator) -> None:
    ada.sign_in()
    before = dict(ada.client.cookies)
    ada.sign_in()
    assert ada.client.cookies["gardefou_desk"] != before["gardefou_desk"]
    old = opened(httpx.Client(base_url=ada.url, cookies=before, follow_redirects=True))
    assert not signed_in(old.get("/review"))


def test_a_cookie_is_dead_after_signing_out_and_nothing_when_altered(ada: Moderator) -> None:
    page = ada.sign_in()
    cookies = dict(ada.client.cookies)
    ada.post("/review/logout", page)
    for kept in (cookies, {"gardefou_desk": cookies["gardefou_desk"][:-1] + "!"}, {"gardefou_desk": ""}):
        assert not signed_in(opened(httpx.Client(base_url=ada.url, cookies=kept, follow_redirects=True)).get("/review"))


@pytest.mark.parametrize(("column", "age"), [("seen_at", IDLE), ("started_at", ABSOLUTE)])
def test_a_session_ends_when_idle_and_after_a_working_day(ada: Moderator, column: str, age: timedelta) -> None:
    ada.sign_in()
    with transaction(open_engine(ada.house.settings.database), "test") as session:
        (row,) = session.exec(select(SignInRow)).all()
        setattr(row, column, (datetime.now(UTC) - age - timedelta(seconds=1)).isoformat(timespec="microseconds"))
        session.add(row)
    assert not signed_in(ada.get())


@pytest.mark.parametrize("headers", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}])
def test_no_form_from_elsewhere_is_taken(ada: Moderator, headers: dict[str, str]) -> None:
    page = ada.sign_in()
    form = {"csrf": csrf_of(page)}
    for path in ("/review/next", "/review/logout"):
        assert ada.client.post(path, data=form, headers=headers).status_code == 403
        assert ada.client.post(path, data={"csrf": "guess"}).status_code == 403
    assert signed_in(ada.get())


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(ada: Moderator) -> None:
    page = ada.client.get("/review/login")
    form = {"csrf": csrf_of(page), "name": ada.name, "password": ada.secrets.password, "code": ada.code()}
    answer = ada.client.post("/review/login", data=form, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    with transaction(open_engine(ada.house.settings.database), "test") as session:
        assert ada.client.cookies["gardefou_desk"] not in {row.id for row in session.exec(select(SignInRow))}


def test_who_is_disabled_is_out_at_once(ada: Moderator) -> None:
    ada.sign_in()
    ada.house.login.people.disable("ada")
    assert not signed_in(ada.get())
    assert ada.sign_in().status_code == 401


def test_another_role_ends_what_was_begun_in_the_old_one(ada: Moderator) -> None:
    ada.sign_in()
    ada.house.login.people.set_role("ada", Role.VIEWER)
    assert not signed_in(ada.get())


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.ADMIN])
def test_who_may_not_decide_reads_and_no_more(served: tuple[House, str], role: Role) -> None:
    hold(opened(client_of(*served)))
    reader = Moderator(*served, role=role)
    page = reader.sign_in()
    assert "Take the next case" not in words(page)
    assert reader.post("/review/next", page).status_code == 403
    case = re.search(r'href="(/review/cases/cas_\w+)"', page.text)
    assert case
    assert "You may read this case" in words(reader.get(case[1]))
    assert reader.post(f"{case[1]}/claim", page).status_code == 403


def test_no_get_changes_anything_but_the_record_of_who_looked(served: tuple[House, str], ada: Moderator) -> None:
    hold(opened(client_of(*served)))
    ada.sign_in()
    before = [row.kind for row in Book(served[0]).ledger]
    for path in ("/review", "/review/next", "/review/queue", "/review/logout"):
        ada.get(path)
    assert [row.kind for row in Book(served[0]).ledger] == before


class TestOnTheCommandLine:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return tmp_path / "data"

    def run(self, data: Path, *words: str, code: int = 0) -> str:
        found = CliRunner().invoke(app, ["users", *words, "--data", str(data)])
        assert found.exit_code == code, found.output
        return found.stdout

    def test_a_person_is_made_listed_changed_and_disabled(self, data: Path) -> None:
        made = json.loads(self.run(data, "create", "ada", "--role", "admin", "--json"))
        assert set(made) == {"password", "totp_secret", "totp_uri"}
        again = json.loads(self.run(data, "reset", "ada", "--json"))
        assert again["password"] != made["password"]
        self.run(data, "set-role", "ada", "senior")
        self.run(data, "disable", "ada")
        (listed,) = self.run(data, "list", "--json").splitlines()
        told = {"id": "", "name": "ada", "role": "senior", "state": "disabled", "queues": []}
        assert json.loads(listed) | {"id": ""} == told
        with transaction(open_engine(f"sqlite:///{data / 'gardefou.db'}"), "test") as session:
            (row,) = session.exec(select(PersonRow)).all()
        assert row.password_hash.startswith("$argon2id$")

    def test_mistakes_are_told(self, data: Path) -> None:
        self.run(data, "create", "ada", "--role", "emperor", code=2)
        self.run(data, "create", "Ada Lovelace", "--role", "viewer", code=1)
        self.run(data, "create", "ada", "--role", "viewer")
        self.run(data, "create", "ada", "--role", "viewer", code=1)
        self.run(data, "disable", "nobody", code=2)

    def test_a_key_acts_in_a_persons_name(self, data: Path) -> None:
        self.run(data, "create", "ada", "--role", "viewer")
        assert self.run(data, "key", "ada").startswith("gk_local_")
