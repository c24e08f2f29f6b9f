"""Requests, decisions, pictures, the ledger and API keys; what was written to ledger and decisions stays."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = {"ledger": "seq", "decisions": "id"}  # table -> primary key
SQLITE_TRIGGER = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
# evidence may quote the prompt: erasing it is the one change that is allowed
SQLITE_ERASURE_TRIGGER = """
CREATE TRIGGER decisions_no_UPDATE BEFORE UPDATE OF {fixed} ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END
"""
# REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
SQLITE_INSERT_TRIGGER = """
CREATE TRIGGER {table}_no_REPLACE BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
POSTGRES_FUNCTION = """
CREATE FUNCTION gardefou_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE {verbs} ON {table} FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()
"""
POSTGRES_TRUNCATE_TRIGGER = """
CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION gardefou_append_only()
"""
FIXED = (
    "id, request_id, stage, picture_index, picture_sha256, action, categories, reasons, signals, thresholds, models, "
    "policy, policy_sha256, failure, seconds, created_at"
)


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "requests",
        text("id"), text("caller_kind"), text("caller_id"), text("surface"), text("instance"), text("model"),
        sa.Column("asked", sa.Integer(), nullable=False), text("size"), sa.Column("seed", sa.BigInteger()),
        text("user_digest", nullable=True), text("prompt", nullable=True), text("prompt_salt", nullable=True),
        text("prompt_digest"), text("state"), text("outcome", nullable=True), text("error_code", nullable=True),
        text("policy"), text("policy_sha256"), text("created_at"), text("finished_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )  # fmt: skip
    for column in ("caller_id", "instance", "state", "created_at"):
        op.create_index(f"ix_requests_{column}", "requests", [column])
    op.create_table(
        "decisions",
        text("id"), text("request_id"), text("stage"), sa.Column("picture_index", sa.Integer()),
        text("picture_sha256", nullable=True), text("action"), text("categories"), text("reasons"), text("signals"),
        text("thresholds"), text("models"), text("policy"), text("policy_sha256"), text("failure", nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False), text("created_at"), text("evidence", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_decisions_request_id_requests"),
    )  # fmt: skip
    for column in ("request_id", "picture_sha256"):
        op.create_index(f"ix_decisions_{column}", "decisions", [column])
    op.create_table(
        "pictures",
        text("id"), text("request_id"), sa.Column("index", sa.Integer(), nullable=False), text("sha256"),
        text("format"), sa.Column("seed", sa.BigInteger(), nullable=False), text("state"),
        text("decision_id", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_pictures"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_pictures_request_id_requests"),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_pictures_decision_id_decisions"),
    )  # fmt: skip
    for column in ("request_id", "sha256", "state"):
        op.create_index(f"ix_pictures_{column}", "pictures", [column])
    op.create_table(
        "ledger",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        text("at"), text("kind"), text("subject"), text("facts"), text("prev_hash"), text("hash"),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger"),
    )  # fmt: skip
    op.create_index("ix_ledger_subject", "ledger", ["subject"])
    op.create_table(
        "api_keys",
        text("id"), text("name"), text("secret_digest"), text("scopes"), text("created_at"),
        text("expires_at", nullable=True), text("revoked_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
    )  # fmt: skip
    _guard(op.get_bind().dialect.name)


def _guard(dialect: str) -> None:
    if dialect == "postgresql":
        op.execute(POSTGRES_FUNCTION)
        op.execute(POSTGRES_TRIGGER.format(table="ledger", verbs="UPDATE OR DELETE"))
        op.execute(POSTGRES_TRIGGER.format(table="decisions", verbs=f"DELETE OR UPDATE OF {FIXED}"))
        for table in APPEND_ONLY:
            op.execute(POSTGRES_TRUNCATE_TRIGGER.format(table=table))
        return
    op.execute(SQLITE_TRIGGER.format(table="ledger", verb="UPDATE"))
    op.execute(SQLITE_ERASURE_TRIGGER.format(fixed=FIXED))
    for table, key in APPEND_ONLY.items():
        op.execute(SQLITE_TRIGGER.format(table=table, verb="DELETE"))
        op.execute(SQLITE_INSERT_TRIGGER.format(table=table, key=key))


def downgrade() -> None:
    for table in ("api_keys", "ledger", "pictures", "decisions", "requests"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION gardefou_append_only()")
