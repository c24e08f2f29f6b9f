"""Migrations lead to the tables that the code speaks of, and back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlmodel import SQLModel

from gateway.assembly import MIGRATIONS, migrate
from gateway.store.engine import open_engine


def configuration(url: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config


def test_the_migrated_tables_are_those_of_the_code(database: str) -> None:
    engine = open_engine(database)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_downgrading_leaves_nothing_and_upgrading_again_works(database: str) -> None:
    command.downgrade(configuration(database), "base")
    engine = open_engine(database)
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()
    migrate(database)


def test_migrating_twice_changes_nothing(database: str) -> None:
    migrate(database)
