"""What people say about pictures of bias audits."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    key = ("run", "key", "attribute", "person_id")
    op.create_table(
        "audit_labels",
        *(sa.Column(name, sa.String(), nullable=False) for name in (*key, "answer", "created_at")),
        sa.Column("settles", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name="pk_audit_labels"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_audit_labels_person_id_people"),
    )


def downgrade() -> None:
    op.drop_table("audit_labels")
