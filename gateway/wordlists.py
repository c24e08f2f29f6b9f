"""Operators' word lists: from a folder and from the database into the check in force, without a restart.

A new check is built beside the old one, and then takes its place in one assignment. What does not validate changes
nothing.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml
from anyio import CapacityLimiter, to_thread

from gateway import metrics
from gateway.errors import GatewayError, ListRefused, NotFound
from gateway.store.list_files import Found, ListFiles
from gateway.store.wordlists import Change, Overtaken, Standing, Stored, Wordlists
from policies.wordlists import Wordlist, WordlistInvalid
from safety.checks.blocklist import Blocklist
from safety.operator_lists import MAX_TOLD, OperatorList, joined, read_operator_list

_log = logging.getLogger("gardefou")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class InForce:
    """The lists that judge now, beside the policy's own.

    files: by path. stored: by name, with the version. revision: of the newest stored change among them.
    """

    files: Mapping[Path, OperatorList]
    stored: Mapping[str, tuple[Stored, OperatorList]]
    revision: int

    @property
    def added(self) -> list[OperatorList]:
        """All of them."""
        return [*self.files.values(), *(own for _, own in self.stored.values())]

    def find(self, name: str) -> OperatorList | None:
        """The operator's list of that name."""
        if name in self.stored:
            return self.stored[name][1]
        return next((own for own in self.files.values() if own.wordlist.name == name), None)


