"""Connections to the database, and the one way to write: a short transaction."""

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry, Pool
from sqlmodel import Session, create_engine

from gateway import metrics
from gateway.errors import DatabaseUnavailable, StorageFull
from gateway.store.turns import NoTurn, Turns

FULL = re.compile("is full|No space left")  # SQLite's and PostgreSQL's words
LEDGER_LOCK = 0x6A72_6466  # any constant: PostgreSQL writers of the ledger take turns on it
SWITCH_PATIENCE_S = 5  # as long as busy_timeout
TURN_PATIENCE_S = 30  # as long as SQLAlchemy waits for a connection

_turns: WeakKeyDictionary[Pool, Turns] = WeakKeyDictionary()
_turns_lock = Lock()


def open_engine(url: str) -> Engine:
    """An engine whose SQLite connections survive power loss (WAL, synchronous=FULL) and whose writers queue."""
    if not url.startswith("sqlite"):
        return create_engine(with_driver(url), pool_pre_ping=True)
    engine = create_engine(url, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def with_driver(url: str) -> str:
    """The URL naming the one driver that is installed: PostgreSQL's own tools write none, and SQLAlchemy guesses."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in ("postgres", "postgresql") else url


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its turn at once; a reader never waits for one."""
    reads = connection.get_execution_options().get("read_only", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _prepare_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    assert isinstance(connection, sqlite3.Connection)
    connection.isolation_level = None  # SQLAlchemy's "begin" event opens transactions, not the driver
    for pragma in ("busy_timeout=5000", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
    _write_ahead(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to WAL, once per file. SQLite does not wait for its turn here; two processes that start at once must."""
    deadline = time.monotonic() + SWITCH_PATIENCE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def transaction(engine: Engine, operation: str) -> Iterator[Session]:
    """One short transaction that commits at its end.

    Raises DatabaseUnavailable or StorageFull; nothing of the transaction is kept then.
    """
    try:
        with _turn(engine), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session
    except (SQLAlchemyError, NoTurn) as error:
        metrics.database_errors.labels(operation, type(error).__name__).inc()
        if isinstance(error, OperationalError) and FULL.search(str(error.orig)):
            raise StorageFull("The disk is full: nothing was lost, nothing was released.") from error
        raise DatabaseUnavailable("The database cannot be used at the moment.", retry_after_s=5) from error


def _turn(engine: Engine) -> AbstractContextManager[None]:
    """This process's writers of a SQLite file queue here, before they hold a connection.

    SQLite lets them poll with growing pauses, and who has waited longest polls least: of fifteen threads that write all
    the time some wait for longer than busy_timeout. Writers of other processes still meet at the file.
    """
    if engine.dialect.name != "sqlite" or engine.get_execution_options().get("read_only", False):
        return nullcontext()
    with _turns_lock:
        return _turns.setdefault(engine.pool, Turns()).taken(TURN_PATIENCE_S)


def reading(engine: Engine) -> AbstractContextManager[Session]:
    """A transaction that only reads: all of it sees one moment, whatever is written meanwhile."""
    snapshot = {"isolation_level": "REPEATABLE READ"} if engine.dialect.name == "postgresql" else {}
    return transaction(engine.execution_options(read_only=True, **snapshot), "read")


def take_turns(session: Session) -> None:
    """Make writers of the ledger queue, so that each row sees its predecessor. SQLite's BEGIN IMMEDIATE has done so."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LEDGER_LOCK})
