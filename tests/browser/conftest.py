"""A project whose web UI is served, readers of some exports, and a real browser.

Not part of `make test`, which must run on machines without a browser: `make test-browser`, and `.ci/run`.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from skype_assets.etl import engine
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase
from tests.pages.conftest import attacked, database, place, reader
from tests.pages.reader import Reader, reading

__all__ = ["attacked", "database", "place", "reader"]

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or ""
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


@pytest.fixture
def page() -> Generator[Page]:
    assert CHROMIUM, "no browser: install Debian's package chromium, or name one with CHROMIUM=/path/to/it"
    with sync_playwright() as playwright:
        # Root, as in containers and CI, gets no sandbox.
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*sandbox, f"--host-resolver-rules=MAP {FOREIGN} 127.0.0.1"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 960})
        page.set_default_timeout(60_000)
        yield page
        browser.close()


@pytest.fixture(scope="session")
def long(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> Iterator[Reader]:
    """A reader of one long conversation."""
    folder, url = tmp_path_factory.mktemp("long"), new_database()
    write_sample(folder / "long.tar", messages=LONG, conversations=1, oddities=False)
    engine.run(Task("long", folder / "output", folder / "long.tar", url))
    with reading(folder, url, "--time-zone", "UTC") as running:
        yield running
