"""The review desk: whoever may decide does so once, what is released has a person's name on it, the record is whole."""

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from gateway.assembly import House
from gateway.store.people import Role
from tests.gateway.desk_parts import (
    BLOCKING,
    Moderator,
    case_path,
    close_all,
    desk_parts,
    expire_leases,
    hold,
    later,
    lease_of,
    opened,
    program_of,
    until,
    wipe,
    words,
)
from tests.gateway.many_moderators import many_moderators
from tests.gateway.test_studio import Browser
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.wire import assert_error

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7 * 7 }}",
    '<a hx-get="/review/logout" hx-trigger="load">x</a>',
    "'-alert(1)-'",
    "</textarea><svg onload=alert(1)>",
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), undo_seconds=3600, gate_seconds=30, requests_per_minute=1000) as running:
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
def ada(served: tuple[House, str]) -> Moderator:
    """A moderator who is signed in."""
    ada = Moderator(*served)
    assert ada.sign_in().status_code == 200
    return ada


@pytest.fixture
def ben(served: tuple[House, str]) -> Moderator:
    """Another one."""
    ben = Moderator(*served, name="ben")
    ben.sign_in()
    return ben


def states(house: House) -> list[str]:
    return Book(house).picture_states


def whole(house: House) -> bool:
    return house.decisions.broken_ledger() is None


