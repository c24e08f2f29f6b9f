"""Rows as CSV that a spreadsheet shows and never runs: a cell that could begin a formula begins with an apostrophe.

After OWASP, "CSV Injection": = + - @ tab, carriage return and line feed at the start of a cell, with their full-width
and other compatibility twins, and every cell in quotes, so that none can begin another.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

FORMULA = frozenset("=+-@")
CONTROL = ("\t", "\r", "\n")
UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")  # Unicode categories that a spreadsheet may drop before it looks
ROWS_AT_ONCE = 500  # of one piece of a stream


def safe_cell(value: object) -> str:
    """The cell's text: "" for None; a number as it is, for it is no text of anybody's, so -0.5 stays a number."""
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    text = str(value)
    return f"'{text}" if _could_run(text) else text


def plain_cell(text: str) -> str:
    """What `safe_cell` was given: a spreadsheet does not show the apostrophe either."""
    return text[1:] if text.startswith("'") and _could_run(text[1:]) else text


def csv_pieces(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The header and the rows as RFC 4180 text, some rows at a time: a stream never holds them all."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_ALL)
    writer.writerow([safe_cell(name) for name in header])
    for count, row in enumerate(rows, start=1):
        writer.writerow([safe_cell(value) for value in row])
        if count % ROWS_AT_ONCE == 0:
            yield _taken(written)
    yield _taken(written)


def _could_run(text: str) -> bool:
    first = next((character for character in text if unicodedata.category(character) not in UNSEEN), "")
    return text.startswith(CONTROL) or not FORMULA.isdisjoint(unicodedata.normalize("NFKC", first)[:1])


def _taken(written: io.StringIO) -> str:
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text
