"""The schema of release 0.1.0, which made it itself (``database.first_release``)."""

revision = "0001"
down_revision = None
REWRITES = ()


def upgrade() -> None:
    """Nothing: there is no database before it."""
