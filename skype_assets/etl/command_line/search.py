"""``skype-assets search``: what the reader's search finds, in the terminal."""

from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import UsageError

if TYPE_CHECKING:
    from skype_assets.etl.reading.find import Found
    from skype_assets.etl.reading.hits import Hit

NOTHING = 1
"""Exit code if nothing was found."""


@click.command()
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="Hits, the newest first.")
@click.option("--owner", help="The account: its id or name. [default: all]")
@click.option("--time-zone", help="Zone of all times, such as Europe/Berlin. [default: this machine's]")
@options.as_json
@debug
@click.pass_context
@options.placed
def search(
    context: click.Context, query: tuple[str, ...], limit: int, owner: str | None, time_zone: str | None, as_json: bool
) -> None:
    """Find messages. Exit code 1: nothing was found.

    QUERY is best put into one pair of quotes: 'otters -shed from:zofia before:2020'.

    Words are looked for anywhere in texts, names of files and links, in any language; all of them must be there.

    \b
      "a phrase"  -word            as it stands; not this
      from:NAME  in:TITLE          who wrote it, the conversation; a part is enough
      before:2019  after:2019-03   date:2018..2020-06
      has:photo                    photo, video, voice, file, link, call, reaction, quote
      is:edited                    edited, deleted, mine
      kind:poll                    a kind of message
    """
    from zoneinfo import ZoneInfo

    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.reading import zones
    from skype_assets.etl.reading.accounts import chosen
    from skype_assets.etl.reading.find import find
    from skype_assets.etl.reading.query import parse
    from skype_assets.etl.reading.snapshots import Snapshots

    zone = zones.local() if time_zone is None else zones.checked(time_zone)
    asked = parse(_joined(query), ZoneInfo(zone))
    if not asked:
        raise UsageError("the query is empty: say what to look for")
    snapshots = Snapshots(lambda: open_database(create=False), zone)
    with snapshots.snapshot() as session:
        owner_id = chosen(session, owner).owner_id if owner is not None else None
        found = find(session, asked, owner_id, limit=limit)
    snapshots.close()
    if as_json:
        terminal.write_json(_as_json(found))
    else:
        _show(found, ZoneInfo(zone))
    if not found.hits:
        context.exit(NOTHING)


def _joined(arguments: tuple[str, ...]) -> str:
    """The query as it would stand in a search box: what the shell took quotes from is a phrase."""
    parts = [_quoted(part) if len(arguments) > 1 and " " in part and '"' not in part else part for part in arguments]
    return " ".join(parts)


def _quoted(part: str) -> str:
    operator, colon, value = part.partition(":")
    return f'{operator}:"{value}"' if colon and operator.lstrip("-").isalpha() else f'"{part}"'


def _as_json(found: "Found") -> dict[str, Any]:
    return {
        "total": found.total,
        "is_more": found.is_more,
        "hits": [
            {
                "owner_id": hit.owner_id,
                "conversation_id": hit.conversation_id,
                "message_id": hit.message_id,
                "conversation": hit.title,
                "sent_at": hit.sent_at.isoformat() if hit.sent_at else None,
                "sender_id": hit.sender_id,
                "sender": hit.sender,
                "kind": hit.kind,
                "text": hit.text,
                "files": hit.files,
            }
            for hit in found.hits
        ],
    }


def _show(found: "Found", zone: Any) -> None:
    from skype_assets.etl.pages import formats

    for hit in found.hits:
        at = formats.local(hit.sent_at, zone) if hit.sent_at else None
        when = f"{formats.date_only(at)} {formats.clock(at)}" if at else "no time"
        print(terminal.printable(f"{when}  {hit.title}  {hit.sender}: {_line(hit)}"))
    more = "more than " if found.is_more else ""
    total = min(found.total, 1000)
    shown = f", the newest {len(found.hits)} are shown" if len(found.hits) < found.total else ""
    terminal.say(f"{more}{total:,} found{shown}; times are of {zone}")


def _line(hit: "Hit") -> str:
    said = " ".join(hit.text.split()) or f"[{hit.kind}]"
    return f"{said} ({', '.join(hit.files)})" if hit.files else said
