"""``skype-assets clean``: what goes, what never goes, and that a kill in the middle is no harm."""

import json
import os
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import Result

from skype_assets.etl import engine, processes
from skype_assets.etl.checkpoints import attempt as attempts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import Attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import TaskBusy
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks import manifest as manifests
from skype_assets.etl.tasks import retention
from skype_assets.etl.tasks.layout import manifest_name
from tests.command_line.conftest import Invoke
from tests.command_line.test_resume_command import messages_in

OUTPUT = Path("output")


@pytest.fixture(scope="module")
def complete(tmp_path_factory: pytest.TempPathFactory, _embedded_server_url: str, sample_tar: Path) -> Path:
    """An output folder with a complete task, loaded into a database of no interest."""
    folder = tmp_path_factory.mktemp("complete") / "output"
    engine.run(Task("first", folder, sample_tar, _embedded_server_url, Settings(max_workers=1)))
    return folder


@pytest.fixture
def first(workplace: Path, complete: Path, sample_tar: Path) -> Task:
    """A complete task, run just now."""
    shutil.copytree(complete, OUTPUT)
    return Task("first", OUTPUT, sample_tar, settings=Settings(max_workers=1))


def copy(name: str, *, days: float, sha256: str = "", phases: int = 3) -> None:
    """The same task under another name, some days old, about another export, perhaps not complete."""
    shutil.copytree(OUTPUT / "first", OUTPUT / name)
    shutil.copy(OUTPUT / manifest_name("first"), OUTPUT / manifest_name(name))
    for number, kind in enumerate(PHASE_CLASSES.values()):
        folder = Directory(OUTPUT / name / kind.facts.asset)
        state = states.read(folder)
        assert state
        inputs = {**state.inputs, "source_sha256": sha256 or state.inputs["source_sha256"]}
        changed = msgspec.structs.replace(
            state, task_id=name, inputs=inputs, updated_at=datetime.now(UTC) - timedelta(days=days)
        )
        folder.put(states.STATE_FILE, states.encode(changed))
        if number >= phases:
            shutil.rmtree(folder.path)


def age(folder: Path, days: float) -> None:
    then = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(folder, (then, then))


def names() -> set[str]:
    return {path.name for path in OUTPUT.iterdir() if path.is_dir()}


def removed(result: Result) -> set[str]:
    assert result.exit_code == 0, result.output
    return {entry["name"] for entry in json.loads(result.stdout)["removed"]}


def reasons(result: Result) -> Mapping[str, Any]:
    return {entry["name"]: entry["reason"] for entry in json.loads(result.stdout)["kept"]}


def test_beyond_the_newest_go_with_their_manifests_and_the_database_is_left_alone(
    invoke: Invoke, database: str, first: Task
) -> None:
    engine.run(first)
    for days in (1, 2, 3):
        copy(f"days-{days}", days=days)
    before = messages_in(database)
    shown = invoke("clean", "--keep", 2, "--dry-run")
    assert shown.exit_code == 0
    assert [line.split(",")[0] for line in shown.stdout.splitlines()[:2]] == [
        "would remove: days-2",
        "would remove: days-3",
    ]
    assert names() == {"first", "days-1", "days-2", "days-3"}
    size = sum(path.stat().st_size for path in OUTPUT.rglob("*") if path.is_file())
    cleaned = invoke("clean", "--keep", 2, "--json")
    assert removed(cleaned) == {"days-2", "days-3"}
    left = sum(path.stat().st_size for path in OUTPUT.rglob("*") if path.is_file())
    assert json.loads(cleaned.stdout)["freed_bytes"] == size - left
    assert {path.name for path in OUTPUT.iterdir()} == {
        *("first", "days-1", manifest_name("first"), manifest_name("days-1")),
    }
    assert messages_in(database) == before
    assert invoke("verify", "first").exit_code == 0
    assert "nothing to remove" in invoke("clean", "--keep", 2).stdout


def test_the_newest_complete_one_stays_and_so_does_that_of_every_export(invoke: Invoke, first: Task) -> None:
    copy("other", days=20, sha256="b" * 64)
    copy("other-before", days=30, sha256="b" * 64)
    shutil.rmtree(OUTPUT / "first" / "loaded_database")
    cleaned = invoke("clean", "--keep", 0, "--json")
    assert removed(cleaned) == {"other-before"}
    assert reasons(cleaned) == {"other": "the newest complete one", "first": None}


def test_with_both_options_a_task_goes_if_both_say_so(invoke: Invoke, first: Task) -> None:
    for days in (3, 10, 20):
        copy(f"days-{days}", days=days)
    assert removed(invoke("clean", "--keep", 3, "--older-than", 5, "--json")) == {"days-20"}
    assert removed(invoke("clean", "--keep", 1, "--older-than", 5, "--json")) == {"days-10"}
    assert removed(invoke("clean", "--older-than", 2.5, "--json")) == {"days-3"}


def test_what_is_not_complete_goes_only_for_its_age(invoke: Invoke, first: Task) -> None:
    copy("begun", days=9, phases=2)
    copy("damaged", days=9)
    Path(OUTPUT / "damaged" / "loaded_database" / "state.json").write_text("{")
    assert removed(invoke("clean", "--keep", 0, "--json")) == set()
    assert removed(invoke("clean", "--keep", 0, "--older-than", 10, "--json")) == set()
    assert removed(invoke("clean", "--older-than", 8, "--json")) == {"begun", "damaged"}


