"""The ledger as auditors read, verify and export it: whole, bounded, inert, and recorded where it is taken out."""

import csv
import hashlib
import io
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from unittest.mock import patch

import httpx
import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from gateway import metrics
from gateway.assembly import House
from gateway.errors import StorageFull
from gateway.export_words import Form, What
from gateway.exports import pieces
from gateway.ledger_check import LedgerCheck
from gateway.store import ledger, ledger_pages
from gateway.store.decisions import Decisions
from gateway.store.engine import open_engine, reading, transaction
from gateway.store.ledger import KINDS
from gateway.store.ledger_pages import PAGE, LedgerPages, Wanted
from gateway.store.people import Role
from gateway.store.tables import LedgerRow, RequestRow
from gateway.web.ledger_texts import LEDGER_TEXTS
from tests.gateway.desk_parts import (
    Moderator,
    close_all,
    csrf_of,
    desk_parts,
    hold,
    opened,
    until,
    wipe,
    words,
)
from tests.gateway.test_ledger import released_request, run, without_triggers
from tests.gateway.test_review_desk import HOSTILE
from tests.gateway.walks import Book
from tests.houses import client_of, serving

ROLES_THAT_READ = {Role.AUDITOR, Role.ADMIN}
FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


@pytest.fixture
def pages(engine: Engine) -> LedgerPages:
    """A ledger with the way of six requests: more than one page."""
    book = Decisions(engine, "ins", b"key")
    for number in range(6):
        released_request(book, f"a cat {number}")
    return LedgerPages(engine)


def seqs(pages: LedgerPages, wanted: Wanted = Wanted(), **where: int) -> list[int]:
    return [link.row.seq for link in pages.page(wanted, **where).links]


def rows_of(engine: Engine) -> list[LedgerRow]:
    with reading(engine) as session:
        return [*session.exec(select(LedgerRow).order_by(col(LedgerRow.seq)))]


class TestPages:
    def test_every_row_is_on_one_page_and_on_no_other_in_both_directions(self, pages: LedgerPages) -> None:
        page, older = pages.page(Wanted()), []
        while True:
            older += [link.row.seq for link in page.links]
            if page.older is None:
                break
            page = pages.page(Wanted(), before=page.older)
        assert older == [*range(66, 0, -1)]
        back = pages.page(Wanted(), after=0)
        assert [link.row.seq for link in back.links] == [*range(PAGE, 0, -1)]
        assert (back.newer, pages.page(Wanted(), after=PAGE).newer) == (PAGE, None)

    def test_rows_that_come_meanwhile_move_nothing(self, pages: LedgerPages, engine: Engine) -> None:
        first = pages.page(Wanted())
        released_request(Decisions(engine, "ins", b"key"))
        assert first.older is not None
        assert seqs(pages, before=first.older) == [*range(first.older - 1, 0, -1)]

    def test_a_kind_or_a_day_shows_only_that(self, pages: LedgerPages) -> None:
        today = datetime.now(UTC).date()
        assert {link.row.kind for link in pages.page(Wanted(kind="decided")).links} == {"decided"}
        assert len(seqs(pages, Wanted(kind="received"))) == 6
        assert len(seqs(pages, Wanted(since=today - timedelta(1), until=today))) == PAGE
        assert seqs(pages, Wanted(until=today - timedelta(2))) == []
        assert seqs(pages, Wanted(since=date.max - timedelta(1))) == []

    def test_an_id_brings_all_that_belongs_to_it_and_nothing_else(self, pages: LedgerPages, engine: Engine) -> None:
        with reading(engine) as session:
            request_id = session.exec(select(RequestRow.id).order_by(col(RequestRow.created_at)).limit(1)).one()
        assert seqs(pages, Wanted(about=request_id)) == [*range(11, 0, -1)]
        decision = next(row.subject for row in rows_of(engine) if row.kind == "decided")
        assert seqs(pages, Wanted(about=decision)) == [2]
        assert seqs(pages, Wanted(about="req_nothing")) == []

    def test_what_a_person_did_is_found_by_their_id_alone(self, pages: LedgerPages, engine: Engine) -> None:
        with transaction(engine, "test") as session:
            ledger.append(session, "viewed", "cas_x", {"by": "per_a%b"})
            ledger.append(session, "ban_lifted", "ban_x", {"by": "person:per_ann", "digest": "0"})
            ledger.append(session, "viewed", "cas_x", {"by": "per_annabel"})
        assert [link.row.subject for link in pages.page(Wanted(about="per_ann")).links] == ["ban_x"]
        assert seqs(pages, Wanted(about="per_%")) == []

    def test_a_row_says_whether_it_is_whole_and_joined(self, pages: LedgerPages, engine: Engine) -> None:
        assert all(link.intact and link.joined for link in pages.page(Wanted(), after=0).links)
        without_triggers(engine)
        run(engine, 'UPDATE ledger SET facts = \'{"state":"held"}\' WHERE seq = 4', "DELETE FROM ledger WHERE seq = 9")
        links = {link.row.seq: link for link in pages.page(Wanted(), after=0).links}
        assert [seq for seq, link in links.items() if not link.intact] == [4]
        assert [seq for seq, link in links.items() if not link.joined] == [10]


