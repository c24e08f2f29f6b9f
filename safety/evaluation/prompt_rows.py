"""Reads labelled prompts from a csv file, and says which row is wrong when one is."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from safety.csv_cells import plain_cell

MAX_BYTES = 30_000_000  # unpacked: some hundred thousand prompts, which the gate judges in about ten minutes
TRUTH = ("unsafe", "hateful")
GROUPS = ("category", "labels", "type", "functionality")
LANGUAGE = ("language", "lang")
KNOWN_LANGUAGES = ("en", "fr")
UNKNOWN = ""


class UnusableRows(Exception):
    """A file that cannot be evaluated; the message says why, and where."""


@dataclass(frozen=True, slots=True)
class PromptRow:
    """A prompt and what is known of it.

    unsafe: None where nobody has said. language: "" where unknown. groups: kinds of harm, or of prompt.
    """

    text: str
    unsafe: bool | None = None
    language: str = UNKNOWN
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Prompts to judge, under a name."""

    name: str
    rows: tuple[PromptRow, ...]

    @property
    def texts(self) -> list[str]:
        """In order."""
        return [row.text for row in self.rows]

    @property
    def benign(self) -> "PromptSet":
        """The rows that nobody calls unsafe."""
        return PromptSet(self.name, tuple(row for row in self.rows if not row.unsafe))


def read_prompt_set(path: Path) -> PromptSet:
    """The rows of a csv or csv.gz file in UTF-8 with a header line.

    Columns: text; unsafe or hateful (0 or 1, empty for unknown); category, labels, type or functionality
    ("a|b" for two); language or lang. A file named *_en or *_fr is in that language where no column says so.
    Raises UnusableRows.
    """
    name = path.name.removesuffix(".gz").removesuffix(".csv")
    stated = name.rpartition("_")[2]
    rows = tuple(_rows(path, stated if stated in KNOWN_LANGUAGES else UNKNOWN))
    if not rows:
        raise UnusableRows(f"{path} holds no rows")
    return PromptSet(name, rows)


def _rows(path: Path, language: str) -> Iterator[PromptRow]:
    reader = csv.DictReader(io.StringIO(_content(path), newline=""), strict=True)
    try:
        columns = reader.fieldnames or []
        if "text" not in columns:
            raise UnusableRows(f'{path} has no column "text"; its columns are {", ".join(columns) or "none"}')
        for row in reader:
            yield _row(row, f"{path}, line {reader.line_num}", language)
    except csv.Error as error:
        raise UnusableRows(f"{path}, line {reader.line_num}: {error}") from error


def _content(path: Path) -> str:
    if not path.is_file():
        raise UnusableRows(f"{path} does not exist" if not path.exists() else f"{path} is no file")
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableRows(f"{path} cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise UnusableRows(f"{path} holds more than {MAX_BYTES // 1_000_000} MB: split it")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnusableRows(f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x})") from error


def _row(row: Mapping[str | None, str | None], place: str, language: str) -> PromptRow:
    text = row.get("text")
    if text is None or None in row:
        raise UnusableRows(f"{place}: {'fewer' if text is None else 'more'} fields than the header names")
    spoken = _first(row, LANGUAGE) or language
    return PromptRow(plain_cell(text), _truth(row, place), spoken, _groups(_first(row, GROUPS)))


def _truth(row: Mapping[str | None, str | None], place: str) -> bool | None:
    stated = _first(row, TRUTH)
    if stated not in ("", "0", "1"):
        raise UnusableRows(f"{place}: unsafe is {stated!r}, but must be 0, 1 or empty")
    return stated == "1" if stated else None


def _groups(stated: str) -> tuple[str, ...]:
    return tuple(name for part in stated.split("|") if (name := part.strip()))


def _first(row: Mapping[str | None, str | None], columns: tuple[str, ...]) -> str:
    return next((value.strip() for name in columns if (value := row.get(name))), "")
