"""The command line: ``skype-assets``. One command per file, one line for each of them here.

Commands import what they work with when they run: ``skype-assets --help`` must not wait for Arrow, let alone Dagster.
"""

import io
import signal
import sys

import click

from skype_assets.etl import compiled
from skype_assets.etl.command_line.add import add
from skype_assets.etl.command_line.clean import clean
from skype_assets.etl.command_line.db import db
from skype_assets.etl.command_line.dev import dev
from skype_assets.etl.command_line.group import Commands, terminate
from skype_assets.etl.command_line.init import init
from skype_assets.etl.command_line.read import read
from skype_assets.etl.command_line.resume import resume
from skype_assets.etl.command_line.run import run
from skype_assets.etl.command_line.sample import sample
from skype_assets.etl.command_line.search import search
from skype_assets.etl.command_line.status import status
from skype_assets.etl.command_line.unload import unload
from skype_assets.etl.command_line.verify import verify

__all__ = ["main", "skype_assets"]


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(
    package_name="skype-assets",
    message=f"%(prog)s, version %(version)s{f' ({compiled.ABSENCE})' if compiled.reader is None else ''}",
)
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


for command in (run, read, search, resume, status, verify, unload, clean, add, sample, init, db, dev):
    skype_assets.add_command(command)


def main() -> None:
    """Entry point of ``skype-assets``."""
    signal.signal(signal.SIGTERM, terminate)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal cannot show is no reason to fail
    skype_assets(prog_name="skype-assets")
