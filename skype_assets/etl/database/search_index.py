"""The index that makes a search fast: which texts contain a term, in any language.

``grams(text)`` lists the pieces of a text: of each three characters in a row, or two where a script writes words
without spaces (CJK, Thai, emoji), one number that has the characters' code points. A text that contains a term has all
pieces of the term, so an inverted index (GIN) over them leaves few texts to look at; what is found is compared all the
same. It needs no extension, and a search without it finds the same rows, only slower.

It is no part of what a load completes, whose time it would double: ``build`` makes it beside loads and readers, later
loads keep it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from skype_assets.etl.database import partitions
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.loading import require_loaded
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import DatabaseError

LINK: Final = (
    "coalesce(url, '') || E'\\n' || coalesce(label, '') || E'\\n' || coalesce(title, '') || E'\\n' || "
    "coalesce(description, '')"
)
"""What can be searched of a row of ``links``, as one text."""

SEARCHED: Final = {"messages": "text", "attachments": "file_name", "links": LINK}
"""The tables that a search looks at, and the text of their rows."""

NEWEST: Final = "sent_at DESC NULLS LAST, message_id DESC"
"""The order of what is found."""

INDEXES: Final = {
    "messages_newest": f"{SCHEMA}.messages ({NEWEST})",
    **{f"{table}_grams": f"{SCHEMA}.{table} USING gin ({SCHEMA}.grams({text}))" for table, text in SEARCHED.items()},
}

FUNCTION: Final = "grams"

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION {schema}.grams(searched text) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $grams$
DECLARE
    characters text[] := string_to_array({folded}, NULL);
    count integer := coalesce(array_length(characters, 1), 0);
    found bigint[] := '{{}}';
    one bigint;
    two bigint;
    three bigint;
BEGIN
    IF count < 2 THEN
        RETURN found;
    END IF;
    one := ascii(characters[1]);
    two := ascii(characters[2]);
    FOR i IN 1 .. count - 1 LOOP
        three := CASE WHEN i + 2 <= count THEN ascii(characters[i + 2]) ELSE 0 END;
        -- From CJK radicals up, and Thai, Lao, Tibetan, Myanmar and Khmer: two characters are a word there.
        IF one >= 11904 OR one BETWEEN 3584 AND 4607 OR one BETWEEN 6016 AND 6143 THEN
            found := found || ((one << 42) | (two << 21));
        ELSIF three > 0 THEN
            found := found || ((one << 42) | (two << 21) | three);
        END IF;
        one := two;
        two := three;
    END LOOP;
    RETURN found;
END
$grams$"""

# The first that a server has: lower() of a database in the locale C, as ours is, knows ASCII only.
_COLLATIONS: Final = ("pg_c_utf8", "und-x-icu", "C.utf8")

_KNOWN_COLLATIONS: Final = """
SELECT collname FROM pg_collation
WHERE collname = ANY ($1) AND collnamespace = 'pg_catalog'::regnamespace
  AND collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding()))"""

_OF_FUNCTION: Final = "SELECT obj_description(to_regprocedure($1), 'pg_proc')"

_THERE: Final = """
SELECT c.relname, i.indisvalid,
       (pg_relation_size(c.oid) + coalesce((
           SELECT sum(pg_relation_size(p.relid)) FROM pg_partition_tree(c.oid) p WHERE p.relid <> c.oid), 0))::bigint
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = to_regnamespace($1) AND c.relname = ANY ($2)"""

# Any number: it only has to be the same in every process.
_LOCK: Final = 7_359_274_103


def folded(expression: str, collation: str, *, has_sigma: bool = True) -> str:
    """The SQL of a text as it is compared: upper and lower case are the same, in every script.

    Args:
        expression: the text.
        collation: whose ``lower`` is used.
        has_sigma: whether what it is compared with may have a sigma. Greek has two small ones: which of them is at a
            word's end, a part of the word cannot tell.
    """
    lower = f'lower(({expression}) COLLATE "{collation}")'
    return f"replace({lower}, 'ς', 'σ')" if has_sigma else lower


