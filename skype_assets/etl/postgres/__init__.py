"""A PostgreSQL server: which one, and the one that is brought along. Knows no table."""
