"""Banned pictures: a moderator's ban holds whatever looks like it, and lifting the ban frees what only it held."""

import base64
import io
from collections.abc import Iterator

import httpx
import pytest

from gateway.assembly import House
from gateway.store.bans import Ban
from gateway.store.people import Role
from policies.signals import Category
from safety.fingerprint import fingerprint
from tests.gateway.banned_parts import Easel, ask
from tests.gateway.desk_parts import Moderator, close_all, opened, program_of, until, wipe, words
from tests.gateway.walks import Book
from tests.houses import client_of, serving
from tests.look_alikes import CHANGES, detailed, pixels_of, recompressed


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, Easel().parts, undo_seconds=3600, gate_seconds=60, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    """A service that nobody has used."""
    wipe(running[0])
    running[0].bans.refresh()
    yield running
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def client(served: tuple[House, str]) -> httpx.Client:
    return opened(client_of(*served))


@pytest.fixture
def ada(served: tuple[House, str]) -> httpx.Client:
    """A moderator's program."""
    return program_of(*served, name="ada")


@pytest.fixture
def sue(served: tuple[House, str]) -> httpx.Client:
    """A senior's."""
    return program_of(*served, name="sue", role=Role.SENIOR)


def decide(program: httpx.Client, choice: str, **more: object) -> httpx.Response:
    """Take the next case and say the same of each of its pictures."""
    lease = program.post("/api/v1/reviews/next", json={}).json()
    case = program.get(f"/api/v1/reviews/{lease['case_id']}").json()
    assert "items" in case, case
    choices = {item["id"]: choice for item in case["items"] if item["state"] == "held"}
    fitting = {"reason": "false_alarm"} if choice == "allow" else {"reason": "breaks_rule", "clause": "gore"}
    body = {"lease": lease["lease"], "choices": choices, **fitting, **more}
    return program.post(f"/api/v1/reviews/{case['id']}/decision", json=body)


def banned(client: httpx.Client, ada: httpx.Client, prompt: str = "doubtful original", **more: object) -> str:
    """Have a picture held, and ban it. Returns the ban's id."""
    answer = ask(client, prompt)
    assert answer.json()["error"]["x_gateway"]["outcome"] == "held", answer.text
    answer = decide(ada, "ban", **more)
    assert answer.status_code == 200, answer.text
    (ban,) = answer.json()["banned"]
    return str(ban)


def states(house: House) -> list[str]:
    return Book(house).picture_states


def test_a_banned_picture_is_held_however_it_comes_back_and_freed_when_the_ban_is_lifted(
    house: House, client: httpx.Client, ada: httpx.Client, sue: httpx.Client
) -> None:
    ban = banned(client, ada)
    for word in ("original", *CHANGES):
        answer = ask(client, f"calm {word}", size="128x128" if word == "halved" else "256x256")
        assert answer.status_code == 400, word
        assert answer.json()["error"]["x_gateway"]["outcome"] == "held", word
    assert ask(client, "calm other").status_code == 200
    held = [request.id for request in Book(house).requests if request.state == "held"]
    assert len(held) == 5
    lifted = sue.post(f"/api/v1/banned-pictures/{ban}/lift", json={"why": "it was a costume"})
    assert lifted.status_code == 200, lifted.text
    assert len(lifted.json()["freed"]) == 5
    until(lambda: [row.state for row in Book(house).requests if row.id in held] == ["released"] * 5)
    assert ask(client, "calm mirrored").status_code == 200
    assert house.decisions.broken_ledger() is None


def test_nothing_is_banned_without_a_broken_rule_nor_for_ever_nor_what_could_not_be_known_again(
    house: House, client: httpx.Client, ada: httpx.Client
) -> None:
    ask(client, "doubtful flat")
    answer = decide(ada, "ban")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "too_little_detail")
    assert states(house) == ["held"]
    assert decide(ada, "ban", clause=None).json()["error"]["code"] == "missing_required_parameter"
    assert decide(ada, "ban", ban_days=4000).status_code == 400
    assert house.desk.banned.counts()["stands"] == 0


def test_a_ban_says_who_made_it_why_and_until_when(
    house: House, client: httpx.Client, ada: httpx.Client, sue: httpx.Client
) -> None:
    ban = banned(client, ada, note="the same scene again and again", ban_days=30)
    told = sue.get(f"/api/v1/banned-pictures/{ban}").json()
    assert (told["category"], told["reason"]) == ("gore", "the same scene again and again")
    assert (told["source"], told["added_by"]) == ("desk", f"person:{house.login.people.named('ada').id}")
    assert told["ends_at"][:10] > told["created_at"][:10]
    assert house.desk.banned.made_from(told["picture_id"]) == [ban]
    assert states(house) == ["withheld"]


def test_only_a_senior_or_an_administrator_reads_and_lifts_bans(
    served: tuple[House, str], client: httpx.Client, ada: httpx.Client
) -> None:
    ban = banned(client, ada)
    assert ada.get("/api/v1/banned-pictures").status_code == 403
    assert ada.post(f"/api/v1/banned-pictures/{ban}/lift", json={"why": "no"}).status_code == 403
    auditor = program_of(*served, name="eve", role=Role.AUDITOR)
    assert auditor.get("/api/v1/banned-pictures").json()["counts"]["stands"] == 1
    assert auditor.post(f"/api/v1/banned-pictures/{ban}/lift", json={"why": "no"}).status_code == 403
    admin = program_of(*served, name="root", role=Role.ADMIN)
    assert admin.post(f"/api/v1/banned-pictures/{ban}/lift", json={}).status_code == 400
    assert admin.post(f"/api/v1/banned-pictures/{ban}/lift", json={"why": "wrong"}).status_code == 200
    assert admin.post(f"/api/v1/banned-pictures/{ban}/lift", json={"why": "wrong"}).status_code == 409


