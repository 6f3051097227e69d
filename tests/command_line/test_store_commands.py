"""The commands with checkpoints in a store: what one machine began, another goes on with, and all see the same.

A machine is a place of its own; they share the store and the database.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.api.pipeline import ETLPipeline
from tests.command_line.conftest import MESSAGES, Invoke, Start
from tests.command_line.test_resume_command import messages_in
from tests.object_storage import CREDENTIALS

Machine = Callable[[str], Path]


@pytest.fixture(params=["folder", "object storage"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"file://{tmp_path}/store" if request.param == "folder" else request.getfixturevalue("s3_url")


@pytest.fixture
def on(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Go to a machine."""

    def go(name: str) -> Path:
        monkeypatch.setenv("SKYPE_HOME", str(workplace / name))
        return workplace / name

    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "off")
    return go


def test_what_a_machine_began_that_is_gone_another_ends_and_a_third_verifies_and_removes(
    url: str,
    on: Machine,
    database: str,
    invoke: Invoke,
    start: Start,
    sample_tar: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on("first")
    monkeypatch.setenv("SKYPE_ASSETS_CRASH_POINT", "part recorded:kill:4")
    begun = start("run", sample_tar, "--task-id", "t", "--output-dir", url, "--chunk-size", 300, "--max-workers", 1)
    begun.communicate()
    assert begun.returncode == -9
    monkeypatch.delenv("SKYPE_ASSETS_CRASH_POINT")

    on("second")
    ended = invoke("resume", f"{url}/etl_checkpoint_t.json", "--json")
    assert ended.exit_code == 0, ended.output
    assert messages_in(database) == json.loads(ended.stdout)["rows"]["messages"]

    third = on("third")
    status = json.loads(invoke("status", "--output-dir", url, "--json").stdout)
    assert [phase["status"] for phase in status["t"].values()] == ["complete"] * 3
    assert status["t"]["extract"]["messages"] == MESSAGES
    assert status["t"]["extract"]["attempts"] == 2
    assert not list(third.rglob("*.parquet"))
    verified = invoke("verify", "t", "--output-dir", url, "--source", sample_tar)
    assert verified.exit_code == 0, verified.output

    on("first")
    again = invoke("run", sample_tar, "--task-id", "t", "--output-dir", url, "--json")
    assert again.exit_code == 0, again.output
    assert all(phase["from_checkpoint"] for phase in json.loads(again.stdout)["phases"].values())

    written = [path.read_bytes() for path in workplace.rglob("*") if path.is_file() and "store" not in path.parts]
    assert not any(secret.encode() in data for data in written for secret in CREDENTIALS.values())


def test_the_address_may_be_in_the_environment_and_media_are_not_promised_to_it(
    on: Machine, database: str, invoke: Invoke, sample_tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on("first")
    monkeypatch.setenv("SKYPE_OUTPUT_URL", f"file://{tmp_path}/store")
    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "on")
    refused = invoke("run", sample_tar, "--task-id", "t")
    assert refused.exit_code == 2
    assert "--no-media" in refused.stderr
    assert invoke("run", sample_tar, "--task-id", "t", "--no-media").exit_code == 0
    assert (tmp_path / "store" / "t" / "log").is_dir()
    on("second")
    assert "complete" in invoke("status", "t").stdout


def test_the_pipeline_takes_an_address_and_what_was_removed_is_gone_for_all(
    on: Machine, database: str, invoke: Invoke, sample_tar: Path, tmp_path: Path
) -> None:
    url = f"file://{tmp_path}/store"
    for task_id in ("older", "newer"):
        on("first")
        assert ETLPipeline(database, url, task_id=task_id, keep_media=False).run_pipeline(sample_tar)["success"]
    on("second")
    assert set(json.loads(invoke("status", "--output-dir", url, "--json").stdout)) == {"older", "newer"}
    cleaned = invoke("clean", "--keep", 1, "--output-dir", url, "--json")
    assert cleaned.exit_code == 0, cleaned.output
    assert [path.name for path in (tmp_path / "store" / "older").iterdir()] == ["log"]
    on("first")
    assert set(json.loads(invoke("status", "--output-dir", url, "--json").stdout)) == {"newer"}


def test_an_address_with_credentials_in_it_is_refused_without_repeating_them(invoke: Invoke) -> None:
    refused = invoke("status", "--output-dir", "s3://key:secret@bucket/folder")
    assert refused.exit_code == 2
    assert "secret" not in refused.output
