"""What a restore leaves: a database that is one of before, whole or in single tables, or that lost rows.

A case is a backup's instant, what became of the database after the load was complete, and the folder that is run then.
Afterwards the database is as after an uninterrupted run, or the run says that it is not.
"""

import io
import random
from collections.abc import Sequence
from itertools import product

from skype_assets.etl.schema.tables import TABLES
from tests.engine.database_content import connected, query
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_success
from tests.faults.children import Armed, run
from tests.faults.world import Place, World

BEFORE, COMPLETE = "before the load", "after the load"

INSTANTS = {
    BEFORE: None,
    "at its beginning": ("phase claimed", "kill", 1),
    "in the middle": ("part committed", "kill", 2),
    "before its last transaction": ("table completed", "kill", len(TABLES)),
    COMPLETE: None,
}
"""When a backup is taken: at the points at which the load is killed, to be resumed afterwards."""

FOLDERS = ("the same folder", "a fresh folder")

_UNCONSTRAINED = "SET session_replication_role = replica"


def restored(place: Place, backup: str) -> None:
    """The whole database as it was."""
    query(place.world.url("postgres"), f"DROP DATABASE {place.folder.name}")
    query(place.world.url("postgres"), f"CREATE DATABASE {place.folder.name} TEMPLATE {backup}")


def restored_table(place: Place, backup: str, table: str) -> None:
    """One table as it was, as a restore without triggers does it."""
    rows = io.BytesIO()
    with connected(place.world.url(backup)) as origin, origin.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [f"skype.{table}"])
        if cursor.fetchall() != [(None,)]:
            cursor.copy_expert(f"COPY skype.{table} TO STDOUT", rows)
    rows.seek(0)
    with connected(place.url) as target, target.cursor() as cursor:
        cursor.execute(f"{_UNCONSTRAINED}; DELETE FROM skype.{table}")
        cursor.copy_expert(f"COPY skype.{table} FROM STDIN", rows)


def truncated(place: Place, backup: str, table: str) -> None:
    """A table emptied, with all that refers to it."""
    query(place.url, f"TRUNCATE skype.{table} CASCADE")


def deleted(place: Place, backup: str, table: str) -> None:
    """Every third row of a table deleted, without what refers to it."""
    key = ", ".join(TABLES[table].key)
    numbered = f"SELECT ctid, row_number() OVER (ORDER BY {key}) AS number FROM skype.{table}"
    query(
        place.url,
        f"{_UNCONSTRAINED}; DELETE FROM skype.{table} t USING ({numbered}) n WHERE t.ctid = n.ctid AND number % 3 = 1",
    )


ACTIONS = {
    "database": restored,
    **{f"table {name}": lambda place, backup, name=name: restored_table(place, backup, name) for name in TABLES},
    **{f"truncate {name}": lambda place, backup, name=name: truncated(place, backup, name) for name in TABLES},
    **{f"delete {name}": lambda place, backup, name=name: deleted(place, backup, name) for name in TABLES},
}
"""What becomes of the database, given the name of the backup."""


def happened(place: Place, instant: str, action: str, folder: str, bugs: tuple[str, ...] = ()) -> list[str]:
    """Load, take a backup meanwhile, restore from it, run again; what is wrong then."""
    backup = f"{place.folder.name}_backup"
    place.begin("load")
    if point := INSTANTS[instant]:
        run(place.task(), armed=Armed(point, bugs=bugs))
    elif instant == COMPLETE:
        run(place.task(), armed=Armed(bugs=bugs))
    _take(place, backup)
    loaded = run(place.task(), armed=Armed(bugs=bugs))
    if loaded.how != "done":
        return [f"the load ended with {loaded.how}: {loaded.message}"]
    place.wait_for_silence()
    ACTIONS[action](place, backup)
    if folder != FOLDERS[0]:
        place.begin_again("load")
    outcome = run(place.task(), armed=Armed(bugs=bugs))
    if outcome.how == "done":
        return after_success(place, outcome)
    is_true = outcome.how in ("DatabaseDiffers", "Rejected") and "skype." in outcome.message
    return [] if is_true else [f"refused with {outcome.how}: {outcome.message}"]


def _take(place: Place, backup: str) -> None:
    place.wait_for_silence()
    query(place.world.url("postgres"), f"DROP DATABASE IF EXISTS {backup}")
    query(place.world.url("postgres"), f"CREATE DATABASE {backup} TEMPLATE {place.folder.name}")


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    every = list(product(INSTANTS, ACTIONS, FOLDERS))
    random.Random(seed).shuffle(every)
    whole = [case for case in every if case[1] == "database"]
    return every if size.every else [*whole[:4], *(case for case in every if case not in whole)][:10]


def _run(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    instant, action, folder = case
    return Report(1, {f"{instant}: {action}"}, happened(place, instant, action, folder, bugs))


TESTS = (Test("T19 restores", "backups, single tables, rows deleted", _cases, _run),)
