"""Queues of the review desk, who may work in which, the views that people keep, and indices for a long queue."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

INDICES = {
    "ix_cases_turn": ["state", "due_at", "id"],
    "ix_cases_turn_in_queue": ["state", "queue", "due_at", "id"],
    "ix_cases_counted": [
        "state",
        "queue",
        "level",
        "severity",
        "category",
        "source",
        "due_at",
        "opened_at",
        "again_of",
    ],
    "ix_cases_late": ["state", "level", "severity", "due_at"],
    "ix_cases_look": ["look", "queue", "level", "state", "due_at", "id"],
    "ix_cases_came": ["state", "opened_at"],
}
REPLACED = ("state", "due_at")  # an index of one column each


def text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable, server_default=default)


def upgrade() -> None:
    """Cases get their queue when the service starts: the rules are the operator's, not the database's."""
    for column in (text("queue", default=""), text("language", default=""), text("look", nullable=True)):
        op.add_column("cases", column)
    for column in REPLACED:
        op.drop_index(f"ix_cases_{column}", "cases")
    for name, columns in INDICES.items():
        op.create_index(name, "cases", columns)
    op.drop_index("ix_pictures_request_id", "pictures")  # SQLite took the one of all held pictures instead
    op.create_index("ix_pictures_of_request", "pictures", ["request_id", "state"])
    op.create_table(
        "queue_grants",
        text("person_id"), text("queue"), text("granted_at"),
        sa.PrimaryKeyConstraint("person_id", "queue", name="pk_queue_grants"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_queue_grants_person_id_people"),
    )  # fmt: skip
    op.create_table(
        "saved_filters",
        text("person_id"), text("name"), text("asked"),
        sa.PrimaryKeyConstraint("person_id", "name", name="pk_saved_filters"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_saved_filters_person_id_people"),
    )  # fmt: skip


def downgrade() -> None:
    op.drop_table("saved_filters")
    op.drop_table("queue_grants")
    op.drop_index("ix_pictures_of_request", "pictures")
    op.create_index("ix_pictures_request_id", "pictures", ["request_id"])
    for name in INDICES:
        op.drop_index(name, "cases")
    for column in REPLACED:
        op.create_index(f"ix_cases_{column}", "cases", [column])
    for column in ("look", "language", "queue"):
        op.drop_column("cases", column)
