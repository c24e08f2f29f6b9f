"""The databases that the store keeps its promises on: SQLite, and a real PostgreSQL where it is installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import create_engine

from gateway.store.engine import with_driver
from gateway.store.ids import random_text
from tests.houses import free_port

SERVER_USER = "postgres"  # PostgreSQL refuses to run as root


def _programs() -> Path | None:
    """Where initdb and pg_ctl lie: on the path, or where Debian keeps them."""
    found = shutil.which("pg_ctl")
    candidates = [Path(found).resolve().parent] if found else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in candidates if (folder / "initdb").is_file()), None)


def _as_server_user(*command: str) -> None:
    prefix = ["runuser", "-u", SERVER_USER, "--"] if os.geteuid() == 0 else []
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    subprocess.run([*prefix, *command], check=True, capture_output=True, timeout=60, env=environment, cwd="/")


@contextmanager
def postgres_server() -> Iterator[str]:
    """A server of our own on a free loopback port, thrown away at the end. Yields the URL of its first database."""
    programs = _programs()
    if programs is None:
        if os.environ.get("GARDEFOU_REQUIRE_POSTGRES") == "1":
            pytest.fail("PostgreSQL is not installed, and GARDEFOU_REQUIRE_POSTGRES=1 asks for it")
        pytest.skip("PostgreSQL is not installed")
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="gardefou-postgres-"))
    if os.geteuid() == 0:
        shutil.chown(folder, SERVER_USER)
    data = str(folder / "data")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    try:
        _as_server_user(str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "gardefou", "-E", "UTF8")
        _as_server_user(str(programs / "pg_ctl"), "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield f"postgresql://gardefou@127.0.0.1:{port}/postgres"
        finally:
            _as_server_user(str(programs / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(server: str) -> str:
    """The URL of an empty schema on the server: quicker to make than a whole database, and as good as one."""
    name = f"s{random_text(12).lower()}"
    engine = create_engine(with_driver(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE SCHEMA {name}"))
    engine.dispose()
    return f"{server}?options=-csearch_path%3D{name}"
