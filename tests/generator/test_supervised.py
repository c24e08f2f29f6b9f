"""What a generator in a process of its own promises: whatever becomes of the process, the next drawing works."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from generator import supervised, worker_process
from generator.at_once import PartlyDrawn, draw_at_once
from generator.batcher import WaitingLine
from generator.contract import (
    GeneratedImage,
    GenerationCancelled,
    GenerationFailed,
    GeneratorUnusable,
    PictureRequest,
    Refusal,
)
from generator.options import Options, Upstream
from generator.registry import create_generator, recipe_of
from generator.supervised import GeneratorUnloadable, SupervisedGenerator, WorkerUnavailable, usual_memory_limit
from policies.identity import IntegrityFailure, ModelIdentity
from policies.signals import Category
from tests.generator import hostile, upstreams

PATIENCE_S = 60.0  # a busy machine takes its time to start a process
HANG_S = 1.0
ROOMY, TIGHT = 4 << 30, 600 << 20
CANARY = "canary7f3a9e"
ENDS: dict[str, str] = {
    "crash": "crashed",
    "abort": "crashed",
    "exit": "crashed",
    "leave": "crashed",
    "litter": "crashed",
    "garble": "crashed",
    "device": "crashed",
    "grow": "memory",
    "stall": "hung",
    "freeze": "hung",
}
FAILURES = ["raise", "fail", "nan", "grey", "text"]


class Watched(SupervisedGenerator):
    """Remembers why its workers ended."""

    def __init__(self, recipe: Any, limit_s: float = PATIENCE_S, memory: int = ROOMY) -> None:
        self.ends: list[str] = []
        super().__init__(recipe, limit_s, memory, self.ends.append)


def asked(prompt: str, count: int = 1) -> list[PictureRequest]:
    return [PictureRequest(prompt, seed, "64x64") for seed in range(count)]


def draw(generator: SupervisedGenerator, prompt: str, count: int = 1) -> list[GeneratedImage]:
    return draw_at_once(generator, asked(prompt, count))


def wait_for(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@contextmanager
def supervising(generator: Watched) -> Iterator[Watched]:
    with generator:
        generator.wait_until_made()
        yield generator


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits half a minute in a test."""
    monkeypatch.setattr(supervised, "LONGEST_PAUSE_S", 0.1)


@pytest.fixture(scope="module")
def steady() -> Iterator[Watched]:
    """One whose worker is to live through a whole module."""
    with supervising(Watched(hostile.recipe())) as generator:
        yield generator


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    return False


