"""Which processes are alive: each holds a locked file, so that what a crashed one left can be ended."""

import fcntl
from pathlib import Path
from types import TracebackType

from gateway.store.ids import new_id


class Instance:
    """This process, for as long as its file is locked. The lock goes with the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.id = new_id("ins")
        self._folder = folder
        self._file = (folder / self.id).open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def is_alive(self, instance: str) -> bool:
        """Whether the process of that name still runs on this machine. Cleans up after one that does not."""
        path = self._folder / instance
        if instance == self.id:
            return True
        try:
            with path.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        path.unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Say good-bye in order."""
        (self._folder / self.id).unlink(missing_ok=True)
        self._file.close()

    def __enter__(self) -> "Instance":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
