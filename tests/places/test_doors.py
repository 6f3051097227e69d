"""What one door began in the embedded database, every other finds and goes on with, also when the server is down."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from skype_assets import ETLPipeline
from skype_assets.etl.api.context import ETLContext
from skype_assets.etl.errors import UsageError
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.project import lay_out
from skype_assets.etl.task import Task
from skype_assets.etl.tasks import layout, resuming
from skype_assets.etl.tasks import manifest as manifests
from tests.places.conftest import Call

MANIFEST = Path("output") / layout.manifest_name("ann")

PIPELINE = """
import sys
from skype_assets import ETLPipeline
ETLPipeline(output_dir="output", task_id="ann", max_workers=1).run_pipeline(file_path=sys.argv[1])
"""
PIPELINE_RESUMES = """
from skype_assets import ETLPipeline
results = ETLPipeline.load_from_checkpoint("output/etl_checkpoint_ann.json").run_pipeline(resume_from_checkpoint=True)
assert results["resumed_from_phase"] == "load", results
"""


@pytest.fixture
def project(server_folder: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an embedded server that has no tables, as the current directory."""
    folder = server_folder.parent
    lay_out(folder)
    monkeypatch.chdir(folder)
    return folder


def _python(*arguments: object) -> None:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _materialize() -> None:
    selection = ["--select", "*", "--partition", "ann", "-m", "skype_assets.definitions"]
    _python("-m", "dagster", "asset", "materialize", *selection)


def _recorded() -> dict[str, object]:
    return json.loads(MANIFEST.read_bytes())["context"]["db_config"]


def _begin_at_the_command_line(call: Call, source: Path) -> None:
    call("run", source, "--task-id", "ann", "--max-workers", 1, "--no-report")


def _begin_in_python(call: Call, source: Path) -> None:
    _python("-c", PIPELINE, source)


def _begin_in_dagster(call: Call, source: Path) -> None:
    call("add", source, "--task-id", "ann")
    _materialize()


def _forget_the_load(project: Path) -> None:
    """Take the server down and the record of the load away: there is something to be resumed in the database."""
    EmbeddedServer(project / ".postgres").stop()
    shutil.rmtree(project / "output" / "ann" / "loaded_database")


@pytest.mark.parametrize("begin", [_begin_at_the_command_line, _begin_in_python, _begin_in_dagster])
def test_whichever_door_began_every_other_goes_on(
    begin: Callable[[Call, Path], None], project: Path, call: Call, sample_tar: Path
) -> None:
    begin(call, sample_tar)
    assert _recorded() == {"embedded": "../.postgres"}
    call("add", sample_tar, "--task-id", "ann")
    ends = {
        "verify": lambda: call("verify", "ann"),
        "resume": lambda: call("resume", MANIFEST, "--max-workers", 1, "--no-report"),
        "ETLPipeline": lambda: _python("-c", PIPELINE_RESUMES),
        "Dagster": _materialize,
    }
    for name, end in ends.items():
        EmbeddedServer(project / ".postgres").stop()
        if name != "verify":
            _forget_the_load(project)
        end()
        assert _recorded() == {"embedded": "../.postgres"}, name
    EmbeddedServer(project / ".postgres").stop()
    assert "load       complete" in call("status").stdout
    assert "ann" in call("clean", "--keep", 1, "--dry-run").stdout
    assert call("db", "psql", "-XAtc", "SELECT count(*) FROM skype.load_parts").stdout.strip() != "0"


@pytest.fixture
def earlier(project: Path, call: Call, sample_tar: Path) -> str:
    """The URL in a manifest as Dagster's runs once wrote it, of a server that does not run any more."""
    _begin_at_the_command_line(call, sample_tar)
    server = EmbeddedServer(project / ".postgres")
    server.start()
    url = server.url()
    manifest = manifests.load(MANIFEST)
    context = msgspec.structs.replace(manifest.context, db_config={"url": url})
    MANIFEST.write_bytes(manifests.encode(msgspec.structs.replace(manifest, context=context)))
    assert _recorded() == {"url": url}
    return url


