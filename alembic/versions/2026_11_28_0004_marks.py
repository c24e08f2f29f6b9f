"""What a picture's watermark says, so that a copy of it leads back to its decision."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pictures", sa.Column("mark", sa.String(), nullable=True))
    op.create_index("ix_pictures_mark", "pictures", ["mark"])


def downgrade() -> None:
    op.drop_index("ix_pictures_mark", "pictures")
    op.drop_column("pictures", "mark")
