"""Decided cases that come up again, and golden ones."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

FIXED = "id, case_id, review_id, choices, marked_by, created_at"
SQLITE_TRIGGERS = (
    f"""CREATE TRIGGER golden_cases_no_UPDATE BEFORE UPDATE OF {FIXED} ON golden_cases
    BEGIN SELECT RAISE(ABORT, 'golden_cases is append-only'); END""",
    """CREATE TRIGGER golden_cases_no_DELETE BEFORE DELETE ON golden_cases
    BEGIN SELECT RAISE(ABORT, 'golden_cases is append-only'); END""",
    # REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
    """CREATE TRIGGER golden_cases_no_REPLACE BEFORE INSERT ON golden_cases
    WHEN EXISTS (SELECT 1 FROM golden_cases WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'golden_cases is append-only'); END""",
)
POSTGRES_TRIGGERS = (
    f"""CREATE TRIGGER golden_cases_append_only BEFORE DELETE OR UPDATE OF {FIXED} ON golden_cases
    FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()""",
    "CREATE TRIGGER golden_cases_no_truncate BEFORE TRUNCATE ON golden_cases EXECUTE FUNCTION gardefou_append_only()",
)
COLUMNS = {"again_of": "cases", "golden_id": "golden_cases"}  # of cases -> what they refer to


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "golden_cases",
        *(text(name) for name in ("id", "case_id", "review_id", "choices", "marked_by", "created_at")),
        text("retired_by", nullable=True), text("retired_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_golden_cases"),
        sa.ForeignKeyConstraint(["marked_by"], ["people.id"], name="fk_golden_cases_marked_by_people"),
    )  # fmt: skip
    op.create_index("ix_golden_cases_case_id", "golden_cases", ["case_id"])
    with op.batch_alter_table("cases") as cases:
        cases.add_column(text("first_review_id", nullable=True))
        for column, table in COLUMNS.items():
            cases.add_column(text(column, nullable=True))
            cases.create_foreign_key(f"fk_cases_{column}_{table}", table, [column], ["id"])
            cases.create_index(f"ix_cases_{column}", [column])
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for trigger in POSTGRES_TRIGGERS if is_postgres else SQLITE_TRIGGERS:
        op.execute(trigger)


def downgrade() -> None:
    """Nothing comes up again: the copies go, with what was said of them."""
    _let_copies_go()
    with op.batch_alter_table("cases") as cases:
        for column, table in COLUMNS.items():
            cases.drop_index(f"ix_cases_{column}")
            cases.drop_constraint(f"fk_cases_{column}_{table}", type_="foreignkey")
            cases.drop_column(column)
        cases.drop_column("first_review_id")
    op.drop_table("golden_cases")


def _let_copies_go() -> None:
    copies = "(SELECT id FROM cases WHERE again_of IS NOT NULL)"
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE reviews DISABLE TRIGGER USER")
        op.execute(f"DELETE FROM reviews WHERE case_id IN {copies}")  # noqa: S608 (a constant)
        op.execute("ALTER TABLE reviews ENABLE TRIGGER USER")
    else:
        guard = op.get_bind().exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'reviews_no_DELETE'").scalar()
        op.execute("DROP TRIGGER reviews_no_DELETE")
        op.execute(f"DELETE FROM reviews WHERE case_id IN {copies}")  # noqa: S608 (a constant)
        op.execute(str(guard))
    op.execute("DELETE FROM cases WHERE again_of IS NOT NULL")