class TestExports:
    def test_the_chain_can_be_verified_from_the_file_alone(self, pages: LedgerPages) -> None:
        lines = "".join(pieces(pages, What.LEDGER, Form.JSONL, Wanted())).splitlines()
        previous = "0" * 64
        for line in lines:
            row = json.loads(line)
            link = json.dumps(
                {name: row[name] for name in ("seq", "at", "kind", "subject", "facts")},
                sort_keys=True, separators=(",", ":"),
            )  # fmt: skip
            assert row["prev_hash"] == previous
            previous = hashlib.sha256((previous + link).encode()).hexdigest()
            assert row["hash"] == previous
        assert len(lines) == 66

    def test_decisions_come_in_order_with_all_they_rest_on_and_no_prompt(self, pages: LedgerPages) -> None:
        text = "".join(pieces(pages, What.DECISIONS, Form.JSONL, Wanted()))
        rows = [json.loads(line) for line in text.splitlines()]
        assert [row["seq"] for row in rows] == sorted(row["seq"] for row in rows)
        assert len(rows) == 12
        assert isinstance(rows[0]["signals"], list)
        assert "evidence" not in rows[0]
        assert "a cat" not in text

    def test_filters_hold_in_an_export(self, pages: LedgerPages) -> None:
        lines = "".join(pieces(pages, What.LEDGER, Form.JSONL, Wanted(kind="received"))).splitlines()
        assert {json.loads(line)["kind"] for line in lines} == {"received"}
        assert "".join(pieces(pages, What.DECISIONS, Form.JSONL, Wanted(until=date(2020, 1, 1)))) == ""

    def test_f56_no_cell_of_a_csv_begins_a_formula(self, pages: LedgerPages, engine: Engine) -> None:
        with transaction(engine, "test") as session:
            for text in FORMULAS:
                ledger.append(session, "moved", text, {"state": text})
        read = [*csv.DictReader(io.StringIO("".join(pieces(pages, What.LEDGER, Form.CSV, Wanted())), newline=""))]
        assert [row["subject"] for row in read[-len(FORMULAS) :]] == [f"'{text}" for text in FORMULAS]
        assert not any(cell[:1] in {*"=+-@\t\r\n"} for row in read for cell in row.values() if cell)

    @pytest.mark.parametrize("what", What)
    @pytest.mark.parametrize("form", Form)
    def test_it_is_the_same_in_chunks_of_any_size(self, what: What, form: Form, pages: LedgerPages) -> None:
        with patch.object(ledger_pages, "CHUNK", 5):
            whole = "".join(pieces(pages, what, form, Wanted()))
        assert whole == "".join(pieces(pages, what, form, Wanted()))

    def test_it_ends_at_what_was_the_newest_row_when_it_began(self, pages: LedgerPages, engine: Engine) -> None:
        book, growing = Decisions(engine, "ins", b"key"), pages.rows(Wanted())
        with patch.object(ledger_pages, "CHUNK", 20):
            for count, _ in enumerate(growing, start=1):
                if count % 20 == 0:
                    released_request(book)
        assert count == 66, "what comes meanwhile belongs to the next export"

    def test_no_transaction_stays_open_between_two_pieces(self, pages: LedgerPages, engine: Engine) -> None:
        with patch.object(ledger_pages, "CHUNK", 5):
            rows = pages.rows(Wanted())
            next(rows)
            assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of the pools that we use


