"""Signing in with an OpenID Connect provider (reference 4.4, row 50): who is linked comes in, and no lie does."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import text
from typer.testing import CliRunner

from gateway.assembly import House
from gateway.cli import app
from gateway.errors import InvalidValue, ProviderUnavailable
from gateway.settings import Settings
from gateway.single_sign_on import WAY_S, Begun
from gateway.store.engine import open_engine
from gateway.store.identities import Claimed, Identities
from gateway.store.people import Role
from tests.gateway.desk_parts import Moderator, close_all, csrf_of, desk_parts, opened, quick, until, wipe, words
from tests.gateway.oidc_provider import CLIENT_ID, CLIENT_SECRET, FromNow, OidcProvider, providing
from tests.gateway.walks import Book
from tests.houses import serving


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    with providing() as provider:
        yield provider


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider) -> Iterator[tuple[House, str]]:
    options = {"oidc_issuer": provider.url, "oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), gate_seconds=30, oidc_name="Société & Cie", **options) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str], provider: OidcProvider) -> Iterator[tuple[House, str]]:
    house = running[0]
    with open_engine(house.settings.database).begin() as connection:
        for table in ("identities", "used_states"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (names of our own)
    wipe(house)
    assert house.sign_on
    house.sign_on._limiter.storage.reset()
    provider.reset()
    yield running
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def identities(house: House) -> Identities:
    """Ada has an account, and is linked to nothing yet."""
    quick(house.login).create("ada", Role.MODERATOR)
    return Identities(open_engine(house.settings.database))


@pytest.fixture
def browser(served: tuple[House, str]) -> httpx.Client:
    return opened(httpx.Client(base_url=served[1], follow_redirects=True, timeout=60))


@pytest.fixture
def linked(identities: Identities, provider: OidcProvider) -> Identities:
    """Ada is who the provider signs in."""
    identities.link("ada", provider.url, subject=provider.subject)
    return identities


def signed_in(answer: httpx.Response) -> bool:
    return answer.status_code == 200 and "Sign out" in words(answer)


def refused(answer: httpx.Response, status: int, said: str) -> None:
    """Nobody is signed in, the page says why, and name, password and code still work on it."""
    assert (answer.status_code, said in words(answer)) == (status, True), words(answer)
    assert "gardefou_desk" not in answer.headers.get("set-cookie", "")
    assert 'name="password"' in answer.text


def come_back_with(browser: httpx.Client) -> httpx.URL:
    """Sign in at the provider, and stop at the door."""
    begun = browser.get("/review/oidc", follow_redirects=False)
    there = httpx.get(begun.headers["location"])
    return httpx.URL(there.headers["location"])


class TestWhoComesIn:
    def test_somebody_who_is_linked_signs_in_and_works_as_their_account_says(
        self, house: House, browser: httpx.Client, linked: Identities, provider: OidcProvider
    ) -> None:
        page = browser.get("/review/login")
        assert "Sign in with Société & Cie" in words(page)
        answer = browser.get("/review/oidc")
        assert signed_in(answer)
        assert "ada, moderator" in words(answer), "whatever the token says of roles"
        (asked,) = provider.asked
        assert (asked["response_type"], asked["scope"], asked["code_challenge_method"]) == (
            "code",
            "openid email",
            "S256",
        )
        facts = [json.loads(row.facts) for row in Book(house).ledger if row.kind == "signed_in"]
        assert facts == [{"role": "moderator", "provider": provider.url}]
        assert house.decisions.broken_ledger() is None

    def test_the_session_is_like_any_other(self, house: House, browser: httpx.Client, linked: Identities) -> None:
        page = browser.get("/review/oidc")
        cookie = browser.cookies["gardefou_desk"]
        assert signed_in(browser.get("/review/oidc"))
        assert browser.cookies["gardefou_desk"] != cookie
        old = opened(httpx.Client(base_url=browser.base_url, cookies={"gardefou_desk": cookie}, follow_redirects=True))
        assert not signed_in(old.get("/review"))
        browser.post("/review/logout", data={"csrf": csrf_of(browser.get("/review"))})
        assert not signed_in(browser.get("/review"))
        assert signed_in(page)

    def test_who_is_expected_by_a_verified_address_is_bound_by_their_subject(
        self, browser: httpx.Client, identities: Identities, provider: OidcProvider
    ) -> None:
        identities.link("ada", provider.url, email=" Ada@Example.org ")
        assert signed_in(browser.get("/review/oidc"))
        (known,) = identities.all()
        assert (known.name, known.subject, known.email) == ("ada", provider.subject, None)
        provider.email = "ada.lovelace@example.org"
        assert signed_in(browser.get("/review/oidc")), "another address later is still Ada"
        browser.cookies.clear()
        provider.subject, provider.email = "another", "ada@example.org"
        refused(browser.get("/review/oidc"), 401, "no account here is linked")

    @pytest.mark.parametrize("verified", [False, None, "true", 1, "false"])
    def test_an_address_that_is_not_verified_says_nothing(
        self, browser: httpx.Client, identities: Identities, provider: OidcProvider, verified: object
    ) -> None:
        identities.link("ada", provider.url, email=provider.email)
        provider.email_verified = verified
        refused(browser.get("/review/oidc"), 401, "no account here is linked")
        assert identities.all()[0].subject is None

    def test_nobody_comes_in_by_a_name_that_they_share(
        self, browser: httpx.Client, identities: Identities, provider: OidcProvider
    ) -> None:
        provider.claims = {"preferred_username": "ada", "name": "ada"}
        refused(browser.get("/review/oidc"), 401, "no account here is linked")

    def test_whoever_is_disabled_here_is_out_whatever_the_provider_says(
        self, house: House, browser: httpx.Client, linked: Identities
    ) -> None:
        browser.get("/review/oidc")
        house.login.people.disable("ada")
        assert not signed_in(browser.get("/review"))
        refused(browser.get("/review/oidc"), 401, "no account here is linked")

    def test_unlinking_ends_what_they_were_signed_in_with(self, browser: httpx.Client, linked: Identities) -> None:
        browser.get("/review/oidc")
        linked.unlink("ada")
        assert not signed_in(browser.get("/review"))
        refused(browser.get("/review/oidc"), 401, "no account here is linked")

    def test_an_identity_is_one_persons_and_of_one_issuer(
        self, house: House, linked: Identities, provider: OidcProvider
    ) -> None:
        quick(house.login).create("ben", Role.ADMIN)
        with pytest.raises(InvalidValue):
            linked.link("ben", provider.url, subject=provider.subject)
        linked.link("ben", "https://other.example", subject=provider.subject)
        with pytest.raises(InvalidValue):
            linked.link("ada", "https://other.example", subject=provider.subject)
        assert [(one.name, one.issuer) for one in linked.all()] == [
            ("ada", provider.url), ("ben", "https://other.example"),
        ]  # fmt: skip

    def test_name_password_and_code_work_as_before(self, served: tuple[House, str], linked: Identities) -> None:
        ben = Moderator(*served, name="ben")
        assert signed_in(ben.sign_in())


LONG_AGO, MUCH_LATER = FromNow(-600), FromNow(3600)


class TestLies:
    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"}, {"nonce": None}, {"aud": "somebody-else"}, {"aud": None},
            {"aud": "somebody-else", "azp": CLIENT_ID},
            {"aud": ["somebody-else", CLIENT_ID], "azp": "somebody-else"}, {"aud": ["somebody-else", CLIENT_ID]},
            {"iss": "https://other.example"}, {"iss": None}, {"exp": LONG_AGO}, {"exp": None},
            {"iat": MUCH_LATER}, {"nbf": MUCH_LATER}, {"sub": None}, {"sub": ""},
            {"sub": 248289761001}, {"at_hash": "wrong"},
        ],
        ids=str,
    )  # fmt: skip
    def test_d50_a_token_that_is_not_for_us_now(
        self, browser: httpx.Client, linked: Identities, provider: OidcProvider, claims: dict[str, Any]
    ) -> None:
        provider.claims = claims
        refused(browser.get("/review/oidc"), 401, "did not come to its end")
        assert provider.exchanged == 1

    @pytest.mark.parametrize("alg", ["none", "HS256"])
    def test_d50_a_token_that_is_not_signed_by_the_providers_key(
        self, browser: httpx.Client, linked: Identities, provider: OidcProvider, alg: str
    ) -> None:
        provider.alg = alg
        refused(browser.get("/review/oidc"), 401, "did not come to its end")
        provider.alg, provider.signed_by = "RS256", "somebody else's"
        refused(browser.get("/review/oidc"), 401, "did not come to its end")
        assert provider.exchanged == 2

    def test_d50_a_state_comes_back_once(
        self, browser: httpx.Client, linked: Identities, provider: OidcProvider
    ) -> None:
        back = come_back_with(browser)
        cookies = dict(browser.cookies)
        assert signed_in(browser.get(back))
        again = opened(httpx.Client(base_url=browser.base_url, cookies=cookies, follow_redirects=True))
        refused(again.get(back), 401, "came back twice")
        assert provider.tries == 1, "the provider is not even asked"

    def test_d50_what_was_begun_in_another_browser(
        self, browser: httpx.Client, linked: Identities, provider: OidcProvider
    ) -> None:
        back = come_back_with(browser)
        victim = opened(httpx.Client(base_url=browser.base_url, follow_redirects=True))
        refused(victim.get(back), 401, "did not come to its end")
        victim.get("/review/oidc", follow_redirects=False)
        refused(victim.get(back), 401, "did not come to its end")
        assert provider.exchanged == 0

    def test_d50_a_cookie_that_was_altered_or_is_old(
        self, browser: httpx.Client, linked: Identities, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        back = come_back_with(browser)
        cookie = browser.cookies["gardefou_sign_on"]
        altered = {"gardefou_sign_on": cookie[:9] + ("A" if cookie[9] != "A" else "B") + cookie[10:]}
        client = opened(httpx.Client(base_url=browser.base_url, cookies=altered, follow_redirects=True))
        refused(client.get(back), 401, "did not come to its end")
        monkeypatch.setattr("gateway.single_sign_on.WAY_S", -1)
        refused(browser.get(back), 401, "did not come to its end")
        assert WAY_S > 60

    @pytest.mark.parametrize(
        "answer",
        [{"error": "access_denied"}, {"code": "another"}, {"code": ""}, {"state": "another"}, {"state": "é"},
         {"iss": "https://other.example"}],
    )  # fmt: skip
    def test_d50_an_answer_that_does_not_fit(
        self, browser: httpx.Client, linked: Identities, provider: OidcProvider, answer: dict[str, str]
    ) -> None:
        provider.answer = answer
        refused(browser.get("/review/oidc"), 401, "did not come to its end")
        assert provider.exchanged == 0

    def test_a_code_is_of_no_use_without_what_the_browser_holds(
        self, browser: httpx.Client, provider: OidcProvider
    ) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(str(come_back_with(browser))).query).items()}
        form = {"code": query["code"], "redirect_uri": provider.asked[0]["redirect_uri"], "code_verifier": "guess"}
        stolen = httpx.post(f"{provider.url}/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET))
        assert stolen.json() == {"error": "invalid_grant"}


class TestAProviderInTrouble:
    def test_it_is_away(self, browser: httpx.Client, linked: Identities, provider: OidcProvider) -> None:
        back = come_back_with(browser)
        provider.away = True
        for answer in (browser.get("/review/oidc"), browser.get(back)):
            refused(answer, 503, "cannot be reached. Name, password and code work here")
        page = browser.get("/review/oidc?lang=fr")
        refused(page, 503, "Le fournisseur d’identité ne répond pas")

    @pytest.mark.parametrize(
        "metadata",
        [{"issuer": "https://other.example"}, {"token_endpoint": None}, {"jwks_uri": 3},
         {"authorization_endpoint": "http://elsewhere.example/"}, {"token_endpoint": "javascript:alert(1)"}],
    )  # fmt: skip
    def test_it_says_nonsense_of_itself(
        self, browser: httpx.Client, provider: OidcProvider, metadata: dict[str, Any]
    ) -> None:
        provider.metadata = metadata
        refused(browser.get("/review/oidc", follow_redirects=False), 503, "cannot be reached")

    def test_who_tries_too_often_has_to_wait(self, browser: httpx.Client) -> None:
        answers = [browser.get("/review/oidc", follow_redirects=False) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [303] * 20 + [429]

    def test_without_one_there_is_no_way_to_it(self, tmp_path: Path) -> None:
        with serving(tmp_path, desk_parts()) as (_, url), httpx.Client(base_url=url) as client:
            assert "/review/oidc" not in client.get("/review/login").text
            assert client.get("/review/oidc").status_code == 404
            assert client.get("/review/oidc/callback?state=x&code=y").status_code == 404


@pytest.mark.parametrize(
    "options", [{"oidc_issuer": "https://id.example"}, {"oidc_client_id": "desk"},
                {"oidc_issuer": "http://id.example", "oidc_client_id": "desk"}],
)  # fmt: skip
def test_settings_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**options)


def test_one_binding_however_many_come_first(database: str) -> None:
    """On each kind of server."""
    engine = open_engine(database)
    with engine.begin() as connection:
        connection.execute(PERSON)
    identities = Identities(engine)
    identities.link("ada", "https://id.example", email="ada@example.org")
    first, second = (Claimed("https://id.example", subject, "ada@example.org") for subject in ("1", "2"))
    assert identities.sign_in(first, "")
    assert identities.sign_in(second, "") is None
    assert [identities.use_state("digest") for _ in range(2)] == [True, False]
    engine.dispose()


PERSON = text(
    "INSERT INTO people (id, name, role, password_hash, totp_secret, totp_step, created_at) "
    "VALUES ('per_a', 'ada', 'viewer', 'x', 'x', 0, '2026-11-28T00:00:00.000000+00:00')"
)


class TestOnTheCommandLine:
    def run(self, data: Path, *words: str, code: int = 0, issuer: str = "https://id.example") -> str:
        environment = {"GARDEFOU_OIDC_ISSUER": issuer, "GARDEFOU_OIDC_CLIENT_ID": "desk"} if issuer else {}
        found = CliRunner().invoke(app, ["users", *words, "--data", str(data)], env=environment)
        assert found.exit_code == code, found.output
        return found.output

    def test_somebody_is_made_without_a_password_linked_listed_and_unlinked(self, tmp_path: Path) -> None:
        assert self.run(tmp_path, "create", "ada", "--role", "senior", "--email", "ada@example.org") == ""
        assert "expected with ada@example.org" in self.run(tmp_path, "identities")
        self.run(tmp_path, "link", "ada", "--subject", "42")
        (listed,) = self.run(tmp_path, "identities", "--json").splitlines()
        assert json.loads(listed) == {"name": "ada", "issuer": "https://id.example", "subject": "42", "email": None}
        self.run(tmp_path, "unlink", "ada")
        assert self.run(tmp_path, "identities") == ""

    def test_mistakes_are_told(self, tmp_path: Path) -> None:
        self.run(tmp_path, "create", "ada", "--role", "viewer")
        self.run(tmp_path, "link", "ada", "--subject", "42", code=2, issuer="")
        self.run(tmp_path, "link", "ada", code=2)
        self.run(tmp_path, "link", "ada", "--subject", "42", "--email", "a@example.org", code=2)
        self.run(tmp_path, "link", "nobody", "--subject", "42", code=2)
        self.run(tmp_path, "create", "ben", "--role", "viewer", "--subject", "7", code=2, issuer="")
        self.run(tmp_path, "link", "ada", "--subject", "7")
        self.run(tmp_path, "create", "ben", "--role", "viewer", "--subject", "7", code=1)
        assert "ben" not in self.run(tmp_path, "list")


def test_a_provider_that_never_answers_takes_no_thread_that_others_need(
    served: tuple[House, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    house, url = served
    go_on = threading.Event()

    def hang(_: str) -> Begun:
        go_on.wait(30)
        raise ProviderUnavailable("as told", retry_after_s=60)

    monkeypatch.setattr(house.sign_on, "begin", hang)
    many = httpx.Limits(max_connections=80)
    with ThreadPoolExecutor(60) as pool, httpx.Client(base_url=url, timeout=60, limits=many) as client:
        asked = [pool.submit(client.get, "/review/oidc") for _ in range(50)]
        until(lambda: sum(one.done() for one in asked) >= 50 - 4 - 16)
        assert client.post("/v1/moderations", json={"input": "a cat"}).status_code in (200, 401)
        go_on.set()
        assert {one.result().status_code for one in asked} == {503}


def test_an_address_with_letters_that_look_alike_is_refused(identities: Identities, provider: OidcProvider) -> None:
    for address in ("straße@example.org", "\u017fmith@example.org", "\u212aim@example.org"):
        with pytest.raises(InvalidValue):
            identities.link("ada", provider.url, email=address)
    identities.link("ada", provider.url, email="Smith@Example.org")
    assert identities.sign_in(Claimed(provider.url, "x", "\u017fmith@example.org"), "") is None
    assert identities.sign_in(Claimed(provider.url, "x", "smith@example.org"), "")
