"""What the reader costs beside what it must cost: ``python -m benchmarks.reader``, some minutes on a quiet machine.

An invented export is loaded into a server as users have it; then pages are asked for over HTTP, as a browser does, and
searches as their page does, without the index and with it; then everything is handed over, and the pages that need no
server are searched in Chromium, if it is there. The exit code is 1 if something takes more than it must.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import quote, urlsplit

import psutil

from benchmarks import search_in_files
from benchmarks.children import run_command
from benchmarks.figures import Figure, p95
from benchmarks.server import Server, server
from skype_assets.etl import engine
from skype_assets.etl.database import planner, search_index
from skype_assets.etl.database.session import Session
from skype_assets.etl.reading.keys import key, slug
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task

QUERIES: Final = {
    "frequent word": ["otters", "shelf", "printer", "quay"],
    "rare word": ["7789", "gate 9911", "no. 3821"],
    "phrase, inside a word": ['"see the otters"', "orning"],
    "CJK, two characters": ["駅で", "会い"],
    "Cyrillic, Greek": ["хорошо", "στις"],
    "no hit": ["zzzzqq", "駅駅駅"],
    "with operators": ["otters from:zofia", "has:photo date:2020", "in:book shelf"],
}
TWO_WORDS: Final = ["otters shelf", "printer quay", "otters -see"]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reader", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=20, help="how often each page and query is asked for")
    parser.add_argument("--folder", type=Path, help="for export, checkpoints and database (default: temporary)")
    parser.add_argument("--json", type=Path, help="where the figures go")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures = [_said(figure) for figure in measured(Path(folder), options.messages, options.rounds)]
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2))
    return 0 if all(figure.is_met for figure in figures) else 1


def _said(figure: Figure) -> Figure:
    must = f"<= {figure.must:g}" if figure.must is not None else ""
    met = "" if figure.is_met else "NOT MET"
    print(f"{figure.measure:<44} {figure.value:>9.1f} {figure.unit:<3} {must:<9} {met}", flush=True)
    return figure


def measured(folder: Path, messages: int, rounds: int) -> Iterator[Figure]:
    """All figures, for an export of so many messages."""
    export = write_sample(folder / "export.tar", messages=messages, media=False).path
    with server(folder) as postgres:
        url = postgres.fresh_database("skype")
        engine.run(Task("reader", folder / "output", export, url))
        with Session(url) as session:
            planner.inform(session)
            paths = _paths(session)
            table = session.rows("SELECT pg_table_size('skype.messages')")[0][0]
        process, origin, cookie, started = _read(folder, url)
        try:
            browser = _Browser(origin, cookie)
            yield Figure("start of read to the first page", started, "s", 3.0)
            for name, some in paths.items():
                yield _pages(browser, name, some, rounds, 100)
            for name, some in QUERIES.items():
                yield _searches(browser, f"scan: {name}", some, rounds // 4 or 1, 1_000)
            began = time.perf_counter()
            with Session(url) as session:
                list(search_index.build(session))
                took = time.perf_counter() - began
                yield Figure("index: time to build", took, "s", 90.0 * messages / 1_000_000)
                yield Figure("index: size, of the table's", search_index.size(session) / table, "x", 1.2)
            browser = _Browser(origin, cookie)  # the server does not wait so long for a next question
            for name, some in QUERIES.items():
                yield _searches(browser, f"index: {name}", some, rounds, 100)
            yield _pages(browser, "media of all, with index", ["/media"], rounds, 100)
            yield _pages(browser, "statistics, the first time and then", ["/stats"], 1, None)
            yield Figure("memory of the reader", psutil.Process(process.pid).memory_info().rss / 1e6, "MB", 200)
        finally:
            process.terminate()
            process.wait()
        # Beside so many microseconds a message the start of a process, the report and the digests of all tables.
        for name, microseconds in {"html": 120, "rsmf": 150, "text": None, "csv": None, "parquet": None}.items():
            yield from _handed(folder, postgres, url, name, messages, microseconds)
        yield from search_in_files.measured(folder / "html", {**QUERIES, "two words": TWO_WORDS}, rounds)


def _handed(folder: Path, meter: Server, url: str, name: str, messages: int, microseconds: int | None) -> list[Figure]:
    """Time and memory of handing everything over in a format."""
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "export", name, str(folder / name)]
    environment = {**os.environ, "SKYPE_HOME": str(folder), "SKYPE_DATABASE_URL": url}
    used = run_command(command, meter, env=environment, stderr=subprocess.DEVNULL)
    must = 3 + messages * microseconds / 1_000_000 if microseconds is not None else None
    return [
        Figure(f"export {name}: time", used.wall, "s", must),
        Figure(f"export {name}: memory of all processes", used.memory_sum_mb, "MB", 300),
    ]


class _Browser:
    def __init__(self, origin: str, cookie: str) -> None:
        self._host, self._cookie = urlsplit(origin).netloc, cookie
        self._connection = HTTPConnection(self._host)

    def ask(self, path: str) -> float:
        """Milliseconds until the whole page is there."""
        began = time.perf_counter()
        self._connection.request("GET", path, headers={"Cookie": self._cookie})
        answer = self._connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"{path}: {answer.status}")
        return (time.perf_counter() - began) * 1_000


def _read(folder: Path, url: str) -> tuple["subprocess.Popen[str]", str, str, float]:
    """A reader: its process, address and cookie, and the seconds until its first page was there."""
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "read", "--port", "0", "--no-open"]
    environment = {**os.environ, "SKYPE_HOME": str(folder), "SKYPE_DATABASE_URL": url}
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    address = urlsplit(process.stdout.readline().removeprefix("reader: ").strip())
    cookie = f"skype_reader_{address.port}={address.query.removeprefix('token=')}"
    origin = f"http://{address.netloc}"
    _Browser(origin, cookie).ask("/")
    return process, origin, cookie, time.perf_counter() - began


def _paths(session: Session) -> dict[str, list[str]]:
    """Addresses of pages by kind; those of the longest conversation at every depth."""
    [(owner, chat)] = session.rows(
        "SELECT owner_id, conversation_id FROM skype.conversations ORDER BY message_count DESC LIMIT 1"
    )
    of_chat = "SELECT message_id FROM skype.messages WHERE owner_id = $1 AND conversation_id = $2 AND edit_of IS NULL"
    ids = [id for id, *_ in session.rows(of_chat, owner, chat)]
    conversation, random = f"/c/{key(owner, chat)}/", Random(1)
    some = [slug(random.choice(ids)) for _ in range(20)]
    return {
        "conversations": ["/"],
        "end and beginning of the longest": [conversation, f"{conversation}?first=1"],
        f"anywhere in the longest ({len(ids):,} messages)": [f"{conversation}?before={id}" for id in some],
        "from a date": [f"{conversation}?at={year}-06-01" for year in range(2018, 2025)],
        "a message in its context": [f"{conversation}m/{id}" for id in some],
        "its evidence": [f"{conversation}evidence/{id}" for id in some[:5]],
        "media of the longest": [f"{conversation}media"],
        "the owner": [f"/p/{key(owner, owner)}"],
    }


def _pages(browser: _Browser, name: str, paths: Sequence[str], rounds: int, must: float | None) -> Figure:
    return Figure(f"{name}, p95", p95(browser.ask, paths, rounds), "ms", must)


def _searches(browser: _Browser, name: str, queries: Sequence[str], rounds: int, must: float) -> Figure:
    return _pages(browser, name, [f"/search?q={quote(query)}" for query in queries], rounds, must)


if __name__ == "__main__":
    sys.exit(main())
