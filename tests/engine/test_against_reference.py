"""Row counts and a digest of every table are those of the slow, independent reference (promise I1)."""

import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.sample import write_sample
from tests.engine.database_content import differences_from_reference, query
from tests.engine.runs import task

MESSAGES = 1_000
PARTS = 700


@pytest.mark.parametrize(
    ("ending", "profile"),
    [(".tar", "private"), (".tar.gz", "group"), (".zip", "teams"), (".json", "group"), (".tar", "teams")],
)
def test_the_tables_of_a_sample_are_those_of_the_reference(
    ending: str, profile: str, tmp_path: Path, postgres_url: str
) -> None:
    export = tmp_path / f"export{ending}"
    write_sample(export, messages=MESSAGES, profile=profile, seed=len(ending), pretty=ending == ".json")
    results = engine.run(task("t", tmp_path / "out", export, postgres_url, PARTS))
    assert all(len(result.state.parts) > 2 for result in results)
    assert differences_from_reference(postgres_url, [export]) == []


def test_the_tables_of_an_unpacked_export_are_those_of_the_reference(tmp_path: Path, postgres_url: str) -> None:
    write_sample(tmp_path / "export.tar", messages=MESSAGES)
    folder = _unpacked(tmp_path / "export.tar", tmp_path / "folder")
    engine.run(task("t", tmp_path / "out", folder, postgres_url, PARTS))
    assert differences_from_reference(postgres_url, [folder]) == []


@pytest.mark.parametrize("first", ["files", "messages"])
def test_an_archive_of_files_and_one_of_messages_make_one_history_in_either_order(
    first: str, tmp_path: Path, new_database: Callable[[], str]
) -> None:
    write_sample(tmp_path / "export.tar", messages=MESSAGES)
    archives = {
        "files": _part_of(tmp_path / "export.tar", tmp_path / "files.tar", lambda name: name.startswith("media/")),
        "messages": _part_of(tmp_path / "export.tar", tmp_path / "messages.tar", lambda name: name == "messages.json"),
    }
    url = new_database()
    order = sorted(archives, key=lambda name: name != first)
    for name in order:
        engine.run(task(name, tmp_path / "out", archives[name], url, PARTS, media_only=name == "files"))
    assert differences_from_reference(url, list(archives.values())) == []
    assert query(url, "SELECT count(*) > 0 FROM skype.attachments WHERE present") == [(True,)]


def _unpacked(archive: Path, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-xf", archive, "-C", folder], check=True)
    return folder


def _part_of(archive: Path, path: Path, wanted: Callable[[str], bool]) -> Path:
    with tarfile.open(archive) as tar, tarfile.open(path, "w") as out:
        for info in tar:
            if wanted(info.name):
                out.addfile(info, tar.extractfile(info))
    return path
