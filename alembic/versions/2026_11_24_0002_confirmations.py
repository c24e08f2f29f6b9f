"""A decision may answer the question of an earlier one; what it says is as fixed as the rest of it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FIXED = (
    "id, request_id, stage, picture_index, picture_sha256, action, categories, reasons, signals, thresholds, models, "
    "policy, policy_sha256, failure, seconds, created_at"
)
SQLITE_ERASURE_TRIGGER = """
CREATE TRIGGER decisions_no_UPDATE BEFORE UPDATE OF {fixed} ON decisions
BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER decisions_append_only BEFORE DELETE OR UPDATE OF {fixed} ON decisions
FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()
"""


def upgrade() -> None:
    op.add_column("decisions", sa.Column("confirms", sa.String(), nullable=True))
    op.create_index("ix_decisions_confirms", "decisions", ["confirms"])
    _guard(f"{FIXED}, confirms")


def downgrade() -> None:
    _guard(FIXED)
    op.drop_index("ix_decisions_confirms", "decisions")
    op.drop_column("decisions", "confirms")


def _guard(fixed: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER decisions_append_only ON decisions")
        op.execute(POSTGRES_TRIGGER.format(fixed=fixed))
        return
    op.execute("DROP TRIGGER decisions_no_UPDATE")
    op.execute(SQLITE_ERASURE_TRIGGER.format(fixed=fixed))
