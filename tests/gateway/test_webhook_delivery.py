"""A message is delivered until it is taken, to nobody but whom it is for (docs/webhooks.md)."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from sqlalchemy import Engine
from sqlmodel import col, select
from standardwebhooks import WebhookVerificationError

from gateway.assembly import migrate
from gateway.errors import InvalidValue, NotFound, UrlNotAllowed
from gateway.store import outbox
from gateway.store.api_keys import ApiKeys
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.outbox import GIVE_UP_AFTER, Event
from gateway.store.tables import LedgerRow, PictureRow, RequestRow, WebhookAttemptRow, WebhookMessageRow, WebhookRow
from gateway.store.webhooks import (
    FIRST_RETRY_S,
    JITTER,
    SLOWEST_REST_S,
    SLOWEST_RETRY_S,
    Attempt,
    Delivery,
    Due,
    Result,
    WebhookRows,
    rest_s,
    retry_s,
)
from gateway.webhooks import Told, Webhooks
from tests.gateway.desk_parts import until
from tests.gateway.receiver import CUT, ENDLESS, HANG, Receiver, receiving
from tests.gateway.test_cases import held_request
from tests.gateway.test_remote_pictures import Names

ALL = tuple(Event)
HOME = ("127.0.0.1",)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with our tables and nothing in them."""
    path = tmp_path_factory.mktemp("migrated") / "gardefou.db"
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def database(migrated: Path, tmp_path: Path) -> str:
    """The URL of a copy: where it is kept plays no part in most of this."""
    return f"sqlite:///{shutil.copy(migrated, tmp_path / 'gardefou.db')}"


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


class Post:
    """Webhooks over a database, one of which is told everything, and a book whose pictures are held."""

    def __init__(self, engine: Engine, url: str, **options: Any) -> None:
        self.engine = engine
        self.rows = WebhookRows(engine)
        self.webhooks = Webhooks(self.rows, b"secret of the house", HOME, **options)
        self.told: Told = self.webhooks.add(url, ALL, None, "terminal")

    def hold(self) -> str:
        """Something happens. Returns the picture's id."""
        return held_request(Decisions(self.engine, "ins", b"key"))

    def round(self) -> list[Attempt]:
        """Try what is due, one message of each webhook. Returns what came of it."""

        async def run() -> list[Attempt]:
            found = []
            for due in self.rows.claim():
                found.append(await self.webhooks.attempt(due.webhook, due.message))
                self.rows.tried(due, found[-1])
            return found

        return asyncio.run(run())

    def results(self) -> list[Result]:
        """The same, shorter."""
        return [attempt.result for attempt in self.round()]

    def later(self, time: timedelta = timedelta(days=1)) -> None:
        """As if so much time had gone by."""
        with transaction(self.engine, "test") as session:
            for table, columns in (
                (WebhookRow, ("failing_since", "rests_until", "working_until", "rotated_at")),
                (WebhookMessageRow, ("next_at", "expires_at", "ended_at")),
            ):
                for row in session.exec(select(table)):
                    for column in columns:
                        setattr(row, column, _earlier(getattr(row, column), time))
                    session.add(row)

    @property
    def deliveries(self) -> list[Delivery]:
        return self.rows.deliveries()

    @property
    def states(self) -> list[str]:
        """Of the messages, oldest first."""
        return [delivery.message.state for delivery in reversed(self.deliveries)]

    @property
    def state(self) -> str:
        (standing,) = self.rows.all()
        return standing.state


def _earlier(moment: str | None, time: timedelta) -> str | None:
    return moment and (datetime.fromisoformat(moment) - time).isoformat(timespec="microseconds")


@pytest.fixture
def post(engine: Engine, receiver: Receiver) -> Post:
    return Post(engine, receiver.url)


