"""Names of others: whatever else is in the database under names that we use, it is neither used nor touched."""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import psycopg2
import pyarrow as pa
import pytest

from skype_assets.etl.database.comparison import (
    Ours,
    compare_head,
    compare_keys,
    compare_messages,
    compare_rejects,
    count_messages,
)
from skype_assets.etl.database.counting import rows_of_load
from skype_assets.etl.database.integrity import dangling
from skype_assets.etl.database.loading import Loader
from skype_assets.etl.database.registered import registered_as
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.unloading import take_out
from skype_assets.etl.rows.duplicates import KEY
from tests.database.small_loads import CONVERSATION, OWNER, export, head, messages, query
from tests.database.test_settings import TEXT, database_of, load, part_of, with_database
from tests.engine.database_content import digests

_ARGUMENTS: Final = (
    "", "text", "integer", "bigint", "boolean", "regclass", "text, text", "text, bigint", "text, integer",
    "text, text, boolean", "text, boolean", "bigint, bigint", "anyarray", "anyelement",
)  # fmt: skip
_BOOLEAN_OPERATORS: Final = ("=", "<>", "<", ">", "<=", ">=", "~", "!~", "~~")
_THEIRS: Final = """
CREATE FUNCTION theirs.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'a function or operator of somebody else was used'; END $$"""


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that a session is given from now on."""
    found: list[str] = []
    execute, copy = Session.execute, Session.copy

    def record(session: Session, statement: str, *parameters: Any) -> None:
        found.append(statement)
        execute(session, statement, *parameters)

    def record_table(session: Session, table: str, rows: Any, *, schema: str | None = None) -> None:
        found.append(table)
        copy(session, table, rows, schema=schema)

    monkeypatch.setattr(Session, "execute", record)
    monkeypatch.setattr(Session, "copy", record_table)
    return found


def names(statements: list[str], following: str = "") -> list[str]:
    """All that could be a name of something, or only those that are followed by something."""
    return sorted({name for text in statements for name in re.findall(rf"([a-z_][a-z_0-9]*){following}", text)})


def of_others(names: list[str], called: list[str]) -> Iterator[str]:
    """A table, a view and functions of every name; operators that fit ours better than PostgreSQL's own do."""
    yield "CREATE SCHEMA theirs; CREATE SCHEMA views"
    for name in names:
        yield f'CREATE TABLE public."{name}" (owner_id text, conversation_id text); '
        yield f"INSERT INTO public.\"{name}\" VALUES ('theirs', '19:theirs')"
        yield f'CREATE TABLE theirs."{name}" (conversation_id text)'
        yield f"INSERT INTO theirs.\"{name}\" VALUES ('19:theirs')"
        yield f'CREATE VIEW views."{name}" AS SELECT 1 AS conversation_id'
    for name, arguments in product(called, _ARGUMENTS):
        yield _THEIRS.format(name=f'"{name}"', arguments=arguments, result="text")
    yield _THEIRS.format(name="no1", arguments="text, text", result="boolean")
    yield _THEIRS.format(name="no2", arguments="text, text", result="text")
    for operator in _BOOLEAN_OPERATORS:
        yield f"CREATE OPERATOR theirs.{operator} (LEFTARG = text, RIGHTARG = text, FUNCTION = theirs.no1)"
    yield "CREATE OPERATOR theirs.|| (LEFTARG = text, RIGHTARG = text, FUNCTION = theirs.no2)"


def test_a_user_s_tables_views_functions_operators_and_types_are_not_touched(
    statements: list[str], postgres_url: str
) -> None:
    everything(postgres_url)
    expected, used, called = digests(postgres_url), names(statements), names(statements, following=r"\s?\(")
    assert {"touched", "staging_messages", "taken", "bigint"} <= set(used)
    assert {"count", "to_regclass", "hashtextextended"} <= set(called)
    query(postgres_url, "DROP SCHEMA skype CASCADE")

    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("; ".join(of_others(used, called)))
    connection.close()
    before = contents(postgres_url)
    database = database_of(postgres_url)
    server = with_database(postgres_url, "postgres")
    query(server, f"ALTER DATABASE {database} SET search_path = theirs, views, public, pg_catalog")
    everything(postgres_url)
    query(server, f"ALTER DATABASE {database} RESET ALL")
    assert digests(postgres_url) == expected
    assert contents(postgres_url) == before


def everything(url: str) -> None:
    """Load two exports, ask all that is asked of one, and take the second out again."""
    load(url)
    ask(url)
    with Session(url) as session:
        [record] = registered_as(session, "export_id", "e2")
        with Loader.take_over(session, "e2", OWNER).transaction():
            assert take_out(session, record, {"e1": _First()}).restored["messages"] == 2


def ask(url: str) -> None:
    """All questions of a verification."""
    ours, part = Ours.of(export("e2", days=2)), part_of("e2", 2)
    with Session(url, read_only=True) as session:
        assert registered_as(session, "export_id", "e2")
        assert compare_head(session, ours, head("e2", display_name=TEXT).__getitem__).is_equal
        assert compare_messages(session, ours, part.__getitem__).is_equal
        assert compare_rejects(session, ours, part["rejects"]).is_equal
        assert compare_keys(session, ours, [part["messages"].select(KEY)]).is_equal
        assert count_messages(session, "e2") == 2
        assert dangling(session, OWNER, "e2") == {}
        assert rows_of_load(session, OWNER, "e2", [CONVERSATION])["messages"] == 2


class _First:
    """What the first export was loaded from."""

    @property
    def checksums(self) -> dict[int, str]:
        return {0: "head", 1: "part"}

    def messages(self, part: int) -> pa.Table:
        return self.tables(part)["messages"].select(KEY)

    def attachments(self, part: int) -> pa.Table:
        return self.tables(part)["attachments"]

    def tables(self, part: int) -> dict[str, pa.Table]:
        return messages("1", "2", text=TEXT)


def contents(url: str) -> list[tuple[Any, ...]]:
    """All that is in the schemas of others, and which versions of rows their tables have."""
    relations = query(
        url,
        "SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname IN ('public', 'theirs', 'views') ORDER BY 1",
    )
    rows = " UNION ALL ".join(
        f"SELECT {oid}, count(*), sum(xmin::text::bigint)::text FROM {name}"
        for oid, name, kind in relations
        if kind == "r"
    )
    return [*relations, *sorted(query(url, rows))]
