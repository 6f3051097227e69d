"""``skype-assets compare``: are two databases equal?"""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug

if TYPE_CHECKING:
    from skype_assets.etl.database.equality import Side, Unequal

_SHOWN: Final = 20


@click.command()
@click.argument("one", metavar="ONE")
@click.argument("other", metavar="OTHER")
@click.option("--owner", "owner_id", metavar="MRI", help="Only of this account.")
@options.as_json
@debug
def compare(one: str, other: str, owner_id: str | None, as_json: bool) -> None:
    """Compare two databases, each named by its URL, or by a file that `skype-assets digest --json` wrote.

    They are equal (exit code 0), or what differs is printed: tables, conversations, keys of rows (exit code 15). A
    file tells as much of it as it was written with: `digest --by row` everything.
    """
    from skype_assets.etl.database.counting import COUNTED
    from skype_assets.etl.database.equality import Saved, differences
    from skype_assets.etl.errors import DatabasesDiffer

    with ExitStack() as opened:
        sides = _side(one, owner_id, opened), _side(other, owner_id, opened)
        known = [side.tables for side in sides if isinstance(side, Saved)]
        tables = [name for name in COUNTED if all(name in saved for saved in known)]
        found = differences(*sides, tables)
    if as_json:
        terminal.write_json({"equal": not found, "tables": tables, "differences": [_as_json(table) for table in found]})
    else:
        for table in found:
            print(f"{table.table}: {table.rows[0]:,} and {table.rows[1]:,} rows")
            for what, keys in (("conversation", table.conversations), ("row", table.keys)):
                for key in keys[:_SHOWN]:
                    print(f"  {what} ({terminal.printable(', '.join(key))})")
                if len(keys) > _SHOWN:
                    print(f"  and {len(keys) - _SHOWN:,} more {what}s: --json has them")
        if not found:
            print(f"equal: {', '.join(tables)}")
    if found:
        raise DatabasesDiffer(f"they differ in {', '.join(table.table for table in found)}")


def _side(name: str, owner_id: str | None, opened: ExitStack) -> "Side":
    from skype_assets.etl.database.equality import Live, Saved
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.places import named_path
    from skype_assets.etl.postgres.url import normalize, reachable_url

    if "://" not in name:
        return Saved.read(named_path(name, "ONE or OTHER"))
    session = opened.enter_context(Session(reachable_url(normalize(name), create=False), read_only=True))
    return Live(session, owner_id)


def _as_json(table: "Unequal") -> dict[str, Any]:
    return {
        "table": table.table,
        "rows": list(table.rows),
        "conversations": [list(key) for key in table.conversations],
        "keys": [list(key) for key in table.keys],
    }
