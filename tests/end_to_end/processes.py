"""Servers in processes of their own, asked and looked at from outside."""

import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from typer.testing import CliRunner

from gateway.cli import app
from tests.houses import free_port

START_SECONDS = 90  # torch takes its time on a busy machine


@contextmanager
def service_of(
    module: str, data: Path, *more: str, log: int | None = None
) -> Iterator[tuple["subprocess.Popen[bytes]", httpx.Client]]:
    """A module's server process and a client with a key. The process is killed at the end if it still runs.

    log: the file that takes what it prints.
    """
    port = free_port()
    command = [sys.executable, "-m", module, str(data), str(port), *more]
    process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            wait_for(lambda: is_alive(client) or process.poll() is not None, START_SECONDS)
            client.headers["Authorization"] = f"Bearer {(data / 'key').read_text()}"
            yield process, client
    finally:
        process.kill()
        process.wait()


def is_alive(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def query(data: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{data / 'gardefou.db'}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def ask(client: httpx.Client, prompt: str, n: int, answers: list[Any]) -> threading.Thread:
    """Ask in a thread; what comes back, or how the connection broke, is appended."""

    def post() -> None:
        try:
            answers.append(client.post("/v1/images/generations", json={"prompt": prompt, "n": n}))
        except httpx.TransportError as error:
            answers.append(error)

    thread = threading.Thread(target=post)
    thread.start()
    return thread


def verify(data: Path) -> tuple[int, dict[str, Any]]:
    ended = CliRunner().invoke(app, ["ledger", "verify", "--data", str(data), "--json"])
    return ended.exit_code, json.loads(ended.stdout)
