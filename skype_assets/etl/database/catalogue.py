"""Is schema ``skype`` what this program makes, and nothing besides that changes what is read from it or written to it?

Compared with the table list is the server's own catalogue: relations, columns, constraints, indexes, and what else
hangs on tables - triggers, rules, policies, children that add rows of their own -, and the event triggers of the
database. Questions only, nothing is written.
"""

from collections.abc import Set
from typing import Final

from skype_assets.etl.database import ddl, holds, partitions, search_index
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.matching import Difference
from skype_assets.etl.database.session import Session
from skype_assets.etl.schema.views import VIEWS


def differences(session: Session) -> list[Difference]:
    """What of the schema is otherwise than it is made. One transaction, with a temporary view that it drops."""
    with session.transaction(snapshot=True, temporary=True):
        expected, found = _expected(partitions.count(session, SCHEMA)), _found(session)
        for thing in _SEARCH_INDEX - expected.keys():  # there or not, it tells nothing and changes nothing
            found.pop(thing, None)
        changed = [name for name in expected.keys() & found.keys() if found[name] != expected[name]]
        result = [
            *(Difference(*name, _MISSING) for name in expected.keys() - found.keys()),
            *(Difference(*name, "was added") for name in found.keys() - expected.keys()),
            *(Difference(*name, _changed(expected[name], found[name])) for name in changed),
            *(Difference(name, (), _EVENT_TRIGGER) for (name,) in session.rows(_EVENT_TRIGGERS)),
            *(Difference(table, (), what) for table, what in session.rows(_HANGING_ON, SCHEMA, list(_OUR_FUNCTIONS))),
            *holds.problems(session),
        ]
        for name in VIEWS:
            is_view = found.get((name, ())) == expected[name, ()]
            if is_view and not ddl.is_view_as_it_should_be(session, name):
                result.append(Difference(name, (), "is not the view that this program makes"))
    return sorted(result, key=str)


def is_made_last(difference: Difference) -> bool:
    """Whether that is otherwise because no load has come to its end yet, which makes it: indexes and foreign keys."""
    thing = " ".join(difference.key)
    is_key = thing.startswith("constraint ") and thing.endswith("_fkey")
    return difference.what in (_MISSING, _UNCHECKED) and (is_key or thing.startswith("index "))


_MISSING: Final = "is missing"
_UNCHECKED: Final = "was not checked against all rows"


def _changed(expected: str, found: str) -> str:
    return _UNCHECKED if found == f"{expected} NOT VALID" else "was changed"


Thing = tuple[str, tuple[str, ...]]
"""A relation, or what it has: column, constraint, index."""

_SEARCH_INDEX: Final[Set[Thing]] = {
    (definition.removeprefix(f"{SCHEMA}.").partition(" ")[0], (f"index {name}",))
    for name, definition in search_index.INDEXES.items()
}


def _expected(count: int) -> dict[Thing, str]:
    """What there should be, with tables in so many partitions; 0 = none."""
    things: dict[Thing, str] = {(name, ()): "v" for name in VIEWS}
    for name, columns, constraints in ddl.layout():
        is_divided = count > 0 and name in partitions.PARTITIONED
        things[name, ()] = "p HASH (owner_id)" if is_divided else "r"
        for number in range(count if is_divided else 0):
            things[f"{name}_{number}", ()] = (
                f"r of {SCHEMA}.{name} FOR VALUES WITH (modulus {count}, remainder {number})"
            )
        things |= {(name, (f"column {column}",)): definition for column, definition in columns.items()}
        things |= {(name, (f"constraint {constraint}",)): what for constraint, what in constraints.items()}
    for table, index, definition in ddl.indexes():
        things[table, (f"index {index}",)] = f"CREATE INDEX {index} ON {SCHEMA}.{table} USING btree {definition}"
    return things


def _found(session: Session) -> dict[Thing, str]:
    found: dict[Thing, str] = {}
    for query, word in ((_RELATIONS, ""), (_COLUMNS, "column"), (_CONSTRAINTS, "constraint"), (_INDEXES, "index")):
        for relation, name, definition in session.rows(query, SCHEMA):
            found[relation, (f"{word} {name}",) if word else ()] = definition
    return found


_OUR_FUNCTIONS: Final = (search_index.FUNCTION, *ddl.TRIGGER_FUNCTIONS)

_IN_SCHEMA: Final = "JOIN pg_class c ON c.oid = {} JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1"

