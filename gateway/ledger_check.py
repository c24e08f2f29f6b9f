"""The verification of the whole ledger in the background: one at a time, with its progress, and its result kept."""

import logging
import threading
from dataclasses import dataclass

from sqlalchemy import Engine

from gateway import metrics
from gateway.store import ledger
from gateway.store.engine import reading
from gateway.store.ledger_pages import LedgerPages
from gateway.store.tables import LedgerRow

RECORDED = {"by", "through", "head", "row", "why"}

_log = logging.getLogger("gardefou")


@dataclass(frozen=True, slots=True)
class Checked:
    """What a verification found. through, head: the last row of the chain that was found whole, and its hash.

    row, why: the first row that is not what was written; None when all is. by: a person's id. at: UTC ISO 8601.
    """

    at: str
    by: str
    through: int
    head: str
    row: str | None
    why: str | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the running verification has come: rows of the chain. failed: the last one could not be finished."""

    running: bool
    done: int
    total: int
    failed: bool


class _Stopped(Exception):
    """The service ends: nothing was found out."""


class LedgerCheck:
    """Every method may block for a moment; the verification itself has a thread of its own."""

    def __init__(self, engine: Engine, pages: LedgerPages) -> None:
        self._engine = engine
        self._pages = pages
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._head: tuple[int, str] = (0, ledger.GENESIS)
        self._total = 0
        self._failed = False

    def start(self, person_id: str) -> bool:
        """Verify everything that is there now. Returns False when that is being done already."""
        with self._starting:
            if self.progress.running or self._stopping.is_set():
                return False
            self._head, self._total, self._failed = (0, ledger.GENESIS), self._pages.last(), False
            self._thread = threading.Thread(target=self._run, args=(person_id,), name="ledger check", daemon=True)
            self._thread.start()
            return True

    @property
    def progress(self) -> Progress:
        """Where it stands."""
        running = self._thread is not None and self._thread.is_alive()
        return Progress(running, self._head[0], self._total, self._failed)

    def latest(self) -> Checked | None:
        """The newest result on record."""
        row = self._pages.latest_check()
        if row is None:
            return None
        facts = ledger.read_facts(row.facts)
        if facts is None or not facts.keys() >= RECORDED:
            return Checked(row.at, "", row.seq - 1, row.prev_hash, f"ledger row {row.seq}", "is not of our making")
        return Checked(at=row.at, **{name: facts[name] for name in RECORDED})

    def close(self) -> None:
        """Stop what runs, and begin nothing more."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _run(self, person_id: str) -> None:
        try:
            with reading(self._engine) as session:
                broken = ledger.verify(session, self._seen)
            self._keep(person_id, broken)
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 (told on the page; the next one may succeed)
            self._failed = True
            _log.error("the ledger could not be verified: %s", type(error).__name__)

    def _seen(self, row: LedgerRow) -> None:
        if self._stopping.is_set():
            raise _Stopped
        self._head = (row.seq, row.hash)

    def _keep(self, person_id: str, broken: ledger.Broken | None) -> None:
        through, head = self._head
        metrics.ledger_broken.set(broken is not None)
        if broken:  # told before it is kept: the database that is broken may not take it
            _log.error("the ledger is broken: %s %s", broken.row, broken.why)
        found = {"row": broken and broken.row, "why": broken and broken.why}
        self._pages.note("verified", {"by": person_id, "through": through, "head": head, **found})
        metrics.ledger_verified.set_to_current_time()
