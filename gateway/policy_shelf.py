"""The policies that can be read: the one in force, and those whose files lie beside it or come with gardefou."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import NotFound
from policies.loader import PolicyInForce, PolicyInvalid, load_policy, shipped_policies
from policies.schema import Policy

MOST_FILES = 50  # of the operator's folder: more is no folder of policies


@dataclass(frozen=True, slots=True)
class Shelved:
    """key: its name on the pages. file: the file's own name. problem: why it cannot be read; policy is None then.

    changed: it is the file of the policy in force, which says something else than what was loaded from it.
    """

    key: str
    file: str
    policy: Policy | None
    problem: str = ""
    in_force: bool = False
    changed: bool = False


class PolicyShelf:
    """Reads files, so every method may block. in_force_file: where the policy in force was loaded from."""

    def __init__(self, policies: PolicyInForce, in_force_file: Path) -> None:
        self._policies = policies
        self._file = in_force_file.resolve()
        self._read: dict[Path, tuple[tuple[int, int], Policy | None, str]] = {}

    def all(self) -> list[Shelved]:
        """The policy in force first, then the others by file."""
        running = self._policies.policy
        found = [Shelved(running.name, self._file.name, running, in_force=True)]
        keys = {running.name}
        for path in self._files():
            policy, problem = self._load(path)
            is_running = path == self._file and policy is not None and policy.stamp == running.stamp
            if not is_running:
                key = next(key for key in (path.stem, f"{path.stem}-file", str(path)) if key not in keys)
                keys.add(key)
                found.append(Shelved(key, path.name, policy, problem, changed=path == self._file))
        return found

    def _files(self) -> list[Path]:
        shipped = [path.resolve() for path in shipped_policies().values()]
        own = [] if self._file in shipped else list(_policies_in(self._file.parent))
        return [*own, *(path for path in shipped if path not in own)]

    def _load(self, path: Path) -> tuple[Policy | None, str]:
        """The policy, or the first of its problems, without the folder that it lies in."""
        version = _version(path)
        known = self._read.get(path)
        if known is None or known[0] != version:
            known = version, *_loaded(path)
            self._read[path] = known
        return known[1:]


def named(shelf: Sequence[Shelved], key: str) -> Shelved:
    """Raises NotFound."""
    for shelved in shelf:
        if shelved.key == key:
            return shelved
    raise NotFound("There is no such policy.")


def _policies_in(folder: Path) -> Iterator[Path]:
    found = sorted(path for path in folder.glob("*.yaml") if path.is_file())
    yield from (path.resolve() for path in found[:MOST_FILES])


def _version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size


def _loaded(path: Path) -> tuple[Policy | None, str]:
    try:
        return load_policy(path), ""
    except PolicyInvalid as invalid:
        return None, invalid.problems[0].replace(str(path), path.name)
