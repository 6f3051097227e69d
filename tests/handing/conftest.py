"""Hand-overs of databases that no test changes: of the sample, and of texts that mean harm."""

import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from skype_assets.etl.handing.handover import Format, Handed, hand_over
from skype_assets.etl.handing.selection import Wanted
from skype_assets.etl.postgres.embedded import binaries
from tests.conftest import NewDatabase
from tests.reading import texts
from tests.reading.conftest import output_dir, sample_url

__all__ = ["output_dir", "sample_url"]

HandOver = Callable[..., Handed]
Rows = Callable[..., list[tuple[Any, ...]]]

HOSTILE = (
    "first\n2020-01-01 00:00:00  Theo Brannock: I never wrote this",
    "first\r2020-01-01 00:00:00  Theo Brannock: nor this\u2028**Theo** 10:00",
    "# a heading\n**Theo Brannock** 10:00\n\n1. one\n- two\n> three\n    code\n```\nfence",
    "<script>alert(1)</script> ![x](http://x/) [l](javascript:alert(1)) a|b $x$ &lt;",
    '=HYPERLINK("http://x")',
    "+1+cmd|' /C calc'!A0",
    "-2",
    "@SUM(A1)",
    "  =1+1",
    "\t=1",
    "＝1",
    "|cmd",
    "%1",
    "\u200b\ufeff\u202e=1",
    "'=1",
    "safe\n=cmd|' /C calc'!A0;y;\u200b@SUM(A1)\t+1",
    'a "quoted", text; with\r\nlines',
    "https://example.org/a_b_(c)*d*",
    "",
)


def psql(url: str, script: str, *flags: str, options: str = "") -> str:
    """What psql prints of a script, in a session with these options."""
    command = [str(binaries() / "psql"), "-XAt", *flags, "-f", "-", f"--dbname={url}"]
    environment = {**os.environ, "PGOPTIONS": options}
    return subprocess.run(command, input=script, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture
def write(tmp_path: Path, sample_url: str, output_dir: Path) -> HandOver:
    """Hand over the sample, or another database, into a folder of the test's."""

    def writing(
        format_: Format,
        folder: str = "handed",
        *,
        query: str = "",
        conversations: tuple[str, ...] = (),
        zone: str = "UTC",
        media: bool = True,
        url: str = sample_url,
    ) -> Handed:
        wanted = Wanted(query, conversations, None, zone)
        done: list[int] = []
        handed = hand_over(
            lambda: url,
            format_,
            tmp_path / folder,
            wanted,
            output_dir,
            with_media=media and format_.has_media,
            progress=lambda now, _total: done.append(now),
            workers=1,
        )
        assert done == sorted(done)
        assert done[-1] == handed.document["selection"]["messages"]
        return handed

    return writing


@pytest.fixture
def rows(sample_url: str) -> Rows:
    """What plain SQL finds in the sample, or in another database."""

    def ask(statement: str, *parameters: object, url: str = sample_url) -> list[tuple[Any, ...]]:
        with psycopg2.connect(url) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return cursor.fetchall()

    return ask


@pytest.fixture(scope="session")
def hostile_url(new_database: NewDatabase) -> str:
    url = new_database()
    texts.prepare(url)
    said = [texts.Said(text, datetime(2020, 3, 1, 12, n, tzinfo=UTC)) for n, text in enumerate(HOSTILE)]
    texts.fill(url, [*said, texts.Said("nobody knows when", None)])
    return url
