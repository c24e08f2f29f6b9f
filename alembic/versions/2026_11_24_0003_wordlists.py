"""The versions of operators' word lists; what was in force once stays readable."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SQLITE_TRIGGER = """
CREATE TRIGGER wordlists_no_{verb} BEFORE {verb} ON wordlists
BEGIN SELECT RAISE(ABORT, 'wordlists is append-only'); END
"""
# REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
SQLITE_INSERT_TRIGGER = """
CREATE TRIGGER wordlists_no_REPLACE BEFORE INSERT ON wordlists
WHEN EXISTS (SELECT 1 FROM wordlists WHERE id = NEW.id OR revision = NEW.revision)
BEGIN SELECT RAISE(ABORT, 'wordlists is append-only'); END
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER wordlists_append_only BEFORE UPDATE OR DELETE ON wordlists
FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()
"""
POSTGRES_TRUNCATE_TRIGGER = """
CREATE TRIGGER wordlists_no_truncate BEFORE TRUNCATE ON wordlists EXECUTE FUNCTION gardefou_append_only()
"""


def upgrade() -> None:
    op.create_table(
        "wordlists",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("restores", sa.Integer(), nullable=True),
        sa.Column("caller_kind", sa.String(), nullable=False),
        sa.Column("caller_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_wordlists"),
        sa.UniqueConstraint("revision", name="uq_wordlists_revision"),
    )
    op.create_index("ix_wordlists_name", "wordlists", ["name"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES_TRIGGER)
        op.execute(POSTGRES_TRUNCATE_TRIGGER)
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(SQLITE_TRIGGER.format(verb=verb))
    op.execute(SQLITE_INSERT_TRIGGER)


def downgrade() -> None:
    op.drop_table("wordlists")
