"""Whoever integrates the service is told what becomes of pictures after the answer: names and verdicts, once each."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from gateway.assembly import House, open_webhooks
from gateway.cli import app
from gateway.settings import Settings
from gateway.store.engine import open_engine
from gateway.store.outbox import Event
from gateway.store.people import Role
from tests.gateway.desk_parts import (
    LONG_AGO,
    Moderator,
    close_all,
    csrf_of,
    desk_parts,
    hold,
    later,
    opened,
    until,
    wipe,
    words,
)
from tests.gateway.receiver import Receiver, receiving
from tests.gateway.test_appeals import appeal, hear
from tests.gateway.walks import Book
from tests.houses import client_of, serving

PROMPT = "all doubtful foxes at dawn"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(
        data, desk_parts(), undo_seconds=3600, gate_seconds=60, requests_per_minute=1000,
        webhook_private_hosts=("127.0.0.1",),
    ) as running:  # fmt: skip
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    forget(running[0])
    wipe(running[0])
    yield running
    close_all()


def forget(house: House) -> None:
    """Nobody is told anything any more."""
    with open_engine(house.settings.database).begin() as connection:
        for table in ("webhook_attempts", "webhook_messages", "webhooks"):
            connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 (names of our own)


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def client(served: tuple[House, str]) -> httpx.Client:
    """Whoever asks for pictures."""
    return opened(client_of(*served))


@pytest.fixture
def receiver(house: House) -> Iterator[Receiver]:
    """Somebody who is told everything."""
    with receiving() as receiver:
        house.webhooks.add(receiver.url, tuple(Event), None, "terminal")
        yield receiver


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    return signed_in(served, "ada")


def signed_in(served: tuple[House, str], name: str) -> Moderator:
    moderator = Moderator(*served, name=name)
    assert moderator.sign_in().status_code == 200
    return moderator


def told(receiver: Receiver, *events: str) -> None:
    """Wait for these and no others."""
    until(lambda: len(receiver.came) >= len(events))
    assert receiver.types == [*events]


def test_what_was_held_and_then_allowed(house: House, client: httpx.Client, receiver: Receiver, ada: Moderator) -> None:
    request_id = hold(client, PROMPT)
    told(receiver, "picture.held")
    ada.decide(ada.take())
    later(house)
    told(receiver, "picture.held", "picture.released")
    held, released = receiver.came
    (picture,) = Book(house).pictures
    assert held.data == {
        "request_id": picture.request_id, "key_id": client.headers["authorization"].split("_")[2], "picture_index": 0,
        "picture_id": None, "state": "held", "decision_id": request_id["decision_id"], "action": "review",
        "decided_by": "policy",
    }  # fmt: skip
    assert released.data == held.data | {
        "picture_id": picture.id, "state": "released", "action": "allow", "decided_by": "person",
        "decision_id": picture.decision_id,
    }  # fmt: skip
    assert client.get(house.links.path(released.data["picture_id"])).status_code == 200


def test_what_was_held_and_then_blocked(client: httpx.Client, receiver: Receiver, ada: Moderator) -> None:
    hold(client, PROMPT)
    ada.decide(ada.take(), "block")
    told(receiver, "picture.held", "picture.withheld")
    assert receiver.came[1].data["action"] == "block"


def test_what_could_not_be_judged_is_held_too(client: httpx.Client, receiver: Receiver) -> None:
    hold(client, "unreadable")
    told(receiver, "picture.held")
    assert receiver.came[0].data["action"] == "none"


def test_what_stands_in_the_answer_is_not_told_again(client: httpx.Client, receiver: Receiver) -> None:
    answer = client.post("/v1/images/generations", json={"prompt": "a fox", "n": 2, "size": "64x64"})
    assert answer.status_code == 200
    client.post("/v1/images/generations", json={"prompt": "unspeakable cat", "size": "64x64"})
    hold(client, PROMPT, 2)
    told(receiver, "picture.held", "picture.held")
    assert sorted(came.data["picture_index"] for came in receiver.came) == [0, 1]


def test_a_report_that_leads_to_a_withdrawal_and_an_appeal_that_undoes_it(
    served: tuple[House, str], client: httpx.Client, receiver: Receiver, ada: Moderator
) -> None:
    house, url = served
    client.post("/v1/images/generations", json={"prompt": "a fox", "size": "64x64"})
    (picture,) = Book(house).pictures
    public = opened(httpx.Client(base_url=url, follow_redirects=True, timeout=60))
    path = f"/pictures/{picture.id}/report"
    public.post(path, data={"csrf": csrf_of(public.get(path)), "reason": "violence"})
    ada.decide(ada.take(), "block", reason="shows_after_all")
    told(receiver, "picture.withdrawn")
    assert receiver.came[0].data["picture_id"] is None
    withdrawn = receiver.came[0].data["decision_id"]
    appeal(public, withdrawn)
    hear(signed_in(served, "ben"), "allow")
    later(house)
    told(receiver, "picture.withdrawn", "picture.released", "appeal.decided")
    decided = receiver.came[2].data
    assert (decided["decision_id"], decided["outcome"], decided["about"]) == (withdrawn, "overturned", "picture")
    assert decided["outcome_decision_id"] == receiver.came[1].data["decision_id"]


def test_an_appeal_against_the_refusal_of_a_prompt_that_is_upheld(
    served: tuple[House, str], client: httpx.Client, receiver: Receiver, ada: Moderator
) -> None:
    answer = client.post("/v1/images/generations", json={"prompt": "unspeakable cat", "size": "64x64"})
    refused = answer.json()["error"]["x_gateway"]["decision_id"]
    appeal(opened(httpx.Client(base_url=served[1], follow_redirects=True, timeout=60)), refused, "It is a toy fox.")
    hear(ada, "block")
    told(receiver, "appeal.decided")
    assert receiver.came[0].data["outcome"] == "upheld"
    assert receiver.came[0].data["about"] == "prompt"


def test_no_message_holds_what_somebody_wrote_or_what_was_drawn(
    house: House, client: httpx.Client, receiver: Receiver, ada: Moderator
) -> None:
    hold(client, PROMPT)
    ada.decide(ada.take(), "block", note="canary7f3a9e")
    told(receiver, "picture.held", "picture.withheld")
    for came in receiver.came:
        assert len(came.body) < 1000
        for kept in ("foxes", "canary7f3a9e", "gore", Book(house).pictures[0].sha256):
            assert kept.encode() not in came.body


def test_a_target_that_fails_for_long_is_told_and_keeps_nobody_from_being_served(
    house: House, client: httpx.Client, receiver: Receiver
) -> None:
    before = client.get("/readyz")
    assert before.json()["warnings"] == []
    receiver.answers = [500]
    hold(client, PROMPT)
    until(lambda: house.webhooks.rows.all()[0].state == "failing")
    with open_engine(house.settings.database).begin() as connection:
        connection.execute(text("UPDATE webhooks SET failing_since = :ago"), {"ago": LONG_AGO})
    until(lambda: house.webhooks.paused == 1)
    ready = client.get("/readyz")
    assert ready.json() == before.json() | {"warnings": ["webhooks_paused"]}
    assert ready.status_code == before.status_code
    assert "gateway_webhooks_paused 1.0" in client.get("/metrics").text
    receiver.answers = [204]
    house.webhooks.rows.resume(house.webhooks.rows.all()[0].row.id, "terminal")
    until(lambda: house.webhooks.paused == 0)


class TestThePage:
    @pytest.fixture
    def admin(self, served: tuple[House, str]) -> Moderator:
        admin = Moderator(*served, name="root", role=Role.ADMIN)
        admin.sign_in()
        return admin

    def test_it_shows_whether_messages_arrive_and_tries_again(
        self, house: House, client: httpx.Client, receiver: Receiver, admin: Moderator
    ) -> None:
        assert "No message" in words(admin.get("/review/webhooks"))
        for path in ("webhooks", "banned", "batches"):
            assert admin.get(f"/review/{path}?offset={'9' * 30}").status_code == 200
        receiver.answers = [410]
        hold(client, PROMPT)
        until(lambda: house.webhooks.rows.all()[0].state == "gone")
        page = admin.get("/review/webhooks")
        assert "wants no more (410)" in words(page)
        assert "a picture waits for a person given up" in words(page)
        assert "Apprend de tout : une image attend une personne" in words(admin.get("/review/webhooks?lang=fr"))
        receiver.answers = [204]
        (delivery,) = house.webhooks.rows.deliveries()
        assert "Il est renvoyé" in words(admin.post(f"/review/webhooks/{delivery.message.id}/resend", page))
        assert "On réessaie" in words(admin.post(f"/review/webhooks/{delivery.message.webhook_id}/resume", page))
        until(lambda: house.webhooks.rows.deliveries()[0].message.state == "delivered")
        assert "No message" not in words(admin.get("/review/webhooks?state=delivered&lang=en"))
        assert "No message" in words(admin.get("/review/webhooks?state=waiting"))
        assert house.decisions.broken_ledger() is None

    def test_it_is_for_administrators_and_their_own_forms(
        self, house: House, receiver: Receiver, ada: Moderator, admin: Moderator
    ) -> None:
        webhook_id = house.webhooks.rows.all()[0].row.id
        assert ada.get("/review/webhooks").status_code == 403
        assert "/review/webhooks" not in ada.get("/review").text
        assert "/review/webhooks" in admin.get("/review").text
        path = f"/review/webhooks/{webhook_id}/resume"
        assert ada.post(path).status_code == 403
        assert admin.client.post(path, data={"csrf": "guess"}).status_code == 403
        assert admin.get(path).status_code == 200, "a reload leads back to the page"
        assert admin.post("/review/webhooks/whk_nothing/resume").status_code == 404

    @pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "\u202e", '"><img src=x onerror=alert(1)>'])
    def test_e55_an_address_is_inert(self, house: House, admin: Moderator, hostile: str) -> None:
        house.webhooks.rows.add(f"https://hooks.example/{hostile}", (Event.HELD,), None, "terminal")
        page = admin.get("/review/webhooks").text
        assert hostile not in page


class TestOnTheCommandLine:
    @pytest.fixture
    def data(self, tmp_path: Path) -> Path:
        return tmp_path / "data"

    def run(self, data: Path, *words: str, code: int = 0) -> str:
        found = CliRunner().invoke(app, ["webhooks", *words, "--data", str(data)])
        assert found.exit_code == code, found.output
        return found.stdout

    def test_a_webhook_is_made_listed_rotated_and_removed(self, data: Path) -> None:
        made = json.loads(self.run(data, "add", "https://hooks.example/", "--event", "picture.held", "--json"))
        assert made["secret"].startswith("whsec_")
        (listed,) = self.run(data, "list", "--json").splitlines()
        told = json.loads(listed)
        assert (told["id"], told["events"], told["state"]) == (made["id"], ["picture.held"], "active")
        assert made["secret"] not in listed
        assert json.loads(self.run(data, "rotate", made["id"], "--json"))["secret"] != made["secret"]
        assert made["id"] in self.run(data, "list")
        self.run(data, "resume", made["id"])
        self.run(data, "remove", made["id"])
        assert self.run(data, "list") == ""
        self.run(data, "remove", made["id"], code=2)

    def test_deliveries_are_told_and_sent_again(self, data: Path) -> None:
        rows = open_webhooks(Settings(data=data)).rows
        webhook_id = json.loads(self.run(data, "add", "https://hooks.example/", "--json"))["id"]
        with open_engine(f"sqlite:///{data / 'gardefou.db'}").begin() as connection:
            connection.execute(MESSAGE, {"webhook": webhook_id, "at": LONG_AGO})
        (told,) = self.run(data, "deliveries", "--json").splitlines()
        assert (json.loads(told)["state"], json.loads(told)["attempts"]) == ("given_up", [])
        assert "msg_x" in self.run(data, "deliveries", "--state", "given_up", "--webhook", webhook_id)
        self.run(data, "resend", "msg_x")
        assert rows.deliveries()[0].message.state == "waiting"
        self.run(data, "resend", "msg_nothing", code=2)

    def test_mistakes_are_told(self, data: Path) -> None:
        self.run(data, "add", "http://hooks.example/", code=1)
        self.run(data, "add", "https://hooks.example/", "--event", "picture.eaten", code=2)
        self.run(data, "add", "https://hooks.example/", "--key", "nobody", code=1)
        assert self.run(data, "list") == ""


MESSAGE = text(
    "INSERT INTO webhook_messages (id, webhook_id, event, subject, body, created_at, state, attempts, next_at, "
    "expires_at, ended_at) VALUES ('msg_x', :webhook, 'picture.held', 'img_x', '{}', :at, 'given_up', 3, :at, :at, :at)"
)
