"""What `gardefou lists` does: the operator's own word lists, by the same rules as the service."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gateway.assembly import open_lists, policy_path, see_lists
from gateway.errors import NotFound
from gateway.settings import Settings
from gateway.store.wordlists import Change
from gateway.wordlists import OperatorLists, as_version, facts_of
from policies.loader import load_policy
from policies.wordlists import read_text
from safety.operator_lists import read_operator_list

BY = ("terminal", "terminal")


def seen(settings: Settings) -> OperatorLists:
    """The lists as they stand; nothing is made where there are none."""
    lists = see_lists(settings, load_policy(policy_path(settings.policy)))
    lists.read()
    return lists


def check_files(settings: Settings, paths: Sequence[Path]) -> list[dict[str, Any]]:
    """What sound files hold, read together beside the lists in force. Raises WordlistInvalid."""
    own, _ = seen(settings).candidates({path: read_text(path) for path in paths})
    return [{"file": str(one.origin)} | facts_of(one.wordlist) for one in own]


def add_file(settings: Settings, path: Path) -> dict[str, Any]:
    """Store a file as the newest version of its list. Raises WordlistInvalid, DatabaseUnavailable."""
    own = read_operator_list(path, read_text(path))
    stored = _opened(settings).change(Change(own.wordlist.name, own.text, *BY))
    return as_version(stored) | facts_of(own.wordlist)


def remove(settings: Settings, name: str) -> dict[str, Any]:
    """Take a stored list out of force. Raises WordlistInvalid, NotFound, DatabaseUnavailable."""
    return as_version(_opened(settings).change(Change(name, None, *BY)))


def restore(settings: Settings, name: str, version: int) -> dict[str, Any]:
    """Put an older version in force again. Raises WordlistInvalid, NotFound, DatabaseUnavailable."""
    return as_version(_opened(settings).restore(name, version, *BY))


def show(settings: Settings, name: str, version: int | None) -> dict[str, Any]:
    """A list with its text. Raises NotFound, for one that was removed too."""
    shown = seen(settings).shown(name, version)
    if shown.get("content") is None:
        raise NotFound(
            f"The list {name} was removed: `gardefou lists versions {name}` tells when, and what was before."
        )
    return shown


def versions(settings: Settings, name: str) -> list[dict[str, Any]]:
    """Who changed a list when, oldest first. Raises NotFound."""
    told: list[dict[str, Any]] = seen(settings).shown(name)["versions"]
    return told


def as_lines(described: dict[str, Any]) -> Iterator[str]:
    """A line for each list, and for each problem of one that is refused."""
    for one in described["data"]:
        facts = f"{one['language']:3} {one['category']:14} {one['terms']:6} terms"
        yield f"{one['source']:8} {one['name']:24} {facts}  {one.get('file') or _made(one)}".rstrip()
    for refused in described["refused"]:
        for problem in refused["problems"]:
            yield f"refused  {problem['list']}:{problem['line']}: {problem['field']}: {problem['expected']}"


def as_line(version: dict[str, Any]) -> str:
    """One version of a list."""
    what = "removed" if version.get("removed") else version["sha256"][:12]
    restored = f", restores version {version['restores']}" if "restores" in version else ""
    return f"{version['name']} {_made(version)}  {what}{restored}"


def _made(version: dict[str, Any]) -> str:
    if "version" not in version:
        return ""
    return f"version {version['version']}, {version['created_at'][:19]}, {version['created_by']}"


def _opened(settings: Settings) -> OperatorLists:
    lists = open_lists(settings, load_policy(policy_path(settings.policy)))
    lists.read()
    return lists
