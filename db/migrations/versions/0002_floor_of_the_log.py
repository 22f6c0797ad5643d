"""floor of the log

Revision: 0002, after 0001.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0002'
down_revision: str | None = '0001'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Go to this revision."""
    op.add_column("workspaces", sa.Column("trimmed_seq", sa.BigInteger(), server_default="0", nullable=False))


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_column("workspaces", "trimmed_seq")
