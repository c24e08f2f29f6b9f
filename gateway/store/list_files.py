"""A folder of word lists: looked at again and again, and a file is read when it has come to rest."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from policies.wordlists import WordlistInvalid, read_text
from safety.operator_lists import MAX_BYTES, OperatorList, read_operator_list

ENDINGS = (".yaml", ".yml")

Mark = tuple[int, ...]  # inode, size, times of the last write and the last change


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder holds. refused: file -> its problems; what it held while it was sound stays among the lists."""

    lists: Mapping[Path, OperatorList]
    refused: Mapping[Path, tuple[str, ...]]


class ListFiles:
    """The lists of a folder. must_exist: a missing folder is a mistake, and not a folder without lists."""

    def __init__(self, folder: Path, must_exist: bool) -> None:
        self._folder = folder
        self._must_exist = must_exist
        self._seen: dict[Path, Mark] = {}
        self._read: dict[Path, Mark] = {}
        self.found = Found({}, {})

    def read(self) -> Found:
        """Read every file as it stands."""
        seen = self._look()
        if seen is not None:
            self._seen = seen
            self._take(sorted(seen), ())
        return self.found

    def changed(self) -> bool:
        """Look again, and read what two looks found alike: a file that is being written has another moment."""
        before, previous, seen = self.found, self._seen, self._look()
        if seen is None:
            return self.found != before
        self._seen = seen
        gone = [path for path in self._read if path not in seen and path not in previous]
        at_rest = [path for path in sorted(seen) if seen[path] == previous.get(path) != self._read.get(path)]
        if at_rest or gone or self._folder in before.refused:
            self._take(at_rest, gone)
        return self.found is not before

    def _look(self) -> dict[Path, Mark] | None:
        """The files and what tells them from older ones; None, and a problem, when the folder cannot be read."""
        try:
            paths = [path for path in self._folder.iterdir() if path.suffix in ENDINGS and path.name[0] != "."]
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not self._must_exist and not self.found.lists:
                return {}
            told = f"{self._folder}:1: folder: could not be read ({error.strerror}), its lists stay as they were"
            self.found = Found(self.found.lists, {self._folder: (told,)})
            return None
        return {path: _mark(path) for path in paths}

    def _take(self, fresh: Collection[Path], gone: Collection[Path]) -> None:
        lists = {path: own for path, own in self.found.lists.items() if path not in gone}
        refused = {path: why for path, why in self.found.refused.items() if path in self._seen and path not in fresh}
        for path in gone:
            del self._read[path]
        for path in fresh:
            try:
                lists[path] = _load(path)
            except WordlistInvalid as invalid:
                refused[path] = invalid.problems
            if _mark(path) == self._seen[path]:  # else it was written to while it was read, and is read again
                self._read[path] = self._seen[path]
        self.found = Found(dict(sorted(lists.items())), refused)


def _mark(path: Path) -> Mark:
    try:
        stat = path.stat()
    except OSError:  # a link to nowhere: reading it says so
        return ()
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


def _load(path: Path) -> OperatorList:
    mark = _mark(path)
    if mark and mark[1] > MAX_BYTES:
        raise WordlistInvalid([f"{path}:1: file: should have at most {MAX_BYTES} bytes"])
    return read_operator_list(path, read_text(path))