def members(group: int) -> list[str]:
    """The processes of a group that run."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            stats.append(path.read_text().rsplit(")", 1)[1].split())
    return [state for state, _, process_group, *_ in stats if int(process_group) == group and state != "Z"]


# drawing


def test_it_is_what_the_generator_in_the_worker_is(steady: Watched) -> None:
    made = hostile.Hostile()
    assert (steady.identity, steady.sizes, steady.batch_size) == (made.identity, made.sizes, made.batch_size)
    assert steady.is_up


def test_pictures_come_back_as_they_were_drawn_elsewhere(steady: Watched) -> None:
    images = draw(steady, "a cat", 3)
    assert [image.seed for image in images] == [0, 1, 2]
    assert [image.pixels[:, 5, 9].tolist() for image in images] == [[64 + seed, 100, 200] for seed in range(3)]
    assert {tuple(image.pixels.shape) for image in images} == {(3, 64, 64)}
    assert steady.pid != os.getpid()


@pytest.mark.parametrize("prompt", ["x" * 32_000, "🖤 猫 \x00", "\ud800"])
def test_any_prompt_gets_there(prompt: str, steady: Watched) -> None:
    assert len(draw(steady, f"a {prompt}", 3)) == 3


def test_the_shipped_generator_draws_the_same_in_a_worker_for_late_comers_as_here_alone() -> None:
    requests = [PictureRequest(prompt, 7, "256x256") for prompt in ("a cat", "two red cars", "a dog on the moon")]
    generator = create_generator("dalle-nano")
    here = [draw_at_once(generator, [request])[0] for request in requests]
    there: dict[int, GeneratedImage] = {}

    async def use(line: WaitingLine) -> None:
        async def ask(index: int) -> None:
            await asyncio.sleep(index * 0.3)
            async with aclosing(line.draw([requests[index]], f"caller {index}")) as groups:
                ((_, image),) = [each async for group in groups for each in group]
            assert isinstance(image, GeneratedImage)
            there[index] = image

        await asyncio.gather(*map(ask, range(3)))

    with supervising(Watched(recipe_of("dalle-nano"))) as worker:
        through_the_line(worker, use)
    assert all(there[index].pixels.equal(image.pixels) for index, image in enumerate(here))


def test_progress_is_told_while_it_draws_and_cancelling_stops_it_within_a_step(steady: Watched) -> None:
    shares: list[float] = []
    with pytest.raises(GenerationCancelled):
        draw_at_once(steady, asked("slow"), shares.append, lambda: len(shares) >= 3)
    assert shares == sorted(shares)
    assert 3 <= len(shares) < hostile.STEPS / 2
    assert len(draw(steady, "a cat")) == 1, "an old cancellation is over"


def test_the_last_word_on_progress_is_always_told(steady: Watched) -> None:
    shares: list[float] = []
    draw_at_once(steady, asked("a cat"), shares.append)
    assert shares == [1.0]


@pytest.mark.parametrize("word", FAILURES)
def test_a_generator_that_fails_in_python_keeps_its_worker(word: str, steady: Watched) -> None:
    pid = steady.pid
    with pytest.raises(GenerationFailed):
        draw(steady, word)
    assert len(draw(steady, "a cat")) == 1
    assert (steady.pid, steady.ends) == (pid, [])


def test_a_picture_too_few_has_failed_and_the_others_are_there(steady: Watched) -> None:
    with pytest.raises(PartlyDrawn) as partly:
        draw(steady, "few", 3)
    assert [type(outcome) for outcome in partly.value.outcomes] == [GeneratedImage, GeneratedImage, GenerationFailed]


def test_a_batch_drawn_in_part_comes_back_picture_by_picture(steady: Watched) -> None:
    with pytest.raises(PartlyDrawn) as partly:
        draw(steady, "part", 3)
    picture, refusal, failure = partly.value.outcomes
    assert isinstance(picture, GeneratedImage)
    assert picture.pixels[:, 5, 9].tolist() == [64, 100, 200]
    assert refusal == Refusal(ModelIdentity("upstream", "f" * 64), (Category.GORE, Category.WEAPONS))
    assert isinstance(failure, GenerationFailed)


def test_what_an_upstream_answers_is_logged_here_and_its_key_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    with upstreams.upstream(upstreams.error(500, "broken", message=CANARY)) as fake:
        recipe = recipe_of("openai", options=Options(("64x64",), upstream=Upstream(fake.url, "model", CANARY)))
        with supervising(Watched(recipe)) as generator, pytest.raises(GenerationFailed):
            draw(generator, CANARY)
        assert fake.heard[0].headers["Authorization"] == f"Bearer {CANARY}"
    assert "model: 1 of 1 pictures failed: the upstream answered 500 broken" in caplog.text
    assert CANARY not in caplog.text + repr(recipe)


def test_whatever_it_prints_neither_blocks_nor_reaches_us(steady: Watched, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(draw(steady, f"speak {CANARY}")) == 1
    assert capfd.readouterr() == ("", "")


# pictures that enter and leave the worker's board while others are being drawn


@pytest.fixture(scope="module")
def board() -> Iterator[Watched]:
    with supervising(Watched(hostile.board_recipe())) as generator:
        yield generator


@dataclass
class Request:
    """One picture asked for through the waiting line, and what is told of it."""

    line: WaitingLine
    prompt: str
    shares: list[float] = field(default_factory=list)

    async def drawn(self) -> tuple[int, int]:
        """Before which step of the board it began, and after which one it was finished."""
        groups = self.line.draw(
            [PictureRequest(self.prompt, 0, "64x64")], self.prompt, lambda _, s: self.shares.append(s)
        )
        async with aclosing(groups):
            ((_, image),) = [each async for group in groups for each in group]
        assert isinstance(image, GeneratedImage)
        began, ended, _ = image.pixels[:, 0, 0].tolist()
        return began, ended

    async def begun(self) -> "asyncio.Task[tuple[int, int]]":
        """Ask, and wait until it is being drawn."""
        task = asyncio.create_task(self.drawn())
        async with asyncio.timeout(PATIENCE_S):
            while not self.shares and not task.done():  # noqa: ASYNC110 (it is told by another thread)
                await asyncio.sleep(0.005)
        return task


def through_the_line(generator: SupervisedGenerator, use: Callable[[WaitingLine], Awaitable[None]]) -> None:
    async def run() -> None:
        async with WaitingLine(generator, 9, PATIENCE_S) as line:
            await use(line)

    asyncio.run(run())


def test_a_late_picture_is_drawn_beside_the_first_and_each_leaves_when_it_is_finished(board: Watched) -> None:
    async def use(line: WaitingLine) -> None:
        first = Request(line, "first")
        drawing = await first.begun()
        late = await Request(line, "late").drawn()
        began, ended = await drawing
        assert began < late[0] < ended < late[1]
        assert late[1] - late[0] == ended - began == hostile.BOARD_STEPS
        assert first.shares == sorted(first.shares)
        assert len(first.shares) > 2

    through_the_line(board, use)


def test_a_cancelled_picture_frees_its_place_on_the_workers_board(board: Watched) -> None:
    async def use(line: WaitingLine) -> None:
        leaving = await Request(line, "leaving").begun()
        staying = await Request(line, "staying").begun()
        waiting = asyncio.create_task(Request(line, "waiting").drawn())
        await asyncio.sleep(0)
        leaving.cancel()
        assert (await waiting)[0] < (await staying)[1], "it did not wait until somebody was finished"

    through_the_line(board, use)


def test_one_that_fails_on_the_workers_board_fails_nobody_else(board: Watched) -> None:
    async def use(line: WaitingLine) -> None:
        good = await Request(line, "good").begun()
        with pytest.raises(GenerationFailed):
            await Request(line, "bad").drawn()
        assert not good.done()
        await good

    through_the_line(board, use)
    assert board.ends == []


def test_an_exception_fails_what_is_on_the_board_and_the_worker_draws_on(board: Watched) -> None:
    async def use(line: WaitingLine) -> None:
        beside = await Request(line, "beside").begun()
        for failing in (Request(line, "raise").drawn(), beside):
            with pytest.raises(GenerationFailed):
                await failing
        await Request(line, "next").drawn()

    through_the_line(board, use)
    assert board.ends == []


def test_a_worker_that_crashes_fails_what_is_on_its_board_and_the_next_picture_is_drawn() -> None:
    async def use(line: WaitingLine) -> None:
        beside = await Request(line, "beside").begun()
        for failing in (Request(line, "crash").drawn(), beside):
            with pytest.raises(GenerationFailed):
                await failing
        await Request(line, "next").drawn()

    with supervising(Watched(hostile.board_recipe())) as generator:
        through_the_line(generator, use)
        assert generator.ends == ["crashed"]


# the end of a worker


@pytest.mark.parametrize("word", ENDS)
def test_a_worker_that_ends_fails_its_drawing_and_the_next_drawing_works(
    word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_process, "SILENCE_LIMIT_S", 3 * HANG_S if word == "freeze" else PATIENCE_S)
    limit_s = HANG_S if word == "stall" else PATIENCE_S
    with supervising(Watched(hostile.recipe(), limit_s, TIGHT if word == "grow" else ROOMY)) as generator:
        first = generator.pid
        with pytest.raises(GenerationFailed):
            draw(generator, word)
        monkeypatch.setattr(worker_process, "SILENCE_LIMIT_S", PATIENCE_S)
        generator._time_limit_s = PATIENCE_S
        assert len(draw(generator, "a cat")) == 1
        assert generator.pid != first
        assert generator.ends == [ENDS[word]]
        assert first
        assert not runs(first)


def test_a_worker_killed_between_drawings_is_replaced_without_being_asked() -> None:
    with supervising(Watched(hostile.recipe())) as generator:
        first = generator.pid
        assert first
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: generator.pid not in (None, first))
        assert generator.ends == ["crashed"]


def test_a_worker_that_stands_still_between_drawings_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "SILENCE_LIMIT_S", 5)
    with supervising(Watched(hostile.recipe())) as generator:
        first = generator.pid
        assert first
        os.kill(first, signal.SIGSTOP)
        wait_for(lambda: generator.ends)
        assert generator.ends == ["hung"]
        assert not runs(first)


def test_one_that_does_not_stop_when_told_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "CANCEL_LIMIT_S", 0.2)
    with supervising(Watched(hostile.recipe())) as generator:
        begun = time.monotonic() + HANG_S
        with pytest.raises(GenerationFailed):
            draw_at_once(generator, asked("stall"), cancelled=lambda: time.monotonic() > begun)
        wait_for(lambda: generator.ends)
        assert generator.ends == ["hung"]


def test_what_a_worker_started_ends_with_it() -> None:
    with supervising(Watched(hostile.recipe())) as generator:
        group = generator.pid
        assert group
        with pytest.raises(GenerationFailed):
            draw(generator, "litter")
        wait_for(lambda: generator.ends)
        wait_for(lambda: not members(group))


def test_restarts_wait_longer_while_nothing_gets_drawn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervised, "FIRST_PAUSE_S", 0.01)
    with supervising(Watched(hostile.recipe())) as generator:
        for word in ("leave", "leave", "leave", "a cat", "leave"):
            with suppress(GenerationFailed):
                draw(generator, word)
        wait_for(lambda: len(generator.ends) == 4)
    pauses = [record.args[-1] for record in caplog.records if isinstance(record.args, tuple) and record.args]
    assert pauses == [0.01, 0.02, 0.04, 0.01]


def test_the_log_says_how_and_where_it_crashed_and_nothing_that_it_printed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with supervising(Watched(hostile.recipe())) as generator:
        with pytest.raises(GenerationFailed):
            draw(generator, f"last {CANARY}")
        with pytest.raises(GenerationFailed, match="KeyError"):
            draw(generator, f"raise {CANARY}")
    assert "ended by signal: Segmentation fault" in caplog.text
    assert "in _speak_and_crash" in caplog.text
    assert "in _raise" in caplog.text
    assert CANARY not in caplog.text


# starting


@pytest.mark.parametrize(
    ("deed", "error", "words"),
    [
        ("raise", GeneratorUnloadable, "list index"),
        ("leave", WorkerUnavailable, "exit code 7"),
        ("crash", WorkerUnavailable, "signal: Segmentation fault"),
        ("grow", WorkerUnavailable, "MB are allowed"),
    ],
)
def test_a_generator_that_cannot_be_made_says_why_and_is_not_tried_again(
    deed: str, error: type[Exception], words: str
) -> None:
    generator = Watched(hostile.recipe(deed), memory=TIGHT)
    with generator, pytest.raises(error, match=words):
        generator.wait_until_made()
    assert len(generator.ends) == 1


def test_what_is_wrong_with_the_weights_is_told_as_if_they_were_loaded_here(tmp_path: Path) -> None:
    with Watched(recipe_of("dalle-mini", tmp_path)) as generator, pytest.raises(IntegrityFailure, match="manifest"):
        generator.wait_until_made()


def test_a_setting_that_does_not_fit_is_told_as_such_and_not_as_broken_weights() -> None:
    with Watched(recipe_of("openai")) as generator, pytest.raises(GeneratorUnusable, match="GARDEFOU_UPSTREAM_URL"):
        generator.wait_until_made()


def test_what_it_prints_while_it_loads_is_told_when_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    with supervising(Watched(hostile.recipe("print"))) as generator:
        assert generator.pid
        os.kill(generator.pid, signal.SIGKILL)
        wait_for(lambda: generator.ends)
        wait_for(lambda: "loading the weights" in caplog.text)


def test_a_restarted_worker_with_other_weights_is_refused(tmp_path: Path) -> None:
    with supervising(Watched(hostile.recipe("once", str(tmp_path / "note")))) as generator:
        before = generator.identity
        with pytest.raises(GenerationFailed):
            draw(generator, "leave")
        with pytest.raises(GenerationFailed, match="could not be started"):
            draw(generator, "a cat")
        assert (generator.identity, generator.is_up) == (before, False)
        wait_for(lambda: "refused" in generator.ends)


def test_a_drawing_that_waits_for_a_worker_can_be_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "LONGEST_PAUSE_S", PATIENCE_S)
    monkeypatch.setattr(supervised, "FIRST_PAUSE_S", PATIENCE_S)
    with supervising(Watched(hostile.recipe())) as generator:
        with pytest.raises(GenerationFailed):
            draw(generator, "leave")
        wait_for(lambda: not generator.is_up)
        with pytest.raises(GenerationCancelled):
            draw_at_once(generator, asked("a cat"), cancelled=lambda: True)


def test_a_machine_without_room_for_another_process_is_no_end_of_the_keeper(monkeypatch: pytest.MonkeyPatch) -> None:
    with supervising(Watched(hostile.recipe())) as generator:
        with monkeypatch.context() as no_room:
            no_room.setattr(subprocess, "Popen", Mock(side_effect=BlockingIOError("no more processes")))
            with pytest.raises(GenerationFailed):
                draw(generator, "leave")
            with pytest.raises(GenerationFailed, match="could not be started"):
                draw(generator, "a cat")
        wait_for(lambda: generator.is_up)
        assert len(draw(generator, "a cat")) == 1


# stopping


def test_closing_ends_the_worker_and_whatever_it_draws() -> None:
    generator = Watched(hostile.recipe())
    failed: list[BaseException] = []

    def ask() -> None:
        try:
            draw(generator, "stall")
        except GenerationFailed as error:
            failed.append(error)

    with supervising(generator):
        pid = generator.pid
        drawing = threading.Thread(target=ask)
        drawing.start()
        time.sleep(0.2)
    drawing.join(PATIENCE_S)
    assert failed
    assert pid
    assert not runs(pid)
    assert generator.ends == []


def test_stopping_signals_are_for_the_service_alone(steady: Watched) -> None:
    assert steady.pid
    assert os.getpgid(steady.pid) != os.getpgrp(), "Ctrl-C at a terminal reaches a whole group"
    os.kill(steady.pid, signal.SIGTERM)
    os.kill(steady.pid, signal.SIGINT)
    assert len(draw(steady, "a cat")) == 1
    assert steady.ends == []


@pytest.mark.parametrize("word", ["a", "freeze"])
def test_a_service_that_is_killed_takes_its_worker_along(word: str) -> None:
    """Even one that hangs inside a library."""
    script = f"""
