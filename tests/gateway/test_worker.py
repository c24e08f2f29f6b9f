"""The process that draws, seen from the service around it."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from typer.testing import CliRunner

from gateway import assembly
from gateway.app import create_app
from gateway.assembly import House, PolicyUnfit, build_house
from gateway.cli import app
from gateway.errors import ContentRefused
from gateway.generation import Generation
from gateway.settings import Settings
from generator import supervised
from generator.channel import Recipe
from generator.supervised import SupervisedGenerator, WorkerUnavailable
from tests.gateway.walks import Book, asked, walked
from tests.generator import hostile, upstreams
from tests.houses import Parts

PATIENCE_S = 60.0


def house_of(data: Path, recipe: Recipe | None = None, **settings: Any) -> House:
    return build_house(
        Settings(data=data, gate_seconds=PATIENCE_S, **settings), Parts().screen, recipe or hostile.recipe()
    )


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_what_a_worker_drew_is_judged_and_released_like_anything_else(tmp_path: Path) -> None:
    house = house_of(tmp_path)
    (generation,) = walked(house, asked(count=9))
    assert isinstance(generation, Generation)
    assert Book(house).picture_states == ["released"] * 9
    assert house.worker
    assert not house.worker.is_up, "it is stopped with the house"


@pytest.mark.parametrize("deed", ["few", "text", "raise"])
def test_f67_what_a_worker_must_not_hand_over_ends_in_503(deed: str, tmp_path: Path) -> None:
    house = house_of(tmp_path)
    told, good = walked(house, asked(deed, count=3), asked("a cat"))
    assert (getattr(told, "status", None), getattr(told, "code", None)) == (503, "generation_failed")
    assert isinstance(good, Generation)
    assert Book(house).ends == [("aborted", "error"), ("released", "allowed")]


def test_what_an_upstream_refuses_is_a_refusal_across_the_worker_and_no_failure(tmp_path: Path) -> None:
    no = upstreams.error(400, "content_policy_violation", x_gateway={"categories": ["violence"]})
    with upstreams.upstream(no) as fake:
        settings = Settings(
            data=tmp_path, gate_seconds=PATIENCE_S, generator="openai", generator_sizes=("64x64",),
            upstream_url=fake.url, upstream_model="model", upstream_key=SecretStr("secret"),
        )  # fmt: skip
        house = build_house(settings, Parts().screen)
        (told,) = walked(house, asked(count=3))
        assert fake.drawings == 3
    assert isinstance(told, ContentRefused)
    assert (told.status, told.code) == (400, "content_policy_violation")
    assert Book(house).ends == [("withheld", "blocked_model")]


def test_readiness_and_metrics_say_when_there_is_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "FIRST_PAUSE_S", 2.0)
    house = house_of(tmp_path)
    worker = house.worker
    assert worker
    with TestClient(create_app(house)) as client:
        assert client.get("/readyz").json() == {"status": "ok", "problems": [], "warnings": []}
        assert "gateway_worker_up 1.0" in client.get("/metrics").text
        assert worker.pid
        os.kill(worker.pid, signal.SIGKILL)
        wait_for(lambda: not worker.is_up)
        down = client.get("/readyz")
        assert (down.status_code, down.json()["problems"]) == (503, ["generator_down"])
        assert "gateway_worker_up 0.0" in client.get("/metrics").text
        wait_for(lambda: worker.is_up)
        assert client.get("/readyz").status_code == 200


def test_no_worker_is_left_when_the_rest_of_the_house_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[SupervisedGenerator] = []

    class Remembered(SupervisedGenerator):
        def start(self) -> SupervisedGenerator:
            started.append(self)
            return super().start()

    monkeypatch.setattr(assembly, "SupervisedGenerator", Remembered)
    parts = Parts()
    parts.pictures = []
    with pytest.raises(PolicyUnfit):
        build_house(Settings(data=tmp_path), parts.screen, hostile.recipe())
    assert not started[0]._watching.is_alive()
    assert not started[0].is_up


def test_a_generator_larger_than_its_memory_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(WorkerUnavailable, match="256 MB are allowed"):
        house_of(tmp_path, hostile.recipe("grow"), generator_memory_mb=256)


def test_the_command_line_tells_it_as_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Settings) -> House:
        raise WorkerUnavailable("the generator could not be made: ended by signal: Segmentation fault")

    monkeypatch.setattr(assembly, "build_house", refuse)
    ended = CliRunner().invoke(app, ["draw", "a cat", "--out", str(tmp_path), "--data", str(tmp_path)])
    assert (ended.exit_code, ended.stderr) == (
        3,
        "the generator could not be made: ended by signal: Segmentation fault\n",
    )
