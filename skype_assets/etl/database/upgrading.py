"""Upgrades of schema ``skype``: numbered revisions, which Alembic puts in order and writes as SQL.

A database says in ``skype.schema_version`` of which revision it is; one of the first release says nothing, and is known
by its tables. Alembic only writes: the statements are run here, all in one transaction under the creation lock, so that
an upgrade that is interrupted has changed nothing, and ``db upgrade --dry-run`` shows what is done. It is imported when
there is something to upgrade; a database that is up to date costs two small queries.

How a revision is added, CONTRIBUTING.md says.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from skype_assets.etl import crash_points
from skype_assets.etl.database import ddl, first_release
from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import LOCK_NOT_AVAILABLE, NO_PRIVILEGE, Rejected, Session
from skype_assets.etl.errors import DatabaseError
from skype_assets.etl.schema.tables import TABLES
from skype_assets.etl.version import PACKAGE
from skype_assets.etl.version import SCHEMA as NEWEST

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory

REVISIONS: Final = Path(__file__).parent / "revisions"

QUICK_SECONDS: Final = 10.0
"""An upgrade that is expected to take longer is for somebody to begin: others wait for its locks meanwhile."""

_FIRST: Final = "0001"
# Rows that are written anew, with their indexes: measured with a slow disk, on one core.
_BYTES_A_SECOND: Final = 20_000_000
_LOCK_TIMEOUT: Final = "30s"


@dataclass(frozen=True)
class Upgrade:
    """What leads from the version of a database to the newest one.

    Attributes:
        version: of the database.
        statements: SQL, to be run in one transaction in which the creation lock is held.
        rewrites: tables whose rows are read or written; their sizes say how long it takes.
    """

    version: str
    statements: Sequence[str]
    rewrites: Sequence[str]

    @property
    def script(self) -> str:
        """The whole transaction, for people and for psql."""
        return "".join(f"{statement};\n" for statement in ("BEGIN", _lock(), _patience(), *self.statements, "COMMIT"))


def version_of(session: Session) -> str | None:
    """The schema version of a database; None if it has no tables, or such as no release has made."""
    table = f"{SCHEMA}.{ddl.VERSION_TABLE}"
    if session.rows("SELECT to_regclass($1) IS NOT NULL", table)[0][0]:
        found = session.rows(f"SELECT version_num FROM {table}")
        return found[0][0] if found else None
    there = {name: dict(columns) for name, columns in ddl.columns(session).items()}
    is_first = first_release.TABLES.items() <= there.items()
    return _FIRST if is_first else None


def upgrade_of(session: Session) -> Upgrade | None:
    """What a database needs; None if it is up to date, or is none that a release has made.

    Raises:
        DatabaseError: a newer program made it, or the first release did and somebody changed it.
    """
    version = version_of(session)
    if version is None:
        _refuse_changed(session)
    if version is None or version == NEWEST:
        return None
    if not version.isdecimal() or int(version) > int(NEWEST):
        raise DatabaseError(
            f"the tables have schema version {version}; this program, skype-assets {PACKAGE}, knows versions up to "
            f"{NEWEST}: use the newer one that upgraded them. Nothing was changed"
        )
    return _written(version)


def is_without_version(session: Session) -> bool:
    """Whether there are tables that do not say their version, and no release has made: ``ddl.create`` has the say.

    Between two releases the program has made such.
    """
    return version_of(session) is None and not TABLES.keys().isdisjoint(ddl.columns(session))


def _refuse_changed(session: Session) -> None:
    """Refuse tables of the first release that somebody changed: else what an upgrade adds would be called the change.

    Raises:
        DatabaseError: the tables are such; the message names what differs.
    """
    there = {name: set(columns) for name, columns in ddl.columns(session).items() if name in TABLES}
    newest = {table.name: set(ddl.expected(table)) for table in TABLES.values()}
    is_later = any(name not in first_release.TABLES for name in there)
    if is_later or all(there[name] == newest[name] for name in there):
        return
    for name, columns in first_release.TABLES.items():
        if name not in there:
            continue
        if different := sorted({column for column, _ in columns.items() ^ there[name]}):
            raise DatabaseError(
                f"table {SCHEMA}.{name} is not as skype-assets 0.1.0 made it ({', '.join(different)}); somebody "
                "changed it, so that it cannot be upgraded: restore it, or load into another database. "
                "Nothing was changed"
            )
    lost = ", ".join(f"{SCHEMA}.{name}" for name in first_release.TABLES if name not in there)
    raise DatabaseError(
        f"the tables are those of skype-assets 0.1.0, of which somebody removed {lost}, so that they cannot be "
        "upgraded: restore what is missing, or load into another database. Nothing was changed"
    )


def bring_up_to_date(session: Session) -> Upgrade | None:
    """Upgrade a database if it has to be and that is quick; what was done, or None.

    Raises:
        DatabaseError: a newer program made it; or somebody changed it; or an upgrade takes so long that somebody
            should choose when.
    """
    upgrade = upgrade_of(session)
    if upgrade is None:
        if is_without_version(session):
            ddl.create(session)
        return None
    seconds = estimate(session, upgrade)
    if seconds > QUICK_SECONDS:
        raise DatabaseError(
            f"the tables have schema version {upgrade.version}, this program needs {NEWEST}. To upgrade them takes "
            f"about {seconds / 60:,.0f} min, during which nobody else can use them: do it with "
            "`skype-assets db upgrade`, then the same again. Nothing was changed"
        )
    return upgrade if run(session, upgrade) else None


def require_newest(session: Session) -> None:
    """Refuse a database of another version, for whoever only reads.

    Raises:
        DatabaseError: it is of another version.
    """
    if (upgrade := upgrade_of(session)) is not None:
        raise DatabaseError(
            f"the tables have schema version {upgrade.version}, this program needs {NEWEST}: "
            "upgrade them with `skype-assets db upgrade`, or by the next run. Nothing was changed"
        )


def run(session: Session, upgrade: Upgrade) -> bool:
    """Upgrade a database; False if somebody else has done it meanwhile.

    Raises:
        DatabaseError: its tables are in use, or belong to somebody else; nothing was changed.
    """
    with session.transaction():
        session.execute(_lock())
        if version_of(session) != upgrade.version:
            return False
        crash_points.reached("upgrade begun")
        session.execute(_patience())
        try:
            for statement in upgrade.statements:
                session.execute(statement)
                crash_points.reached("upgrade statement done")
        except Rejected as refused:
            if refused.sqlstate == NO_PRIVILEGE:
                raise DatabaseError(
                    f"{refused}. The tables have schema version {upgrade.version}, this program needs {NEWEST}; their "
                    "owner has to upgrade them: `skype-assets db upgrade` with that role in SKYPE_DATABASE_URL, or the "
                    "SQL that `skype-assets db upgrade --dry-run` prints. Nothing was changed"
                ) from None
            if refused.sqlstate != LOCK_NOT_AVAILABLE:
                raise
            raise DatabaseError(
                f"the tables have to be upgraded, and somebody uses them: a statement waited {_LOCK_TIMEOUT} for its "
                "lock. End what reads or loads them, then the same again. Nothing was changed"
            ) from None
        ddl.compare(session)
    crash_points.reached("upgrade committed")
    return True


def estimate(session: Session, upgrade: Upgrade) -> float:
    """About how many seconds an upgrade takes, by the sizes of the tables that it reads or writes."""
    sizes = session.rows(
        "SELECT coalesce(sum(coalesce((SELECT sum(pg_total_relation_size(p.relid)) "
        "FROM pg_partition_tree(to_regclass(name)) p), pg_total_relation_size(to_regclass(name))))::bigint, 0) "
        "FROM unnest($1) AS t (name)",
        [f"{SCHEMA}.{table}" for table in upgrade.rewrites],
    )
    return sizes[0][0] / _BYTES_A_SECOND


def scripts() -> "ScriptDirectory":
    """The revisions, as Alembic knows them."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(REVISIONS))


def _written(version: str) -> Upgrade:
    from alembic import command
    from alembic.config import Config

    written = io.StringIO()
    config = Config(output_buffer=written)
    config.set_main_option("script_location", str(REVISIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, f"{version}:{NEWEST}", sql=True)
    # It writes each statement with a semicolon and an empty line behind it; revisions have no empty lines.
    statements = [part.strip() for part in written.getvalue().split(";\n\n") if part.strip()]
    revisions = list(scripts().iterate_revisions(NEWEST, version))
    return Upgrade(
        version,
        [*ddl.version_table(version), *statements, *ddl.VIEWS_DDL.values(), *ddl.comments()],
        sorted({table for revision in revisions for table in revision.module.REWRITES}),
    )


def _lock() -> str:
    return f"SELECT pg_advisory_xact_lock({ddl.CREATION_LOCK})"


def _patience() -> str:
    return f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"
