"""Hashes of bad pictures as others share them: ThreatExchange's JSON of descriptors, and the CSV of its command line.

JSON: descriptors as the Graph API returns them, {"data": [...]}, a bare list, or {"<id>": {...}} as its lookup by
ids does (developers.facebook.com/docs/threat-exchange/reference/apis/threat-descriptor): raw_indicator, type
("HASH_PDQ"), status ("MALICIOUS", "NON_MALICIOUS", ...), description, added_on, expired_on, tags ({"data": [{"text":
...}]} or a list).
CSV: what `threatexchange dataset --print-signals --csv` prints (facebook/ThreatExchange,
python-threatexchange/threatexchange/cli/dataset_cmd.py): collab, signal_type ("pdq"), signal_str, category
("POSITIVE_CLASS", "NEGATIVE_CLASS", ...), tags parted by spaces. Ours has description and expired_on behind them.

Neither says what a picture is bad for in our words: a tag that is the name of one of our categories does.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from policies.signals import Category
from safety.csv_cells import safe_cell

HASH = re.compile(r"[0-9a-f]{64}\Z")
PDQ_TYPES = ("HASH_PDQ", "pdq")
BAD, NOT_BAD = ("MALICIOUS", "POSITIVE_CLASS"), ("NON_MALICIOUS", "NEGATIVE_CLASS", "INVESTIGATION_SEED", "UNKNOWN",
                                                "SUSPICIOUS")  # fmt: skip
COLUMNS = ("collab", "signal_type", "signal_str", "category", "tags", "description", "expired_on")
COLLABORATION = "gardefou"
MAX_REASON_CHARS = 2000
MAX_TOLD = 100  # problems of one file


class HashesRefused(Exception):
    """A file cannot be used. problems: "file:line: field: what was expected"; in JSON it is the entry's number."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class SharedHash:
    """One hash of a bad picture. hash: 64 hexadecimal digits; ends_at: UTC ISO 8601, None: no end is known."""

    hash: str
    category: Category
    reason: str
    ends_at: str | None = None


@dataclass(frozen=True, slots=True)
class SharedHashes:
    """What a file holds. passed_over: why -> entries that are of no use here, such as hashes of videos."""

    hashes: Sequence[SharedHash]
    passed_over: Mapping[str, int]


@dataclass(slots=True)
class _Reading:
    """A file while it is read."""

    origin: str
    otherwise: Category | None
    hashes: list[SharedHash] = field(default_factory=list)
    passed_over: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def take(self, line: int, entry: Mapping[str, Any]) -> None:
        """entry: with the names of a descriptor."""
        if why := _of_no_use(entry):
            self.passed_over[why] = self.passed_over.get(why, 0) + 1
            return
        problems = len(self.problems)
        hashed, category, ends_at = self._hash(line, entry), self._category(line, entry), self._end(line, entry)
        if len(self.problems) == problems and category is not None:
            reason = str(entry.get("description") or "")[:MAX_REASON_CHARS]
            self.hashes.append(SharedHash(hashed, category, reason, ends_at))

    def _hash(self, line: int, entry: Mapping[str, Any]) -> str:
        hashed = str(entry.get("raw_indicator") or "").strip().lower()
        if not HASH.match(hashed):
            self._problem(line, entry["_names"]["raw_indicator"], "should be 64 hexadecimal digits")
        return hashed

    def _category(self, line: int, entry: Mapping[str, Any]) -> Category | None:
        status = str(entry.get("status") or BAD[0])
        if status not in BAD:
            self._problem(line, entry["_names"]["status"], f"should be one of {', '.join((*BAD, *NOT_BAD))}")
        tagged = [Category(tag) for tag in _tags(entry.get("tags")) if tag in set(Category)]
        if len(set(tagged)) > 1:
            self._problem(line, "tags", f"should name one category ({', '.join(tagged)} given)")
        category = tagged[0] if tagged else self.otherwise
        if category is None:
            self._problem(line, "tags", "should name one of our categories, or the import has to (--category)")
        return category

    def _end(self, line: int, entry: Mapping[str, Any]) -> str | None:
        told = entry.get("expired_on")
        if told in (None, "", 0, "0"):
            return None
        try:
            return _moment(told)
        except (ValueError, OverflowError, OSError):
            self._problem(line, "expired_on", "should be ISO 8601 or seconds since 1970")
            return None

    def _problem(self, line: int, name: str, expected: str) -> None:
        self.problems.append(f"{self.origin}:{line}: {name}: {expected}")

    def whole(self) -> SharedHashes:
        """All of it, or nothing. Raises HashesRefused."""
        if self.problems:
            raise HashesRefused(self.problems[:MAX_TOLD])
        return SharedHashes(self.hashes, self.passed_over)


