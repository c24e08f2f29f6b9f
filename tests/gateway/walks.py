"""Requests walked through a real house without HTTP, and what the book then says about them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlmodel import col, select

from gateway.assembly import House
from gateway.auth import Caller
from gateway.errors import GatewayError
from gateway.generation import Asked, Generation
from gateway.store.engine import open_engine, reading
from gateway.store.tables import DecisionRow, LedgerRow, PictureRow, RequestRow
from tests.fakes import IDENTITY

CALLER = Caller("key", "tester")
Result = TypeVar("Result")


def asked(prompt: str = "a cat", count: int = 1, **others: Any) -> Asked:
    """A request for small pictures; seeds count from 0."""
    return Asked(**{"prompt": prompt, "count": count, "size": "64x64", "model": IDENTITY.name, "surface": "terminal",
                    "seed": 0, **others})  # fmt: skip


def inside(house: House, walk: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine while the house works."""

    async def run() -> Result:
        async with house:
            return await walk()

    return asyncio.run(run())


async def walk(house: House, request: Asked, caller: Caller = CALLER) -> Generation | GatewayError:
    """The request's end: the pictures, or the error that the caller is told."""
    try:
        return await house.pipeline.run(request, caller)
    except GatewayError as error:
        return error


def walked(house: House, *requests: Asked) -> list[Generation | GatewayError]:
    """The ends of several requests, one after the other."""

    async def all_of_them() -> list[Generation | GatewayError]:
        return [await walk(house, request) for request in requests]

    return inside(house, all_of_them)


class Book:
    """What stands in the database of a house."""

    def __init__(self, house: House) -> None:
        with reading(open_engine(house.settings.database)) as session:
            self.requests = list(session.exec(select(RequestRow).order_by(col(RequestRow.created_at))))
            self.decisions = list(session.exec(select(DecisionRow).order_by(col(DecisionRow.created_at))))
            self.pictures = list(session.exec(select(PictureRow).order_by(col(PictureRow.index))))
            self.ledger = list(session.exec(select(LedgerRow).order_by(col(LedgerRow.seq))))

    @property
    def ends(self) -> list[tuple[str, str | None]]:
        """(state, outcome) of each request, oldest first."""
        return [(row.state, row.outcome) for row in self.requests]

    @property
    def picture_states(self) -> list[str]:
        """State of each picture, by index."""
        return [row.state for row in self.pictures]

    def states_of(self, subject: str) -> list[str]:
        """Every state that the ledger says something went through, in order."""
        facts = [json.loads(row.facts) for row in self.ledger if row.subject == subject]
        return [fact["state"] for fact in facts if "state" in fact]