def test_what_is_in_use_stays_even_if_it_was_begun_a_moment_ago(invoke: Invoke, first: Task) -> None:
    copy("old", days=9)
    attempt = Attempt.take(Directory(OUTPUT / "old"))
    try:
        cleaned = invoke("clean", "--keep", 0, "--older-than", 0, "--json")
        assert removed(cleaned) == set()
        assert reasons(cleaned)["old"].startswith(f"in use by process {os.getpid()} on ")
        entry = next(entry for entry in retention.entries(OUTPUT) if entry.name == "old")
        with pytest.raises(TaskBusy):
            retention.remove(OUTPUT, entry)
        assert (OUTPUT / manifest_name("old")).exists()
    finally:
        attempt.release()
    assert removed(invoke("clean", "--keep", 0, "--json")) == {"old"}


def test_what_was_changed_in_the_future_stays_and_is_newer_than_nothing(invoke: Invoke, first: Task) -> None:
    copy("future", days=-9)
    copy("before", days=1)
    cleaned = invoke("clean", "--keep", 1, "--older-than", 0, "--json")
    assert removed(cleaned) == {"before"}
    assert reasons(cleaned)["future"] == "its last change has a time that is yet to come: a clock was or is wrong"
    assert reasons(cleaned)["first"] == "the newest complete one"


@pytest.mark.parametrize("beats", [True, False])
def test_what_another_host_began_is_watched_and_goes_if_it_says_nothing(
    beats: bool, invoke: Invoke, first: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(attempts, "BEAT_SECONDS", 0.05 if beats else 60.0)
    copy("old", days=9)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(processes, "system", lambda: "elsewhere")
        attempt = Attempt.take(Directory(OUTPUT / "old"))
    os.utime(OUTPUT / "old" / "attempt.json", (0, 0))  # what only shows it takes it for dead
    try:
        cleaned = invoke("clean", "--keep", 0, "--json")
        assert removed(cleaned) == (set() if beats else {"old"})
    finally:
        attempt.release()


def test_who_waits_for_a_task_that_is_removed_meanwhile_begins_nothing(first: Task) -> None:
    with ThreadPoolExecutor(1) as executor:
        with first.folder.lock("lock"):
            waiting = executor.submit(Attempt.take, first.folder)
            time.sleep(0.1)
            first.folder.path.rename(OUTPUT / ".removing-first")
            Directory(first.folder.path).make().put("lock", b"")
        with pytest.raises(FileNotFoundError):
            waiting.result(timeout=60)
    assert [path.name for path in first.folder.path.iterdir()] == ["lock"]


def test_told_nothing_it_lists_what_could_go_and_asks(invoke: Invoke, first: Task) -> None:
    copy("old", days=9)
    asked = invoke("clean")
    assert asked.exit_code == 2
    assert asked.stdout.startswith("would remove: old, ")
    assert asked.stderr.startswith("error: nothing was removed: say what may go, with --keep N or --older-than DAYS")
    assert names() == {"first", "old"}
    assert invoke("clean", "--output-dir", "nowhere", "--keep", 1).stdout == "nothing to remove\n"


def test_left_overs_go_when_they_are_a_day_old(invoke: Invoke, first: Task, sample_tar: Path) -> None:
    copy("begun", days=0.5, phases=1)
    for name in ("received-00000000000000aa", "received-00000000000000bb", "received-00000000000000cc"):
        (OUTPUT / name).mkdir()
        shutil.copy(sample_tar, OUTPUT / name)
        age(OUTPUT / name, 0.5 if name.endswith("cc") else 3)
    document = json.loads((OUTPUT / manifest_name("begun")).read_text())
    document["context"]["file_source"] = "output/received-00000000000000bb/sample.tar"
    manifest = msgspec.convert({k: v for k, v in document.items() if k != "integrity"}, manifests.Manifest)
    (OUTPUT / manifest_name("begun")).write_bytes(manifests.encode(manifest))
    for number, days in enumerate((3, 0.5)):
        aside = f"first.reset-2026010{number + 1}T000000.000000Z"
        copy(aside, days=30)
        (OUTPUT / manifest_name(aside)).unlink()
        age(OUTPUT / aside, days)
    (OUTPUT / "elsewhere").symlink_to(sample_tar.parent)
    kept = {"first", "begun", "received-00000000000000bb", "received-00000000000000cc", "elsewhere"}
    cleaned = invoke("clean", "--keep", 5, "--json")
    assert removed(cleaned) == {"received-00000000000000aa", "first.reset-20260101T000000.000000Z"}
    assert names() == {*kept, "first.reset-20260102T000000.000000Z"}
    assert reasons(cleaned)["received-00000000000000bb"] == "task begun needs it to resume"
    assert sample_tar.exists()


def test_killed_while_files_are_removed_status_says_so_and_the_next_clean_finishes(
    invoke: Invoke, first: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy("old", days=9)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed)
        assert invoke("clean", "--keep", 1).exit_code == 130
    assert names() == {"first", ".removing-old"}
    assert not (OUTPUT / manifest_name("old")).exists()
    said = invoke("status").stdout.splitlines()
    assert said[:2] == [".removing-old", "  extract    being removed"]
    assert removed(invoke("clean", "--keep", 1, "--json")) == {".removing-old"}
    assert names() == {"first"}


def test_killed_before_its_folder_is_renamed_a_task_is_still_one(
    invoke: Invoke, database: str, first: Task, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy("old", days=9)

    rename = Path.rename

    def killed_at_the_folder(path: Path, target: Path) -> Path:
        if path.name == "old":
            raise KeyboardInterrupt
        return rename(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed_at_the_folder)
        assert invoke("clean", "--keep", 1).exit_code == 130
    assert names() == {"first", "old"}
    again = invoke("run", sample_tar, "--task-id", "old", "--max-workers", 1)
    assert again.exit_code == 0, again.output
    assert "extract: complete, from checkpoint" in again.stderr
    # Its load was done again, in this database: it is the newest now.
    assert removed(invoke("clean", "--keep", 1, "--json")) == {"first"}
    assert names() == {"old"}
