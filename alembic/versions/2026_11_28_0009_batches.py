"""Batches: cases that are decided together, confirmed by a second person, and reverted."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FIXED = {"batches": "id, person_id, created_at", "batch_cases": "batch_id, case_id, pictures"}
SAME_ROW = {"batches": "id = NEW.id", "batch_cases": "batch_id = NEW.batch_id AND case_id = NEW.case_id"}
SQLITE_TRIGGERS = (
    """CREATE TRIGGER {table}_no_UPDATE BEFORE UPDATE OF {fixed} ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
    """CREATE TRIGGER {table}_no_DELETE BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
    # REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
    """CREATE TRIGGER {table}_no_REPLACE BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
    BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
)
POSTGRES_TRIGGERS = (
    """CREATE TRIGGER {table}_append_only BEFORE DELETE OR UPDATE OF {fixed} ON {table}
    FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()""",
    "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION gardefou_append_only()",
)


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "batches",
        text("id"), text("person_id"), text("state"),
        *(text(name, nullable=True) for name in ("act", "clause", "reason", "second_id")),
        text("created_at"), text("ends_at"),
        *(text(name, nullable=True) for name in ("decided_at", "reverted_by", "reverted_at")),
        sa.PrimaryKeyConstraint("id", name="pk_batches"),
        *_references("batches", person_id="people", second_id="people", reverted_by="people"),
    )  # fmt: skip
    for column in ("person_id", "created_at"):
        op.create_index(f"ix_batches_{column}", "batches", [column])
    op.create_table(
        "batch_cases",
        text("batch_id"), text("case_id"), text("pictures"),
        *(text(name, nullable=True) for name in ("outcome", "undone", "proposal_id", "review_id", "revert_id")),
        sa.PrimaryKeyConstraint("batch_id", "case_id", name="pk_batch_cases"),
        *_references("batch_cases", batch_id="batches", case_id="cases", proposal_id="reviews", review_id="reviews",
                     revert_id="reviews"),
    )  # fmt: skip
    op.create_index("ix_batch_cases_case_id", "batch_cases", ["case_id"])
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table, fixed in FIXED.items():
        for trigger in POSTGRES_TRIGGERS if is_postgres else SQLITE_TRIGGERS:
            op.execute(trigger.format(table=table, fixed=fixed, same=SAME_ROW[table]))


def downgrade() -> None:
    op.drop_table("batch_cases")
    op.drop_table("batches")


def _references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")
        for column, other in columns.items()
    ]