class TestWhatIsWritten:
    def test_a_change_that_is_rolled_back_is_told_to_nobody(self, post: Post) -> None:
        picture_id = post.hold()

        def withdraw() -> None:
            with transaction(post.engine, "test") as session:
                picture = session.get_one(PictureRow, picture_id)
                picture.state = "withdrawn"
                outbox.picture_moved(session, picture, "released")
                session.flush()
                raise RuntimeError("before it was committed")

        with pytest.raises(RuntimeError, match="before it"):
            withdraw()
        assert [delivery.message.event for delivery in post.deliveries] == ["picture.held"]

    def test_what_happens_while_nobody_can_be_reached_is_told_in_its_order(
        self, post: Post, receiver: Receiver
    ) -> None:
        receiver.answers = [500, 204]
        held = [post.hold() for _ in range(3)]
        assert post.results() == [Result.REFUSED]
        post.later()
        while post.results():
            pass
        assert [delivery.message.subject for delivery in reversed(post.deliveries)] == held
        assert post.states == ["delivered"] * 3

    def test_only_what_it_asked_for_and_only_of_its_own_key(self, post: Post, receiver: Receiver) -> None:
        key_id = ApiKeys(post.engine, b"s").create("theirs").split("_")[2]
        post.webhooks.add(receiver.url, (Event.WITHDRAWN,), None, "terminal")
        theirs = post.webhooks.add(receiver.url, ALL, key_id, "terminal").row.id
        post.hold()
        assert post.rows.deliveries(theirs) == []
        with transaction(post.engine, "test") as session:
            for request in session.exec(select(RequestRow)):
                request.caller_id = key_id
                outbox.request_ended(session, request.id)
        assert {d.message.webhook_id for d in post.deliveries} == {post.told.row.id, theirs}
        assert [d.message.event for d in post.rows.deliveries(theirs)] == ["picture.held"]

    def test_no_secret_stands_in_the_database_and_changes_stand_in_the_ledger(self, post: Post) -> None:
        told = post.webhooks.rotate(post.told.row.id, "person:per_x")
        assert told.secret != post.told.secret
        post.rows.remove(told.row.id, "terminal")
        with reading(post.engine) as session:
            ledger = session.exec(select(LedgerRow).where(LedgerRow.kind == "webhook").order_by(col(LedgerRow.seq)))
            facts = [json.loads(row.facts) for row in ledger]
            written = str(session.exec(select(WebhookRow)).all())
        assert [(fact["event"], fact["by"]) for fact in facts] == [
            ("added", "terminal"), ("rotated", "person:per_x"), ("removed", "terminal"),
        ]  # fmt: skip
        assert told.secret.removeprefix("whsec_") not in written
        assert post.told.row.url not in str(facts)
        assert Decisions(post.engine, "ins", b"key").broken_ledger() is None


class TestOneAttempt:
    def test_it_is_signed_by_the_specification(self, post: Post, receiver: Receiver) -> None:
        post.hold()
        (attempt,) = post.round()
        (came,) = receiver.came
        assert (attempt.result, attempt.status, came.path) == (Result.DELIVERED, 204, "/hook?from=gardefou")
        assert came.verified(post.told.secret)["type"] == "picture.held"
        assert came.headers["content-type"] == "application/json"
        with pytest.raises(WebhookVerificationError):
            came.verified("whsec_" + "A" * 44)

    @pytest.mark.parametrize(
        ("answer", "result", "status"),
        [
            (200, Result.DELIVERED, 200), (400, Result.REFUSED, 400), (500, Result.REFUSED, 500),
            (302, Result.REDIRECTED, 302), (308, Result.REDIRECTED, 308), (410, Result.GONE, 410),
            (CUT, Result.UNREACHABLE, None), (HANG, Result.TIMED_OUT, None), (ENDLESS, Result.DELIVERED, 200),
        ],
    )  # fmt: skip
    def test_what_comes_of_each_answer(
        self, engine: Engine, receiver: Receiver, answer: int | str, result: Result, status: int | None
    ) -> None:
        receiver.answers = [answer]
        post = Post(engine, receiver.url, total_s=1)
        post.hold()
        before = _attempts(result)
        (attempt,) = post.round()
        assert (attempt.result, attempt.status, len(receiver.came)) == (result, status, 1)
        assert attempt.seconds < 10
        assert receiver.sent < 64 << 20, "no more than what lies in the buffers in between"
        (delivery,) = post.deliveries
        assert [(tried.result, tried.status) for tried in delivery.attempts] == [(result, status)]
        assert _attempts(result) == before + 1

    def test_nobody_listens(self, engine: Engine) -> None:
        with receiving() as gone:
            post = Post(engine, gone.url)
        post.hold()
        assert post.results() == [Result.UNREACHABLE]
        assert post.states == ["waiting"]


