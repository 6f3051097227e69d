"""The commands of ``skype-assets``, one word for each of them.

A command's file is imported when the command is named or listed, and imports what it works with when it runs:
``skype-assets --help`` must not wait for Arrow, let alone Dagster.
"""

import io
import sys
from typing import Final

import click

from skype_assets.etl import compiled
from skype_assets.etl.command_line.group import Commands, Imported
from skype_assets.etl.phases import FACTS
from skype_assets.etl.version import PACKAGE, SCHEMA

COMMANDS: Final = (
    *("run", "read", "search", "show", "export", "report", "resume", "status", "verify", "digest", "compare", "unload"),
    *("clean", "hold", "add", "sample", "media", "init", "db", "dev"),
)


def _versions() -> str:
    """The other versions, a line each; and whether the compiled reader is there."""
    phases = ", ".join(f"{facts.name} {facts.version}" for facts in FACTS.values())
    return (
        f"schema {SCHEMA}\nphases: {phases}\ncompiled reader: {compiled.ABSENCE if compiled.reader is None else 'yes'}"
    )


@click.group(
    cls=Commands,
    commands=Imported(COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(PACKAGE, message=f"%(prog)s, version %(version)s\n{_versions()}")
def skype_assets() -> None:
    """Turn Skype exports into checked PostgreSQL tables.

    A run can be interrupted at any instant, by anything; the same command goes on where it stopped.

    Checkpoints, database and Dagster's files are in one place: the folder that SKYPE_HOME names, else the project
    (skype-assets init) that the current folder is in, else your data folder. Every command says which.

    \b
    First steps:
      skype-assets sample sample.tar     an invented export, to try things with
      skype-assets run sample.tar        load it
      skype-assets read                  read it, search it, look at the years, in the browser
      skype-assets db psql               look at the tables (schema skype)
      skype-assets status                what is loaded, what is not
    """


def run() -> None:
    """Run the command that was typed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal cannot show is no reason to fail
    skype_assets(prog_name="skype-assets")
