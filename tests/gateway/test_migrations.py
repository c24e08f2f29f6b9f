"""Migrations lead to the tables that the code speaks of, and back."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlmodel import SQLModel

from gateway.assembly import MIGRATIONS, migrate
from gateway.store.cases import Cases
from gateway.store.engine import open_engine
from gateway.store.listing import Filters


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


def test_what_was_held_before_there_was_a_desk_becomes_a_case(empty_database: str) -> None:
    command.upgrade(configuration(empty_database), "0004")
    engine = open_engine(empty_database)
    with engine.begin() as connection:
        for request, state in (("req_held", "held"), ("req_gone", "aborted")):
            connection.execute(REQUEST, {"id": request, "state": state})
            connection.execute(DECISION, {"id": f"dec_{request}", "request": request})
            connection.execute(PICTURE, {"id": f"img_{request}", "request": request, "decision": f"dec_{request}"})
    engine.dispose()
    migrate(empty_database)
    engine = open_engine(empty_database)
    (case,) = Cases(engine, 300, 10).waiting(Filters())
    engine.dispose()
    assert (case.request_id, case.pictures, case.restricted) == ("req_held", 1, True)


REQUEST = text(
    "INSERT INTO requests (id, caller_kind, caller_id, surface, instance, model, asked, size, prompt_digest, state, "
    "policy, policy_sha256, created_at) VALUES (:id, 'key', 'k', 'openai', 'i', 'm', 1, '64x64', 'd', :state, 'p@1', "
    "'s', '2026-11-24T00:00:00.000000+00:00')"
)
DECISION = text(
    "INSERT INTO decisions (id, request_id, stage, action, categories, reasons, signals, thresholds, models, policy, "
    "policy_sha256, seconds, created_at) VALUES (:id, :request, 'picture', 'review', '[]', "
    "'[{\"category\"\\:\"sexual_minors\"}]', '[]', '{}', '{}', 'p@1', 's', 0, '2026-11-24T00:00:00.000000+00:00')"
)
PICTURE = text(
    'INSERT INTO pictures (id, request_id, "index", sha256, format, seed, state, decision_id) '
    "VALUES (:id, :request, 0, 'x', 'png', 7, 'held', :decision)"
)
