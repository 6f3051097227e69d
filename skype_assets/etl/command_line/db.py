"""``skype-assets db``: the database that the tables are in, and its embedded server."""

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import click

from skype_assets.etl import interruption, quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import DatabaseError

if TYPE_CHECKING:
    from skype_assets.etl.database.session import Session

_NOT_CONNECTED: Final = 2
"""Exit code of psql that has no connection, or lost it."""


@click.group()
def db() -> None:
    """The database: its URL, a prompt, its version, its server.

    It is that of SKYPE_DATABASE_URL, else of libpq's variables (PGHOST, ...), else that of the embedded server, which
    starts when it is needed and stops when it is not.
    """


@db.command()
@click.option("--with-password", is_flag=True, help="Show the password, if there is one.")
@debug
@options.placed
def url(with_password: bool) -> None:
    """Print the connection URL; starts the embedded server if that is the database."""
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.postgres.url import without_password

    chosen = open_database(create=False)
    print(terminal.printable(chosen if with_password else without_password(chosen)))


@db.command()
@click.option("--remove", "is_removed", is_flag=True, help="Remove the index.")
@debug
@options.placed
def index(is_removed: bool) -> None:
    """Build the index that makes searching fast, from some 200,000 messages on.

    Nobody has to wait for it: loads and readers go on. Interrupted, the same command goes on. It takes about as much
    room as the messages themselves, and later loads keep it. Without it a search finds the same, only slower.
    """
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import search_index
    from skype_assets.etl.database.session import Session

    with Session(open_database(create=False)) as session:
        if is_removed:
            print("removed" if search_index.remove(session) else "there is none")
            return
        for name in search_index.build(session):
            terminal.say(f"building {name} ...")
        print(f"the search index is there: {quantities.size(search_index.size(session))}")


@db.command()
@click.option(
    "--partitions",
    type=click.IntRange(2, 64),  # statements lock each that they cannot rule out, and the server counts locks
    help="Divide the tables by account into so many partitions; takes PostgreSQL 18.",
)
@debug
@options.placed
def create(partitions: int | None) -> None:
    """Create the tables before anything is loaded: in partitions, or by a role that owns them.

    The first load does so as well, without partitions. Tables that are there stay as they are.
    """
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import ddl, upgrading
    from skype_assets.etl.database.session import Session

    with Session(open_database()) as session:
        upgrading.require_newest(session)
        ddl.create(session, partitions or 0)
    print("the tables are there" + (f", in {partitions} partitions" if partitions else ""))


@db.command()
@click.option("--max-workers", type=int, help="Tables that are worked on at the same time.  [default: one per core]")
@debug
@options.placed
def complete(max_workers: int | None) -> None:
    """Add the foreign keys that loads with --defer-constraints left out, and check every row against them.

    Loads that begin meanwhile go on with the keys. Interrupted, the same command goes on: tables that are done are not
    checked again. Where nothing is missing it changes nothing.
    """
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import completion, upgrading
    from skype_assets.etl.database.loading import require_loaded
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.task import Settings

    with Session(open_database(create=False)) as session:
        upgrading.require_newest(session)
        require_loaded(session)
        if completion.is_complete(session):
            print("nothing to do: the tables have all foreign keys and indexes")
            return
        terminal.say("adding and checking foreign keys ...")
        workers = Settings(max_workers=max_workers).workers
        completion.complete(session, workers, lambda name: terminal.say(f"{name}: done"))
    print("complete: every row refers to rows that are there, and is kept from being otherwise")


@db.command(context_settings={"ignore_unknown_options": True})
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@options.placed
def psql(args: tuple[str, ...]) -> None:
    """Open psql on the database, with ARGS (such as -c 'SELECT ...')."""
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.postgres.url import chosen_by, password, without_password

    chosen = open_database(create=False)
    program = _psql()
    secret = password(chosen)
    # By the environment: arguments can be read by everybody on the machine.
    environment = {**os.environ, **({"PGPASSWORD": secret} if secret else {})}
    environment.setdefault("PGCLIENTENCODING", "auto")  # that of the locale, also where psql writes to a pipe
    sys.stdout.flush()
    command = [program, f"--dbname={without_password(chosen)}", *args]
    with (
        interruption.left_to_a_child(signal.SIGINT),  # Ctrl-C is for psql
        subprocess.Popen(command, env=environment) as child,
        interruption.at_the_end(child.terminate),
    ):
        code = child.wait()
    if code == _NOT_CONNECTED:
        terminal.say(f"this database was chosen by {chosen_by(chosen)}")
    raise click.exceptions.Exit(code)


