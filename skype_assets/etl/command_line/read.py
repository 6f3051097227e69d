"""``skype-assets read``: the reader in the browser, on this machine only."""

from pathlib import Path

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8420, show_default=True, help="Port; 0 = any free one.")
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option("--owner", help="The account to show: its id or name. [default: all, to choose from]")
@click.option("--time-zone", help="Zone of all times, such as Europe/Berlin. [default: this machine's]")
@options.output_dir
@debug
@options.placed
def read(port: int, no_open: bool, owner: str | None, time_zone: str | None, output_dir: Path) -> None:
    """Read what is loaded, in the browser, at http://127.0.0.1:8420; Ctrl-C ends it.

    Conversations, search, media, people, statistics; from every message to its bytes in the export. It only reads: the
    database, the checkpoints, and the exports where they lie. Nobody on another machine reaches it, and no page loads
    anything from the web. The address has a secret; a browser that has opened it once keeps it, so that bookmarks last.
    """
    import webbrowser

    from skype_assets.etl import places
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import completion, planner, search_index
    from skype_assets.etl.database.session import Session
    from skype_assets.etl.pages import access, serve
    from skype_assets.etl.pages.site import INDEX_WORTHWHILE, Site
    from skype_assets.etl.reading import zones
    from skype_assets.etl.reading.accounts import accounts, chosen
    from skype_assets.etl.reading.files import Files
    from skype_assets.etl.reading.snapshots import Snapshots

    zone = zones.local() if time_zone is None else zones.checked(time_zone)
    snapshots = Snapshots(lambda: open_database(create=False), zone)
    with snapshots.snapshot() as session:
        owner_id = chosen(session, owner).owner_id if owner is not None else None
        total = sum(account.messages for account in accounts(session))
        is_indexed = search_index.is_built(session)
    with Session(open_database(create=False)) as session:
        planner.inform(session)
        if completion.is_due(session):
            terminal.say(f"note: {completion.INCOMPLETE}")
    if total > INDEX_WORTHWHILE and not is_indexed:
        terminal.say(f"a search in {total:,} messages is faster with an index: {terminal.command('db', 'index')}")
    with serve.listening(port) as listener:
        port = listener.getsockname()[1]
        token = access.token(places.find().home)
        site = Site(snapshots, Files(output_dir), output_dir, owner_id)

        def ready() -> None:
            address = serve.address(port, token)
            print(f"reader: {address}", flush=True)
            terminal.say("it has a secret: keep it to yourself. Ctrl-C ends the reader")
            if not no_open:
                webbrowser.open(address)

        serve.serve(serve.guarded(site, port, token), listener, ready)
    snapshots.close()