class TestNotInside:
    @pytest.mark.parametrize(
        "url",
        ["http://hooks.example/", "http://localhost/", "ftp://hooks.example/", "https://u:p@hooks.example/", "https://",
         "https://[::1", "javascript:alert(1)", "", "/hook", "https://hooks.example/" + "a" * 2048],
    )  # fmt: skip
    def test_an_address_that_is_never_told(self, engine: Engine, url: str) -> None:
        webhooks = Webhooks(WebhookRows(engine), b"secret")
        with pytest.raises(UrlNotAllowed):
            webhooks.add(url, ALL, None, "terminal")
        assert webhooks.rows.all() == []

    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "2130706433", "[::ffff:127.0.0.1]"]
    )
    def test_c38_an_address_inside_is_not_connected_to(self, engine: Engine, receiver: Receiver, host: str) -> None:
        port = receiver.url.split(":")[2].split("/")[0]
        post = Post(engine, f"https://{host}:{port}/")
        post.webhooks = Webhooks(post.rows, b"secret")
        post.hold()
        assert post.results() == [Result.NOT_ALLOWED]
        assert receiver.came == []

    def test_c38_a_name_that_leads_inside_later_is_not_connected_to(self, engine: Engine) -> None:
        post = Post(engine, "https://hooks.example/", resolve=Names(["93.184.215.14", "10.0.0.1"]))
        post.hold()
        assert post.results() == [Result.NOT_ALLOWED]

    def test_plain_http_is_over_when_the_setting_is(self, engine: Engine, receiver: Receiver) -> None:
        post = Post(engine, receiver.url)
        post.webhooks = Webhooks(post.rows, b"secret")
        post.hold()
        assert post.results() == [Result.NOT_ALLOWED]
        assert receiver.came == []

    def test_only_for_a_key_that_there_is(self, engine: Engine) -> None:
        with pytest.raises(InvalidValue):
            Webhooks(WebhookRows(engine), b"secret").add("https://hooks.example/", ALL, "nobody", "terminal")


