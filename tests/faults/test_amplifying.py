"""The worst of the exports that grow: within ``memory_limit_mb`` here, and within a gigabyte in the server."""

from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.faults.amplifying import LIMIT_MB, Amplifying, peak, sixty

WORST = (
    Amplifying("links and one preview", "short", "one large"),
    Amplifying("mentions", "long", "many small"),
    Amplifying("card of objects", "short", "below the limits"),
    Amplifying("card of numbers", "short", "below the limits"),
    Amplifying("property of objects", "short", "below the limits"),
)
"""Those that needed most, of all sixty: ``python -m tests.faults.amplifying FOLDER`` measures them."""


def test_there_are_sixty() -> None:
    assert len(set(sixty())) == 60


@pytest.mark.parametrize("one", WORST, ids=str)
def test_an_export_that_grows_stays_within_the_limits(
    one: Amplifying, new_database: NewDatabase, tmp_path: Path
) -> None:
    found = peak(one.write(tmp_path), tmp_path / "out", new_database())
    assert found.exit_code == 0, found.said
    assert found.process_mb < LIMIT_MB
    assert found.server_mb < LIMIT_MB
