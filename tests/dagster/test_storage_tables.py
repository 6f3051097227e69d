"""Dagster's tables are all there, however often their creation was interrupted."""

import subprocess
import sys
from contextlib import closing

import psycopg2
import pytest

from skype_assets.instance.storage import PostgresStorage
from tests.conftest import NewDatabase

# Ends after so many statements, as a signal does: each is a transaction.
INTERRUPTED = """
import os, sys
from sqlalchemy import Engine, event
left = int(sys.argv[2])

@event.listens_for(Engine, "after_cursor_execute")
def _count(_connection, _cursor, statement, *_):
    global left
    if not statement.lstrip().upper().startswith(("SELECT", "SHOW")):
        left -= 1
        if not left:
            os._exit(9)

from skype_assets.instance.storage import PostgresStorage
PostgresStorage.from_config_value(None, {"postgres_url": sys.argv[1], "should_autocreate_tables": True})
"""

WHAT_IS_THERE = """
SELECT 'index', indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL SELECT 'table', table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL SELECT 'migrated', name FROM secondary_indexes WHERE migration_completed IS NOT NULL
UNION ALL SELECT 'revision', version_num FROM alembic_version
UNION ALL SELECT 'note', key FROM kvs
ORDER BY 1, 2
"""


@pytest.fixture
def whole(new_database: NewDatabase) -> list[tuple[str, str]]:
    url = new_database()
    _open(url)
    return _there(url)


@pytest.mark.parametrize("statements", [1, 5, 12, 20, 28, 33, 38, 42, 46, 50, 54, 58])
def test_a_creation_that_was_interrupted_is_gone_on_with(
    statements: int, whole: list[tuple[str, str]], new_database: NewDatabase
) -> None:
    url = new_database()
    ended = subprocess.run([sys.executable, "-c", INTERRUPTED, url, str(statements)], check=False)
    assert ended.returncode == 9
    _open(url)
    assert _there(url) == whole


def _open(url: str) -> None:
    PostgresStorage.from_config_value(None, {"postgres_url": url, "should_autocreate_tables": True})


def _there(url: str) -> list[tuple[str, str]]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(WHAT_IS_THERE)
        return cursor.fetchall()