@db.command()
@click.option("--dry-run", is_flag=True, help="Print the SQL, and change nothing.")
@debug
@options.placed
def upgrade(dry_run: bool) -> None:
    """Upgrade the tables to the version that this program needs.

    A run does so by itself where it is quick. It is one transaction: interrupted, it has changed nothing. The rows stay
    what they are; what newer code would make of them, the next run of each task does.
    """
    from skype_assets.etl import places
    from skype_assets.etl.api.reporting import registration
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import upgrading
    from skype_assets.etl.database.session import Session

    if not dry_run and places.find().has_dagster:
        for warning in registration("storage").warnings:
            terminal.say(warning)
    with Session(open_database(create=False)) as session:
        if (needed := upgrading.upgrade_of(session)) is None:
            print(_up_to_date(session, dry_run=dry_run))
            return
        if dry_run:
            print(needed.script, end="")
            return
        terminal.say(f"upgrading, about {terminal.duration(upgrading.estimate(session, needed))} ...")
        upgrading.run(session, needed)
    print(f"upgraded: schema version {needed.version} to {upgrading.NEWEST}")


def _up_to_date(session: "Session", *, dry_run: bool) -> str:
    """What to say of tables that need no upgrade; those that do not say their version are made to say it."""
    from skype_assets.etl.database import ddl, upgrading

    if not upgrading.is_without_version(session):
        version = upgrading.version_of(session)
        return f"nothing to upgrade: {f'schema version {version}' if version else 'there are no tables yet'}"
    if dry_run:
        return (
            "nothing to upgrade: the tables do not say their version, and no release has made them. Without --dry-run "
            f"they are compared with those of version {upgrading.NEWEST}, and say so from then on"
        )
    ddl.create(session)
    return f"the tables say from now on that they are of schema version {upgrading.NEWEST}"


@db.command()
@debug
@options.placed
def stop() -> None:
    """Stop the embedded server, whoever uses it. What it was asked to keep, it has."""
    from skype_assets.etl.postgres.embedded import EmbeddedServer

    server = EmbeddedServer()
    print("stopped" if server.stop() else f"not running: {terminal.printable(server.directory)}")


@db.command()
@debug
@options.placed
def status() -> None:
    """Show which database it is, whether the embedded server runs, and whether its tables are complete.

    Starts nothing; a server that does not run is not asked.
    """
    from skype_assets.etl.database import completion
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.postgres import DATABASE_VARIABLES
    from skype_assets.etl.postgres.embedded import EmbeddedServer
    from skype_assets.etl.postgres.url import reachable_url, without_password

    given = [name for name in DATABASE_VARIABLES if os.environ.get(name)]
    if given:
        url = os.environ.get("SKYPE_DATABASE_URL") or "postgresql://"
        print(f"database: {terminal.printable(without_password(url))} (from {given[0]})")
    server = EmbeddedServer()
    running = server.status()
    state = f"running, process {running.pid}" if running else "not running"
    state += "" if server.exists else ", there is none yet"
    print(f"embedded server: {state}, in {terminal.printable(server.directory)}{' (not used)' if given else ''}")
    if running and not given:
        print(f"database: {terminal.printable(server.url())}")
    if running or given:
        try:
            with Session(reachable_url(create=False), read_only=True) as session:
                is_due = completion.is_due(session)
        except DatabaseError as refused:
            print(f"tables: cannot be asked: {terminal.printable(str(refused))}")
        else:
            print(f"tables: {completion.INCOMPLETE if is_due else 'nothing is to be done for them'}")


def _psql() -> str:
    """The program: the embedded server's own, else the one on the path."""
    from skype_assets.etl.postgres.embedded import binaries

    try:
        return str(binaries() / "psql")
    except DatabaseError:
        if found := shutil.which("psql"):
            return found
        raise
