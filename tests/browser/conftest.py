"""A project whose web UI is served, readers of some exports, and real browsers.

Not part of `make test`, which must run on machines without browsers: `make test-browser`, and `.ci/run`.
"""

import io
import os
import shutil
import wave
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from skype_assets.etl import engine
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.sample import content, write_sample
from skype_assets.etl.task import Task
from tests.browser.browsers import PROGRAMS, launch
from tests.conftest import NewDatabase
from tests.media import exports
from tests.pages.conftest import attacked, database, place, reader
from tests.pages.reader import Reader, reading

__all__ = ["attacked", "database", "place", "reader"]

ROOT = Path(__file__).parents[2]
FOREIGN = "evil.example"
"""A name of somebody else's, which the browser takes for this machine's."""
LONG = int(os.environ.get("SKYPE_TEST_LONG") or 3_000)
"""Messages of the long conversation."""


@pytest.fixture
def tables(server_folder: Path) -> Generator[EmbeddedServer]:
    """A PostgreSQL for the tables that can be stopped; Dagster's own is another."""
    server = EmbeddedServer(server_folder.parent / "tables")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def project(tmp_path: Path, tables: EmbeddedServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DAGSTER_HOME", "SKYPE_EXPORTS_DIR", "SKYPE_OUTPUT_DIR", "SKYPE_INBOX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SKYPE_DATABASE_URL", tables.url("skype"))
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", postgres_url)
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """For what other browsers cannot be told to do: without script, in the dark, on paper."""
    with launch(playwright, "chromium", f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="session")
def firefox(playwright: Playwright) -> Iterator[Browser]:
    with launch(playwright, "firefox") as browser:
        yield browser


@pytest.fixture(scope="session", params=PROGRAMS)
def browser(request: pytest.FixtureRequest) -> Browser:
    """Each of the browsers."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def page(chromium: Browser) -> Generator[Page]:
    """For the web UI, which is Dagster's own."""
    with chromium.new_context(viewport={"width": 1280, "height": 960}) as window:
        page = window.new_page()
        page.set_default_timeout(60_000)
        yield page


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Reader]:
    """A reader of one long conversation."""
    folder, url = tmp_path_factory.mktemp("long"), new_database()
    write_sample(folder / "long.tar", messages=LONG, conversations=1, oddities=False)
    engine.run(Task("long", folder / "output", folder / "long.tar", url))
    with reading(folder, url, "--time-zone", "UTC") as running:
        yield running


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Reader]:
    """A reader of one voice message: a minute of silence that every browser can play."""
    folder, url = tmp_path_factory.mktemp("spoken"), new_database()
    sound = io.BytesIO()
    with wave.open(sound, "wb") as silence:
        silence.setparams((1, 1, 8_000, 0, "NONE", ""))
        silence.writeframes(bytes([128]) * 8_000 * 60)
    document = exports.document_id(1)
    voice = {"messagetype": "RichText/Media_AudioMsg", "content": content.voice(document, 60_000)}
    members = {
        "messages.json": exports.messages({**exports.message(1, document), **voice}),
        f"media/{document}.1.wav": sound.getvalue(),
    }
    engine.run(Task("spoken", folder / "output", exports.write(folder / "spoken.tar", members), url))
    with reading(folder, url) as running:
        yield running