class TestDeciding:
    def test_what_a_person_allows_is_released_after_the_undo_time_with_their_name_on_it(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client, count=2)
        page = ada.decide(ada.take())
        assert "Allowed. It is released in" in words(page)
        assert states(house) == ["held", "held"]
        later(house)
        until(lambda: states(house) == ["released", "released"])
        book = Book(house)
        by_id = {decision.id: decision for decision in book.decisions}
        for picture in book.pictures:
            decision = by_id[str(picture.decision_id)]
            assert (decision.action, decision.picture_sha256) == ("allow", picture.sha256)
            assert (decision.decided_by, decision.policy) == (ada.person.id, str(house.policy_in_force.policy.stamp))
            assert json.loads(decision.models)
        until(lambda: Book(house).ends == [("released", "allowed")])
        assert whole(house)

    def test_whoever_asked_on_the_page_then_sees_the_picture(self, served: tuple[House, str], ada: Moderator) -> None:
        browser = Browser(served[1])
        opened(browser.client)
        page = browser.run_to_the_end("all doubtful cat")
        assert "A person should look at this first" in words(page)
        ada.decide(ada.take())
        later(served[0])
        until(lambda: browser.client.get(page.url).text.count("face-shown") >= 9)
        link = re.search(r'src="(/images/[^"]+)"', browser.client.get(page.url).text)
        assert link
        assert browser.client.get(link[1].replace("&amp;", "&")).headers["content-type"] == "image/png"

    def test_whoever_asked_on_the_page_reads_why_a_person_withheld_it(
        self, served: tuple[House, str], ada: Moderator
    ) -> None:
        browser = Browser(served[1])
        opened(browser.client)
        page = browser.run_to_the_end("all doubtful cat")
        ada.decide(ada.take(), "block", reason="taken_for_real")
        told = words(browser.client.get(page.url))
        assert (
            "it could be taken for a photograph of something that happened. This service does not make bloody" in told
        )
        assert "None of the pictures can be shown" in told
        assert "waits for a moderator" not in told

    def test_whoever_asked_by_api_finds_the_link_at_the_decision(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        decision = f"/api/v1/decisions/{hold(client)['decision_id']}"
        (before,) = client.get(decision).json()["pictures"]
        assert (before["state"], before["url"]) == ("held", None)
        ada.decide(ada.take())
        later(house)
        until(lambda: client.get(decision).json()["pictures"][0]["state"] == "released")
        (after,) = client.get(decision).json()["pictures"]
        assert client.get(httpx.URL(after["url"]).raw_path.decode()).status_code == 200
        assert after["decided_by"] == "person"

    def test_what_a_person_blocks_is_withheld_at_once(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        assert "Blocked." in words(ada.decide(ada.take(), "block"))
        assert states(house) == ["withheld"]
        assert Book(house).ends == [("withheld", "blocked_image")]
        assert Book(house).decisions[-1].categories == '["gore"]'
        assert whole(house)

    def test_each_picture_may_be_decided_otherwise(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client, count=2)
        page = ada.take()
        first, second = re.findall(r'form="decide" name="([^"]+)" value="allow"', page.text)
        ada.decide(page, "block", **{first: "allow", second: "block"})
        later(house)
        until(lambda: states(house) == ["released", "withheld"])
        until(lambda: Book(house).ends == [("released", "allowed")])
        assert whole(house)

    def test_what_is_allowed_can_be_taken_back_and_is_then_not_released(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        ada.decide(page)
        back = ada.post(f"{case_path(page)}/undo")
        assert lease_of(back) != lease_of(page)
        later(house)
        assert house.desk.release_due() == 0
        assert states(house) == ["held"]
        assert ada.decide(page).status_code == 409  # the old form does not come back to life
        assert whole(house)

    def test_it_is_too_late_to_undo_what_was_released(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        page = ada.take()
        ada.decide(page)
        later(house)
        until(lambda: states(house) == ["released"])
        late = ada.post(f"{case_path(page)}/undo")
        assert late.status_code == 409
        assert states(house) == ["released"]

    @pytest.mark.parametrize("form", [{"clause": ""}, {"reason": ""}, {"reason": "false_alarm"}, {"clause": "none"}])
    def test_a_block_needs_a_rule_and_a_reason_that_fits(
        self, house: House, ada: Moderator, client: httpx.Client, form: dict[str, str]
    ) -> None:
        hold(client)
        page = ada.take()
        answer = ada.decide(page, "block", note="what I wrote", **form)
        assert answer.status_code == 400
        assert "what I wrote" in answer.text  # nothing that was filled in is lost
        assert states(house) == ["held"]
        assert lease_of(answer) == lease_of(page)

    def test_a_case_whose_pictures_could_not_be_judged_is_decided_like_any_other(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client, "unreadable runes")
        page = ada.take()
        assert "The checks could not judge it (exception)." in words(page)
        ada.decide(page)
        later(house)
        until(lambda: states(house) == ["released"])
        assert whole(house)

    def test_a_picture_that_is_no_longer_what_was_judged_stays_back(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        (picture,) = Book(house).pictures
        (house.settings.data / "pictures" / "quarantine" / picture.sha256).write_bytes(b"another")
        ada.decide(ada.take())
        later(house)
        until(lambda: states(house) == ["withheld"])
        assert whole(house)


class TestTogether:
    def test_a_form_sent_twice_is_one_decision(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        page = ada.take()
        assert [ada.decide(page, "block").status_code for _ in range(3)] == [200, 200, 200]
        assert sum(row.decided_by is not None for row in Book(house).decisions) == 1

    def test_two_tabs_of_one_person_share_the_lease(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        assert lease_of(ada.take()) == lease_of(ada.take())

    def test_nobody_gets_a_case_that_somebody_else_works_on(
        self, ada: Moderator, ben: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        path = case_path(ada.take())
        assert "ada works on this case" in words(ben.get(path))
        assert ben.post(f"{path}/claim").status_code == 409
        assert str(ben.take().url).endswith("/review")

    def test_whoever_comes_second_is_told_and_changes_nothing(
        self, house: House, ada: Moderator, ben: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        expire_leases(house)
        ben.decide(ben.take(), "block")
        answer = ada.decide(page)
        assert answer.status_code in (403, 409)
        assert states(house) == ["withheld"]

    def test_a_lost_lease_changes_nothing_and_keeps_what_was_written(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        expire_leases(house)
        answer = ada.decide(page, note="half a thought")
        assert answer.status_code == 409
        assert "went back to the queue" in words(answer)
        assert states(house) == ["held"]
        again = ada.post(f"{case_path(page)}/claim", answer)
        assert lease_of(again) != lease_of(page)

    def test_a_sign_of_life_keeps_the_lease(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        page = ada.take()
        answer = ada.post(f"{case_path(page)}/lease", page, lease=lease_of(page))
        assert answer.json()["seconds"] > 290
        assert ada.post(f"{case_path(page)}/lease", page, lease="another").status_code == 409

    def test_what_is_given_back_is_free_for_others(self, ada: Moderator, ben: Moderator, client: httpx.Client) -> None:
        hold(client)
        page = ada.take()
        ada.post(f"{case_path(page)}/return", page, lease=lease_of(page))
        assert case_path(ben.take()) == case_path(page)

    def test_what_is_skipped_goes_to_others_and_does_not_come_back(
        self, ada: Moderator, ben: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        skipped = ada.post(f"{case_path(page)}/skip", page, lease=lease_of(page), reason="rather_not")
        assert "Skipped" in words(skipped)
        assert case_path(ben.take()) == case_path(page)

    def test_what_is_escalated_waits_for_a_senior(
        self, served: tuple[House, str], ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        path = case_path(page)
        ada.post(f"{path}/escalation", page, lease=lease_of(page), reason="rule_is_silent", note="look at the sign")
        assert ada.post(f"{path}/claim").status_code == 403
        senior = Moderator(*served, name="simone", role=Role.SENIOR)
        senior.sign_in()
        assert "look at the sign" in words(senior.take())


class TestWhatMayShowAChild:
    def test_nobody_is_shown_the_picture(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client, "childlike drawing")
        page = ada.take()
        assert ".png" not in page.text
        picture = Book(house).pictures[0].id
        path = f"{case_path(page)}/pictures/{picture}"
        assert ada.get(f"{path}.png").status_code == 403
        assert ada.post(f"{path}/reveal", page, lease=lease_of(page)).status_code == 403

    def test_it_takes_two_people_to_allow_it(
        self, house: House, ada: Moderator, ben: Moderator, client: httpx.Client
    ) -> None:
        hold(client, "childlike drawing")
        page = ada.take()
        assert "A second person has to allow it" in words(ada.decide(page))
        again = ada.post(f"{case_path(page)}/claim")
        assert ada.decide(again).status_code == 403
        ada.post(f"{case_path(page)}/return", again, lease=lease_of(again))
        later(house)
        assert house.desk.release_due() == 0
        assert states(house) == ["held"]
        second = ben.take()
        assert "ada would allow it" in words(second)
        ben.decide(second)
        later(house)
        until(lambda: states(house) == ["released"])
        assert Book(house).decisions[-1].decided_by == ben.person.id
        assert whole(house)

    def test_one_person_is_enough_to_block_it(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client, "childlike drawing")
        ada.decide(ada.take(), "block", clause="sexual_minors")
        assert states(house) == ["withheld"]


class TestTheCasePage:
    def test_pictures_come_blurred_and_grey_and_clear_only_by_a_request_that_is_recorded(
        self, house: House, ada: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        picture = Book(house).pictures[0]
        path = f"{case_path(page)}/pictures/{picture.id}"
        with Image.open(io.BytesIO(ada.get(f"{path}.png").content)) as blurred:
            assert blurred.mode == "L"
        assert all(row.kind != "revealed" for row in Book(house).ledger)
        clear = ada.post(f"{path}/reveal", page, lease=lease_of(page))
        assert clear.content == (house.settings.data / "pictures" / "quarantine" / picture.sha256).read_bytes()
        (revealed,) = [row for row in Book(house).ledger if row.kind == "revealed"]
        assert json.loads(revealed.facts)["by"] == ada.person.id

    def test_without_the_lease_nothing_is_shown_clearly(
        self, house: House, ada: Moderator, ben: Moderator, client: httpx.Client
    ) -> None:
        hold(client)
        page = ada.take()
        path = f"{case_path(page)}/pictures/{Book(house).pictures[0].id}/reveal"
        assert ben.post(path, lease=lease_of(page)).status_code == 409

    def test_the_prompt_is_inert_and_shows_what_cannot_be_seen(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client, "all doubtful \u202e" + " ".join(HOSTILE) + "\u200b")
        page = ada.take()
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "<a hx-get" not in page.text
        assert "U+202E" in words(page)
        assert "\u202e" not in page.text
        assert "{{ 7 * 7 }}" in words(page)

    def test_notes_are_inert(self, ada: Moderator, ben: Moderator, client: httpx.Client) -> None:
        hold(client)
        page = ada.take()
        note = " ".join(HOSTILE)
        refused = ada.decide(page, "block", note=note, reason="")
        assert "<svg" not in refused.text.partition("<textarea")[2].partition("</textarea>")[0]
        ada.post(f"{case_path(page)}/skip", page, lease=lease_of(page), reason="rather_not", note=note)
        told = ben.take().text
        assert "&lt;script&gt;alert(1)" in told
        assert "<script>alert" not in told

    def test_the_signals_stand_beside_their_thresholds(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        told = words(ada.take())
        assert "gore 0.60, from 0.5 picture/gore/review" in told
        assert "a person must look from 0.5 · block from 0.75" in told

    def test_it_speaks_french(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        path = case_path(ada.take())
        told = words(ada.get(f"{path}?lang=fr"))
        assert "Pourquoi cela attend" in told
        assert "Décider et prendre le suivant" in told

    def test_every_look_at_a_case_is_recorded(self, house: House, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        path = case_path(ada.take())
        ada.get(path)
        assert sum(row.kind == "viewed" for row in Book(house).ledger) == 2
        assert whole(house)


class TestTheQueue:
    def test_the_gravest_come_first_and_filters_narrow_it(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client)
        hold(client, "childlike drawing")
        page = words(ada.get())
        assert page.index("shown to nobody") < page.index("the picture · 1 picture high")
        assert "shown to nobody" not in words(ada.get("/review?category=gore"))
        assert case_path(ada.post("/review/next", category="gore"))

    def test_no_prompt_stands_in_the_queue(self, ada: Moderator, client: httpx.Client) -> None:
        hold(client, "all doubtful zebra")
        assert "zebra" not in ada.get().text

    def test_a_request_that_was_cancelled_or_crashed_makes_no_case(self, house: House, ada: Moderator) -> None:
        assert "Nothing waits" in words(ada.get())
        assert house.desk.cases.counts().open == 0

    def test_the_waiting_is_measured(self, house: House, client: httpx.Client) -> None:
        hold(client)
        until(lambda: 'gateway_review_items{band="high"}' in client.get("/metrics").text)


class TestByApi:
    def test_a_program_decides_in_a_persons_name(self, served: tuple[House, str], client: httpx.Client) -> None:
        house, url = served
        hold(client, count=2)
        program = program_of(house, url)
        lease = program.post("/api/v1/reviews/next", json={}).json()
        case = program.get(f"/api/v1/reviews/{lease['case_id']}").json()
        body = {"lease": lease["lease"], "choices": {item["id"]: "allow" for item in case["items"]},
                "reason": "false_alarm"}  # fmt: skip
        path = f"/api/v1/reviews/{lease['case_id']}/decision"
        first, second = (program.post(path, json=body).json() for _ in range(2))
        assert first["effective_at"]
        assert (second["id"], second["repeated"]) == (first["id"], True)
        later(house)
        until(lambda: states(house) == ["released", "released"])
        other = {**body, "choices": dict.fromkeys(body["choices"], "block"), **BLOCKING}
        assert_error(program.post(path, json=other), 409, "already_decided")

    def test_a_key_without_a_person_and_a_cookie_open_nothing(
        self, served: tuple[House, str], ada: Moderator, client: httpx.Client
    ) -> None:
        assert_error(ada.get("/api/v1/reviews"), 401, "invalid_api_key")
        assert_error(client.get("/api/v1/reviews"), 403, "insufficient_scope")
        with httpx.Client(base_url=served[1], headers=client.headers) as bearer:
            assert bearer.get("/review").status_code == 303

    def test_a_viewer_cannot_decide(self, served: tuple[House, str], client: httpx.Client) -> None:
        hold(client)
        program = program_of(*served, role=Role.VIEWER)
        assert program.get("/api/v1/reviews").json()["counts"]["open"] == 1
        assert_error(program.post("/api/v1/reviews/next", json={}), 403, "separation_of_duties")

    def test_no_role_or_verdict_can_be_smuggled_in(self, served: tuple[House, str], client: httpx.Client) -> None:
        hold(client)
        program = program_of(*served)
        lease = program.post("/api/v1/reviews/next", json={}).json()
        body = {"lease": lease["lease"], "choices": {}, "reason": "false_alarm", "role": "senior"}
        assert_error(
            program.post(f"/api/v1/reviews/{lease['case_id']}/decision", json=body), 400, "invalid_value", "role"
        )


def test_what_was_allowed_before_a_crash_is_released_after_it(tmp_path: Path) -> None:
    with serving(tmp_path, desk_parts(), undo_seconds=3600, gate_seconds=30) as (house, url):
        hold(opened(client_of(house, url)))
        ada = Moderator(house, url)
        ada.sign_in()
        ada.decide(ada.take())
        assert states(house) == ["held"]
    with serving(tmp_path, desk_parts(), gate_seconds=30) as (house, _):
        later(house)
        until(lambda: states(house) == ["released"])
        assert whole(house)


def test_many_moderators_decide_each_case_once(served: tuple[House, str]) -> None:
    """50 on 500 cases: `python -m tests.gateway.many_moderators`."""
    told = many_moderators(*served, moderators=6, cases=18)
    assert len(told) == len(set(told)) == 18
    later(served[0])
    until(lambda: set(states(served[0])) == {"released", "withheld"})
    assert sum(row.decided_by is not None for row in Book(served[0]).decisions) == 18
    assert whole(served[0])
