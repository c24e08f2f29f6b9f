"""Databases for the tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.assembly import migrate
from tests.gateway.databases import fresh_database, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A real PostgreSQL server."""
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, on each kind of server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'gardefou.db'}"
    return fresh_database(request.getfixturevalue("postgres"))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with our tables, to be copied: migrating takes longer than most tests."""
    file = tmp_path_factory.mktemp("migrated") / "gardefou.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture
def database(empty_database: str, request: pytest.FixtureRequest) -> str:
    """The URL of a database with our tables."""
    if empty_database.startswith("sqlite"):
        shutil.copy(request.getfixturevalue("migrated_file"), empty_database.removeprefix("sqlite:///"))
    else:
        migrate(empty_database)
    return empty_database
