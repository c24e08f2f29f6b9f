"""How quickly the review desk answers when a hundred thousand cases wait: real pages over HTTP, one after the other.

The database is filled through the tables themselves, many rows at once, with all that the desk reads: requests,
decisions, pictures, cases, appeals, reports, and a ledger of links that are as long and as many.
"""

import hashlib
import random
import re
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import uvicorn
from sqlalchemy import Connection, Engine, insert, text
from sqlmodel import SQLModel, col, select

from gateway.assembly import House, build_house, desk_queues, migrate
from gateway.server import configuration
from gateway.settings import Settings
from gateway.store import ledger
from gateway.store.decisions import signal_told
from gateway.store.engine import open_engine, reading
from gateway.store.people import Role
from gateway.store.queue import due_at
from gateway.store.tables import AppealRow, CaseRow, DecisionRow, LedgerRow, PictureRow, ReportRow, RequestRow
from policies.queues import Facts, Queues, Source
from policies.signals import Category, Signal

OPEN_BAR_MS, NEXT_BAR_MS = 300, 150
SEED = 20_261
CHUNK = 5_000  # cases inserted at once
WAITED = timedelta(days=2)  # since the oldest case of the queue came
BURST_EVERY, BURST = 20, 10  # one case in so many is followed by so many that look like it
SOURCES = {Source.PICTURE: 80, Source.PROMPT: 8, Source.UNJUDGED: 4, Source.REPORT: 5, Source.APPEAL: 3}
CATEGORIES = {Category.SEXUAL: 45, Category.GORE: 25, Category.HATE: 15, Category.DECEPTION: 14,
              Category.SEXUAL_MINORS: 1}  # fmt: skip
SEVERITIES = {Category.SEXUAL_MINORS: 5, Category.HATE: 4, Category.DECEPTION: 2}
OTHER_SEVERITY = 3
PROMPTS = ("a cat on the moon", "un portrait au pastel", "soldiers in the rain, oil on canvas", "une rue la nuit")
SIGNALS = ledger.canonical([signal_told(Signal("image_concepts", category, 0.125)) for category in Category])
THRESHOLDS = ledger.canonical({category: {"review": 0.5, "block": 0.9} for category in Category})
BLOCKED = {"clause": "gore", "reason": "breaks_rule"}
TABLES: tuple[type[SQLModel], ...] = (
    RequestRow, DecisionRow, PictureRow, AppealRow, CaseRow, ReportRow, LedgerRow,
)  # fmt: skip  # in the order that references ask for

OPEN, QUEUE, FILTERED, HALFWAY, REFRESH = (
    "open the queue", "open one queue", "open with filters", "open half-way down", "refresh the list",
)  # fmt: skip
TAKE, SUBMIT, NEXT = "take the next case", "submit", "submit & next, with its page"
BARS = {OPEN: OPEN_BAR_MS, QUEUE: OPEN_BAR_MS, FILTERED: OPEN_BAR_MS, HALFWAY: OPEN_BAR_MS, REFRESH: OPEN_BAR_MS,
        TAKE: NEXT_BAR_MS, SUBMIT: NEXT_BAR_MS, NEXT: NEXT_BAR_MS}  # fmt: skip

Rows = dict[type[SQLModel], list[dict[str, Any]]]


class DatabaseInUse(ValueError):
    """The database that was named holds something already."""


def measure_desk(cases: int, rounds: int, database: str | None) -> dict[str, Any]:
    """Milliseconds of each step of somebody's work (median and worst of the rounds), with so many cases waiting.

    database: URL of an empty one; None: SQLite in a folder that is thrown away. Raises DatabaseInUse.
    """
    with tempfile.TemporaryDirectory() as data:
        settings = Settings(
            data=Path(data), database_url=database, port=0, undo_seconds=3600, requests_per_minute=100_000
        )
        fill_s = fill(settings, cases)
        with _served(settings) as (house, client):
            sign_in(house, client)
            spent = work(house, client, rounds)
    steps = {step: _summary(taken) for step, taken in spent.items()}
    kind = open_engine(settings.database).dialect.name
    return {"cases": cases, "rounds": rounds, "database": kind, "fill_s": fill_s, "steps": steps,
            "held": all(steps[step]["median"] < bar for step, bar in BARS.items())}  # fmt: skip


