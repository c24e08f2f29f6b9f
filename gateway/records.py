"""What auditors read: the policies and how they fared, and the ledger with its verification."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from gateway.ledger_check import LedgerCheck
from gateway.policy_shelf import PolicyShelf
from gateway.store.firings import Firings
from gateway.store.ledger_pages import LedgerPages
from policies.loader import PolicyInForce


@dataclass(frozen=True, slots=True)
class Records:
    """The parts behind the pages of the policies and of the ledger."""

    shelf: PolicyShelf
    firings: Firings
    pages: LedgerPages
    check: LedgerCheck


def open_records(engine: Engine, policies: PolicyInForce, policy_file: Path) -> Records:
    """Over a database, and the folder that the policy in force came from."""
    pages = LedgerPages(engine)
    return Records(PolicyShelf(policies, policy_file), Firings(engine), pages, LedgerCheck(engine, pages))
