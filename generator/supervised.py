"""A generator in a process of its own, kept alive: whatever becomes of it, the service goes on and draws again."""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from types import TracebackType

from generator.channel import Recipe
from generator.contract import (
    GenerationCancelled,
    GenerationFailed,
    GeneratorUnusable,
    Order,
    Orders,
)
from generator.registry import UnknownGenerator
from generator.worker_process import TICK_S, Facts, WorkerEnded, WorkerProcess, WorkerRefused
from policies.identity import IntegrityFailure, ModelIdentity

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0  # before a worker is started again, doubling while nothing gets drawn
USUAL_SHARE = 0.75  # of the machine's memory, for a worker whose limit nobody set
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")

_log = logging.getLogger("gardefou")


class WorkerUnavailable(Exception):
    """The worker ended before its generator was made."""


class GeneratorUnloadable(Exception):
    """The generator could not be made of its files."""


REFUSALS: dict[str, type[Exception]] = {
    error.__name__: error for error in (UnknownGenerator, GeneratorUnusable, IntegrityFailure, GeneratorUnloadable)
}


def usual_memory_limit() -> int:
    """Bytes: three quarters of the machine's memory, or of the container's."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    container = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.is_file() else "max"
    return int(USUAL_SHARE * min(machine, machine if container == "max" else int(container)))


class SupervisedGenerator:
    """An ImageGenerator whose drawing happens in a worker. `with` it, or `start` and `close`.

    A thread watches the worker: one that crashes, hangs past time_limit_s or holds more than memory_limit_bytes is
    ended, what it was drawing fails, and another one is started after a pause that grows while nothing gets drawn.
    on_end: told why, whenever a worker ends that should not have: crashed, hung, memory or refused.
    """

    def __init__(
        self,
        recipe: Recipe,
        time_limit_s: float,
        memory_limit_bytes: int | None = None,
        on_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._recipe = recipe
        self._time_limit_s = time_limit_s
        self._memory_limit_bytes = memory_limit_bytes or usual_memory_limit()
        self._on_end = on_end
        self._facts: Facts | None = None
        self._refusal: Exception | None = None
        self._ready: WorkerProcess | None = None
        self._failed_starts = 0
        self._changed = Condition()
        self._closing = Event()
        self._one_at_a_time = Lock()
        self._watching = Thread(target=self._keep_alive, name="generator's keeper", daemon=True)

    def start(self) -> "SupervisedGenerator":
        """Begin to make the generator; returns at once."""
        self._watching.start()
        return self

    def wait_until_made(self) -> None:
        """Raises what the making raised (GeneratorUnusable, IntegrityFailure, GeneratorUnloadable) or
        WorkerUnavailable.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._facts or self._refusal)
        if self._refusal:
            raise self._refusal

    def close(self) -> None:
        """Stop the worker; whatever it still draws fails."""
        self._closing.set()
        if self._watching.is_alive():
            self._watching.join()

    def __enter__(self) -> "SupervisedGenerator":
        return self.start()

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def identity(self) -> ModelIdentity:
        """What the generator is; the same for every worker."""
        return self._made.identity

    @property
    def sizes(self) -> tuple[str, ...]:
        """The default first."""
        return self._made.sizes

    @property
    def batch_size(self) -> int:
        """The most pictures drawn side by side."""
        return self._made.batch_size

    @property
    def _made(self) -> Facts:
        if self._facts is None:
            raise WorkerUnavailable("the generator is not made yet: wait_until_made() first")
        return self._facts

    @property
    def is_up(self) -> bool:
        """A worker is there that would draw."""
        ready = self._ready
        return ready is not None and not ready.has_ended

    @property
    def pid(self) -> int | None:
        """The process id of the worker that would draw."""
        ready = self._ready
        return ready.pid if ready else None

    @property
    def memory_bytes(self) -> int:
        """What the worker holds of the machine's memory."""
        ready = self._ready
        return ready.memory_bytes if ready else 0

    @property
    def continuous(self) -> bool:
        """Whether the worker's generator is."""
        return self._made.continuous

    def draw(self, orders: Orders) -> None:
        """As the generator in the worker; waits for a worker that is being started.

        Raises GenerationFailed when the worker ends or cannot be started, and GenerationCancelled.
        """
        with self._one_at_a_time:
            if first := orders.take(self.batch_size):
                self._worker(first).draw(first, orders)

    def _worker(self, asked: Sequence[Order]) -> WorkerProcess:
        failed_before = self._failed_starts
        with self._changed:
            while self._ready is None or self._ready.has_ended:
                if not any(order.wanted for order in asked):
                    raise GenerationCancelled
                if self._closing.is_set() or self._failed_starts > failed_before:
                    raise GenerationFailed("the worker could not be started")
                self._changed.wait(TICK_S)
            return self._ready

    def _keep_alive(self) -> None:
        in_vain = 0
        while not self._closing.is_set():
            ended, has_drawn = self._live_once()
            if ended is None:
                return
            self._on_end(ended.reason)
            if self._facts is None:
                self._refuse(ended)
                return
            in_vain = 1 if has_drawn else in_vain + 1
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** (in_vain - 1))
            _log.error("the generator's worker %s: %s; another one starts in %g s", ended.reason, ended, pause_s)
            self._closing.wait(pause_s)

    def _live_once(self) -> tuple[WorkerEnded | None, bool]:
        """From a worker's start to its end: why it ended, unless we are closing, and whether it drew anything."""
        try:
            worker = WorkerProcess(self._recipe)
        except (OSError, RuntimeError) as error:  # no process, no descriptor or no thread left
            self._lose()
            return WorkerEnded("crashed", f"no process could be started: {error}"), False
        ended: WorkerEnded | None = None
        try:
            self._watch(worker)
        except WorkerEnded as end:
            ended = end
        self._lose()
        last_words = worker.end()
        if ended and last_words:
            _log.error("the last words of the generator's worker:\n%s", "\n".join(last_words))
        return ended, worker.has_drawn

    def _watch(self, worker: WorkerProcess) -> None:
        """Returns when we are closing. Raises WorkerEnded."""
        while not self._closing.is_set():
            worker.wait()
            worker.require_sound(self._time_limit_s, self._memory_limit_bytes)
            if self._ready is None and worker.facts:
                self._welcome(worker, worker.facts)

    def _welcome(self, worker: WorkerProcess, facts: Facts) -> None:
        if self._facts not in (None, facts):
            raise WorkerEnded("refused", "its model is another one than at the start: restart the service to use it")
        with self._changed:
            self._facts, self._ready = facts, worker
            self._changed.notify_all()

    def _lose(self) -> None:
        with self._changed:
            self._failed_starts += self._ready is None
            self._ready = None
            self._changed.notify_all()

    def _refuse(self, ended: WorkerEnded) -> None:
        """The first worker could not make the generator: there is no use in another one."""
        refusal: Exception = WorkerUnavailable(f"the generator could not be made: {ended}")
        if isinstance(ended, WorkerRefused):
            refusal = REFUSALS.get(ended.error, GeneratorUnloadable)(str(ended))
        with self._changed:
            self._refusal = refusal
            self._changed.notify_all()
