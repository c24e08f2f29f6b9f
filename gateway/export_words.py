"""What can be exported, and as what: apart from the rest, so that a command's help loads no database."""

from enum import StrEnum


class What(StrEnum):
    """What is exported."""

    LEDGER = "ledger"
    DECISIONS = "decisions"


class Form(StrEnum):
    """csv is for spreadsheets: its cells are made harmless. jsonl is exact."""

    CSV = "csv"
    JSONL = "jsonl"