class OperatorLists:
    """The lists of a folder and of the database, beside the policy's own.

    use: puts a check in force. Methods that are not coroutines block, and one of them may run at a time.
    """

    def __init__(
        self, shipped: Sequence[Wordlist], stored: Wordlists, files: ListFiles, use: Callable[[Blocklist], None]
    ) -> None:
        self.shipped = shipped
        self._stored = stored
        self._files = files
        self._use = use
        self._one_at_a_time = CapacityLimiter(1)
        self._at_odds: tuple[str, ...] = ()
        self._attempted: tuple[Found, int] | None = None
        self.in_force = InForce({}, {}, 0)

    @property
    def refused(self) -> dict[str, tuple[str, ...]]:
        """What is not in force though it was put there: file -> problems; under `lists` those of all together."""
        of_files = {str(path): why for path, why in self._files.found.refused.items()}
        return of_files | ({"lists": self._at_odds} if self._at_odds else {})

    def start(self) -> None:
        """Put every list in force. Raises WordlistInvalid: a service without its operator's lists must not start."""
        self.read()
        if problems := [problem for why in self.refused.values() for problem in why]:
            raise WordlistInvalid(problems)

    def read(self) -> None:
        """Read all files and stored lists as they stand, and put in force what is sound."""
        self._files.read()
        self._read_stored()

    def _read_stored(self) -> None:
        """Put the stored lists and the sound files in force, if they fit together: else `refused` says why not."""
        standing, found = self._stored.standing(), self._files.found
        self._attempted = (found, standing.revision)
        try:
            assembled = self._assemble(standing, found.lists)
            if assembled.added or self.in_force.added:
                self._put_in_force(assembled, joined(self.shipped, assembled.added))
            self._at_odds = ()
        except WordlistInvalid as invalid:
            self._at_odds = invalid.problems
        metrics.wordlists_refused.set(len(self.refused))

    def refresh(self) -> None:
        """Look whether a file or a stored list was changed, by whomever, and put the change in force."""
        before = self.refused
        self._files.changed()
        if self._attempted != (self._files.found, self._stored.revision()):
            self._read_stored()
        if self.refused != before:
            for problem in (problem for why in self.refused.values() for problem in why):
                _log.warning("word list refused, the lists in force stay as they are: %s", problem)

    async def watch(self, seconds: float) -> None:
        """Refresh for ever. Whatever goes wrong, the lists in force stay, and the next look comes."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.alone(self.refresh)
            except GatewayError as error:
                _log.warning("word lists could not be looked at: %s", error.message)
            except Exception as error:  # noqa: BLE001 (a watch that ends would leave later changes unseen)
                _log.warning("word lists could not be looked at: %s", type(error).__name__)

    async def alone(self, work: Callable[[], Result]) -> Result:
        """Run blocking work on the lists in a worker thread, one at a time: judging must not wait for threads."""
        return await to_thread.run_sync(work, limiter=self._one_at_a_time)

    def change(self, change: Change) -> Stored:
        """Validate, store, put in force. Raises WordlistInvalid, NotFound, PreconditionFailed, DatabaseUnavailable."""
        while True:
            standing = self._stored.standing()
            if change.content is None and change.name not in standing.lists:
                raise self._not_stored(change.name)
            try:
                assembled = self._assemble(_changed(standing, change), self.in_force.files)
                blocklist = joined(self.shipped, assembled.added)
            except WordlistInvalid:
                if change.content is None and self._at_odds:  # the way out of lists that do not fit together
                    return self._remove_unfit(change, standing.revision)
                raise
            try:
                stored = self._stored.change(change, standing.revision)
            except Overtaken:
                continue
            self._take(assembled, blocklist, stored)
            return stored

    def restore(self, name: str, version: int, caller_kind: str, caller_id: str) -> Stored:
        """Put an older version of a list in force again, as its newest. Raises as `change`."""
        older = self._version(self._stored.versions(name), version)
        if older.content is None:
            raise NotFound(f"Version {version} is the removal of the list {name}: restore one before it.")
        return self.change(Change(name, older.content, caller_kind, caller_id, restores=version))

    def described(self) -> dict[str, Any]:
        """Every list that judges, where it comes from, and what is refused."""
        now = self.in_force
        lists = [
            *({"source": "shipped", **facts_of(wordlist)} for wordlist in self.shipped),
            *({"source": "file", "file": str(path), **facts_of(own.wordlist)} for path, own in now.files.items()),
            *(as_version(kept) | facts_of(own.wordlist) for kept, own in now.stored.values()),
        ]
        refused = [{"list": origin, "problems": told(problems)} for origin, problems in self.refused.items()]
        return {"object": "list", "revision": now.revision, "data": lists, "refused": refused}

    def shown(self, name: str, version: int | None = None) -> dict[str, Any]:
        """A list with its text and who made which version when; or one version of it. Raises NotFound."""
        versions = self._stored.versions(name)
        if version is not None:
            older = self._version(versions, version)
            return as_version(older) | {"content": older.content}
        described = self._judging(name) or (as_version(versions[-1]) if versions else None)
        if described is None:
            raise NotFound("There is no such list.")
        return described | {"versions": [as_version(kept) for kept in versions]}

    def candidates(self, texts: Mapping[Path, str]) -> tuple[list[OperatorList], Blocklist]:
        """Lists, and the check as it would be with them; nothing changes. Raises WordlistInvalid."""
        own = [read_operator_list(origin, text) for origin, text in texts.items()]
        names = {one.wordlist.name for one in own}
        others = [other for other in self.in_force.added if other.wordlist.name not in names]
        return own, joined(self.shipped, [*others, *own])

    def _judging(self, name: str) -> dict[str, Any] | None:
        """One list that judges, with its text."""
        described: dict[str, Any] | None = next((one for one in self.described()["data"] if one["name"] == name), None)
        if described is None:
            return None
        own = self.in_force.find(name)
        text = own.text if own else as_yaml(next(wordlist for wordlist in self.shipped if wordlist.name == name))
        return described | {"content": text}

    def _version(self, versions: Sequence[Stored], version: int) -> Stored:
        for kept in versions:
            if kept.version == version:
                return kept
        raise NotFound("There is no such version of this list.")

    def _remove_unfit(self, change: Change, revision: int) -> Stored:
        stored = self._stored.change(change, revision)
        self._read_stored()
        return stored

    def _take(self, assembled: InForce, blocklist: Blocklist, stored: Stored) -> None:
        """A stored change comes into force; files that do not fit are tried again beside it."""
        lists = dict(assembled.stored)
        if stored.content is not None:
            lists[stored.name] = (stored, lists[stored.name][1])
        revision = max(assembled.revision, stored.revision)
        self._put_in_force(replace(assembled, stored=lists, revision=revision), blocklist)
        found = self._files.found
        self._attempted = None if self._at_odds else (found, revision)

    def _assemble(self, standing: Standing, files: Mapping[Path, OperatorList]) -> InForce:
        """The lists as they stand. Raises WordlistInvalid when a stored one cannot be used."""
        stored = {name: (kept, self._parsed(kept)) for name, kept in standing.lists.items()}
        return InForce(files, stored, standing.revision)

    def _parsed(self, kept: Stored) -> OperatorList:
        known = self.in_force.stored.get(kept.name)
        if known and known[1].text == kept.content:
            return known[1]
        own = read_operator_list(Path(kept.name), kept.content or "")
        if own.wordlist.name != kept.name:
            raise WordlistInvalid([f"{kept.name}:1: name: should be {kept.name} (found {own.wordlist.name})"])
        return own

    def _put_in_force(self, assembled: InForce, blocklist: Blocklist) -> None:
        self._use(blocklist)
        self.in_force = assembled

    def _not_stored(self, name: str) -> Exception:
        if any(wordlist.name == name for wordlist in self.shipped):
            return WordlistInvalid([f"{name}:1: name: is a shipped list's, which only a policy can leave out"])
        if self.in_force.find(name):
            return WordlistInvalid([f"{name}:1: name: is that of a file: remove the file"])
        return NotFound("There is no such list.")


def facts_of(wordlist: Wordlist) -> dict[str, Any]:
    """What a list is, in short."""
    return {
        "name": wordlist.name, "language": wordlist.language, "category": wordlist.category,
        "group": wordlist.group_name, "terms": sum(len(row.texts) for row in wordlist.terms),
        "combinations": len(wordlist.combinations),
    }  # fmt: skip


def as_yaml(wordlist: Wordlist) -> str:
    """A list written out, without what goes without saying."""
    told: str = yaml.safe_dump(
        wordlist.model_dump(mode="json", exclude_defaults=True), allow_unicode=True, sort_keys=False
    )
    return told


def as_version(kept: Stored) -> dict[str, Any]:
    """A stored version, without its text."""
    facts = {"source": "stored", "name": kept.name, "version": kept.version, "sha256": kept.sha256}
    made = {"created_at": kept.created_at, "created_by": f"{kept.caller_kind}:{kept.caller_id}"}
    restored = {"restores": kept.restores} if kept.restores else {}
    return facts | made | restored | ({"removed": True} if kept.content is None else {})


def refusal(problems: Sequence[str]) -> ListRefused:
    """The error that tells what is wrong with a list."""
    more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
    return ListRefused(f"The list cannot be used: {problems[0]}{more}", facts={"problems": told(problems)})


def told(problems: Sequence[str]) -> list[dict[str, object]]:
    """ "file:line: field: what was expected" in parts, for programs."""
    return [_parts(problem) for problem in problems[:MAX_TOLD]]


def _parts(problem: str) -> dict[str, object]:
    place, field, expected = (*problem.split(": ", 2), "", "")[:3]
    origin, _, line = place.rpartition(":")
    return {"list": origin, "line": int(line) if line.isdigit() else 1, "field": field, "expected": expected}


def _changed(standing: Standing, change: Change) -> Standing:
    """The lists as they will stand after a change."""
    lists = {name: kept for name, kept in standing.lists.items() if name != change.name}
    if change.content is not None:
        lists[change.name] = Stored(
            change.name, 0, 0, change.content, None, change.restores, change.caller_kind, change.caller_id, ""
        )
    return replace(standing, lists=lists)