def fill(settings: Settings, cases: int) -> float:
    """Put so many cases into an empty database. Returns the seconds it took. Raises DatabaseInUse."""
    started = time.perf_counter()
    migrate(settings.database)
    engine = open_engine(settings.database)
    with reading(engine) as session:
        if session.exec(select(RequestRow.id).limit(1)).first():
            raise DatabaseInUse("The database is not empty: name one that holds nothing.")
    filling = Filling(desk_queues(settings))
    for begin in range(0, cases, CHUNK):
        rows = filling.rows(min(CHUNK, cases - begin))
        with engine.begin() as connection:
            _hurry(connection)
            for table in TABLES:
                if rows[table]:
                    connection.execute(insert(table), rows[table])
    _gather_statistics(engine)
    engine.dispose()
    return time.perf_counter() - started


def _hurry(connection: Connection) -> None:
    """Rows of random names come to lie everywhere in the file: SQLite has to keep more of it in memory than it does."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -200000")  # KiB


def _gather_statistics(engine: Engine) -> None:
    """What PostgreSQL does by itself some minutes after so many rows came."""
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))


@dataclass(frozen=True, slots=True)
class Spent:
    """Milliseconds that somebody waited, and that this process computed meanwhile, as server and as browser."""

    waited: float
    worked: float


class Filling:
    """Makes cases, the same each time but for the hour."""

    def __init__(self, queues: Queues) -> None:
        self._random = random.Random(SEED)  # noqa: S311 (no secret)
        self._queues = queues
        self._seq, self._hash = 0, ledger.GENESIS
        self._alike_left, self._look, self._pdq = 0, "", 0
        self._began = datetime.now(UTC) - WAITED

    def rows(self, cases: int) -> Rows:
        """So many more cases, and all that they rest on."""
        rows: Rows = defaultdict(list)
        for _ in range(cases):
            self._add(rows)
        return rows

    def _add(self, rows: Rows) -> None:
        at = (self._began + WAITED * self._random.random()).isoformat(timespec="microseconds")
        source, category = self._one_of(SOURCES), self._one_of(CATEGORIES)
        request, picture, decision = (self._id(prefix) for prefix in ("req", "img", "dec"))
        state = {Source.REPORT: "released", Source.APPEAL: "withheld"}.get(source, "held")
        restricted = category == Category.SEXUAL_MINORS
        look, pdq = (None, self._bits(256)) if state != "held" or restricted else self._seen()
        rows[RequestRow].append(self._request(request, at, state))
        rows[DecisionRow].append(_decision(self._id("dec"), request, at, "prompt", None, "allow", []))
        action = {Source.REPORT: "allow", Source.APPEAL: "block", Source.UNJUDGED: "none"}.get(source, "review")
        sha256 = hashlib.sha256(picture.encode()).hexdigest()
        rows[DecisionRow].append(_decision(decision, request, at, "picture", sha256, action, [category]))
        rows[PictureRow].append({
            "id": picture, "request_id": request, "index": 0, "sha256": sha256, "format": "png", "seed": 7,
            "state": state, "decision_id": decision, "mark": None, "pdq": f"{pdq:064x}",
        })  # fmt: skip
        about = self._contested(rows, source, request, decision, picture, at)
        rows[CaseRow].append(self._case(request, source, category, restricted, at, look) | about)
        for kind, subject in (("received", request), ("decided", decision), ("picture", picture)):
            rows[LedgerRow].append(self._link(kind, subject, at))
        if source == Source.REPORT:
            rows[ReportRow].append(_report(self._id("rpt"), picture, rows[CaseRow][-1]["id"], at))

    def _contested(self, rows: Rows, source: str, request: str, decision: str, picture: str, at: str) -> dict[str, Any]:
        """What the case of an appeal or a report says besides; the appeal itself."""
        if source == Source.REPORT:
            return {"picture_id": picture, "reports": 1}
        if source != Source.APPEAL:
            return {}
        appeal = self._id("apl")
        rows[AppealRow].append({
            "id": appeal, "decision_id": decision, "request_id": request, "picture_id": picture, "language": "en",
            "text": "It is harmless.", "text_salt": "s", "text_digest": "d", "created_at": at, "state": "open",
            "review_id": None, "outcome_id": None, "ended_at": None,
        })  # fmt: skip
        return {"picture_id": picture, "appeal_id": appeal}

    def _case(
        self, request: str, source: Source, category: Category, restricted: bool, at: str, look: str | None
    ) -> dict[str, Any]:
        severity = SEVERITIES.get(category, OTHER_SEVERITY)
        facts = Facts(source, category, severity, "moderator", "en", restricted)
        return {
            "id": self._id("cas"), "request_id": request, "appeal_id": None, "picture_id": None, "reports": 0,
            "state": "open", "level": facts.level, "source": source, "category": category, "severity": severity,
            "queue": self._queues.route(facts), "language": facts.language, "look": look, "restricted": restricted,
            "pictures": 1, "opened_at": at, "due_at": due_at(severity, at),
        }  # fmt: skip

    def _request(self, request: str, at: str, state: str) -> dict[str, Any]:
        prompt = self._random.choice(PROMPTS)
        return {
            "id": request, "caller_kind": "key", "caller_id": "bench", "surface": "openai", "instance": "bench",
            "model": "dalle-nano", "asked": 1, "size": "256x256", "seed": 7, "user_digest": None, "prompt": prompt,
            "prompt_salt": "s", "prompt_digest": ledger.prompt_digest("s", prompt), "state": state, "outcome": "held",
            "error_code": None, "policy": "default@5", "policy_sha256": "0", "created_at": at, "finished_at": at,
        }  # fmt: skip

    def _link(self, kind: str, subject: str, at: str) -> dict[str, Any]:
        """The next link of the ledger."""
        link = {"seq": self._seq + 1, "at": at, "kind": kind, "subject": subject, "facts": "{}"}
        before = self._hash
        self._seq, self._hash = self._seq + 1, hashlib.sha256((before + ledger.canonical(link)).encode()).hexdigest()
        return {**link, "prev_hash": before, "hash": self._hash}

    def _seen(self) -> tuple[str, int]:
        """The look of a case and what its picture looks like: its own, or in a burst nearly that of the one before."""
        if self._alike_left:
            self._alike_left -= 1
            return self._look, self._pdq ^ (1 << self._random.randrange(256))
        self._look, self._pdq = self._id("look"), self._bits(256)
        self._alike_left = BURST if self._random.randrange(BURST_EVERY) == 0 else 0
        return self._look, self._pdq

    def _one_of(self, shares: dict[Any, int]) -> Any:
        return self._random.choices(list(shares), list(shares.values()))[0]

    def _bits(self, count: int) -> int:
        return self._random.getrandbits(count)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._bits(88):022x}"


def _decision(
    key: str, request: str, at: str, stage: str, sha256: str | None, action: str, categories: list[str]
) -> dict[str, Any]:
    reasons = [{"action": action, "category": category, "source": "image_concepts", "score": 0.6, "threshold": 0.5,
                "rule": f"picture/{category}", "visible_label": False, "hash_only": False}
               for category in categories]  # fmt: skip
    return {
        "id": key, "request_id": request, "stage": stage, "picture_index": 0 if sha256 else None,
        "picture_sha256": sha256, "action": action, "categories": ledger.canonical(categories),
        "reasons": ledger.canonical(reasons), "signals": SIGNALS, "thresholds": THRESHOLDS, "models": "{}",
        "policy": "default@5", "policy_sha256": "0", "failure": None, "seconds": 0.1, "created_at": at,
        "evidence": "[]", "confirms": None, "decided_by": None,
    }  # fmt: skip


def _report(key: str, picture: str, case: str, at: str) -> dict[str, Any]:
    return {
        "id": key, "picture_id": picture, "case_id": case, "reason": "violence", "note": "", "note_salt": "s",
        "note_digest": "d", "reporter": key, "created_at": at,
    }  # fmt: skip


@contextmanager
def _served(settings: Settings) -> Iterator[tuple[House, httpx.Client]]:
    """The whole service in a thread, and a browser without JavaScript."""
    house = build_house(settings)
    server = uvicorn.Server(configuration(house))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            yield house, client
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def sign_in(house: House, client: httpx.Client) -> None:
    """As a moderator who works in the open queues."""
    secrets = house.login.create("bench", Role.MODERATOR)
    page = client.get("/review/login")
    code = pyotp.TOTP(secrets.totp_secret).now()
    told = {"csrf": _field(page, "csrf"), "name": "bench", "password": secrets.password, "code": code}
    client.post("/review/login", data=told)


def _summary(taken: list[Spent]) -> dict[str, float]:
    waited = [spent.waited for spent in taken]
    worked = statistics.median(spent.worked for spent in taken)
    return {"median": statistics.median(waited), "worst": max(waited), "processor": worked}


def work(house: House, client: httpx.Client, rounds: int) -> dict[str, list[Spent]]:
    """What each step took, each so often; the first round warms up and does not count."""
    spent: dict[str, list[Spent]] = {step: [] for step in BARS}
    middle = _middle(house)
    for round_ in range(rounds + 1):
        _look(client, spent, middle)
        _decide(client, spent)
        if round_ == 0:
            spent = {step: [] for step in BARS}
    return spent


def _look(client: httpx.Client, spent: dict[str, list[Spent]], middle: str) -> None:
    for step, address in (
        (OPEN, "/review"),
        (QUEUE, "/review?queue=held"),
        (FILTERED, "/review?queue=held&band=high&category=gore&source=picture"),
        (HALFWAY, f"/review?after={middle}"),
        (REFRESH, "/review/queue"),
    ):
        with _timed(spent, step):
            _require_ok(client.get(address))


def _decide(client: httpx.Client, spent: dict[str, list[Spent]]) -> None:
    """Take the next case of a queue, block it, and take the one after."""
    csrf = _field(client.get("/review"), "csrf")
    with _timed(spent, TAKE):
        page = _followed(client, client.post("/review/next", data={"csrf": csrf, "queue": "held"}))
    picture = re.findall(r'form="decide" name="([^"]+)" value="block"', page.text)
    form = {"csrf": csrf, "lease": _field(page, "lease"), "queue": "held", **dict.fromkeys(picture, "block"), **BLOCKED}
    with _timed(spent, NEXT):
        with _timed(spent, SUBMIT):
            answer = client.post(f"{page.url.path}/decision", data=form)
        page = _followed(client, answer)
    client.post(f"{page.url.path}/return", data={"csrf": csrf, "lease": _field(page, "lease")})


def _followed(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    if answer.status_code != httpx.codes.SEE_OTHER:
        raise RuntimeError(f"{answer.request.url} answered {answer.status_code}")
    return _require_ok(client.get(answer.headers["location"]))


def _require_ok(page: httpx.Response) -> httpx.Response:
    if page.status_code != httpx.codes.OK:
        raise RuntimeError(f"{page.request.url} answered {page.status_code}")
    return page


def _middle(house: House) -> str:
    """A case half-way down the queue."""
    engine = open_engine(house.settings.database)
    with reading(engine) as session:
        half = house.desk.cases.counts().open // 2
        in_turn = select(CaseRow.id).order_by(col(CaseRow.due_at), col(CaseRow.id))
        found = session.exec(in_turn.offset(half).limit(1)).one()
    engine.dispose()
    return found


def _field(page: httpx.Response, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    if found is None:
        raise RuntimeError(f"{page.request.url} has no field {name}")
    return found[1]


@contextmanager
def _timed(spent: dict[str, list[Spent]], step: str) -> Iterator[None]:
    began, worked = time.perf_counter(), time.process_time()
    yield
    spent[step].append(Spent((time.perf_counter() - began) * 1000, (time.process_time() - worked) * 1000))


def desk_table(measured: dict[str, Any]) -> str:
    """The figures as a table for a terminal."""
    lines = [f"{'milliseconds':32}{'processor':>10}{'median':>10}{'worst':>10}{'bar':>10}"]
    for step, row in measured["steps"].items():
        lines.append(f"{step:32}{row['processor']:10.0f}{row['median']:10.0f}{row['worst']:10.0f}{BARS[step]:10}")
    lines.append(
        f"{measured['cases']} cases in {measured['database']}, filled in {measured['fill_s']:.0f} s; each step "
        f"{measured['rounds']} times, one after the other"
    )
    return "\n".join(lines)
