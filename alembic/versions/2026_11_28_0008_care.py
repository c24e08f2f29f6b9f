"""What people at the review desk have looked at, and what they would rather not be given."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exposures",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("picture_id", sa.String(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "picture_id", name="pk_exposures"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_exposures_person_id_people"),
        sa.ForeignKeyConstraint(["picture_id"], ["pictures.id"], name="fk_exposures_picture_id_pictures"),
    )
    op.create_table(
        "care",
        sa.Column("person_id", sa.String(), nullable=False),
        sa.Column("calm", sa.Boolean(), nullable=False),
        sa.Column("avoided", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name="pk_care"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_care_person_id_people"),
    )


def downgrade() -> None:
    op.drop_table("care")
    op.drop_table("exposures")