import threading
from generator.at_once import draw_at_once
from generator.contract import PictureRequest
from generator.supervised import SupervisedGenerator
from tests.generator import hostile
generator = SupervisedGenerator(hostile.recipe(), 600).start()
generator.wait_until_made()
request = PictureRequest("{word}", 0, "64x64")
threading.Thread(target=draw_at_once, args=(generator, [request])).start()
print(generator.pid, flush=True)
threading.Event().wait()
"""
    service = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout
        pid = int(service.stdout.readline())
        time.sleep(0.3)
        assert runs(pid)
    finally:
        service.kill()
        service.communicate()
    wait_for(lambda: not runs(pid))


def test_a_worker_knows_none_of_our_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARDEFOU_DATABASE_URL", "postgresql://gardefou:secret@db/gardefou")
    with supervising(Watched(hostile.recipe())) as generator:
        environment = Path(f"/proc/{generator.pid}/environ").read_bytes()
    assert b"PATH=" in environment
    assert b"GARDEFOU_" not in environment


def test_the_usual_memory_limit_is_a_share_of_the_container_when_that_is_smaller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "CGROUP_LIMIT", tmp_path / "memory.max")
    whole = usual_memory_limit()
    (tmp_path / "memory.max").write_text("max\n")
    assert usual_memory_limit() == whole
    (tmp_path / "memory.max").write_text(f"{1 << 30}\n")
    assert usual_memory_limit() == (3 << 30) // 4


def test_a_worker_tells_what_it_holds(steady: Watched) -> None:
    assert 10 << 20 < steady.memory_bytes < ROOMY