class TestVerification:
    def test_its_result_is_kept_and_names_the_first_bad_row(self, pages: LedgerPages, engine: Engine) -> None:
        check = LedgerCheck(engine, pages)
        assert check.latest() is None
        assert check.start("per_x")
        until(lambda: not check.progress.running)
        latest = check.latest()
        assert latest is not None
        assert (latest.by, latest.through, latest.row) == ("per_x", 66, None)
        assert latest.head == rows_of(engine)[65].hash

        without_triggers(engine)
        run(engine, 'UPDATE ledger SET facts = \'{"state":"held"}\' WHERE seq = 7')
        check.start("per_y")
        until(lambda: not check.progress.running)
        broken = LedgerCheck(engine, pages).latest()
        assert broken is not None
        assert (broken.by, broken.through, broken.row) == ("per_y", 6, "ledger row 7")

    def test_a_broken_chain_is_told_though_the_result_cannot_be_kept(
        self, pages: LedgerPages, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StorageFull("as told")

        metrics.ledger_broken.set(0)
        without_triggers(engine)
        run(engine, 'UPDATE ledger SET facts = \'{"state":"held"}\' WHERE seq = 7')
        monkeypatch.setattr(pages, "note", full)
        check = LedgerCheck(engine, pages)
        check.start("per_x")
        until(lambda: not check.progress.running)
        assert metrics.REGISTRY.get_sample_value("gateway_audit_chain_broken") == 1

    def test_one_runs_at_a_time_tells_its_progress_and_ends_with_the_service(
        self, pages: LedgerPages, engine: Engine
    ) -> None:
        check, reached, go_on = LedgerCheck(engine, pages), threading.Event(), threading.Event()
        seen = check._seen

        def slow(row: LedgerRow) -> None:
            seen(row)
            if row.seq == 10:
                reached.set()
                go_on.wait(20)

        with patch.object(check, "_seen", slow):
            assert check.start("per_x")
            assert reached.wait(20)
            assert not check.start("per_y")
            assert (check.progress.done, check.progress.total) == (10, 66)
            threading.Timer(0.05, go_on.set).start()
            check.close()
        assert not check.progress.running
        assert check.latest() is None, "what was not finished found nothing"
        assert not check.start("per_x")

    def test_a_forged_result_is_no_result(self, pages: LedgerPages, engine: Engine) -> None:
        with transaction(engine, "test") as session:
            ledger.append(session, "verified", "ledger", {"row": None})
        latest = LedgerCheck(engine, pages).latest()
        assert latest is not None
        assert latest.row == "ledger row 67"

    def test_verifying_and_exporting_are_rows_that_verify(self, pages: LedgerPages, engine: Engine) -> None:
        pages.note("exported", {"by": "per_x", "what": "ledger", "form": "csv"})
        with reading(engine) as session:
            assert ledger.verify(session) is None


# the page


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, str]]:
    data = tmp_path_factory.mktemp("data")
    with serving(data, desk_parts(), gate_seconds=30, requests_per_minute=1000) as running:
        yield running


@pytest.fixture
def served(running: tuple[House, str]) -> Iterator[tuple[House, str]]:
    wipe(running[0])
    yield running
    until(lambda: not running[0].records.check.progress.running)
    close_all()


@pytest.fixture
def house(served: tuple[House, str]) -> House:
    return served[0]


@pytest.fixture
def ada(served: tuple[House, str]) -> Moderator:
    auditor = Moderator(*served, name="ada", role=Role.AUDITOR)
    auditor.sign_in()
    return auditor


@pytest.mark.parametrize("role", Role)
def test_only_auditors_and_administrators_read_verify_and_export(served: tuple[House, str], role: Role) -> None:
    person = Moderator(*served, name="ben", role=role)
    home = person.sign_in()
    expected = 200 if role in ROLES_THAT_READ else 403
    assert ('href="/review/ledger"' in home.text) == (expected == 200)
    assert [person.get(f"/review/ledger{path}").status_code for path in ("", "/check")] == [expected] * 2
    for path, form in (("verify", {}), ("export", {"what": "ledger", "form": "csv"})):
        assert person.post(f"/review/ledger/{path}", home, **form).status_code == expected
    kinds = {row.kind for row in Book(served[0]).ledger}
    assert ("exported" in kinds) == (expected == 200)


def test_nobody_reads_it_without_signing_in(served: tuple[House, str]) -> None:
    answer = httpx.get(f"{served[1]}/review/ledger")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/login")


def test_a_row_opens_to_what_is_hashed_and_leads_to_all_about_it(served: tuple[House, str], ada: Moderator) -> None:
    told = hold(opened(client_of(*served)), "all doubtful fox")
    page = ada.get(f"/review/ledger?about={told['decision_id']}")
    (row,) = [row for row in Book(served[0]).ledger if row.subject == told["decision_id"]]
    assert ledger.link_of(row) in words(page)
    assert row.hash in page.text
    assert row.prev_hash in page.text
    assert f'href="/review/ledger?about={told["decision_id"]}"' in page.text


