"""A PostgreSQL server: which one, and the one that is brought along. Knows no table."""

from typing import Final

LIBPQ_TARGETS: Final = ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE")
DATABASE_VARIABLES: Final = ("SKYPE_DATABASE_URL", *LIBPQ_TARGETS)
"""Each names a database, the first before the others."""
