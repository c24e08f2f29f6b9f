"""Reads labelled pictures from a folder or a csv file, and says which row is wrong when one is."""

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from torch import Tensor

from policies.signals import Category, Descriptor
from safety.evaluation.prompt_rows import UnusableRows
from safety.evaluation.statistics import Floats
from safety.picture_files.pixels import decode_picture
from safety.picture_files.refusals import NotAPicture, PictureTooLarge

LABELS = "labels.csv"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
BENIGN = "benign"
CHILD = "child"  # scored for sexual_minors alone
SUBJECTS = (*(str(c) for c in Category), str(Descriptor.PHOTOREALISM), str(Descriptor.PERSON), CHILD)
MAX_PIXELS = 20_000_000
UNKNOWN = float("nan")

Use = Literal["calibrate", "evaluate"]


@dataclass(frozen=True, slots=True)
class PictureRow:
    """A picture file and what is known of it. shows: subject -> whether it shows it, absent where nobody has said."""

    file: Path
    shows: Mapping[str, bool]
    use: Use
    place: str


class PictureFiles(Sequence[Tensor]):
    """The pictures of rows, each read when it is asked for: uint8 (3, height, width) RGB."""

    def __init__(self, rows: Sequence[PictureRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at):  # type: ignore[no-untyped-def]  # int -> Tensor, slice -> PictureFiles
        """Raises UnusableRows, naming the row, when a file is no picture."""
        return PictureFiles(self._rows[at]) if isinstance(at, slice) else _read(self._rows[at])


@dataclass(frozen=True, slots=True, eq=False)
class LabelledPictures:
    """Pictures and what they show.

    answers: subject -> float (n), 1 shown, 0 not shown, NaN unknown.
    """

    name: str
    pictures: Sequence[Tensor]
    answers: Mapping[str, Floats]


@dataclass(frozen=True, slots=True)
class PictureRows:
    """The rows of a folder or file, under its name."""

    name: str
    rows: tuple[PictureRow, ...]

    def of_use(self, use: Use) -> "PictureRows":
        """The rows of one use."""
        return PictureRows(self.name, tuple(row for row in self.rows if row.use == use))

    @property
    def labelled(self) -> LabelledPictures:
        """The pictures, read when they are needed, and what they show."""
        answers = {subject: _column(self.rows, subject) for subject in SUBJECTS}
        return LabelledPictures(self.name, PictureFiles(self.rows), answers)


def read_pictures(path: Path) -> PictureRows:
    """Labelled pictures of a csv file, of a folder with a labels.csv, or of a folder of folders.

    Columns: file, relative to the csv file; shows: subjects, separated by spaces; unclear: subjects that this picture
    says nothing about; use: calibrate or evaluate. A folder of folders names its subjects: weapons/, person+gore/, and
    benign/ for pictures that show none; such a folder says nothing about the subjects it does not name.
    Where no use is stated, a file's name decides, so that it does not change when others are added.
    Raises UnusableRows.
    """
    if not path.exists():
        raise UnusableRows(f"{path} does not exist")
    labels = path / LABELS if path.is_dir() else path
    rows = tuple(_rows_of_csv(labels) if labels.is_file() else _rows_of_folders(path))
    if not rows:
        raise UnusableRows(f"{path} holds no pictures")
    return PictureRows(path.stem if labels == path else path.name, rows)


def _rows_of_csv(labels: Path) -> Iterator[PictureRow]:
    reader = csv.DictReader(io.StringIO(_text(labels), newline=""), strict=True)
    try:
        if missing := {"file", "shows"} - set(reader.fieldnames or ()):
            raise UnusableRows(f"{labels} has no column {', '.join(sorted(missing))}")
        for row in reader:
            yield _row(row, f"{labels}, line {reader.line_num}", labels.parent)
    except csv.Error as error:
        raise UnusableRows(f"{labels}, line {reader.line_num}: {error}") from error


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnusableRows(f"{path} cannot be read: {error}") from error
    except UnicodeDecodeError as error:
        raise UnusableRows(f"{path}: not UTF-8 (byte {error.start})") from error


def _row(row: Mapping[str | None, str | None], place: str, folder: Path) -> PictureRow:
    if None in row or None in row.values():
        raise UnusableRows(f"{place}: {'more' if None in row else 'fewer'} fields than the header names")
    shown, unclear = (_subjects(row.get(column) or "", place) for column in ("shows", "unclear"))
    if both := shown & unclear:
        raise UnusableRows(f"{place}: {', '.join(sorted(both))} is both shown and unclear")
    file = folder / (row["file"] or "")
    if not file.is_file():
        raise UnusableRows(f"{place}: there is no file {file}")
    stated = row.get("use") or _use_by_name(file.name)
    if stated not in get_args(Use):
        raise UnusableRows(f"{place}: use is {stated!r}, but must be {' or '.join(get_args(Use))}")
    return PictureRow(file, {s: s in shown for s in SUBJECTS if s not in unclear}, stated, place)  # type: ignore[arg-type]


def _subjects(stated: str, place: str) -> set[str]:
    named = set(stated.split())
    if unknown := named - set(SUBJECTS):
        raise UnusableRows(f"{place}: no subject {', '.join(sorted(unknown))}; subjects: {', '.join(SUBJECTS)}")
    return named


def _rows_of_folders(folder: Path) -> Iterator[PictureRow]:
    for inside in sorted(path for path in folder.iterdir() if path.is_dir()):
        benign = inside.name == BENIGN
        shown = set() if benign else _subjects(inside.name.replace("+", " "), str(inside))
        shows = {subject: subject in shown for subject in SUBJECTS if benign or subject in shown}
        for file in sorted(path for path in inside.iterdir() if path.suffix.lower() in SUFFIXES):
            yield PictureRow(file, shows, _use_by_name(file.name), str(file))


def _use_by_name(name: str) -> Use:
    return "evaluate" if hashlib.sha256(name.encode()).digest()[0] % 2 else "calibrate"


def _column(rows: Sequence[PictureRow], subject: str) -> Floats:
    """sexual_minors is told by its parts where nobody states it: a child, and something sexual."""
    return np.array([_answer(row.shows, subject) for row in rows], dtype=np.float64)


def _answer(shows: Mapping[str, bool], subject: str) -> float:
    stated = shows.get(subject)
    if subject != Category.SEXUAL_MINORS or stated:
        return UNKNOWN if stated is None else float(stated)
    parts = [shows.get(part) for part in (CHILD, str(Category.SEXUAL))]
    return 0.0 if False in parts else UNKNOWN if None in parts else 1.0


def _read(row: PictureRow) -> Tensor:
    try:
        return decode_picture(row.file.read_bytes(), MAX_PIXELS)
    except (NotAPicture, PictureTooLarge, OSError) as error:
        raise UnusableRows(f"{row.place}: {row.file} cannot be judged: {error}") from error
