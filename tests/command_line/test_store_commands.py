"""The commands with checkpoints in a store: what one machine began, another goes on with, and all see the same.

A machine is a place of its own; they share the store and the database.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.api.pipeline import ETLPipeline
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointMismatch
from tests.command_line.conftest import MESSAGES, Invoke, Start
from tests.command_line.test_resume_command import messages_in
from tests.media.exports import many, write

Machine = Callable[[str], Path]


@pytest.fixture
def on(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Go to a machine."""

    def go(name: str) -> Path:
        monkeypatch.setenv("SKYPE_HOME", str(workplace / name))
        return workplace / name

    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "off")
    return go


def test_what_a_machine_began_that_is_gone_another_ends_and_a_third_verifies_and_removes(
    store_url: str,
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
    begun = start(
        "run", sample_tar, "--task-id", "t", "--output-dir", store_url, "--chunk-size", 300, "--max-workers", 1
    )
    begun.communicate()
    assert begun.returncode == -9
    monkeypatch.delenv("SKYPE_ASSETS_CRASH_POINT")

    on("second")
    ended = invoke("resume", f"{store_url}/etl_checkpoint_t.json", "--json")
    assert ended.exit_code == 0, ended.output
    assert messages_in(database) == json.loads(ended.stdout)["rows"]["messages"]

    third = on("third")
    status = json.loads(invoke("status", "--output-dir", store_url, "--json").stdout)
    assert [phase["status"] for phase in status["t"].values()] == ["complete"] * 3
    assert status["t"]["extract"]["messages"] == MESSAGES
    assert status["t"]["extract"]["attempts"] == 2
    assert not list(third.rglob("*.parquet"))
    verified = invoke("verify", "t", "--output-dir", store_url, "--source", sample_tar)
    assert verified.exit_code == 0, verified.output

    on("first")
    again = invoke("run", sample_tar, "--task-id", "t", "--output-dir", store_url, "--json")
    assert again.exit_code == 0, again.output
    assert all(phase["from_checkpoint"] for phase in json.loads(again.stdout)["phases"].values())


def test_the_address_may_be_in_the_environment(
    store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on("first")
    monkeypatch.setenv("SKYPE_OUTPUT_URL", store_url)
    assert invoke("run", sample_tar, "--task-id", "t").exit_code == 0
    assert _store(store_url).entries("t/log")
    on("second")
    assert "complete" in invoke("status", "t").stdout


def test_media_that_one_machine_has_kept_others_verify_show_write_out_mend_and_remove(
    store_url: str, on: Machine, database: str, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_KEEP_MEDIA", "on")
    there = ("--output-dir", store_url)
    on("first")
    export = write(tmp_path / "away" / "export.tar", many(6))
    bodies = {data for name, data in many(6).items() if name.startswith("media/") and not name.endswith(".json")}
    assert invoke("run", export, "--task-id", "t", "--max-workers", 1, *there).exit_code == 0

    second = on("second")
    status = json.loads(invoke("media", "status", "t", *there, "--json").stdout)
    assert (status["tasks"]["t"]["kept"], status["store"]["objects"]) == (7, len(bodies))
    verified = invoke("verify", "t", *there, "--source", export)
    assert verified.exit_code == 0, verified.output
    extracted = invoke("media", "extract", "t", tmp_path / "files", *there)
    assert extracted.exit_code == 0, extracted.output
    assert {path.read_bytes() for path in (tmp_path / "files").iterdir()} == bodies

    on("third")
    export.rename(export.with_name("moved.tar"))
    assert invoke("export", "html", tmp_path / "handed", *there).exit_code == 0
    photos = {data for name, data in many(6).items() if name.endswith(".1.jpeg") and data}
    assert photos <= {path.read_bytes() for path in (tmp_path / "handed").rglob("*") if path.is_file()}

    store = _store(store_url)
    damaged, *_ = (entry for entry in store.entries("media") if entry.size)
    store.put(damaged.name, bytes(damaged.size))
    assert invoke("media", "status", *there).exit_code == 11
    kept = invoke("media", "keep", export.with_name("moved.tar"), *there)
    assert kept.exit_code == 0, kept.output
    on("fourth")
    assert invoke("media", "status", *there).exit_code == 0
    monkeypatch.setenv("SKYPE_HOME", str(second))
    assert invoke("run", export.with_name("moved.tar"), "--task-id", "again", *there).exit_code == 0
    cleaned = json.loads(invoke("clean", "--older-than", 0, *there, "--json").stdout)
    assert [entry["name"] for entry in cleaned["removed"]] == ["t"]
    assert cleaned["media"]["objects"] == 0
    assert invoke("media", "status", *there).exit_code == 0


def test_the_pipeline_takes_an_address_and_what_was_removed_is_gone_for_all(
    store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path
) -> None:
    for task_id in ("older", "newer"):
        on("first")
        assert ETLPipeline(database, store_url, task_id=task_id, keep_media=False).run_pipeline(sample_tar)["success"]
    on("second")
    assert set(json.loads(invoke("status", "--output-dir", store_url, "--json").stdout)) == {"older", "newer"}
    cleaned = invoke("clean", "--keep", 1, "--output-dir", store_url, "--json")
    assert cleaned.exit_code == 0, cleaned.output
    assert [entry.name.split("/")[1] for entry in _store(store_url).entries("older")] == ["log"]
    on("first")
    assert set(json.loads(invoke("status", "--output-dir", store_url, "--json").stdout)) == {"newer"}


def test_an_address_with_credentials_in_it_is_refused_without_repeating_them(invoke: Invoke) -> None:
    refused = invoke("status", "--output-dir", "s3://key:secret@bucket/folder")
    assert refused.exit_code == 2
    assert "secret" not in refused.output


def test_a_message_is_shown_with_its_bytes_where_neither_export_nor_checkpoint_lay_before(
    store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path, tmp_path: Path
) -> None:
    on("first")
    export = tmp_path / "moved.tar"
    export.write_bytes(sample_tar.read_bytes())
    assert invoke("run", export, "--task-id", "t", "--output-dir", store_url).exit_code == 0
    export.unlink()
    with Session(database) as session:
        ((message,),) = session.rows("SELECT message_id FROM skype.messages ORDER BY sent_at LIMIT 1")
    second = on("second")
    shown = invoke("show", message, "--output-dir", store_url, "--json")
    assert shown.exit_code == 0, shown.output
    assert len(list(second.rglob("*.parquet"))) == 1, "what is not needed is not got"


def test_a_hold_is_kept_by_all_machines_and_released_for_all(
    store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path
) -> None:
    on("first")
    assert invoke("run", sample_tar, "--task-id", "t", "--output-dir", store_url).exit_code == 0
    assert invoke("hold", "add", "--export", "t", "--reason", "court", "--output-dir", store_url).exit_code == 0
    on("second")
    refused = invoke("unload", "t", "--yes", "--output-dir", store_url)
    assert refused.exit_code == 13, refused.output
    on("first")
    assert invoke("hold", "release", 1, "--reason", "over", "--output-dir", store_url).exit_code == 0
    on("second")
    removed = invoke("unload", "t", "--yes", "--output-dir", store_url)
    assert removed.exit_code == 0, removed.output


def test_an_export_in_a_bucket_is_got_for_as_long_as_a_command_works_on_it(
    store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path
) -> None:
    home = on("first")
    url = f"{store_url}/exports/sample.tar"
    _store(store_url).put_file("exports/sample.tar", sample_tar)
    loaded = invoke("run", url, "--task-id", "t", "--json")
    assert loaded.exit_code == 0, loaded.output
    assert messages_in(database) == json.loads(loaded.stdout)["rows"]["messages"]
    assert invoke("verify", "t", "--source", url).exit_code == 0
    assert not list((home / "spool").rglob("*"))
    again = json.loads(invoke("run", url, "--task-id", "t", "--json").stdout)
    assert all(phase["from_checkpoint"] for phase in again["phases"].values())
    _store(store_url).put("exports/sample.tar", sample_tar.read_bytes() + bytes(512))
    changed = invoke("run", url, "--task-id", "t")
    assert changed.exit_code == CheckpointMismatch.exit_code, changed.output
    _store(store_url).remove("exports/sample.tar")
    gone = invoke("run", url, "--task-id", "t")
    assert gone.exit_code == 0, gone.output
    assert ETLPipeline(database, home / "output", task_id="t").run_pipeline(url)["success"]
    assert not list((home / "spool").rglob("*"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "EXPORT", "--names", "s3://bucket/names.csv"),
        ("show", "1", "--checkpoints", "URL"),
    ],
    ids=" ".join,
)
def test_what_a_store_cannot_do_yet_is_refused_at_the_door(
    arguments: tuple[str, ...], store_url: str, on: Machine, database: str, invoke: Invoke, sample_tar: Path
) -> None:
    home = on("first")
    given = {"URL": store_url, "EXPORT": str(sample_tar)}
    refused = invoke(*(given.get(argument, argument) for argument in arguments))
    assert refused.exit_code == 2, refused.output
    assert "store" in refused.stderr
    assert "Traceback" not in refused.output
    assert not list(home.rglob("*.parquet"))


def _store(url: str) -> stores.Store:
    return stores.opened(stores.checked_url(url))
