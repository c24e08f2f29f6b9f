"""Alembic's environment: one connection, batch mode where SQLite needs it."""

from logging import getLogger

from alembic import context
from sqlmodel import SQLModel, create_engine

from gateway.store import tables  # noqa: F401 (fills SQLModel.metadata)
from gateway.store.engine import with_driver

getLogger("alembic").setLevel("WARNING")

engine = create_engine(with_driver(context.config.attributes["url"]))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=SQLModel.metadata, render_as_batch=True)
    with context.begin_transaction():
        if engine.dialect.name == "postgresql":  # two replicas do not migrate at once
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(1735549286)")
        context.run_migrations()
engine.dispose()
