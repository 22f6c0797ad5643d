"""one spelling of addresses

E-mail addresses are stored in Unicode's NFKC, in which they are looked up.

Revision: 0003, after 0002.
"""

import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = '0003'
down_revision: str | None = '0002'
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

LONGEST = 254

users = sa.table("users", sa.column("id", sa.Uuid()), sa.column("email", sa.String()))


def upgrade() -> None:
    """Go to this revision.

    An account whose address would then be another one's keeps its own; an administrator can change it.
    """
    connection = op.get_bind()
    rows = connection.execute(sa.select(users.c.id, users.c.email).where(users.c.email.is_not(None))).all()
    taken = {email for _, email in rows}
    for user_id, email in rows:
        spelling = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", email).lower())
        if spelling not in taken and len(spelling) <= LONGEST:
            taken.add(spelling)
            connection.execute(users.update().where(users.c.id == user_id).values(email=spelling))


def downgrade() -> None:
    """Go back to the revision before, which reads the same addresses."""
