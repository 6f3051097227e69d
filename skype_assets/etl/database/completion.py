"""Completing schema ``skype``: indexes and foreign keys, when rows are in.

The first load makes them when it has its rows in: checking and sorting once is a fraction of doing so for every row.
From then on they stay, and later loads meet them. A campaign of loads may defer the foreign keys (not the indexes,
which merges and readers use): then every load is a first one, and ``complete`` comes after the last. Nothing that a
load promises hangs on them: primary keys decide what is a conflict, and every row is compared with what was sent.
"""

from collections.abc import Callable, Container, Iterator
from concurrent.futures import as_completed
from functools import partial
from typing import Final

from skype_assets.etl import crash_points
from skype_assets.etl.database.ddl import SCHEMA, by_their_owner, indexes, present, references
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.side_by_side import SideBySide
from skype_assets.etl.schema.tables import TABLES

INCOMPLETE: Final = (
    "the tables have not all of their foreign keys, or rows that these were not checked against: that was deferred "
    "(--defer-constraints), or interrupted; `skype-assets db complete` does it"
)
"""What is said at every door of a database into which exports were loaded, and that is not complete."""

# Any numbers: they only have to be the same in every process.
_COMPLETION_LOCK: Final = 7_359_274_102
TABLE_LOCKS: Final = {name: number for number, name in enumerate(TABLES, start=7_359_274_201)}
"""Held by whoever completes a table."""

_HAS_EXPORTS: Final = f"SELECT EXISTS (SELECT FROM {SCHEMA}.exports WHERE status <> 'loading')"


def complete(
    session: Session,
    sessions: int = 1,
    completed: Callable[[str], None] = lambda table: None,
    *,
    defers_keys: bool = False,
) -> None:
    """Add the foreign keys and indexes that are missing; called when the rows of a load are in.

    First all foreign keys are there for what comes; then each table, in a transaction of its own, gets its indexes, and
    its foreign keys are checked against the rows that were there before. A load that was interrupted before or within
    this does the rest when it is resumed, or the next load does.

    Args:
        session: with the database.
        sessions: how many take tables side by side.
        completed: called with the name of each table when that is done.
        defers_keys: whether foreign keys, or what is missing of them, are left to a later call.

    Raises:
        DatabaseError: rows refer to what is not there; they were not loaded by this program.
    """
    if is_complete(session, defers_keys=defers_keys):
        return
    if not defers_keys:
        with session.transaction(), by_their_owner():
            hold_off_loads(session)
            for statement in foreign_keys(present(session)[0]):
                session.execute(statement)
        crash_points.reached("foreign keys added")
    # The largest first, so that the sessions end at about the same time.
    names = sorted(TABLES, key=lambda name: name != "messages")
    with SideBySide.opened(session, sessions) as beside:
        of = partial(_complete_table, defers_keys=defers_keys)
        under_way = {beside.submit(partial(of, name=name)): name for name in names}
        for done in as_completed(under_way):
            done.result()
            completed(under_way[done])


def _complete_table(session: Session, name: str, *, defers_keys: bool) -> None:
    with session.transaction(), by_their_owner():
        # An attempt that was killed within this has sessions that are still at work.
        session.execute("SELECT pg_advisory_xact_lock($1)", TABLE_LOCKS[name])
        for statement in _completion_of(name, *present(session), defers_keys=defers_keys):
            session.execute(statement)
    crash_points.reached("table completed")


def is_complete(session: Session, *, defers_keys: bool = False) -> bool:
    """Whether all indexes and foreign keys are there, and each of these was checked against all rows.

    Args:
        session: with the database.
        defers_keys: whether it is only asked for indexes.
    """
    with session.transaction():
        relations, checked = present(session)
    return not list(completion(relations, checked, defers_keys=defers_keys))


def is_due(session: Session) -> bool:
    """Whether exports were loaded, and the tables are not complete: see ``INCOMPLETE``."""
    if not session.rows("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.exports")[0][0]:
        return False
    return session.rows(_HAS_EXPORTS)[0][0] and not is_complete(session)


def hold_off_completion(session: Session) -> None:
    """Within a transaction that changes rows, before its first lock: ``complete`` adds no foreign keys before its end.

    Without this the two would take locks on the tables in different orders, which can be a deadlock.
    """
    session.execute("SELECT pg_advisory_xact_lock_shared($1)", _COMPLETION_LOCK)


def hold_off_loads(session: Session) -> None:
    """Within a transaction that changes tables that exist, before its first lock: none of rows begins before its end.

    Those under way are waited for.
    """
    session.execute("SELECT pg_advisory_xact_lock($1)", _COMPLETION_LOCK)


def foreign_keys(there: Container[str] = ()) -> Iterator[str]:
    """The DDL of the foreign keys that are not there: from then on they are enforced, older rows are not checked."""
    for table in TABLES.values():
        for name, columns, parent in references(table):
            if name not in there:
                key = ", ".join(columns)
                yield (
                    f"ALTER TABLE {SCHEMA}.{table.name} ADD CONSTRAINT {name} "
                    f"FOREIGN KEY ({key}) REFERENCES {SCHEMA}.{parent} ({key}) NOT VALID"
                )


def completion(there: Container[str] = (), checked: Container[str] = (), *, defers_keys: bool = False) -> Iterator[str]:
    """The DDL of all of it, for a schema that has some relations and foreign keys, some of these checked, already."""
    if not defers_keys:
        yield from foreign_keys(there)
    for name in TABLES:
        yield from _completion_of(name, there, checked, defers_keys=defers_keys)


def _completion_of(table: str, there: Container[str], checked: Container[str], *, defers_keys: bool) -> Iterator[str]:
    """The DDL of what a table lacks: indexes, and that its foreign keys are checked against older rows."""
    for of, name, definition in indexes():
        if of == table and name not in there:  # IF NOT EXISTS would wait for every load under way
            yield f"CREATE INDEX {name} ON {SCHEMA}.{table} {definition}"
    for name, _, _ in references(TABLES[table]):
        if not defers_keys and name not in checked:
            yield f"ALTER TABLE {SCHEMA}.{table} VALIDATE CONSTRAINT {name}"