def read_hashes(origin: str, text: str, otherwise: Category | None = None) -> SharedHashes:
    """Read a file of either kind, told apart by its first character.

    otherwise: the category of entries whose tags name none. Raises HashesRefused naming every bad line; nothing of the
    file is to be used then.
    """
    reading = _Reading(origin, otherwise)
    entries = _of_json(reading, text) if text.lstrip()[:1] in ("{", "[") else _of_csv(reading, text)
    for line, entry in entries:
        reading.take(line, entry)
    return reading.whole()


def write_json(hashes: Iterable[tuple[SharedHash, str]]) -> str:
    """Descriptors with the fields named above. hashes: each with when it was added, UTC ISO 8601."""
    data = [_descriptor(number, shared, added) for number, (shared, added) in enumerate(hashes, 1)]
    return json.dumps({"data": data}, indent=1, ensure_ascii=False) + "\n"


def write_csv(hashes: Iterable[tuple[SharedHash, str]]) -> str:
    """The columns named above. A cell that a spreadsheet would take for a formula is kept as text."""
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(COLUMNS)
    for shared, _ in hashes:
        told = (shared.category, safe_cell(shared.reason), _as_threatexchange(shared.ends_at))
        rows.writerow((COLLABORATION, "pdq", shared.hash, "POSITIVE_CLASS", *told))
    return written.getvalue()


def _of_json(reading: _Reading, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        read = json.loads(text)
    except ValueError as error:
        reading.problems.append(f"{reading.origin}:{getattr(error, 'lineno', 1)}: file: should be JSON")
        return
    listed = read.get("data", list(read.values())) if isinstance(read, dict) else read
    for number, entry in enumerate(listed if isinstance(listed, list) else [listed], 1):
        if isinstance(entry, dict):
            yield number, {**entry, "_names": {"raw_indicator": "raw_indicator", "status": "status"}}
        else:
            reading.problems.append(f"{reading.origin}:{number}: entry: should be an object")


def _of_csv(reading: _Reading, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    if missing := [name for name in COLUMNS[1:3] if name not in (rows.fieldnames or ())]:
        reading.problems.append(f"{reading.origin}:1: header: should name {', '.join(missing)}")
        return
    names = {"raw_indicator": "signal_str", "status": "category"}
    for row in rows:
        told = {"type": row["signal_type"], "raw_indicator": row["signal_str"], "status": row.get("category")}
        rest = {name: row.get(name) for name in ("tags", "description", "expired_on")}
        yield rows.line_num, {**told, **rest, "_names": names}


def _of_no_use(entry: Mapping[str, Any]) -> str:
    if entry.get("type") not in PDQ_TYPES:
        return "no PDQ hash"
    return "not called bad" if entry.get("status") in NOT_BAD else ""


def _tags(told: object) -> list[str]:
    if isinstance(told, str):
        return told.split()
    listed = told.get("data", ()) if isinstance(told, dict) else told
    tags = listed if isinstance(listed, list) else []
    return [str(tag.get("text") if isinstance(tag, dict) else tag) for tag in tags]


def _moment(told: object) -> str:
    """UTC ISO 8601 with microseconds."""
    text = str(told)
    moment = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _descriptor(number: int, shared: SharedHash, added: str) -> dict[str, Any]:
    return {
        "id": str(number),
        "raw_indicator": shared.hash,
        "type": "HASH_PDQ",
        "status": "MALICIOUS",
        "owner": {"id": "0", "name": COLLABORATION},
        "tags": {"data": [{"text": shared.category}]},
        "description": shared.reason,
        "added_on": _as_threatexchange(added),
        **({"expired_on": _as_threatexchange(shared.ends_at)} if shared.ends_at else {}),
    }


def _as_threatexchange(moment: str | None) -> str:
    """Such as 2020-05-12T16:38:37+0000."""
    return datetime.fromisoformat(moment).strftime("%Y-%m-%dT%H:%M:%S+0000") if moment else ""
