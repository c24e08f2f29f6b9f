"""How much one caller may ask: a moving window per key or page session."""

from time import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from gateway import metrics
from gateway.auth import Caller
from gateway.errors import RateLimited

MOST_ROWS_BACK = 10**9  # more than any list holds, and less than any database's integer


def rows_back(offset: int) -> int:
    """How many rows of a list to leave out, whatever was asked for."""
    return min(max(0, offset), MOST_ROWS_BACK)


class RequestRate:
    """Requests per minute and caller, counted in this process."""

    def __init__(self, per_minute: int) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._item = RateLimitItemPerMinute(per_minute)

    def take(self, caller: Caller) -> None:
        """Count one request. Raises RateLimited with the seconds to wait."""
        if self._limiter.hit(self._item, caller.kind, caller.id):
            return
        metrics.rate_limited.labels(caller.kind).inc()
        raise RateLimited("Too many requests in one minute. Wait a little.", retry_after_s=self._wait_s(caller))

    def headers(self, caller: Caller) -> dict[str, str]:
        """OpenAI's names for what is left."""
        stats = self._limiter.get_window_stats(self._item, caller.kind, caller.id)
        return {
            "x-ratelimit-limit-requests": str(self._item.amount),
            "x-ratelimit-remaining-requests": str(stats.remaining),
            "x-ratelimit-reset-requests": f"{self._wait_s(caller):.0f}s",
        }

    def _wait_s(self, caller: Caller) -> float:
        stats = self._limiter.get_window_stats(self._item, caller.kind, caller.id)
        return max(1.0, stats.reset_time - time())
