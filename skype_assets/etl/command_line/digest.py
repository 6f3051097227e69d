"""``skype-assets digest``: what is in the database, as numbers to compare."""

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug


@click.command()
@click.option("--owner", "owner_id", metavar="MRI", help="Only of this account.")
@click.option("--table", "tables", metavar="NAME", multiple=True, help="Only of this table; may be given again.")
@click.option(
    "--by",
    "depth",
    type=click.Choice(["table", "conversation", "row"]),
    default="table",
    help="Of whole tables, of their conversations, too, or of every row, too.  [default: table]",
)
@options.as_json
@debug
@options.placed
def digest(owner_id: str | None, tables: tuple[str, ...], depth: str, as_json: bool) -> None:
    """Print rows and SHA-256 of every table in the database.

    Two databases into which the same exports were loaded, in whatever order, have the same digests: what depends on
    the run, such as when it was, is left out. `--json > FILE` saves them for `skype-assets compare`. How psql alone
    gets the same numbers is in docs/proof.md.
    """
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database.counting import COUNTED
    from skype_assets.etl.database.digests import DEPTHS, digests
    from skype_assets.etl.database.equality import encoded
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.errors import UsageError

    if unknown := set(tables) - set(COUNTED):
        raise UsageError(f"there is no digest of {', '.join(sorted(unknown))}; there are: {', '.join(COUNTED)}")
    by = DEPTHS[[*DEPTHS].index(depth)]  # pyright: ignore[reportArgumentType]
    with Session(open_database(create=False), read_only=True) as session:
        found = digests(session, tables or COUNTED, owner_id, by)
    if as_json:
        terminal.write_json(encoded(found, owner_id, by))
        return
    for table in found:
        print(f"{table.sha256}  {table.rows:>12,}  {table.table}")
        for key, part in (table.conversations or {}).items():
            print(f"{part.sha256}  {part.rows:>12,}  {table.table} ({terminal.printable(', '.join(key))})")
        for key, sha256 in (table.keys or {}).items():
            print(f"{sha256}  {1:>12}  {table.table} ({terminal.printable(', '.join(key))})")
