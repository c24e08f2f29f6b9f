"""Views of the queue that somebody keeps under a name. Nobody else sees them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, delete
from sqlmodel import col, select

from gateway.errors import InvalidValue
from gateway.store import ledger
from gateway.store.engine import reading, take_turns, transaction
from gateway.store.people import Person
from gateway.store.tables import SavedFilterRow

MAX_NAME_CHARS = 40
MAX_SAVED = 20  # of one person: what fits above the queue


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """asked: the name of a filter -> its value."""

    name: str
    asked: Mapping[str, str]


class SavedFilters:
    """Every method is one transaction and may block."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, person: Person) -> list[SavedFilter]:
        """Somebody's own, by name."""
        own = select(SavedFilterRow).where(SavedFilterRow.person_id == person.id)
        with reading(self._engine) as session:
            rows = session.exec(own.order_by(col(SavedFilterRow.name))).all()
            return [SavedFilter(row.name, dict(json.loads(row.asked))) for row in rows]

    def save(self, person: Person, name: str, asked: Mapping[str, str]) -> None:
        """Keep one; another of the same name is replaced. Raises InvalidValue for a name, or for one too many."""
        named = " ".join(name.split())
        if not named or len(named) > MAX_NAME_CHARS or not named.isprintable():
            raise InvalidValue(f"A name has 1 to {MAX_NAME_CHARS} characters that can be seen.", param="name")
        with transaction(self._engine, "save_filter") as session:
            take_turns(session)
            row = session.get(SavedFilterRow, (person.id, named))
            own = session.exec(select(SavedFilterRow.name).where(SavedFilterRow.person_id == person.id)).all()
            if row is None and len(own) >= MAX_SAVED:
                raise InvalidValue(f"Nobody keeps more than {MAX_SAVED}. Delete one first.", param="name")
            row = row or SavedFilterRow(person_id=person.id, name=named, asked="")
            row.asked = ledger.canonical(dict(asked))
            session.add(row)

    def delete(self, person: Person, name: str) -> None:
        """Keep it no longer; nothing happens when there is none."""
        with transaction(self._engine, "delete_filter") as session:
            own = delete(SavedFilterRow).where(col(SavedFilterRow.person_id) == person.id)
            session.exec(own.where(col(SavedFilterRow.name) == name))
