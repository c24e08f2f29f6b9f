"""The pages and the API of cases decided together: without JavaScript, with real files, and with what follows later."""

import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.assembly import House
from gateway.store.listing import Filters
from gateway.store.people import Role
from tests.gateway.desk_parts import (
    Moderator,
    close_all,
    csrf_of,
    desk_parts,
    expire_leases,
    hold,
    later,
    opened,
    program_of,
    until,
    wipe,
    words,
)
from tests.gateway.test_review_desk import HOSTILE
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.wire import assert_error

BLOCK = {"act": "block", "clause": "gore", "reason": "breaks_rule"}
ALLOW = {"act": "allow", "reason": "false_alarm"}
ALONE = 2


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(
        data,
        desk_parts(),
        undo_seconds=3600,
        gate_seconds=60,
        requests_per_minute=1000,
        bulk_alone=ALONE,
        bulk_cases=25,
    ) as running:
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
    return opened(client_of(*served))


def signed_in(served: tuple[House, str], name: str, role: Role = Role.MODERATOR) -> Moderator:
    moderator = Moderator(*served, name=name, role=role)
    assert moderator.sign_in().status_code == 200
    return moderator


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ada")


@pytest.fixture
def ben(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ben")


def waiting(house: House) -> list[str]:
    return [case.id for case in house.desk.cases.waiting(Filters())]


def preview(moderator: Moderator, *cases: str) -> httpx.Response:
    """Tick the cases in the queue and press the button below it."""
    queue = moderator.get()
    for case in cases:
        assert f'name="case-{case}"' in queue.text
    return moderator.post("/review/batches", queue, **{f"case-{case}": "1" for case in cases})


def decide(moderator: Moderator, page: httpx.Response, **form: str) -> httpx.Response:
    return moderator.post(f"{page.url.path}/decision", page, **form)


def press(moderator: Moderator, page: httpx.Response, action: str) -> httpx.Response:
    return moderator.post(f"{page.url.path}/{action}", page)


def look_at_all(moderator: Moderator, page: httpx.Response) -> None:
    for path, lease in re.findall(
        r'action="(/review/cases/[^"]+/reveal)".*?name="lease" value="([^"]+)"', page.text, re.S
    ):
        assert moderator.post(path, page, lease=lease).headers["content-type"].startswith("image/")


def test_the_preview_says_what_would_happen_and_nothing_happens_yet(
    house: House, ada: Moderator, ben: Moderator, client: httpx.Client
) -> None:
    for prompt, count in (("all doubtful fox", 2), ("all doubtful owl", 1), ("childlike drawing", 1)):
        hold(client, prompt, count)
    cases = waiting(house)
    ben.take()  # the gravest is the drawing; ben takes it
    page = preview(ada, *cases)
    told = words(page)
    assert "2 cases pictures: 3 seen clearly by you: 0 of 3" in told
    assert "the picture 2" in told
    assert "Left out · 1 case" in told
    assert "may show a child, never together with others" in told
    assert page.text.count(".png") == 3
    assert set(Book(house).picture_states) == {"held"}
    assert "Nothing is decided yet" in told


def test_what_somebody_works_on_is_left_out_and_says_who(
    house: House, ada: Moderator, ben: Moderator, client: httpx.Client
) -> None:
    hold(client, "all doubtful fox")
    hold(client, "all doubtful owl")
    ben.take()
    page = preview(ada, *waiting(house))
    assert "ben works on it" in words(page)
    done = decide(ada, page, **BLOCK)
    assert "somebody else was working on it" in words(done)
    assert sorted(Book(house).picture_states) == ["held", "withheld"]


def test_a_block_is_told_to_whoever_asked_like_any_other(house: House, ada: Moderator, client: httpx.Client) -> None:
    decisions = [hold(client, f"all doubtful {what}")["decision_id"] for what in ("fox", "owl")]
    page = decide(ada, preview(ada, *waiting(house)), note="all alike", **BLOCK)
    assert "Decided by ada." in words(page)
    assert page.url.path.startswith("/review/batches/bulk_")
    for decision in decisions:
        (picture,) = client.get(f"/api/v1/decisions/{decision}").json()["pictures"]
        assert (picture["state"], picture["decided_by"]) == ("withheld", "person")
    assert 'gateway_review_batches_total{event="decided"}' in client.get("/metrics").text
    assert house.decisions.broken_ledger() is None


def test_what_is_allowed_after_a_look_at_each_is_served_and_a_revert_withdraws_it(
    house: House, ada: Moderator, client: httpx.Client
) -> None:
    hold(client, "all doubtful fox", 2)
    page = preview(ada, *waiting(house))
    refused = decide(ada, page, **ALLOW)
    assert refused.status_code == 400
    assert "No case is left that could be decided so" in words(refused)
    look_at_all(ada, page)
    page = ada.get(page.url.path)
    assert "seen clearly by you: 2 of 2" in words(page)
    page = decide(ada, page, **ALLOW)
    later(house)
    until(lambda: Book(house).picture_states == ["released"] * 2)
    until(lambda: Book(house).ends == [("released", "allowed")])
    link = house.links.path(Book(house).pictures[0].id)
    assert client.get(link).status_code == 200
    page = press(ada, ada.get(page.url.path), "reversal")
    assert "Reverted by ada." in words(page)
    assert "reverted: waits again" in words(page)
    assert client.get(link).status_code == 410
    assert Book(house).picture_states == ["held"] * 2
    assert Book(house).ends == [("held", "held")]
    (case,) = waiting(house)
    again = ada.get(f"/review/cases/{case}")
    assert again.text.count(".png") == 2
    assert "gore 0.60, from 0.5" in words(again)  # why it waits is what the checks said
    assert "ada reverted the batch that it was decided in" in words(again)
    assert f'href="{page.url.path}"' in again.text
    assert client.get(f"/decisions/{Book(house).pictures[0].decision_id}").status_code == 200
    assert house.decisions.broken_ledger() is None


def test_above_the_size_somebody_else_confirms(
    house: House, ada: Moderator, ben: Moderator, client: httpx.Client
) -> None:
    for what in ("fox", "owl", "elk"):
        hold(client, f"all doubtful {what}")
    page = preview(ada, *waiting(house))
    assert "More than 2 cases: a second person has to confirm." in words(page)
    page = decide(ada, page, note="the same joke thrice", **BLOCK)
    assert "ada proposed this. Nothing has been decided" in words(page)
    assert "confirmation" not in page.text
    assert press(ada, page, "confirmation").status_code == 403
    assert set(Book(house).picture_states) == {"held"}
    assert "Batches that wait for a second person: 1" in words(ben.get())
    listed = words(ben.get("/review/batches"))
    assert "waits for a second person" in listed
    theirs = ben.get(page.url.path)
    assert "the same joke thrice" in words(theirs)
    assert theirs.text.count(".png") == 3
    done = press(ben, theirs, "confirmation")
    assert "Proposed by ada, confirmed by ben." in words(done)
    assert set(Book(house).picture_states) == {"withheld"}
    assert house.decisions.broken_ledger() is None


def test_neither_of_the_two_hears_an_appeal_against_it(
    served: tuple[House, str], ada: Moderator, ben: Moderator, client: httpx.Client
) -> None:
    house = served[0]
    for what in ("fox", "owl", "elk"):
        hold(client, f"all doubtful {what}")
    page = decide(ada, preview(ada, *waiting(house)), **BLOCK)
    press(ben, ben.get(page.url.path), "confirmation")
    blocked = str(Book(house).pictures[0].decision_id)
    assert client.post(f"/api/v1/decisions/{blocked}/appeal", json={"text": "a toy"}).status_code in (200, 201)
    (case,) = waiting(house)
    for one in (ada, ben):
        assert one.post(f"/review/cases/{case}/claim").status_code == 403
    reverted = press(ada, ada.get(page.url.path), "reversal")
    assert "left: an appeal waits for a person" in words(reverted)
    assert sorted(Book(house).picture_states) == ["held", "held", "withheld"]
    cleo = signed_in(served, "cleo")
    cleo.decide(cleo.post(f"/review/cases/{case}/claim"), reason="was_mistaken")
    later(house)
    until(lambda: sorted(Book(house).picture_states) == ["held", "held", "released"])
    assert house.decisions.broken_ledger() is None


def test_a_report_decided_since_is_left_as_it_is(house: House, ada: Moderator, client: httpx.Client) -> None:
    hold(client, "all doubtful fox")
    page = preview(ada, *waiting(house))
    look_at_all(ada, page)
    page = decide(ada, page, **ALLOW)
    later(house)
    until(lambda: Book(house).ends == [("released", "allowed")])
    (picture,) = Book(house).pictures
    report = client.get(f"/pictures/{picture.id}/report")
    client.post(f"/pictures/{picture.id}/report", data={"csrf": csrf_of(report), "reason": "violence"})
    ada.decide(ada.take(), "block", reason="shows_after_all")
    assert Book(house).picture_states == ["withdrawn"]
    assert "left: somebody changed it since" in words(press(ada, ada.get(page.url.path), "reversal"))
    assert Book(house).picture_states == ["withdrawn"]
    assert house.decisions.broken_ledger() is None


def test_a_report_that_waits_when_a_batch_is_reverted_waits_on_until_the_picture_is_shown_again(
    house: House, ada: Moderator, client: httpx.Client
) -> None:
    hold(client, "all doubtful fox")
    page = preview(ada, *waiting(house))
    look_at_all(ada, page)
    page = decide(ada, page, **ALLOW)
    later(house)
    until(lambda: Book(house).ends == [("released", "allowed")])
    (picture,) = Book(house).pictures
    form = client.get(f"/pictures/{picture.id}/report")
    client.post(f"/pictures/{picture.id}/report", data={"csrf": csrf_of(form), "reason": "violence"})
    (report,) = waiting(house)
    assert "reverted: waits again" in words(press(ada, ada.get(page.url.path), "reversal"))
    assert Book(house).picture_states == ["held"]
    assert ".png" not in ada.get(f"/review/cases/{report}").text  # nothing of it is shown that could be withdrawn
    (held,) = [case for case in waiting(house) if case != report]
    ada.decide(ada.post(f"/review/cases/{held}/claim"))
    later(house)
    until(lambda: Book(house).ends == [("released", "allowed")])
    ada.decide(ada.post(f"/review/cases/{report}/claim"), "block", reason="shows_after_all")
    assert Book(house).picture_states == ["withdrawn"]
    assert house.decisions.broken_ledger() is None


def test_reverting_from_an_open_tab_twice_is_harmless(house: House, ada: Moderator, client: httpx.Client) -> None:
    hold(client)
    page = decide(ada, preview(ada, *waiting(house)), **BLOCK)
    first, second = (press(ada, page, "reversal") for _ in range(2))
    assert [first.status_code, second.status_code] == [200, 200]
    assert Book(house).picture_states == ["held"]
    assert 'id="reversal"' not in second.text


@pytest.mark.parametrize(
    "form",
    [{}, {"act": "block", "reason": "breaks_rule"}, {**BLOCK, "reason": ""}, {**BLOCK, "reason": "false_alarm"},
     {"act": "ban", "clause": "gore", "reason": "breaks_rule"}, {"act": "escalate", "reason": "breaks_rule"}],
)  # fmt: skip
def test_what_does_not_fit_together_is_asked_again_and_nothing_is_lost(
    house: House, ada: Moderator, client: httpx.Client, form: dict[str, str]
) -> None:
    hold(client)
    answer = decide(ada, preview(ada, *waiting(house)), note="what I wrote", **form)
    assert answer.status_code == 400
    assert "what I wrote" in answer.text
    assert Book(house).picture_states == ["held"]


def test_nothing_or_too_much_selected_is_said(house: House, ada: Moderator, client: httpx.Client) -> None:
    answer = preview(ada)
    assert answer.status_code == 400
    assert "Select from 1 to 25 cases." in words(answer)
    many = ada.post("/review/batches", None, **{f"case-cas_{number}": "1" for number in range(26)})
    assert many.status_code == 400
    assert ada.post("/review/batches", None, **{"case-cas_none": "1"}).status_code == 404


def test_a_form_from_elsewhere_does_nothing(house: House, ada: Moderator, client: httpx.Client) -> None:
    hold(client)
    page = preview(ada, *waiting(house))
    for action in ("decision", "confirmation", "rejection", "reversal", "return"):
        forged = ada.client.post(f"{page.url.path}/{action}", data={"csrf": "forged", **BLOCK})
        assert forged.status_code == 403
    assert Book(house).picture_states == ["held"]


def test_a_sign_of_life_keeps_the_cases(house: House, ada: Moderator, ben: Moderator, client: httpx.Client) -> None:
    hold(client)
    page = preview(ada, *waiting(house))
    assert press(ada, page, "lease").json()["seconds"] > 290
    assert ben.post(f"/review/cases/{waiting(house)[0]}/claim").status_code == 409
    expire_leases(house)
    assert ben.post(f"/review/cases/{waiting(house)[0]}/claim").status_code == 200
    assert "ben works on it" in words(ada.get(page.url.path))


def test_deciding_none_of_it_frees_the_cases(
    house: House, ada: Moderator, ben: Moderator, client: httpx.Client
) -> None:
    hold(client)
    page = preview(ada, *waiting(house))
    assert press(ada, page, "return").url.path == "/review"
    assert ben.post(f"/review/cases/{waiting(house)[0]}/claim").status_code == 200


def test_notes_are_inert(house: House, ada: Moderator, ben: Moderator, client: httpx.Client) -> None:
    hold(client)
    page = decide(ada, preview(ada, *waiting(house)), note=" ".join(HOSTILE), **BLOCK)
    told = ben.get(page.url.path).text
    assert "&lt;script&gt;alert(1)" in told
    assert "<script>alert" not in told
    assert "<img src=x" not in told


def test_it_speaks_french(house: House, ada: Moderator, client: httpx.Client) -> None:
    hold(client)
    page = preview(ada, *waiting(house))
    assert "Rien n’est encore décidé" in words(ada.get(f"{page.url.path}?lang=fr"))
    page = decide(ada, page, **BLOCK)
    assert "Tranché par ada." in words(ada.get(page.url.path))
    assert "1 tranchés sur 1" in words(ada.get("/review/batches"))


def test_who_only_reads_selects_nothing(served: tuple[House, str], client: httpx.Client) -> None:
    hold(client)
    viewer = signed_in(served, "vera", Role.VIEWER)
    assert 'name="case-' not in viewer.get().text
    assert viewer.post("/review/batches", None, **{f"case-{waiting(served[0])[0]}": "1"}).status_code == 403


def test_a_case_is_found_by_the_six_characters_of_its_name(house: House, ada: Moderator, client: httpx.Client) -> None:
    hold(client)
    (case,) = waiting(house)
    assert ada.get(f"/review/find?case={case[4:10]}").url.path == f"/review/cases/{case}"
    for wrong in ("", "%25", "______", case[4:10].swapcase(), "zzzzzzzz"):
        answer = ada.get(f"/review/find?case={wrong}")
        assert (answer.status_code, answer.url.path) == (404, "/review/find")


class TestByApi:
    def test_a_program_previews_decides_and_reverts_in_a_persons_name(
        self, served: tuple[House, str], client: httpx.Client
    ) -> None:
        house, url = served
        for what in ("fox", "owl"):
            hold(client, f"all doubtful {what}")
        program = program_of(house, url)
        opened_ = program.post("/api/v1/reviews/batches", json={"cases": waiting(house)}).json()
        assert (opened_["state"], opened_["pictures"], opened_["by_source"]) == ("draft", 2, {"picture": 2})
        path = f"/api/v1/reviews/batches/{opened_['id']}"
        first, second = (program.post(f"{path}/decision", json=BLOCK).json() for _ in range(2))
        assert first == second
        assert [case["left_out"] for case in first["cases"]] == [None, None]
        assert Book(house).picture_states == ["withheld"] * 2
        (listed,) = program.get("/api/v1/reviews/batches").json()["data"]
        assert (listed["id"], listed["decided"], listed["cases"]) == (opened_["id"], 2, 2)
        back = program.post(f"{path}/reversal").json()
        assert [case["undone"] for case in back["cases"]] == ["reverted", "reverted"]
        assert Book(house).picture_states == ["held"] * 2
        assert_error(program.post(f"{path}/decision", json={"act": "escalate", "reason": "rule_is_silent"}), 409,
                     "already_decided")  # fmt: skip
        assert house.decisions.broken_ledger() is None

    def test_a_second_program_confirms_or_rejects(self, served: tuple[House, str], client: httpx.Client) -> None:
        house, url = served
        for what in ("fox", "owl", "elk"):
            hold(client, f"all doubtful {what}")
        one, other = program_of(house, url, "one"), program_of(house, url, "other")
        cases = waiting(house)

        def proposed() -> str:
            batch = one.post("/api/v1/reviews/batches", json={"cases": cases}).json()["id"]
            assert one.post(f"/api/v1/reviews/batches/{batch}/decision", json=BLOCK).json()["state"] == "proposed"
            return f"/api/v1/reviews/batches/{batch}"

        rejected, confirmed = proposed(), proposed()
        assert_error(one.post(f"{confirmed}/confirmation"), 403, "separation_of_duties")
        assert other.get("/api/v1/reviews/batches").json()["waiting"] == 2
        assert other.post(f"{rejected}/rejection").json()["state"] == "rejected"
        assert other.post(f"{confirmed}/confirmation").json()["state"] == "decided"
        assert_error(other.post(f"{rejected}/confirmation"), 409, "already_decided")
        assert Book(house).picture_states == ["withheld"] * 3

    def test_who_may_not_is_refused(self, served: tuple[House, str], client: httpx.Client) -> None:
        hold(client)
        viewer = program_of(*served, role=Role.VIEWER)
        assert_error(viewer.post("/api/v1/reviews/batches", json={"cases": waiting(served[0])}), 403,
                     "separation_of_duties")  # fmt: skip
        assert_error(client.get("/api/v1/reviews/batches"), 403, "insufficient_scope")
        assert viewer.get("/api/v1/reviews/batches").json() == {"data": [], "waiting": 0}

    def test_nothing_can_be_smuggled_in(self, served: tuple[House, str], client: httpx.Client) -> None:
        hold(client)
        program = program_of(*served)
        batch = program.post("/api/v1/reviews/batches", json={"cases": waiting(served[0])}).json()["id"]
        path = f"/api/v1/reviews/batches/{batch}/decision"
        assert_error(program.post(path, json={**BLOCK, "second_id": "per_x"}), 400, "invalid_value", "second_id")
        assert_error(program.post(path, json={**BLOCK, "act": "ban"}), 400, "invalid_value", "act")
        assert Book(served[0]).picture_states == ["held"]
