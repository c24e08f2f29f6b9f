"""One at a time, in the order they came."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


class NoTurn(Exception):
    """Those before this one took longer than it was ready to wait."""


class Turns:
    """A lock that is fair: `threading.Lock` lets whoever runs take it again before those who sleep for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: deque[Lock] = deque()
        self._is_taken = False

    @contextmanager
    def taken(self, patience_s: float) -> Iterator[None]:
        """Holds the turn inside. Not reentrant. Raises NoTurn."""
        self._take(patience_s)
        try:
            yield
        finally:
            self._hand_on()

    def _take(self, patience_s: float) -> None:
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return
            ticket = Lock()
            ticket.acquire()
            self._waiting.append(ticket)
        called = False
        try:
            called = ticket.acquire(timeout=patience_s)
        finally:  # also where a signal interrupts the waiting: a turn that nobody takes would stop all others
            if not called:
                self._give_up(ticket)
        if not called:
            raise NoTurn(f"no turn within {patience_s} s")

    def _give_up(self, ticket: Lock) -> None:
        with self._lock:
            was_called = ticket not in self._waiting
            if not was_called:
                self._waiting.remove(ticket)
        if was_called:
            self._hand_on()

    def _hand_on(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
