"""Pictures that were banned, which bans were lifted, what each held, and what held pictures look like."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("banned_pictures", "lifted_bans")
KEYS = {"banned_pictures": "id", "lifted_bans": "banned_id"}
SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{action} BEFORE {action} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
# REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
SQLITE_INSERT_TRIGGER = """
CREATE TRIGGER {table}_no_REPLACE BEFORE INSERT ON {table}
WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE DELETE OR UPDATE ON {table}
FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()
"""
POSTGRES_TRUNCATE_TRIGGER = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION gardefou_append_only()
"""


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.add_column("pictures", text("pdq", nullable=True))
    op.create_table(
        "banned_pictures",
        text("id"), text("batch"), sa.Column("revision", sa.Integer(), nullable=False), text("hash"), text("category"),
        text("reason"), text("source"), text("picture_id", nullable=True), text("added_by"), text("created_at"),
        text("ends_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_banned_pictures"),
    )  # fmt: skip
    for column in ("batch", "revision", "hash"):
        op.create_index(f"ix_banned_pictures_{column}", "banned_pictures", [column])
    op.create_table(
        "lifted_bans",
        text("banned_id"), sa.Column("revision", sa.Integer(), nullable=False), text("why"), text("lifted_by"),
        text("created_at"),
        sa.PrimaryKeyConstraint("banned_id", name="pk_lifted_bans"),
        sa.ForeignKeyConstraint(["banned_id"], ["banned_pictures.id"], name="fk_lifted_bans_banned_id_banned_pictures"),
    )  # fmt: skip
    op.create_index("ix_lifted_bans_revision", "lifted_bans", ["revision"])
    op.create_table(
        "ban_matches",
        text("decision_id"), text("banned_id"), sa.Column("bits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("decision_id", "banned_id", name="pk_ban_matches"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_ban_matches_decision_id_decisions"),
        sa.ForeignKeyConstraint(["banned_id"], ["banned_pictures.id"], name="fk_ban_matches_banned_id_banned_pictures"),
    )  # fmt: skip
    op.create_index("ix_ban_matches_banned_id", "ban_matches", ["banned_id"])
    for table in TABLES:
        _guard(table)


def downgrade() -> None:
    for table in ("ban_matches", "lifted_bans", "banned_pictures"):
        op.drop_table(table)
    op.drop_column("pictures", "pdq")


def _guard(table: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES_TRIGGER.format(table=table))
        op.execute(POSTGRES_TRUNCATE_TRIGGER.format(table=table))
        return
    for action in ("UPDATE", "DELETE"):
        op.execute(SQLITE_TRIGGER.format(table=table, action=action))
    op.execute(SQLITE_INSERT_TRIGGER.format(table=table, key=KEYS[table]))