def test_what_another_process_bans_is_held_within_a_second(
    house: House, client: httpx.Client, ada: httpx.Client
) -> None:
    hashed = fingerprint(pixels_of(detailed())).hash
    assert ask(client, "calm original").status_code == 200
    house.desk.banned.add([Ban(hashed, Category.HATE, "elsewhere", "terminal", "terminal")])
    until(lambda: ask(client, "calm original").status_code == 400)


def test_cases_that_look_alike_are_decided_together_each_with_its_own_decision(
    house: House, client: httpx.Client, ada: httpx.Client
) -> None:
    for prompt in ("doubtful original", "doubtful recompressed", "doubtful other"):
        ask(client, prompt)
    cases = ada.get("/api/v1/reviews").json()["data"]
    first, third = (case["id"] for case in cases)
    assert [case["look_the_same"] for case in cases] == [1, 0]
    (second,) = ada.get(f"/api/v1/reviews/{first}").json()["alike"]
    answer = decide(ada, "block", alike=[second, third])
    assert answer.json()["alike"] == 1
    by_case = {case["id"]: case for case in ada.get("/api/v1/reviews").json()["data"]}
    assert {*by_case} == {third}
    book = Book(house)
    decided = [row for row in book.decisions if row.decided_by]
    assert len({row.picture_sha256 for row in decided}) == len(decided) == 2
    assert [row.kind for row in book.ledger].count("reviewed") == 2
    assert house.decisions.broken_ledger() is None


def test_what_was_allowed_together_is_taken_back_together(
    house: House, client: httpx.Client, ada: httpx.Client
) -> None:
    for prompt in ("doubtful original", "doubtful recompressed"):
        ask(client, prompt)
    (first,) = (case["id"] for case in ada.get("/api/v1/reviews").json()["data"])
    (second,) = ada.get(f"/api/v1/reviews/{first}").json()["alike"]
    assert decide(ada, "allow", alike=[second]).json()["alike"] == 1
    assert ada.get("/api/v1/reviews").json()["data"] == []
    assert ada.post(f"/api/v1/reviews/{first}/undo").status_code == 200
    (case,) = ada.get("/api/v1/reviews").json()["data"]
    assert (case["id"], case["look_the_same"]) == (first, 1)
    assert states(house) == ["held", "held"]


def test_a_moderator_bans_with_a_page_and_a_senior_lifts_it_with_another(
    served: tuple[House, str], client: httpx.Client
) -> None:
    ask(client, "doubtful original")
    ada, sue = Moderator(*served, name="ada"), Moderator(*served, name="sue", role=Role.SENIOR)
    ada.sign_in()
    sue.sign_in()
    page = ada.take()
    assert "Ban look-alikes" in words(page)
    assert "Blocked." in words(ada.decide(page, "ban", clause="gore", reason="breaks_rule", note="<b>seen</b> before"))
    assert ada.get("/review/banned").status_code == 403
    assert "/review/banned" not in ada.get().text
    assert ask(client, "calm mirrored").status_code == 400
    listed = sue.get("/review/banned")
    assert "<b>seen</b> before" in words(listed)
    assert "&lt;b&gt;seen" in listed.text
    assert "Pictures kept back 1" in words(listed)
    (ban,) = (one.row.id for one in served[0].desk.banned.listed())
    lifted = sue.post(f"/review/banned/{ban}/lift", listed, why="it was a costume")
    assert "Pictures looked at again: 1." in words(lifted)
    assert "it was a costume" in words(lifted)
    assert sue.post(f"/review/banned/{ban}/lift", listed, why="again").status_code == 409
    until(lambda: "released" in states(served[0]))


def test_a_ban_without_a_note_tells_its_reason_in_the_readers_language(
    served: tuple[House, str], client: httpx.Client
) -> None:
    ask(client, "doubtful original")
    sue = Moderator(*served, name="sue", role=Role.SENIOR)
    sue.sign_in()
    sue.decide(sue.take(), "ban", clause="gore", reason="breaks_rule")
    assert "A person looked at this picture: it shows what" in words(sue.get("/review/banned"))
    assert "Une personne a regardé cette image" in words(sue.get("/review/banned?lang=fr"))
    assert "breaks_rule" not in sue.get("/review/banned").text


def test_a_banned_picture_that_somebody_asks_about_is_flagged(client: httpx.Client, ada: httpx.Client) -> None:
    banned(client, ada)
    encoded = io.BytesIO()
    recompressed(detailed()).save(encoded, "PNG")
    url = f"data:image/png;base64,{base64.b64encode(encoded.getvalue()).decode()}"
    asked = {"input": [{"type": "image_url", "image_url": {"url": url}}]}
    (result,) = client.post("/v1/moderations", json=asked).json()["results"]
    assert result["flagged"]
