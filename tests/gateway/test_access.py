"""Keys: one answer for every wrong one, scopes that bind, and nobody reads what another asked."""

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from sqlalchemy import event

from gateway.store.api_keys import SCOPES, ApiKeys
from gateway.store.engine import open_engine
from tests.houses import Parts, client_of, serving
from tests.wire import GENERATIONS, GOOD, Service, assert_error


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    parts = Parts()
    with (
        serving(tmp_path_factory.mktemp("access"), parts, requests_per_minute=100_000) as (house, url),
        client_of(house, url) as client,
    ):
        yield Service(house, url, client, parts.generator)


@pytest.fixture
def strangers(service: Service) -> dict[str, str]:
    """Authorization headers that open nothing."""
    good = service.key.removeprefix("Bearer ")
    key_id, secret = good.split("_")[2:4]
    return {
        "nothing": "",
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "no key": "Bearer",
        "words": "Bearer let me in",
        "openai's": "Bearer sk-proj-abc",
        "not ascii": "Bearer gk_local_é",
        "unknown id": f"Bearer {forged('0000000000', secret)}",
        "right id, wrong secret": f"Bearer {forged(key_id, secret[::-1])}",
        "right id and secret, wrong check": f"Bearer gk_local_{key_id}_{secret}_000000",
        "cut": f"Bearer {good[:-1]}",
        "longer": f"Bearer {good}0",
        "in capitals": f"Bearer {good.upper()}",
        "long": "Bearer " + "a" * 20_000,
        "revoked": f"Bearer {spoilt_key(service, 'revoked_at', '2026-01-01T00:00:00')}",
        "expired": f"Bearer {spoilt_key(service, 'expires_at', '2026-01-01T00:00:00')}",
    }


def forged(key_id: str, secret: str) -> str:
    """A key whose check is right, as anybody can compute it."""
    body = f"gk_local_{key_id}_{secret}"
    return f"{body}_{zlib.crc32(body.encode()) & 0xFFFFFF:06x}"


def spoilt_key(service: Service, column: str, value: str) -> str:
    key = service.house.keys.create("spoilt")
    with closing(sqlite3.connect(service.house.settings.data / "gardefou.db")) as database, database:
        database.execute(f"UPDATE api_keys SET {column} = ? WHERE id = ?", (value, key.split("_")[2]))  # noqa: S608
    return key


def with_scopes(service: Service, *scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.house.keys.create('narrow', scopes)}"}


def test_a44_every_wrong_key_gets_the_same_answer(service: Service, strangers: dict[str, str]) -> None:
    with service.unharmed():
        answers = {
            why: httpx.post(service.url + GENERATIONS, json=GOOD, headers=[(b"Authorization", header.encode())])
            for why, header in strangers.items()
        }
    for why, answer in answers.items():
        error = assert_error(answer, 401, "invalid_api_key")
        assert error["type"] == "authentication_error", why
        assert "Incorrect API key provided" in error["message"], why
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.content == answers["nothing"].content, why


def test_a44_every_wrong_key_costs_the_same_look_into_the_database(service: Service, strangers: dict[str, str]) -> None:
    engine = open_engine(service.house.settings.database)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    keys, costs = ApiKeys(engine, b"another secret"), set()
    for header in strangers.values():
        statements.clear()
        assert keys.authenticate(header.removeprefix("Bearer ")) is None
        costs.add(tuple(statements))
    engine.dispose()
    assert len(costs) == 1


def test_a44_a_key_works_with_any_case_of_the_scheme(service: Service) -> None:
    answer = service.client.get("/v1/models", headers={"Authorization": service.key.replace("Bearer", "bEARER")})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/fake", "/api/v1/decisions/dec_x"])
def test_a44_reading_needs_a_key_too(service: Service, path: str) -> None:
    assert_error(httpx.get(service.url + path), 401, "invalid_api_key")


def test_a44_a_key_is_asked_for_before_the_body_is_read(service: Service) -> None:
    answer = httpx.post(service.url + "/v1/moderations", content=b"{", headers={"Content-Type": "application/json"})
    assert_error(answer, 401, "invalid_api_key")


def test_a44_no_secret_stands_in_the_database(service: Service) -> None:
    secret = service.key.split("_")[3]
    files = list(service.house.settings.data.glob("gardefou.db*"))
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("POST", GENERATIONS, "images:generate"),
        ("POST", "/v1/moderations", "moderations:create"),
        ("GET", "/api/v1/decisions/dec_x", "decisions:read"),
    ],
)
def test_a45_a_key_without_the_scope(service: Service, method: str, path: str, scope: str) -> None:
    others = tuple(other for other in SCOPES if other != scope)
    with service.unharmed():
        answer = service.client.request(method, path, json=GOOD, headers=with_scopes(service, *others))
    error = assert_error(answer, 403, "insufficient_scope")
    assert error["type"] == "permission_error"
    assert scope in error["message"]


def test_a45_a_key_with_the_one_scope_it_needs(service: Service) -> None:
    answer = service.client.post(GENERATIONS, json=GOOD, headers=with_scopes(service, "images:generate"))
    assert answer.status_code == 200


def test_a46_a_decision_is_read_by_the_key_that_asked_alone(service: Service) -> None:
    blocked = service.generate(prompt="a naked woman").json()["error"]["x_gateway"]["decision_id"]
    path = f"/api/v1/decisions/{blocked}"
    assert service.client.get(path).json()["action"] == "block"
    stranger = service.client.get(path, headers=with_scopes(service, *SCOPES))
    nowhere = service.client.get("/api/v1/decisions/dec_0000000000000000000000")
    assert_error(stranger, 404, "not_found")
    assert stranger.content == nowhere.content


def test_a46_why_is_told_to_a_key_that_may_hear_it(service: Service) -> None:
    narrow = with_scopes(service, "moderations:create", "decisions:read")
    service.client.post("/v1/moderations", json={"input": "a naked woman"}, headers=narrow)
    path = f"/api/v1/decisions/{service.house.decisions.latest(1)[0].id}"
    assert not {"signals", "thresholds", "reasons"} & service.client.get(path, headers=narrow).json().keys()
    blocked = service.generate(prompt="a naked woman").json()["error"]["x_gateway"]["decision_id"]
    told = service.client.get(f"/api/v1/decisions/{blocked}").json()
    assert told["signals"]
    assert told["thresholds"]


def test_a47_a_cookie_of_the_page_opens_no_api(service: Service) -> None:
    with httpx.Client(base_url=service.url) as browser:
        browser.get("/")
        assert browser.cookies
        assert_error(browser.post(GENERATIONS, json=GOOD), 401, "invalid_api_key")


def test_a52_too_many_requests_are_told_when_to_come_back_and_others_are_unharmed(service: Service) -> None:
    with (
        serving(service.house.settings.data / "few", Parts(), requests_per_minute=3) as (house, url),
        client_of(house, url) as client,
        client_of(house, url) as other,
    ):
        answers = [client.post(GENERATIONS, json=GOOD) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        assert [answer.headers["x-ratelimit-remaining-requests"] for answer in answers] == ["2", "1", "0", "0", "0"]
        assert_error(answers[-1], 429, "rate_limit_exceeded")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert other.post(GENERATIONS, json=GOOD).status_code == 200


def test_a_body_that_is_refused_is_no_request_of_the_rate(service: Service) -> None:
    left = [
        service.generate(**body).headers["x-ratelimit-remaining-requests"] for body in ({}, {"n": 0}, {"size": "no"})
    ]
    assert len(set(left)) == 1
