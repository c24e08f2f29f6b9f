"""Clients that leave: what they asked for ends quietly, and nobody waits for them."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from prometheus_client import REGISTRY

from gateway.api import generations
from gateway.store.decisions import State
from generator.contract import GenerationCancelled
from tests.houses import Parts, client_of, serving
from tests.wire import GENERATIONS, GOOD, Service, assert_error, read_answer

BODY = json.dumps(GOOD).encode()
HEAD = ("Content-Type: application/json", f"Content-Length: {len(BODY)}")
PATIENCE_S = 10.0
CANARY = "canary7f3a9e"


@pytest.fixture
def drawing() -> threading.Event:
    """Set while a picture is being drawn."""
    return threading.Event()


@pytest.fixture
def service(tmp_path: Path, drawing: threading.Event) -> Iterator[Service]:
    """A service whose generator draws for ever, until somebody cancels it."""

    def draw_for_ever(_: object, cancelled: Callable[[], bool]) -> None:
        drawing.set()
        give_up = time.monotonic() + PATIENCE_S
        while not cancelled() and time.monotonic() < give_up:
            time.sleep(0.01)
        raise GenerationCancelled

    parts = Parts()
    parts.generator.on_draw = draw_for_ever
    with serving(tmp_path, parts) as (house, url), client_of(house, url) as client:
        yield Service(house, url, client, parts.generator)


def wait_for(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.01)


def gone() -> float:
    """How many clients left before their answer."""
    labels = {"route": GENERATIONS, "method": "POST", "status": "499"}
    return REGISTRY.get_sample_value("gateway_http_requests_total", labels) or 0.0


def leave(connection: socket.socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def test_a68_a_client_that_leaves_ends_its_drawing_quietly(
    service: Service, drawing: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    before, connection = gone(), service.connect()
    connection.sendall(service.head(*HEAD) + BODY)
    assert drawing.wait(PATIENCE_S)
    leave(connection)
    wait_for(lambda: gone() == before + 1)
    request_id = service.house.decisions.latest(1)[0].request_id
    view = service.house.decisions.view(request_id)
    assert view
    assert (view.state, view.outcome) == (State.ABORTED, "cancelled")
    assert not caplog.records, "a client that leaves is nobody's fault"


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_fault(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    before, connection = gone(), service.connect()
    connection.sendall(service.head(*HEAD) + BODY[:5])
    time.sleep(0.2)
    leave(connection)
    wait_for(lambda: gone() == before + 1)
    assert not caplog.records
    assert not service.generator.asked


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(service: Service) -> None:
    with service.connect() as connection:
        connection.sendall(service.head(*HEAD, "Expect: 100-continue"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 ")
        connection.sendall(BODY.replace(b"cat", b"\x00\x00\x00"))
        assert_error(read_answer(connection), 400, "invalid_json")


def test_an_answer_that_breaks_off_is_seen_to_be_broken(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: object) -> Iterator[str]:
        yield "event: image_generation.completed\n"
        raise ValueError(CANARY)

    service.generator.on_draw = lambda *_: None
    body = json.dumps(GOOD | {"stream": True}).encode()
    with patch.object(generations, "_events", broken), service.connect() as connection:
        connection.sendall(service.head(HEAD[0], f"Content-Length: {len(body)}") + body)
        received = b""
        while chunk := connection.recv(1 << 16):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n"), "the last chunk is missing"
    assert "failed with ValueError" in caplog.text
    assert CANARY not in caplog.text