def test_the_url_of_a_socket_in_an_earlier_manifest_is_understood(project: Path, earlier: str, call: Call) -> None:
    EmbeddedServer(project / ".postgres").stop()
    call("verify", "ann")
    _forget_the_load(project)
    _python("-c", PIPELINE_RESUMES)
    assert _recorded() == {"embedded": "../.postgres"}


def test_a_project_that_was_moved_has_its_database_with_it(
    project: Path, earlier: str, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    EmbeddedServer(project / ".postgres").stop()
    moved = project.rename(project.with_name("moved"))
    try:
        monkeypatch.chdir(moved)
        call("verify", "ann")
        call("resume", MANIFEST, "--no-report")
        assert not project.exists()
    finally:
        EmbeddedServer(moved / ".postgres").stop("immediate")


def test_a_manifest_leads_to_its_database_from_any_folder(
    project: Path, call: Call, sample_tar: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _begin_at_the_command_line(call, sample_tar)
    _forget_the_load(project)
    monkeypatch.chdir(nowhere)
    call("resume", project / MANIFEST, "--no-report")
    call("verify", "ann", "--output-dir", project / "output")
    assert not (nowhere.parent / "data").exists()
    assert list(nowhere.iterdir()) == []


def test_the_environment_goes_before_the_embedded_server_of_a_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKYPE_DATABASE_URL", raising=False)
    server = EmbeddedServer(tmp_path / ".postgres")
    server.data.mkdir(parents=True)
    document = ETLContext(f"embedded:{server.directory}", tmp_path / "output", task_id="ann").serialize_checkpoint()
    restored = ETLContext.restore_from_checkpoint(document)
    restored.output_dir = tmp_path / "output"
    assert restored.database == f"embedded:{server.directory}"
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://db.example/skype")
    assert restored.database is None
    assert restored.serialize_checkpoint()["context"]["db_config"] == {}


def test_a_server_that_is_not_where_the_manifest_has_it_is_named_with_the_one_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SKYPE_DATABASE_URL", raising=False)
    monkeypatch.setenv("SKYPE_POSTGRES_DIR", str(tmp_path / "used"))
    server = EmbeddedServer(tmp_path / ".postgres")
    server.data.mkdir(parents=True)
    manifest = ETLContext(f"embedded:{server.directory}", tmp_path / "output", task_id="ann").save_checkpoint_to_file()
    resuming.database(ETLContext.load_from_checkpoint_file(manifest))
    assert not caplog.messages
    server.data.rmdir()
    assert resuming.database(ETLContext.load_from_checkpoint_file(manifest)) is None
    expected = (
        f"task ann was loaded into the embedded server in {server.directory}, which is not there; "
        f"the one in {tmp_path / 'used'} is used now"
    )
    assert caplog.messages == [expected]
    with pytest.raises(UsageError, match="is not there"):
        ETLPipeline.load_from_checkpoint(manifest).run_pipeline(tmp_path / "gone.tar")
    assert caplog.messages[1] == expected


def test_a_copy_of_a_checkpoint_leads_to_the_same_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SKYPE_DATABASE_URL", raising=False)
    server = EmbeddedServer(tmp_path / ".postgres")
    server.data.mkdir(parents=True)
    context = ETLContext(f"embedded:{server.directory}", tmp_path / "output", task_id="ann")
    copy = context.save_checkpoint_to_file(tmp_path / "deep" / "er" / "backup")
    assert ETLContext.load_from_checkpoint_file(copy).database == f"embedded:{server.directory}"


def test_the_socket_of_a_server_whose_folder_has_too_long_a_path_is_known_too(
    server_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("long" * 40) / ".postgres"
    long.parent.mkdir()
    subprocess.run(["cp", "-a", server_folder, long], check=True)
    server = EmbeddedServer(long)
    server.start()
    try:
        url = server.url()
        assert os.fspath(long) not in url
        context = ETLContext.for_task(Task("ann", tmp_path / "output", None, url))
        recorded = {"embedded": os.path.relpath(long, tmp_path / "output")}
        assert context.serialize_checkpoint()["context"]["db_config"] == recorded
    finally:
        server.stop("immediate")
    monkeypatch.setenv("SKYPE_POSTGRES_DIR", str(long))
    context = ETLContext.for_task(Task("ann", tmp_path / "output", None, url))
    assert context.serialize_checkpoint()["context"]["db_config"] == recorded
