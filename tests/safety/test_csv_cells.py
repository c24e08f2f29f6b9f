"""An export that somebody opens in a spreadsheet runs nothing (reference 4.4, row 56)."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safety.csv_cells import ROWS_AT_ONCE, csv_pieces, plain_cell, safe_cell

HOSTILE = (
    "=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠SUM", "﹦1", "﹣1", " =1",
    "\u200b=1", "\ufeff@x", "\x00-1", "\u00a0+1", "\u202e=1", '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "\n",
)  # fmt: skip
HARMLESS = ("a cat", "", "'=1", "1-2", "a=b", "per_abc", '{"a":"=1"}', "é", "—", "/decisions", "* star", "<b>")


@pytest.mark.parametrize("text", HOSTILE)
def test_f56_what_could_begin_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_alone(text: str) -> None:
    assert safe_cell(text) == text


def test_numbers_stay_numbers() -> None:
    assert [safe_cell(value) for value in (-0.25, 3, None, True)] == ["-0.25", "3", "", "True"]


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2), max_size=20))
def test_f56_no_cell_ends_early_or_begins_with_what_runs(rows: list[list[str]]) -> None:
    read = [*csv.reader(io.StringIO("".join(csv_pieces(("a", "b"), rows)), newline=""))]
    assert read == [["a", "b"], *([safe_cell(cell) for cell in row] for row in rows)]
    assert not any(cell[:1] in {*"=+-@\t\r\n＝＋－＠"} for row in read for cell in row if cell)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_was_made_safe_reads_as_it_was(text: str) -> None:
    assert plain_cell(safe_cell(text)) == (plain_cell(text) if text.startswith("'") else text)


def test_a_million_rows_are_never_held_at_once() -> None:
    asked = 0

    def rows() -> Iterator[list[int]]:
        nonlocal asked
        for asked in range(1_000_000):
            yield [asked]

    first = next(csv_pieces(("n",), rows()))
    assert asked < ROWS_AT_ONCE
    assert first.startswith('"n"\r\n"0"\r\n')