class TestTryingAgain:
    def test_the_same_message_until_it_is_taken(self, post: Post, receiver: Receiver) -> None:
        receiver.answers = [500, CUT, 302, 204]
        post.hold()
        for _ in range(4):
            post.round()
            assert post.results() == [], "not before its time"
            post.later(timedelta(hours=1))
        assert len({(came.id, came.body) for came in receiver.came}) == 1
        assert {came.path for came in receiver.came} == {"/hook?from=gardefou"}
        assert post.states == ["delivered"]
        (delivery,) = post.deliveries
        assert [tried.result for tried in delivery.attempts] == ["refused", "unreachable", "redirected", "delivered"]

    @given(st.integers(1, 10_000))
    def test_ever_more_slowly_and_within_bounds(self, attempts: int) -> None:
        for wait, slowest in ((retry_s, SLOWEST_RETRY_S), (rest_s, SLOWEST_REST_S)):
            assert 0 < wait(attempts) <= wait(attempts + 1) <= slowest

    def test_a_message_has_many_chances_in_its_three_days(self) -> None:
        waits = [retry_s(attempts) * (1 + JITTER) for attempts in range(1, 15)]
        assert sum(waits) < GIVE_UP_AFTER.total_seconds()
        assert waits[0] < 10 * FIRST_RETRY_S

    def test_it_is_given_up_after_three_days_and_can_be_sent_again(self, post: Post, receiver: Receiver) -> None:
        receiver.answers = [500]
        post.hold()
        post.round()
        post.later(GIVE_UP_AFTER)
        assert post.results() == []
        post.rows.tidy()
        assert post.states == ["given_up"]
        receiver.answers = [204]
        (delivery,) = post.deliveries
        post.rows.resend(delivery.message.id, "terminal")
        assert post.results() == [Result.DELIVERED]
        assert len({came.id for came in receiver.came}) == 1
        with pytest.raises(NotFound):
            post.rows.resend("msg_nothing", "terminal")

    def test_a_message_that_is_never_taken_keeps_no_other_back(self, post: Post, receiver: Receiver) -> None:
        first, second = post.hold(), post.hold()
        receiver.answers = [500, 204]
        assert post.results() == [Result.REFUSED]
        with transaction(post.engine, "test") as session:
            session.exec(select(WebhookRow)).one().rests_until = None
        assert post.results() == [Result.DELIVERED]
        assert {d.message.subject: d.message.state for d in post.deliveries} == {
            first: "waiting", second: "delivered",
        }  # fmt: skip

    def test_a_dead_address_is_tried_once_in_a_while_whatever_waits_for_it(
        self, post: Post, receiver: Receiver
    ) -> None:
        receiver.answers = [500]
        for _ in range(5):
            post.hold()
        post.round()
        assert [post.results() for _ in range(5)] == [[]] * 5
        assert len(receiver.came) == 1

    def test_an_hour_of_failures_is_told_to_people_until_something_arrives(
        self, post: Post, receiver: Receiver
    ) -> None:
        receiver.answers = [500]
        post.hold()
        post.round()
        assert (post.state, post.rows.counts()) == ("failing", (1, 0))
        post.later(timedelta(hours=1))
        assert (post.state, post.rows.counts()) == ("paused", (1, 1))
        receiver.answers = [204]
        post.round()
        assert (post.state, post.rows.counts()) == ("active", (0, 0))

    def test_whoever_wants_no_more_is_told_no_more_until_it_is_resumed(self, post: Post, receiver: Receiver) -> None:
        receiver.answers = [410]
        post.hold()
        post.hold()
        assert post.results() == [Result.GONE]
        post.hold()
        post.later()
        assert (post.state, post.states, post.results()) == ("gone", ["given_up"] * 2, [])
        receiver.answers = [204]
        post.rows.resume(post.told.row.id, "terminal")
        post.hold()
        assert post.results() == [Result.DELIVERED]
        assert post.state == "active"

    def test_what_was_removed_is_told_nothing(self, post: Post, receiver: Receiver) -> None:
        post.hold()
        post.rows.remove(post.told.row.id, "terminal")
        post.hold()
        assert (post.results(), post.rows.all(), post.states) == ([], [], ["given_up"])
        for act in (post.rows.remove, post.rows.resume):
            with pytest.raises(NotFound):
                act(post.told.row.id, "terminal")
        with pytest.raises(NotFound):
            post.rows.resend(post.deliveries[0].message.id, "terminal")

    def test_the_log_of_what_ended_is_kept_for_thirty_days(self, post: Post) -> None:
        post.hold()
        post.round()
        post.later(timedelta(days=29))
        post.rows.tidy()
        assert post.states == ["delivered"]
        post.later(timedelta(days=2))
        post.rows.tidy()
        with reading(post.engine) as session:
            assert session.exec(select(WebhookAttemptRow)).all() == []
        assert post.states == []


