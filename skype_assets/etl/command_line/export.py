"""``skype-assets export``: a selection of messages as files that need neither this program nor a server."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl import quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug

if TYPE_CHECKING:
    from skype_assets.etl.handing.handover import Format


@click.group()
def export() -> None:
    """Hand over messages as files, into a new folder DIR.

    All messages, or what a query selects, which is that of the reader and of `search`. The query, the counts and the
    digest of what it selected stand in DIR/selection.json, the hash of every file in DIR/SHA256SUMS. DIR has its name
    when it is complete; an earlier hand-over there is replaced by it, at once.
    """


def _handing(function: Callable[..., None]) -> Callable[..., None]:
    """The arguments that all formats have."""
    decorators = (
        click.argument("folder", metavar="DIR", type=options.Named("DIR", file_okay=False)),
        click.option("--query", default="", help="What to hand over, as for search: 'from:mara date:2019'."),
        click.option(
            "--conversation",
            "conversations",
            multiple=True,
            help="A conversation: its id or title, or a part of that; may be given again.  [default: all]",
        ),
        click.option("--owner", help="The account: its id or name.  [default: all]"),
        options.output_dir,
        options.as_json,
        debug,
        options.placed,
    )
    return functools.reduce(lambda wrapped, decorator: decorator(wrapped), reversed(decorators), function)


_time_zone = click.option(
    "--time-zone", help="Zone of days and times, such as Europe/Berlin.  [default: this machine's]"
)
_utc = click.option("--time-zone", default="UTC", show_default=True, help="Zone of days, such as Europe/Berlin.")
_no_media = click.option("--no-media", is_flag=True, help="Without the files of messages.")


@export.command()
@_time_zone
@_no_media
@_handing
def html(**arguments: Any) -> None:
    """Write the pages of the reader, which open from any folder and search themselves: index.html."""
    from skype_assets.etl.handing.html import HTML

    _hand_over(HTML, **arguments)


@export.command()
@_time_zone
@_no_media
@_handing
def text(**arguments: Any) -> None:
    """Write a text file for each conversation: who, when, what."""
    from skype_assets.etl.handing.text import TEXT

    _hand_over(TEXT, **arguments)


@export.command()
@_time_zone
@_no_media
@_handing
def markdown(**arguments: Any) -> None:
    """Write a Markdown file for each conversation: for note tools, and language models."""
    from skype_assets.etl.handing.text import MARKDOWN

    _hand_over(MARKDOWN, **arguments)


@export.command()
@click.option("--raw", is_flag=True, help="Every value exactly as it is: not for spreadsheets, which run formulas.")
@_time_zone
@_no_media
@_handing
def csv(raw: bool, **arguments: Any) -> None:
    """Write tables for spreadsheets: messages, conversations, people, files."""
    from skype_assets.etl.handing.sheets import sheets

    _hand_over(sheets(is_raw=raw), **arguments)


@export.command()
@_time_zone
@_handing
def parquet(**arguments: Any) -> None:
    """Write the tables, with their schemas: all, or what belongs to a selection."""
    from skype_assets.etl.handing.parquet import PARQUET

    _hand_over(PARQUET, **arguments)


@export.command()
@click.option(
    "--load-file", is_flag=True, help="Write load.dat (Concordance) besides, with the columns of manifest.csv."
)
@_utc
@_no_media
@_handing
def rsmf(load_file: bool, **arguments: Any) -> None:
    """Write RSMF 2.0, for review platforms: a file for each conversation and day."""
    from skype_assets.etl.handing.rsmf.writing import rsmf

    _hand_over(rsmf(with_load_file=load_file), **arguments)


def _hand_over(
    format_: "Format",
    *,
    folder: Path,
    query: str,
    conversations: tuple[str, ...],
    owner: str | None,
    time_zone: str | None,
    output_dir: Path,
    as_json: bool,
    no_media: bool = False,
) -> None:
    from skype_assets.etl.command_line.display import display
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.handing.handover import hand_over
    from skype_assets.etl.handing.selection import Wanted
    from skype_assets.etl.reading import zones

    zone = zones.local() if time_zone is None else zones.checked(time_zone)
    wanted = Wanted(query, conversations, owner, zone)
    with display(terminal.err()) as shown:
        shown.begin("export")
        handed = hand_over(
            lambda: open_database(create=False),
            format_,
            folder,
            wanted,
            output_dir,
            with_media=format_.has_media and not no_media,
            progress=lambda done, total: shown.advance("export", done, total, "messages"),
        )
        shown.end("export", quantities.size(sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())))
    selection = handed.document["selection"]
    if as_json:
        terminal.write_json(handed.document)
        return
    print(f"{terminal.printable(folder)}: {selection['messages']:,} messages")
    print(f"selection: SHA-256 {selection['sha256']}")
    if missing := handed.document["files"]["not_handed_over"]:
        terminal.say(f"{missing:,} files are not in it: not in the export, not at hand, or not asked for")
