"""Webhooks, what they are to be told and each attempt; and who people are at a sign-in provider."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "webhooks",
        text("id"), text("url"), text("events"), text("key_id", nullable=True), text("state"),
        sa.Column("generation", sa.Integer(), nullable=False), text("created_at"), text("rotated_at", nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        *(text(name, nullable=True) for name in ("failing_since", "rests_until", "working_until")),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name="fk_webhooks_key_id_api_keys"),
    )  # fmt: skip
    op.create_table(
        "webhook_messages",
        *(text(name) for name in ("id", "webhook_id", "event", "subject", "body", "created_at", "state")),
        sa.Column("attempts", sa.Integer(), nullable=False),
        text("next_at"), text("expires_at"), text("ended_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_messages"),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhooks.id"], name="fk_webhook_messages_webhook_id_webhooks"),
    )  # fmt: skip
    for column in ("webhook_id", "created_at", "state"):
        op.create_index(f"ix_webhook_messages_{column}", "webhook_messages", [column])
    op.create_table(
        "webhook_attempts",
        text("id"), text("message_id"), text("at"), text("result"), sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempts"),
        sa.ForeignKeyConstraint(["message_id"], ["webhook_messages.id"],
                                name="fk_webhook_attempts_message_id_webhook_messages"),
    )  # fmt: skip
    op.create_index("ix_webhook_attempts_message_id", "webhook_attempts", ["message_id"])
    op.create_table(
        "identities",
        text("id"), text("person_id"), text("issuer"), text("subject", nullable=True), text("email", nullable=True),
        text("created_at"),
        sa.PrimaryKeyConstraint("id", name="pk_identities"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_identities_person_id_people"),
        sa.UniqueConstraint("issuer", "subject", name="uq_identities_issuer_subject"),
        sa.UniqueConstraint("issuer", "email", name="uq_identities_issuer_email"),
    )  # fmt: skip
    op.create_index("ix_identities_person_id", "identities", ["person_id"])
    op.create_table(
        "used_states", text("digest"), text("used_at"), sa.PrimaryKeyConstraint("digest", name="pk_used_states")
    )


def downgrade() -> None:
    for table in ("used_states", "identities", "webhook_attempts", "webhook_messages", "webhooks"):
        op.drop_table(table)