def test_looking_writes_nothing_and_an_export_is_recorded_before_its_first_byte(house: House, ada: Moderator) -> None:
    page = ada.get("/review/ledger")
    before = len(Book(house).ledger)
    ada.get("/review/ledger?kind=person")
    assert len(Book(house).ledger) == before
    answer = ada.post("/review/ledger/export", page, what="ledger", form="jsonl", kind="person")
    assert answer.headers["content-disposition"].startswith('attachment; filename="gardefou-ledger-')
    assert {json.loads(line)["kind"] for line in answer.text.splitlines()} == {"person"}
    last = Book(house).ledger[-1]
    assert last.kind == "exported"
    assert json.loads(last.facts) == {"by": ada.person.id, "what": "ledger", "form": "jsonl", "kind": "person"}
    assert house.decisions.broken_ledger() is None


def test_an_export_that_does_not_exist_or_comes_from_elsewhere_is_refused(house: House, ada: Moderator) -> None:
    page = ada.get("/review/ledger")
    assert ada.post("/review/ledger/export", page, what="people", form="csv").status_code == 400
    assert ada.client.post("/review/ledger/export", data={"csrf": "x", "what": "ledger"}).status_code == 403
    assert ada.client.post("/review/ledger/verify", data={"csrf": "x"}).status_code == 403
    assert "exported" not in {row.kind for row in Book(house).ledger}


def test_verifying_on_the_page_names_the_first_bad_row_and_leads_to_it(house: House, ada: Moderator) -> None:
    ada.post("/review/ledger/verify", ada.get("/review/ledger"))
    until(lambda: "The ledger is whole." in words(ada.get("/review/ledger/check")))
    assert "by ada" in words(ada.get("/review/ledger"))
    engine = open_engine(house.settings.database)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER ledger_no_UPDATE")
        connection.exec_driver_sql("UPDATE ledger SET facts = '{}' WHERE seq = 2")
    ada.post("/review/ledger/verify", ada.get("/review/ledger"))
    until(lambda: "ledger row 2 was edited" in words(ada.get("/review/ledger/check")))
    page = ada.get("/review/ledger?lang=fr")
    assert "Le registre est rompu" in words(page)
    found = re.search(r'href="(/review/ledger\?before=3&amp;row=2)"', page.text)
    assert found
    there = ada.get(found[1].replace("&amp;", "&"))
    assert re.search(r'id="row-2" class="link link-broken">\s*<details open>', there.text)


def test_a_verification_that_runs_is_told_and_not_begun_twice(house: House, ada: Moderator) -> None:
    check, go_on = house.records.check, threading.Event()
    try:
        with patch.object(check, "_seen", lambda _: go_on.wait(30)):
            ada.post("/review/ledger/verify", ada.get("/review/ledger"))
            running = check._thread
            part = ada.get("/review/ledger/check")
            assert "Verifying: 0 of" in words(part)
            assert 'hx-trigger="every 2s"' in part.text
            ada.client.post("/review/ledger/verify", data={"csrf": csrf_of(ada.get("/review"))})
            assert check._thread is running
    finally:
        go_on.set()


def test_f55_a_forged_row_is_inert_on_the_page_and_keeps_to_its_place(house: House, ada: Moderator) -> None:
    told = " ".join(HOSTILE) + "\u202e\u200b"
    with transaction(open_engine(house.settings.database), "test") as session:
        ledger.append(session, "moved", told, {"by": told, "state": told})
        ledger.append(session, told, "img_x", {})
    text = ada.get("/review/ledger").text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "<a hx-get" not in text
    assert "<svg onload" not in text
    assert "\u202e" not in text
    assert "U+202E" in text


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", "before=99999999999999999999999",
              "before=00000000000000000000999999999999999999999999", "after=1e9", "kind=%00", "about=%27%20OR%201",
              "since=2026-13-01&until=yesterday", "before=5&after=5", "row=%3Cscript%3E"],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_fault(ada: Moderator, query: str) -> None:
    answer = ada.get(f"/review/ledger?{query}")
    assert answer.status_code == 200
    assert "<script>" not in answer.text


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_kind_of_row_has_a_name_in_each_language(language: str) -> None:
    assert LEDGER_TEXTS[language].kinds.keys() == KINDS  # type: ignore[index]
