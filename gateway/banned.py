"""Banned pictures: from the database into the check in force, without a restart.

A new check is built beside the old one, and then takes its place in one assignment.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from threading import Lock

from anyio import to_thread

from gateway import metrics
from gateway.errors import GatewayError
from gateway.store.banned import BannedPictures as Kept
from gateway.store.bans import Ban
from safety.checks.banned_pictures import BannedPictures

_log = logging.getLogger("gardefou")


class BansInForce:
    """The bans that judge. use: puts a check in force. Methods that are not coroutines block."""

    def __init__(self, kept: Kept, use: Callable[[BannedPictures], None]) -> None:
        self._kept = kept
        self._use = use
        self._one_at_a_time = Lock()
        self._revision = -1

    def refresh(self) -> None:
        """Look whether somebody banned anything or lifted a ban, here or in another process, and follow."""
        with self._one_at_a_time:
            if self._kept.revision() == self._revision:
                return
            standing = self._kept.standing()
            self._use(BannedPictures(standing.banned))
            self._revision = standing.revision
            metrics.banned_pictures.set(len(standing.banned))

    def add(self, bans: Sequence[Ban]) -> list[str]:
        """Ban pictures, at once. Returns the ids of those that are new."""
        added = self._kept.add(bans)
        self.refresh()
        return added

    async def watch(self, seconds: float) -> None:
        """Refresh for ever. Whatever goes wrong, the bans in force stay, and the next look comes."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await to_thread.run_sync(self.refresh)
            except GatewayError as error:
                _log.warning("banned pictures could not be looked at: %s", error.message)
            except Exception as error:  # noqa: BLE001 (a watch that ends would leave later bans unseen)
                _log.warning("banned pictures could not be looked at: %s", type(error).__name__)
