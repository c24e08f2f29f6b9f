"""Appeals against decisions, reports of pictures, and cases of both."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FIXED = {
    "appeals": "id, decision_id, request_id, picture_id, language, text_digest, created_at",
    "reports": "id, picture_id, case_id, reason, note_digest, reporter, created_at",
}
SQLITE_TRIGGERS = (
    """CREATE TRIGGER {table}_no_UPDATE BEFORE UPDATE OF {fixed} ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
    """CREATE TRIGGER {table}_no_DELETE BEFORE DELETE ON {table}
    BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END""",
    # REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
    """CREATE TRIGGER {table}_no_REPLACE BEFORE INSERT ON {table} WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)
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
        "appeals",
        text("id"), text("decision_id"), text("request_id"), text("picture_id", nullable=True), text("language"),
        text("text", nullable=True), text("text_salt", nullable=True), text("text_digest"), text("created_at"),
        text("state"), *(text(name, nullable=True) for name in ("review_id", "outcome_id", "ended_at")),
        sa.PrimaryKeyConstraint("id", name="pk_appeals"),
        sa.UniqueConstraint("decision_id", name="uq_appeals_decision_id"),
        *_references("appeals", decision_id="decisions", request_id="requests", picture_id="pictures",
                     outcome_id="decisions"),
    )  # fmt: skip
    op.create_index("ix_appeals_request_id", "appeals", ["request_id"])
    _widen_cases()
    op.create_table(
        "reports",
        text("id"), text("picture_id"), text("case_id"), text("reason"), text("note", nullable=True),
        text("note_salt", nullable=True), text("note_digest"), text("reporter"), text("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_reports"),
        sa.UniqueConstraint("reporter", name="uq_reports_reporter"),
        *_references("reports", picture_id="pictures", case_id="cases"),
    )  # fmt: skip
    for column in ("picture_id", "case_id"):
        op.create_index(f"ix_reports_{column}", "reports", [column])
    _guard()


def downgrade() -> None:
    """A request has one case again: those of appeals and reports go, with what was said in them."""
    op.drop_table("reports")
    _let_reviews_go()
    with op.batch_alter_table("cases") as cases:
        for column in ("request_id", "appeal_id", "picture_id"):
            cases.drop_index(f"ix_cases_{column}")
        for column, table in (("appeal_id", "appeals"), ("picture_id", "pictures")):
            cases.drop_constraint(f"fk_cases_{column}_{table}", type_="foreignkey")
        for column in ("appeal_id", "picture_id", "reports"):
            cases.drop_column(column)
        cases.create_unique_constraint("uq_cases_request_id", ["request_id"])
    op.drop_table("appeals")


def _references(table: str, **columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}")
        for column, other in columns.items()
    ]


def _widen_cases() -> None:
    with op.batch_alter_table("cases") as cases:
        cases.drop_constraint("uq_cases_request_id", type_="unique")
        cases.add_column(text("appeal_id", nullable=True))
        cases.add_column(text("picture_id", nullable=True))
        cases.add_column(sa.Column("reports", sa.Integer(), nullable=False, server_default=sa.text("0")))
        for column, table in (("appeal_id", "appeals"), ("picture_id", "pictures")):
            cases.create_foreign_key(f"fk_cases_{column}_{table}", table, [column], ["id"])
        for column in ("request_id", "appeal_id", "picture_id"):
            cases.create_index(f"ix_cases_{column}", [column])


def _guard() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table, fixed in FIXED.items():
        for trigger in POSTGRES_TRIGGERS if is_postgres else SQLITE_TRIGGERS:
            op.execute(trigger.format(table=table, fixed=fixed))


def _let_reviews_go() -> None:
    """What was said in cases that there will not be any more."""
    contested = "(SELECT id FROM cases WHERE appeal_id IS NOT NULL OR picture_id IS NOT NULL)"
    op.execute("UPDATE appeals SET review_id = NULL, outcome_id = NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE reviews DISABLE TRIGGER USER")
        op.execute(f"DELETE FROM reviews WHERE case_id IN {contested}")  # noqa: S608 (a constant)
        op.execute("ALTER TABLE reviews ENABLE TRIGGER USER")
    else:
        guard = op.get_bind().exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'reviews_no_DELETE'").scalar()
        op.execute("DROP TRIGGER reviews_no_DELETE")
        op.execute(f"DELETE FROM reviews WHERE case_id IN {contested}")  # noqa: S608 (a constant)
        op.execute(str(guard))
    op.execute(f"DELETE FROM cases WHERE id IN {contested}")  # noqa: S608 (a constant)
