"""``skype-assets unload``: what it shows, what it asks for, and how it ends."""

import json
import re
import shutil
from pathlib import Path

import pytest

from skype_assets.etl import engine
from skype_assets.etl.errors import CheckpointError, NotAllChecked, OnHold, UsageError
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.task import Settings, Task
from tests.command_line.conftest import Invoke
from tests.command_line.test_resume_command import messages_in

OUTPUT = Path("output")


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with two overlapping exports that are ready to be loaded."""
    folder = tmp_path_factory.mktemp("transformed")
    for name, path in zip("ab", write_overlapping(folder / "exports", exports=2, messages=100), strict=True):
        for phase in ("extract", "transform"):
            engine.run_phase(Task(name, folder / "output", path, settings=Settings(max_workers=1)), phase)
    return folder / "output"


@pytest.fixture
def loaded(database: str, transformed: Path) -> str:
    """The database with both."""
    shutil.copytree(transformed, OUTPUT)
    for name in "ab":
        engine.run_phase(Task(name, OUTPUT, settings=Settings(max_workers=1)), "load")
    return database


def test_without_yes_it_shows_what_would_go_and_asks(invoke: Invoke, loaded: str) -> None:
    before = messages_in(loaded)
    asked = invoke("unload", "b")
    assert asked.exit_code == UsageError.exit_code
    assert "error: nothing was unloaded: to do it, add --yes\n" in asked.stderr
    lines = asked.stdout.splitlines()
    assert lines[0].split() == ["table", "rows", "that", "go", "come", "back", "from", "other", "exports"]
    assert {line.split()[0] for line in lines[1:-2]} >= {"exports", "messages", "participants", "load_parts"}
    assert lines[-1].startswith("would be unloaded: export ")
    counted = invoke("unload", "b", "--dry-run", "--json")
    assert counted.exit_code == 0
    told = json.loads(counted.stdout)
    assert told["status"] == "would_be_unloaded"
    assert messages_in(loaded) == before
    done = invoke("unload", "b", "--yes", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == told | {"status": "unloaded"}
    gone, back = (told[name]["messages"] for name in ("rows_removed", "rows_restored"))
    assert messages_in(loaded) == before - gone + back


def test_status_says_unloaded_and_run_or_resume_load_it_again(invoke: Invoke, loaded: str) -> None:
    before = messages_in(loaded)
    assert invoke("unload", "b", "--yes").exit_code == 0
    assert "  load       unloaded" in invoke("status", "b").stdout
    assert json.loads(invoke("status", "--json").stdout)["b"]["load"]["percent"] == 0
    verified = invoke("verify", "b")
    assert verified.exit_code == 0
    assert "not checked" not in verified.stdout
    assert re.search(
        r"^database +ok +export [0-9a-f]{16} is not in it: it was unloaded$", verified.stdout, re.MULTILINE
    )
    assert "to load it again: skype-assets resume output/etl_checkpoint_b.json" in invoke("status").stdout
    again = invoke("unload", "b", "--yes")
    assert (again.exit_code, again.stdout) == (0, "nothing to do: the export of task b is not in the database\n")
    assert invoke("resume", "output/etl_checkpoint_b.json").exit_code == 0
    assert messages_in(loaded) == before
    assert "load       complete" in invoke("status", "b").stdout


def test_an_interrupted_one_is_shown_with_what_finishes_it(
    invoke: Invoke, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skype_assets.etl.tasks import unloading

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(unloading, "take_out", interrupted)
        stopped = invoke("unload", "b", "--yes")
    assert stopped.exit_code == 130
    assert stopped.stderr.endswith("interrupted; resume with: skype-assets unload b --yes\n")
    said = invoke("status", "b").stdout
    assert "unloading    interrupted; skype-assets unload b --yes finishes it" in said
    assert "resume" not in said
    OUTPUT.rename("moved")
    moved = invoke("status", "b", "--output-dir", "moved").stdout
    assert "interrupted; skype-assets unload b --output-dir moved --yes finishes it" in moved
    Path("moved").rename(OUTPUT)
    assert invoke("verify", "b").exit_code == NotAllChecked.exit_code
    assert invoke("unload", "b", "--yes").exit_code == 0


def test_what_cannot_be_unloaded_ends_with_a_code_of_its_own(invoke: Invoke, loaded: str) -> None:
    before = messages_in(loaded)
    (OUTPUT / "b" / "hold").write_text("case 7")
    held = invoke("unload", "b", "--yes")
    assert (held.exit_code, messages_in(loaded)) == (OnHold.exit_code, before)
    assert "task b is on hold (case 7)" in held.stderr
    (OUTPUT / "b" / "hold").unlink()
    shutil.rmtree(OUTPUT / "a")
    needed = invoke("unload", "b", "--yes")
    assert (needed.exit_code, messages_in(loaded)) == (CheckpointError.exit_code, before)
    assert "task a" in needed.stderr
    assert "load       complete" in invoke("status", "b").stdout
    unknown = invoke("unload", "c", "--yes")
    assert unknown.exit_code == UsageError.exit_code
    assert "there is no task c in output, and the database" in unknown.stderr


def test_without_a_database_none_is_made(invoke: Invoke, workplace: Path) -> None:
    refused = invoke("unload", "b", "--yes")
    assert refused.exit_code == 5
    assert "there is no database yet: no embedded server in " in refused.stderr
    assert list(workplace.iterdir()) == []


def test_an_unreachable_database_is_refused_at_once(
    invoke: Invoke, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://127.0.0.1:1/skype")
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it was tried again"))
    refused = invoke("unload", "b", "--yes")
    assert refused.exit_code == 5
    assert "chosen by SKYPE_DATABASE_URL" in refused.stderr


@pytest.mark.parametrize("command", ["unload", "verify"])
def test_a_folder_that_is_not_there_is_named(command: str, invoke: Invoke, workplace: Path) -> None:
    refused = invoke(command, "b", "--output-dir", "nosuchdir")
    assert refused.exit_code == 2
    assert refused.stderr == "error: --output-dir: there is no folder nosuchdir\n"


def test_clean_keeps_what_is_on_hold_and_offers_no_unload_of_what_a_kept_task_has(invoke: Invoke, loaded: str) -> None:
    shutil.copytree(OUTPUT / "b", OUTPUT / "copy")
    (OUTPUT / "a" / "hold").touch()
    cleaned = invoke("clean", "--keep", 0)
    assert cleaned.exit_code == 0
    assert "a, " in next(line for line in cleaned.stdout.splitlines() if line.endswith("on hold: no reason given"))
    assert "removed: " in cleaned.stdout
    assert "unload" not in cleaned.stdout


@pytest.mark.parametrize("gone", ["b", "ab"])
def test_clean_offers_an_unload_of_every_export_that_no_task_is_left_about(
    gone: str, invoke: Invoke, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from skype_assets.etl.tasks import unloading

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # so that they are not complete, and may all go
        patch.setattr(unloading, "take_out", interrupted)
        for name in gone:
            assert invoke("unload", name, "--yes").exit_code == 130
    cleaned = invoke("clean", "--older-than", 0)
    assert cleaned.exit_code == 0, cleaned.output
    offered = re.findall(r"^  skype-assets (unload [ab] --export [0-9a-f]{16})$", cleaned.stdout, re.MULTILINE)
    assert {command.split()[1] for command in offered} == set(gone)
    assert not list(OUTPUT.glob(f"[{gone}]"))
    if gone == "b":  # of both, each needs the other's checkpoint
        before = messages_in(loaded)
        assert invoke(*offered[0].split(), "--yes").exit_code == 0
        assert messages_in(loaded) < before
