"""Appeals count: whoever has a decision's id can object, somebody else decides, an overturn undoes what was done."""

import html
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from sqlmodel import select

from gateway.assembly import House
from gateway.auth import Caller
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.listing import Filters
from gateway.store.tables import AppealRow, CaseRow
from tests.gateway.desk_parts import (
    Moderator,
    case_path,
    close_all,
    csrf_of,
    desk_parts,
    hold,
    later,
    opened,
    program_of,
    until,
    wipe,
    words,
)
from tests.gateway.test_review_desk import HOSTILE
from tests.gateway.test_studio import Browser
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.wire import assert_error

OVERTURN = {"clause": "none", "reason": "was_mistaken"}
UPHOLD = {"clause": "gore", "reason": "still_breaks_rule"}


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
def client(served: tuple[House, str]) -> httpx.Client:
    """Whoever asks for pictures."""
    return opened(client_of(*served))


@pytest.fixture
def public(served: tuple[House, str]) -> httpx.Client:
    """Somebody without an account, and without JavaScript."""
    return opened(httpx.Client(base_url=served[1], follow_redirects=True, timeout=60))


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ada")


@pytest.fixture
def ben(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ben")


def signed_in(served: tuple[House, str], name: str) -> Moderator:
    moderator = Moderator(*served, name=name)
    assert moderator.sign_in().status_code == 200
    return moderator


def withheld_by(moderator: Moderator, client: httpx.Client, prompt: str = "all doubtful") -> str:
    """A picture that a moderator blocked. Returns the id of that decision."""
    hold(client, prompt)
    moderator.decide(moderator.take(), "block")
    (picture,) = Book(moderator.house).pictures
    return str(picture.decision_id)


def refused(client: httpx.Client, prompt: str = "unspeakable cat") -> str:
    """A prompt that the gate refused. Returns the id of the decision."""
    answer = client.post("/v1/images/generations", json={"prompt": prompt, "size": "64x64"})
    assert_error(answer, 400, "content_policy_violation", "prompt")
    return str(answer.json()["error"]["x_gateway"]["decision_id"])


def appeal(public: httpx.Client, decision_id: str, text: str = "It is a toy fox.") -> httpx.Response:
    page = public.get(f"/decisions/{decision_id}")
    return public.post(f"/decisions/{decision_id}", data={"csrf": csrf_of(page), "text": text})


def hear(moderator: Moderator, choice: str, **form: str) -> httpx.Response:
    """Take the next appeal and decide it."""
    page = moderator.post("/review/next", source="appeal")
    return moderator.decide(page, choice, **{**(OVERTURN if choice == "allow" else UPHOLD), **form})


def whole(house: House) -> bool:
    return house.decisions.broken_ledger() is None


def state_of(house: House) -> str:
    with reading(open_engine(house.settings.database)) as session:
        return session.exec(select(AppealRow)).one().state


class TestAPicture:
    def test_an_overturned_picture_is_served_and_its_statement_says_so(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        assert "Your appeal waits for a person" in words(appeal(public, decision_id))
        assert "Overturned. It takes effect in" in words(hear(ben, "allow", note="A toy, as you say."))
        assert Book(house).picture_states == ["withheld"]
        later(house)
        until(lambda: Book(house).picture_states == ["released"])
        until(lambda: state_of(house) == "overturned")
        page = words(public.get(f"/decisions/{decision_id}"))
        assert "The appeal was heard, and the decision was wrong" in page
        assert "The picture has been brought back and is shown." in page
        assert "A toy, as you say." in page
        told = client.get(f"/api/v1/decisions/{decision_id}").json()
        served = httpx.get(told["pictures"][0]["url"])
        assert (served.status_code, served.headers["content-type"]) == (200, "image/png")
        assert told["appeal"]["state"] == "overturned"
        assert Book(house).ends == [("released", "allowed")]
        assert whole(house)

    def test_an_upheld_decision_stays_with_its_reason_in_the_readers_language(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        appeal(public, decision_id)
        assert "Upheld: the first decision stays." in words(hear(ben, "block"))
        page = words(public.get(f"/decisions/{decision_id}?lang=fr"))
        assert "la décision est maintenue" in page
        assert "Une autre personne a réexaminé le cas" in page
        assert Book(house).picture_states == ["withheld"]
        final = words(public.get(f"/decisions/{Book(house).pictures[0].decision_id}?lang=en"))
        assert "This decision ended an appeal, and is final." in final
        assert whole(house)

    def test_what_was_overturned_can_be_taken_back_within_ten_seconds(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        appeal(public, withheld_by(ada, client))
        page = ben.post("/review/next", source="appeal")
        path = case_path(page)
        ben.decide(page, "allow", **OVERTURN)
        ben.post(f"{path}/undo")
        later(house)
        assert (Book(house).picture_states, state_of(house)) == (["withheld"], "open")
        ben.decide(ben.get(path), "block", **UPHOLD)
        assert state_of(house) == "upheld"
        assert whole(house)

    def test_a_picture_that_is_damaged_on_the_disk_is_not_brought_back_and_the_page_says_so(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        appeal(public, decision_id)
        hear(ben, "allow")
        (house.settings.data / "pictures" / "quarantine" / Book(house).pictures[0].sha256).write_bytes(b"other")
        later(house)
        until(lambda: state_of(house) == "overturned")
        assert Book(house).picture_states == ["withheld"]
        assert "cannot be shown again" in words(public.get(f"/decisions/{decision_id}"))
        assert whole(house)


class TestSomebodyElse:
    def test_whoever_decided_first_is_refused_by_the_page_and_by_the_api(
        self, served: tuple[House, str], client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        house, url = served
        decision_id = withheld_by(ada, client)
        appeal(public, decision_id)
        assert "Appeals" in words(ada.post("/review/next", source="appeal"))  # none for her
        (case,) = house.desk.cases.waiting(filters())
        page = ada.get(f"/review/cases/{case.id}")
        assert "somebody else decides this" in words(page)
        assert 'id="claim"' not in page.text
        assert ada.post(f"/review/cases/{case.id}/claim", page).status_code == 403
        key = house.keys.create("hers", ("reviews:read", "reviews:decide"), ada.person.id)
        program = opened(httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60))
        assert program.post("/api/v1/reviews/next", json={"source": "appeal"}).json() == {"case_id": None}
        assert_error(program.post(f"/api/v1/reviews/{case.id}/claim"), 403, "separation_of_duties")
        with transaction(open_engine(house.settings.database), "test") as session:  # even with a lease in her hands
            row = session.get_one(CaseRow, case.id)
            row.holder, row.lease, row.lease_until = ada.person.id, "hers", "2999-01-01T00:00:00.000000+00:00"
            session.add(row)
        body = {"lease": "hers", "choices": {str(case.picture_id): "block"}, **UPHOLD}
        assert_error(program.post(f"/api/v1/reviews/{case.id}/decision", json=body), 403, "separation_of_duties")
        assert state_of(house) == "open"

    def test_both_who_allowed_or_blocked_one_case_together_are_out(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        hold(client, "childlike drawing")
        ada.decide(ada.take(), "allow")  # the first of two
        ben.decide(ben.take(), "block", clause="sexual_minors")
        decision_id = str(Book(house).pictures[0].decision_id)
        appeal(public, decision_id)
        (case,) = house.desk.cases.waiting(filters())
        assert case.restricted
        for moderator in (ada, ben):
            assert moderator.post(f"/review/cases/{case.id}/claim").status_code == 403

    def test_a_picture_that_may_show_a_child_takes_two_others_and_shows_nothing(
        self, served: tuple[House, str], client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        house, _ = served
        hold(client, "childlike drawing")
        ada.decide(ada.take(), "block", clause="sexual_minors")
        appeal(public, str(Book(house).pictures[0].decision_id))
        eve, dan = signed_in(served, "eve"), signed_in(served, "dan")
        page = eve.post("/review/next", source="appeal")
        assert "<img" not in page.text
        eve.decide(page, "allow", **OVERTURN)
        assert state_of(house) == "open"
        assert eve.post("/review/next", source="appeal").url.path == "/review"
        hear(dan, "allow")
        later(house)
        until(lambda: state_of(house) == "overturned")
        assert whole(house)


class TestAPrompt:
    def test_it_cannot_be_banned(self, served: tuple[House, str], client: httpx.Client, public: httpx.Client) -> None:
        ada = program_of(*served, name="ada")
        appeal(public, refused(client))
        lease = ada.post("/api/v1/reviews/next", json={"source": "appeal"}).json()
        body = {"lease": lease["lease"], "choices": {"prompt": "ban"}, **UPHOLD}
        answer = ada.post(f"/api/v1/reviews/{lease['case_id']}/decision", json=body)
        assert_error(answer, 400, "invalid_value", "choices")
        assert state_of(served[0]) == "open"

    def test_an_overturned_refusal_lets_exactly_that_prompt_be_drawn(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = refused(client)
        appeal(public, decision_id)
        page = ada.post("/review/next", source="appeal")
        assert "The refusal of the sentence" in words(page)
        ben = signed_in((house, str(client.base_url)), "ben")
        ada.decide(page, "allow", **OVERTURN)
        hear(ben, "allow")  # a child is named: it takes two
        later(house)
        until(lambda: state_of(house) == "overturned")
        assert "should not have been refused" in words(public.get(f"/decisions/{decision_id}"))
        assert "confirmation" not in public.get(f"/api/v1/decisions/{decision_id}/appeal").json()
        confirmation = client.get(f"/api/v1/decisions/{decision_id}").json()["appeal"]["confirmation"]
        drawn = draw(client, "unspeakable cat", confirmation)
        assert drawn.status_code == 200, drawn.text
        assert_error(
            draw(client, "unspeakable dog", confirmation), 400, "confirmation_invalid", "x_gateway.confirmation"
        )
        assert_error(draw(client, "unspeakable cat"), 400, "content_policy_violation", "prompt")
        other = opened(client_of(house, str(client.base_url)))
        assert_error(
            draw(other, "unspeakable cat", confirmation), 400, "confirmation_invalid", "x_gateway.confirmation"
        )
        assert any(row.confirms == decision_id for row in Book(house).decisions)
        assert whole(house)

    def test_the_browser_that_asked_gets_a_button(
        self, served: tuple[House, str], public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        house, url = served
        browser = Browser(url)
        opened(browser.client)
        page = browser.run_to_the_end("unspeakable fox")
        found = re.search(r'href="/decisions/(dec_\w+)"', page.text)
        assert found
        appeal(public, found[1])
        hear(ada, "allow")
        hear(ben, "allow")
        later(house)
        until(lambda: state_of(house) == "overturned")
        again = browser.client.get(page.url)
        assert "it was wrong. You may have this drawn now." in words(again)
        form = dict(
            re.findall(r'name="(csrf|prompt|confirmation)" value="([^"]+)"', again.text.split('class="actions"')[1])
        )
        drawn = browser.client.post("/studio", data=form)
        until(lambda: browser.client.get(drawn.url).text.count("face-shown") >= 9)

    def test_an_open_or_upheld_appeal_gives_no_pass(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = refused(client)
        appeal(public, decision_id)
        assert "confirmation" not in client.get(f"/api/v1/decisions/{decision_id}").json()["appeal"]
        hear(ada, "block", clause="sexual_minors")
        assert "confirmation" not in client.get(f"/api/v1/decisions/{decision_id}").json()["appeal"]
        forged = house.confirmations  # a token for it, as if somebody could sign one
        owner = house.decisions.view(Book(house).requests[0].id)
        assert owner
        token = forged.token(decision_id, caller_of(owner.caller_id), owner.prompt, owner.policy_sha256)
        assert_error(draw(client, "unspeakable cat", token), 400, "content_policy_violation", "prompt")


class TestTheForm:
    def test_the_page_tells_the_rule_and_leaks_neither_prompt_nor_picture(
        self, client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client, "all doubtful zebra")
        page = public.get(f"/decisions/{decision_id}")
        assert {"refused", "gore", "a", "person"} <= set(words(page).replace(",", " ").split())
        for secret in ("zebra", "/images/", "img_", "req_", "ada"):
            assert secret not in page.text

    def test_a_rule_that_the_policy_keeps_to_itself_is_not_told(
        self, client: httpx.Client, public: httpx.Client
    ) -> None:
        page = public.get(f"/decisions/{refused(client)}")
        assert "minors" not in page.text
        assert "the policy keeps to itself" in words(page)

    @pytest.mark.parametrize("text", HOSTILE)
    def test_nothing_that_somebody_writes_comes_alive(
        self, text: str, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        appeal(public, decision_id, text)
        page = ben.post("/review/next", source="appeal")
        assert text in words_kept(page)
        hear_form = {**UPHOLD, "note": text}
        ben.decide(page, "block", **hear_form)
        statement = public.get(f"/decisions/{decision_id}")
        for shown in (page, statement):
            assert not re.search(r"<(script(?! src=\"/static/)|img src=x|svg onload|a hx-get)", shown.text)
        assert text in words_kept(statement)

    def test_it_is_filed_once(self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator) -> None:
        decision_id = withheld_by(ada, client)
        page = public.get(f"/decisions/{decision_id}")
        for status in (200, 409):
            form = {"csrf": csrf_of(page), "text": "Please look again."}
            assert public.post(f"/decisions/{decision_id}", data=form).status_code == status
        assert len(house.desk.cases.waiting(filters())) == 1

    def test_a_form_from_elsewhere_an_empty_one_and_an_endless_one_are_refused(
        self, client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        path, csrf = f"/decisions/{decision_id}", csrf_of(public.get(f"/decisions/{decision_id}"))
        assert public.post(path, data={"csrf": "x", "text": "Look again."}).status_code == 403
        origin = {"Origin": "https://elsewhere.example"}
        assert public.post(path, data={"csrf": csrf, "text": "Look again."}, headers=origin).status_code == 403
        assert public.post(path, data={"csrf": csrf, "text": "  "}).status_code == 400
        long = public.post(path, data={"csrf": csrf, "text": "x" * 2001})
        assert (long.status_code, "x" * 2001 in long.text) == (400, True)

    def test_after_six_months_it_is_too_late(
        self, house: House, client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        house.recourse._appeals._window *= 0
        try:
            assert "The time to appeal is over." in words(public.get(f"/decisions/{decision_id}"))
            answer = public.post(f"/api/v1/decisions/{decision_id}/appeal", json={"text": "Look again."})
            assert_error(answer, 409, "not_appealable")
        finally:
            house.recourse._appeals._window = type(house.recourse._appeals._window)(days=183)

    def test_whoever_writes_too_often_has_to_wait(self, client: httpx.Client, public: httpx.Client) -> None:
        answers = [public.post("/api/v1/decisions/dec_none/appeal", json={"text": "Look."}) for _ in range(21)]
        assert_error(answers[-2], 404, "not_found")
        assert_error(answers[-1], 429, "rate_limit_exceeded")


class TestByApi:
    def test_a_program_files_and_reads_an_appeal(
        self, client: httpx.Client, public: httpx.Client, ada: Moderator, ben: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        path = f"/api/v1/decisions/{decision_id}/appeal"
        assert_error(public.get(path), 404, "not_found")
        filed = public.post(path, json={"text": "It is a toy.", "language": "en"})
        assert (filed.status_code, filed.json()["state"]) == (201, "open")
        again = public.post(path, json={"text": "It is a toy."})
        assert_error(again, 409, "not_appealable")
        assert again.json()["error"]["x_gateway"] == {"why": "appealed"}
        hear(ben, "block")
        ended = public.get(path).json()
        assert (ended["state"], ended["clause"], ended["restored"]) == ("upheld", "gore", False)
        assert set(ended["reason"]) == {"en", "fr"}
        assert "toy" not in public.get(path).text

    def test_the_desks_api_shows_what_is_appealed(
        self, served: tuple[House, str], client: httpx.Client, public: httpx.Client, ada: Moderator
    ) -> None:
        decision_id = withheld_by(ada, client)
        appeal(public, decision_id, "It is a toy.")
        program = program_of(*served)
        listed = program.get("/api/v1/reviews", params={"source": "appeal"}).json()
        assert [case["source"] for case in listed["data"]] == ["appeal"]
        case: dict[str, Any] = program.get(f"/api/v1/reviews/{listed['data'][0]['id']}").json()
        assert (case["appeal"]["decision_id"], case["appeal"]["text"]) == (decision_id, "It is a toy.")
        assert case["at_stake"] == [case["items"][0]["id"]]


def test_an_appeal_that_was_edited_by_hand_is_found(
    house: House, client: httpx.Client, public: httpx.Client, ada: Moderator
) -> None:
    appeal(public, withheld_by(ada, client))
    for change in ({"text": "Something else."}, {"state": "overturned"}):
        with transaction(open_engine(house.settings.database), "test") as session:
            row = session.exec(select(AppealRow)).one()
            before = {name: getattr(row, name) for name in change}
            row.sqlmodel_update(change)
        broken = house.decisions.broken_ledger()
        assert broken
        assert broken.row == f"appeal {row.id}"
        with transaction(open_engine(house.settings.database), "test") as session:
            session.exec(select(AppealRow)).one().sqlmodel_update(before)
    with transaction(open_engine(house.settings.database), "test") as session:
        session.exec(select(AppealRow)).one().sqlmodel_update({"text": None, "text_salt": None})
    assert whole(house)  # erasing what somebody wrote leaves the record whole


def filters() -> Filters:
    return Filters(source="appeal")


def caller_of(caller_id: str) -> Caller:
    return Caller("key", caller_id)


def words_kept(page: httpx.Response) -> str:
    """The text of a page with its spaces."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.text))


def draw(client: httpx.Client, prompt: str, confirmation: str | None = None) -> httpx.Response:
    extra = {"x_gateway": {"confirmation": confirmation}} if confirmation else {}
    return client.post("/v1/images/generations", json={"prompt": prompt, "size": "64x64", **extra})
