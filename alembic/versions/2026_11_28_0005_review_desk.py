"""People who sign in, the cases that wait for them, and what they decided, which stays."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

FIXED = (
    "id, request_id, stage, picture_index, picture_sha256, action, categories, reasons, signals, thresholds, models, "
    "policy, policy_sha256, failure, seconds, created_at, confirms"
)
REVIEW_FIXED = (
    "id, case_id, person_id, action, choices, clause, reason, note_digest, lease_digest, policy, policy_sha256, "
    "created_at, effective_at"
)
SQLITE_UPDATE_TRIGGER = """
CREATE TRIGGER {table}_no_UPDATE BEFORE UPDATE OF {fixed} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
SQLITE_DELETE_TRIGGER = """
CREATE TRIGGER reviews_no_DELETE BEFORE DELETE ON reviews
BEGIN SELECT RAISE(ABORT, 'reviews is append-only'); END
"""
# REPLACE deletes the old row without a trigger, so it is stopped where it inserts the new one
SQLITE_INSERT_TRIGGER = """
CREATE TRIGGER reviews_no_REPLACE BEFORE INSERT ON reviews WHEN EXISTS (SELECT 1 FROM reviews WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'reviews is append-only'); END
"""
POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE DELETE OR UPDATE OF {fixed} ON {table}
FOR EACH ROW EXECUTE FUNCTION gardefou_append_only()
"""
POSTGRES_TRUNCATE_TRIGGER = """
CREATE TRIGGER reviews_no_truncate BEFORE TRUNCATE ON reviews EXECUTE FUNCTION gardefou_append_only()
"""
# What was held before there was a desk becomes a case of the middle severity, except that nobody shall see what may
# show a child.
HELD_BEFORE = """
INSERT INTO cases (id, request_id, state, level, source, category, severity, restricted, pictures, opened_at, due_at)
SELECT 'cas_' || substr(requests.id, 5), requests.id, 'open', 'moderator', 'picture', '', 3,
       EXISTS (SELECT 1 FROM decisions WHERE decisions.request_id = requests.id
               AND decisions.reasons LIKE '%"sexual_minors"%'),
       (SELECT count(*) FROM pictures WHERE pictures.request_id = requests.id AND pictures.state = 'held'),
       requests.created_at, requests.created_at
FROM requests
WHERE requests.state IN ('released', 'held')
AND EXISTS (SELECT 1 FROM pictures WHERE pictures.request_id = requests.id AND pictures.state = 'held')
"""


def text(name: str, *, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(), nullable=nullable)


def upgrade() -> None:
    op.add_column("decisions", text("decided_by", nullable=True))
    _guard_decisions(f"{FIXED}, decided_by")
    op.add_column("api_keys", text("person_id", nullable=True))
    op.create_table(
        "people",
        text("id"), text("name"), text("role"), text("password_hash"), text("totp_secret"),
        sa.Column("totp_step", sa.BigInteger(), nullable=False), text("created_at"), text("disabled_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.UniqueConstraint("name", name="uq_people_name"),
    )  # fmt: skip
    op.create_table(
        "sign_ins",
        text("id"), text("person_id"), text("started_at"), text("seen_at"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_ins"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_sign_ins_person_id_people"),
    )  # fmt: skip
    op.create_index("ix_sign_ins_person_id", "sign_ins", ["person_id"])
    op.create_table(
        "cases",
        text("id"), text("request_id"), text("state"), text("level"), text("source"), text("category"),
        sa.Column("severity", sa.Integer(), nullable=False), sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("pictures", sa.Integer(), nullable=False), text("opened_at"), text("due_at"),
        *(text(name, nullable=True) for name in ("closed_at", "first_person", "holder", "lease", "lease_until",
                                                 "review_id", "effective_at")),
        sa.PrimaryKeyConstraint("id", name="pk_cases"),
        sa.UniqueConstraint("request_id", name="uq_cases_request_id"),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_cases_request_id_requests"),
    )  # fmt: skip
    for column in ("state", "due_at"):
        op.create_index(f"ix_cases_{column}", "cases", [column])
    op.create_table(
        "reviews",
        text("id"), text("case_id"), text("person_id"), text("action"), text("choices"),
        *(text(name, nullable=True) for name in ("clause", "reason", "note", "note_salt")),
        text("note_digest"), text("lease_digest"), text("policy"), text("policy_sha256"), text("created_at"),
        text("effective_at", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_reviews"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name="fk_reviews_case_id_cases"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_reviews_person_id_people"),
    )  # fmt: skip
    for column in ("case_id", "person_id"):
        op.create_index(f"ix_reviews_{column}", "reviews", [column])
    _guard_reviews()
    op.execute(HELD_BEFORE)


def downgrade() -> None:
    for table in ("reviews", "cases", "sign_ins", "people"):
        op.drop_table(table)
    op.drop_column("api_keys", "person_id")
    _guard_decisions(FIXED)
    op.drop_column("decisions", "decided_by")


def _guard_decisions(fixed: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER decisions_append_only ON decisions")
        op.execute(POSTGRES_TRIGGER.format(table="decisions", fixed=fixed))
        return
    op.execute("DROP TRIGGER decisions_no_UPDATE")
    op.execute(SQLITE_UPDATE_TRIGGER.format(table="decisions", fixed=fixed))


def _guard_reviews() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRES_TRIGGER.format(table="reviews", fixed=REVIEW_FIXED))
        op.execute(POSTGRES_TRUNCATE_TRIGGER)
        return
    op.execute(SQLITE_UPDATE_TRIGGER.format(table="reviews", fixed=REVIEW_FIXED))
    op.execute(SQLITE_DELETE_TRIGGER)
    op.execute(SQLITE_INSERT_TRIGGER)