# Indexes and the like go with their tables, and what partitions have from their tables with these. A table that is not
# logged is emptied by a crash.
_RELATIONS: Final = """
SELECT c.relname::text, ''::text, c.relkind::text || CASE c.relpersistence WHEN 'p' THEN '' ELSE ' not logged' END
       || coalesce(' ' || pg_get_partkeydef(c.oid), '')
       || coalesce(' of ' || i.inhparent::regclass || ' ' || pg_get_expr(c.relpartbound, c.oid), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_inherits i ON i.inhrelid = c.oid AND c.relispartition
WHERE n.nspname = $1 AND c.relkind NOT IN ('i', 'I', 't', 'c')"""

_COLUMNS: Final = f"""
SELECT c.relname::text, a.attname::text,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN l.collname = 'C' THEN ' COLLATE "C"' ELSE '' END
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
       || CASE WHEN a.attidentity <> '' THEN ' IDENTITY' ELSE '' END
FROM pg_attribute a LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
LEFT JOIN pg_collation l ON l.oid = a.attcollation
{_IN_SCHEMA.format("a.attrelid")}
AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped"""

# That a column is not null is a constraint as well, from PostgreSQL 18 on. Constraint triggers hang on tables (below).
_CONSTRAINTS: Final = f"""
SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
FROM pg_constraint k {_IN_SCHEMA.format("k.conrelid")} AND k.contype NOT IN ('n', 't')
AND k.conparentid = 0"""

_INDEXES: Final = f"""
SELECT c.relname::text, i.relname::text,
       replace(pg_get_indexdef(x.indexrelid), ' ON ONLY ', ' ON ')
       || CASE WHEN x.indisvalid AND x.indisready THEN '' ELSE ' not valid' END
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid {_IN_SCHEMA.format("x.indrelid")}
AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.contype IN ('p', 'u', 'x'))
AND NOT i.relispartition"""

# Of the whole database, in no schema: what it does, it may do to our tables when they are made or changed. Those of
# extensions are the server's: many managed ones have them, and only a superuser installs an extension.
_EVENT_TRIGGERS: Final = """
SELECT e.evtname::text FROM pg_event_trigger e WHERE NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e')"""
_EVENT_TRIGGER: Final = "is an event trigger of the database, which may change what is made in it"

_HANGING_ON: Final = f"""
SELECT c.relname::text, 'has a trigger, ' || t.tgname
FROM pg_trigger t {_IN_SCHEMA.format("t.tgrelid")} AND NOT t.tgisinternal AND NOT EXISTS (
    SELECT FROM pg_proc f WHERE f.oid = t.tgfoid AND f.pronamespace = n.oid AND f.proname = ANY ($2))
UNION ALL SELECT c.relname, 'does not check its foreign keys: their triggers are off'
FROM (SELECT DISTINCT tgrelid FROM pg_trigger WHERE tgisinternal AND tgenabled <> 'O') t
{_IN_SCHEMA.format("t.tgrelid")}
UNION ALL SELECT c.relname, 'has a rule, ' || r.rulename
FROM pg_rewrite r {_IN_SCHEMA.format("r.ev_class")} AND NOT (c.relkind = 'v' AND r.rulename = '_RETURN')
UNION ALL SELECT c.relname, 'has a policy, ' || p.polname FROM pg_policy p {_IN_SCHEMA.format("p.polrelid")}
UNION ALL SELECT c.relname, 'has row-level security'
FROM (SELECT oid FROM pg_class WHERE relrowsecurity) s {_IN_SCHEMA.format("s.oid")}
UNION ALL SELECT c.relname, 'has the rows of another table besides, ' || h.inhrelid::regclass
FROM pg_inherits h {_IN_SCHEMA.format("h.inhparent")} AND c.relkind = 'r'
UNION ALL SELECT f.proname, 'is a function in the schema'
FROM pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace WHERE n.nspname = $1 AND f.proname <> ALL ($2)
UNION ALL SELECT y.typname, 'is a type in the schema' FROM pg_type y JOIN pg_namespace n ON n.oid = y.typnamespace
LEFT JOIN pg_class c ON c.oid = y.typrelid
WHERE n.nspname = $1 AND (c.oid IS NULL OR c.relkind = 'c')
AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = y.oid)
UNION ALL SELECT o.oprname, 'is an operator in the schema'
FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE n.nspname = $1"""
