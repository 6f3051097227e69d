"""``skype-assets sample``: an invented export, to try things with."""

from pathlib import Path

import click

from skype_assets.etl import quantities
from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import UsageError


@click.command()
@click.argument("file", type=options.Named("file"))
@click.option("--messages", type=click.IntRange(0), default=2_000, show_default=True, help="Messages, copies included.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same options give the same bytes.")
@click.option(
    "--profile",
    type=click.Choice(["private", "group", "teams"]),
    default="private",
    show_default=True,
    help="What people write: a private person's mix of messages, that of large groups, or since Teams: HTML.",
)
@click.option("--conversations", type=click.IntRange(1), help="Number of conversations; 1 is one large group.")
@debug
def sample(file: Path, messages: int, seed: int, profile: str, conversations: int | None) -> None:
    """Write an invented export with every type of message and every known oddity.

    FILE's ending says which kind: .tar, .tar.gz, .zip or .json. A file that is there already is left alone.
    """
    from skype_assets.etl.sample import write_sample

    if file.exists():
        raise UsageError(f"{file} exists; an export cannot be had again, so nothing is written over it")
    written = write_sample(file, messages=messages, seed=seed, profile=profile, conversations=conversations)
    print(f"{terminal.printable(file)}: {quantities.size(file.stat().st_size)}, the account of {written.owner_name}")
    figures = {
        "conversations": written.distinct_conversations,
        "messages": written.messages,
        "  distinct": written.distinct,
        "  further copies": written.duplicates,
        "  no messages": len(written.rejects),
        "types of messages": len(written.by_type),
        "  unheard of": len(written.planted),
        "media objects": written.media_objects,
        "planted facts": len(written.facts),
    }
    for name, count in figures.items():
        print(f"  {name:<20} {count:>12,}")
    print(f"Next:\n  {terminal.command('run', str(file))}")
