"""Pictures on disk: whole or not at all, and never other bytes than those that were judged (reference 4.4, row 81)."""

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from gateway.errors import IntegrityError, StorageFull
from gateway.store.image_files import ImageFiles

CONTENT = b"\x89PNG and so on" * 100
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> ImageFiles:
    return ImageFiles(tmp_path)


def test_a_picture_in_quarantine_is_not_served(files: ImageFiles) -> None:
    assert files.quarantine(CONTENT) == SHA256
    with pytest.raises(IntegrityError, match="no longer on disk"):
        files.read_released(SHA256)


def test_a_released_picture_is_served_as_it_was_and_leaves_the_quarantine(files: ImageFiles, tmp_path: Path) -> None:
    files.release(files.quarantine(CONTENT))
    assert files.read_released(SHA256) == CONTENT
    assert list((tmp_path / "quarantine").iterdir()) == []


def test_releasing_twice_is_as_good_as_once(files: ImageFiles) -> None:
    files.release(files.quarantine(CONTENT))
    files.release(SHA256)
    files.release(files.quarantine(CONTENT))
    assert files.read_released(SHA256) == CONTENT


def test_the_same_picture_released_by_many_at_once_is_whole(files: ImageFiles) -> None:
    problems: list[BaseException] = []

    def release() -> None:
        try:
            files.release(files.quarantine(CONTENT))
        except IntegrityError as error:
            problems.append(error)

    threads = [threading.Thread(target=release) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert files.read_released(SHA256) == CONTENT


@pytest.mark.parametrize("altered", [b"", CONTENT[:-1], CONTENT + b"x", CONTENT.replace(b"PNG", b"GIF", 1)])
def test_f81_altered_bytes_are_neither_released_nor_served(altered: bytes, files: ImageFiles, tmp_path: Path) -> None:
    files.quarantine(CONTENT)
    (tmp_path / "quarantine" / SHA256).write_bytes(altered)
    with pytest.raises(IntegrityError, match="not the one that was judged"):
        files.release(SHA256)
    assert not (tmp_path / "released" / SHA256).exists()
    files.quarantine(CONTENT)
    files.release(SHA256)
    (tmp_path / "released" / SHA256).write_bytes(altered)
    with pytest.raises(IntegrityError, match="not the one that was judged"):
        files.read_released(SHA256)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", SHA256[:-1], SHA256.upper(), SHA256 + "\n", "a\0b"])
def test_only_a_sha256_is_a_name(name: str, files: ImageFiles) -> None:
    with pytest.raises(IntegrityError):
        files.read_released(name)
    with pytest.raises(IntegrityError):
        files.release(name)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT])
def test_f77_a_full_disk_leaves_no_half_picture_and_says_so(
    error: int, files: ImageFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(error, "no room")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        with pytest.raises(StorageFull):
            files.quarantine(CONTENT)
    assert list((tmp_path / "quarantine").iterdir()) == []
    assert files.quarantine(CONTENT) == SHA256


def test_the_folders_are_the_owners_alone(files: ImageFiles, tmp_path: Path) -> None:
    assert {(tmp_path / area).stat().st_mode & 0o777 for area in ("quarantine", "released")} == {0o700}


def test_there_is_room_on_the_disk(files: ImageFiles) -> None:
    assert files.free_bytes() > 0
