"""The reader as a process, and plain HTTP with it: requests that no browser would send, too."""

import http.client
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The page."""
        return self.content.decode()


@dataclass(frozen=True)
class Reader:
    """A reader that runs: its first address, which has the secret."""

    url: str

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url).port or 0

    @property
    def origin(self) -> str:
        """What all its addresses begin with."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The secret."""
        return parse_qs(urlsplit(self.url).query)["token"][0]

    @property
    def cookie(self) -> dict[str, str]:
        """The header of a browser that was let in."""
        return {"Cookie": f"skype_reader_{self.port}={self.token}"}

    def get(self, path: str, **headers: str) -> Answer:
        """A page, as somebody who was let in."""
        return self.request("GET", path, {**self.cookie, **headers})

    def request(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        """Any request; without a header Host it has the right one."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": f"127.0.0.1:{self.port}", **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, names, answer.read())
        finally:
            connection.close()


@contextmanager
def reading(place: Path, database: str, *options: str) -> Generator[Reader]:
    """A reader of a database; its exports and checkpoints are those of a place."""
    kept = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME" and not name.startswith("PG")}
    environment = {**kept, "SKYPE_HOME": str(place), "SKYPE_DATABASE_URL": database, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "read", "--port", "0", "--no-open", *options]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("reader: "), said
        yield Reader(said.removeprefix("reader: ").strip())
    finally:
        process.terminate()
        process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()
