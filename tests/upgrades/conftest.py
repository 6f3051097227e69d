"""What earlier releases left, each test's own: databases, output folders, exports; and what is made of these now."""

from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl import engine
from tests.conftest import NewDatabase
from tests.engine.database_content import Digests, digests, query
from tests.upgrades.left import Left
from tests.upgrades.make_fixture import EXPORTS, FIXTURES, OUTPUT, TASKS, restore, unpack

RELEASES = sorted(folder.name for folder in FIXTURES.iterdir())


Leaves = Callable[[str], Left]

NOT_KEPT = """
UPDATE skype.media_files SET sha256 = NULL, source_offset = NULL, content_type = NULL, flags = '{}';
UPDATE skype.attachments SET media_sha256 = NULL, preview_sha256 = NULL
"""
"""What nobody knows without the exports, of which the first release recorded names and sizes of media alone."""


@pytest.fixture(scope="session")
def _exports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    unpacked: dict[str, Path] = {}

    def of(release: str) -> Path:
        if release not in unpacked:
            unpacked[release] = unpack(release, EXPORTS, tmp_path_factory.mktemp("exports") / release)
        return unpacked[release]

    return of


@pytest.fixture(scope="session")
def _databases(new_database: NewDatabase) -> Callable[[str], str]:
    restored: dict[str, str] = {}

    def of(release: str) -> str:
        if release not in restored:
            restored[release] = new_database(lasts=True)
            restore(release, restored[release])
        return restored[release]

    return of


@pytest.fixture
def left_by(
    new_database: NewDatabase,
    _databases: Callable[[str], str],
    _exports: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Leaves:
    """What a release left, anew with every call."""

    def of(release: str) -> Left:
        output = unpack(release, OUTPUT, tmp_path_factory.mktemp("left") / "output")
        return Left(output, new_database(_databases(release)), _exports(release))

    return of


@pytest.fixture(scope="session")
def loaded_now(
    new_database: NewDatabase, _exports: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Digests]:
    """The digests of a fresh load of a release's exports."""
    found: dict[str, Digests] = {}

    def of(release: str) -> Digests:
        if release not in found:
            fresh = Left(tmp_path_factory.mktemp("fresh"), new_database(), _exports(release))
            for task_id in TASKS:
                engine.run(fresh.task(task_id, with_export=True))
            query(fresh.url, NOT_KEPT)
            found[release] = digests(fresh.url)
        return found[release]

    return of