def collation(session: Session) -> str:
    """The collation whose ``lower`` is used: the index's, if there is one."""
    if (of_function := session.rows(_OF_FUNCTION, f"{SCHEMA}.grams(text)")[0][0]) is not None:
        return of_function
    known = {name for name, *_ in session.rows(_KNOWN_COLLATIONS, list(_COLLATIONS))}
    return next((name for name in _COLLATIONS if name in known), "default")


def is_built(session: Session) -> bool:
    """Whether the whole index is there and can be used."""
    there = {name for name, is_valid, _ in session.rows(_THERE, SCHEMA, list(INDEXES)) if is_valid}
    return there == set(INDEXES)


def size(session: Session) -> int:
    """Bytes of the index."""
    return sum(size for _, _, size in session.rows(_THERE, SCHEMA, list(INDEXES)))


def build(session: Session) -> Iterator[str]:
    """Make what is missing of the index, one part after the other, naming each before it is made.

    Nobody waits for it: loads and readers go on. What an interrupted build left is made anew.

    Raises:
        DatabaseError: somebody else builds it at this moment, or no export is loaded.
    """
    require_loaded(session)
    if not session.rows("SELECT pg_try_advisory_lock($1)", _LOCK)[0][0]:
        raise DatabaseError("the search index is being built by another process: wait until that has ended")
    try:
        chosen = collation(session)
        with session.transaction():
            if not session.rows("SELECT to_regprocedure($1) IS NOT NULL", f"{SCHEMA}.grams(text)")[0][0]:
                session.execute(_FUNCTION.format(schema=SCHEMA, folded=folded("searched", chosen)))
                session.execute(f"COMMENT ON FUNCTION {SCHEMA}.grams IS '{chosen}'")
        session.alone("SET maintenance_work_mem = '256MB'")
        there = {name: is_valid for name, is_valid, _ in session.rows(_THERE, SCHEMA, list(INDEXES))}
        for name, definition in INDEXES.items():
            if there.get(name):
                continue
            yield name
            table = definition.partition(" ")[0]
            if divided := partitions.of(session, table):
                _build_of_partitions(session, name, definition.removeprefix(table), table, divided)
                continue
            if name in there:
                session.alone(f"DROP INDEX CONCURRENTLY {SCHEMA}.{name}")
            session.alone(f"CREATE INDEX CONCURRENTLY {name} ON {definition}")
        for table in SEARCHED:  # how frequent a piece is, the planner has to know
            session.alone(f"ANALYZE {SCHEMA}.{table}")
    finally:
        session.alone("RESET maintenance_work_mem")
        session.rows("SELECT pg_advisory_unlock($1)", _LOCK)


def _build_of_partitions(session: Session, name: str, what: str, table: str, divided: Sequence[str]) -> None:
    """The index of a table in partitions, which are indexed one after the other: it counts when all are."""
    session.alone(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table}{what}")
    of_partitions = {partition: f"{partition}_{name}" for partition in divided}
    there = {of: is_valid for of, is_valid, _ in session.rows(_THERE, SCHEMA, list(of_partitions.values()))}
    for partition, of in of_partitions.items():
        if there.get(of) is False:
            session.alone(f"DROP INDEX CONCURRENTLY {SCHEMA}.{of}")
        if not there.get(of):
            session.alone(f"CREATE INDEX CONCURRENTLY {of} ON {SCHEMA}.{partition}{what}")
        session.alone(f"ALTER INDEX {SCHEMA}.{name} ATTACH PARTITION {SCHEMA}.{of}")


def remove(session: Session) -> bool:
    """Remove the index; whether there was one."""
    there = [name for name, *_ in session.rows(_THERE, SCHEMA, list(INDEXES))]
    for name in there:
        table = INDEXES[name].partition(" ")[0]
        how = "" if partitions.of(session, table) else " CONCURRENTLY"  # of partitions, the server has it at once only
        session.alone(f"DROP INDEX{how} {SCHEMA}.{name}")
    with session.transaction():
        session.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.grams")
    return bool(there)
