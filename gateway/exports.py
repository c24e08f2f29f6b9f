"""The ledger and the decisions as files: a stream of text that holds some hundred rows at a time."""

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from gateway.export_words import Form, What
from gateway.store.ledger import canonical
from gateway.store.ledger_pages import DECISION_COLUMNS, LEDGER_COLUMNS, LedgerPages, Wanted
from safety.csv_cells import csv_pieces

LINES_AT_ONCE = 500


def pieces(pages: LedgerPages, what: What, form: Form, wanted: Wanted) -> Iterator[str]:
    """The file, piece by piece; each piece is read in a short transaction of its own, and may block."""
    rows = pages.rows(wanted) if what is What.LEDGER else pages.decisions(wanted)
    if form is Form.CSV:
        columns = LEDGER_COLUMNS if what is What.LEDGER else DECISION_COLUMNS
        return csv_pieces(columns, ([_flat(row[name]) for name in columns] for row in rows))
    return _lines(rows)


def _lines(rows: Iterator[dict[str, Any]]) -> Iterator[str]:
    while some := [*islice(rows, LINES_AT_ONCE)]:
        yield "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in some)


def _flat(value: Any) -> object:
    return canonical(value) if isinstance(value, list | dict) else value
