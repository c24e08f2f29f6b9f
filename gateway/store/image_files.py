"""Pictures on disk, named by their sha256: a quarantine nobody is served from, and a released area."""

import errno
import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from gateway.errors import IntegrityError, StorageFull

SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class ImageFiles:
    """Every method may block. Bytes are on disk, synced, before a name is returned."""

    def __init__(self, root: Path) -> None:
        self._quarantine = root / "quarantine"
        self._released = root / "released"
        for area in (self._quarantine, self._released):
            area.mkdir(parents=True, exist_ok=True, mode=0o700)

    def quarantine(self, content: bytes) -> str:
        """Keep bytes out of everybody's reach. Returns their sha256. Raises StorageFull."""
        sha256 = hashlib.sha256(content).hexdigest()
        try:
            _write(self._quarantine / sha256, content)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("The disk is full: nothing was lost, nothing was released.") from error
            raise
        return sha256

    def release(self, sha256: str) -> None:
        """Let bytes be served, after a look that they are what was judged. Raises IntegrityError.

        Two requests may have drawn the very same picture: the second finds it already released.
        """
        waiting, released = self._quarantine / _checked(sha256), self._released / sha256
        with suppress(FileNotFoundError):
            _require_unaltered(waiting.read_bytes(), sha256)
            waiting.replace(released)
            _sync(self._released)
        _read(released, sha256)

    def erase(self, sha256: str) -> None:
        """Bytes that must not be kept at all; what is released stays."""
        (self._quarantine / _checked(sha256)).unlink(missing_ok=True)
        _sync(self._quarantine)

    def read_quarantined(self, sha256: str) -> bytes:
        """Bytes that wait, for those who decide; another request may have released the very same. IntegrityError."""
        waiting = self._quarantine / _checked(sha256)
        return _read(waiting if waiting.exists() else self._released / sha256, sha256)

    def read_released(self, sha256: str) -> bytes:
        """Bytes that may be served. Raises IntegrityError when they are gone or not what was judged."""
        return _read(self._released / _checked(sha256), sha256)

    def path_of(self, sha256: str) -> Path | None:
        """Where bytes lie now, released or not; None when they are not kept."""
        places = (folder / _checked(sha256) for folder in (self._quarantine, self._released))
        return next((path for path in places if path.is_file()), None)

    def free_bytes(self) -> int:
        """Room left on the disk."""
        disk = os.statvfs(self._quarantine)
        return disk.f_bavail * disk.f_frsize


def _checked(sha256: str) -> str:
    if not SHA256.match(sha256):
        raise IntegrityError("That is not the name of a picture.")
    return sha256


def _read(path: Path, sha256: str) -> bytes:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise IntegrityError("The picture is no longer on disk; it was not served.") from error
    _require_unaltered(content, sha256)
    return content


def _require_unaltered(content: bytes, sha256: str) -> None:
    if hashlib.sha256(content).hexdigest() != sha256:
        raise IntegrityError("The picture on disk is not the one that was judged; it was not served.")


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: temporary file, sync, rename, sync of the folder."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    Path(file.name).replace(path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make a new name in a folder last."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