class TestSecrets:
    def test_for_a_day_both_secrets_fit_and_then_the_new_one_alone(self, post: Post, receiver: Receiver) -> None:
        new = post.webhooks.rotate(post.told.row.id, "terminal").secret
        post.hold()
        post.round()
        post.later(timedelta(hours=24))
        post.hold()
        post.round()
        both, one = receiver.came
        for secret in (new, post.told.secret):
            assert both.verified(secret)
        assert one.verified(new)
        with pytest.raises(WebhookVerificationError):
            one.verified(post.told.secret)


class TestSeveralProcesses:
    @pytest.fixture
    def database(self, empty_database: str) -> str:
        """On each kind of server."""
        migrate(empty_database)
        return empty_database

    def test_one_sends_to_an_address_at_a_time(self, post: Post) -> None:
        post.hold()
        post.hold()
        with ThreadPoolExecutor(8) as pool:
            claimed = [due for found in pool.map(lambda _: post.rows.claim(), range(8)) for due in found]
        assert len(claimed) == 1

    def test_what_a_crashed_one_had_begun_is_sent_by_another(self, post: Post, receiver: Receiver) -> None:
        post.hold()
        assert len(post.rows.claim()) == 1
        assert post.results() == []
        post.later(timedelta(minutes=2))
        assert post.results() == [Result.DELIVERED]

    def test_what_was_under_way_at_the_end_is_sent_again_at_once(self, post: Post, receiver: Receiver) -> None:
        receiver.answers = [HANG]
        post.hold()

        async def work_a_moment() -> None:
            working = asyncio.create_task(post.webhooks.work())
            await asyncio.to_thread(until, lambda: bool(receiver.came))
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

        asyncio.run(work_a_moment())
        receiver.answers = [204]
        assert post.results() == [Result.DELIVERED]
        assert len({came.id for came in receiver.came}) == 1


class TestOnEveryDatabase:
    @pytest.fixture
    def database(self, empty_database: str) -> str:
        """On each kind of server."""
        migrate(empty_database)
        return empty_database

    def test_a_life_of_failing_giving_up_sending_again_and_forgetting(self, post: Post, receiver: Receiver) -> None:
        receiver.answers = [500]
        post.hold()
        post.round()
        post.later(GIVE_UP_AFTER)
        post.rows.tidy()
        assert (post.states, post.state, post.rows.counts()) == (["given_up"], "paused", (0, 1))
        receiver.answers = [204]
        post.rows.resend(post.deliveries[0].message.id, "terminal")
        assert post.results() == [Result.DELIVERED]
        post.rows.remove(post.webhooks.rotate(post.told.row.id, "terminal").row.id, "terminal")
        post.later(timedelta(days=31))
        post.rows.tidy()
        assert post.deliveries == []


def test_a_sender_that_works_sends_all_of_it_and_tells_how_it_stands(post: Post, receiver: Receiver) -> None:
    for _ in range(5):
        post.hold()
    post.webhooks.look()
    assert REGISTRY.get_sample_value("gateway_webhook_messages") == 5

    async def work() -> None:
        working = asyncio.create_task(post.webhooks.work())
        await asyncio.to_thread(until, lambda: post.states == ["delivered"] * 5)
        await asyncio.to_thread(until, lambda: REGISTRY.get_sample_value("gateway_webhook_messages") == 0)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)

    asyncio.run(work())
    assert len({came.id for came in receiver.came}) == 5


def _attempts(result: Result) -> float:
    return REGISTRY.get_sample_value("gateway_webhook_attempts_total", {"result": result}) or 0


def test_a_due_message_names_its_webhook(post: Post) -> None:
    post.hold()
    (due,) = post.rows.claim()
    assert isinstance(due, Due)
    assert due.message.webhook_id == due.webhook.id == post.told.row.id
    post.rows.let_go(due)
    assert post.rows.claim_next(due.webhook.id) is not None
    assert datetime.fromisoformat(due.message.created_at) <= datetime.now(UTC)
