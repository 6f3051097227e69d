"""Commands and places: each says which it uses, a question creates nothing, and what is printed can be typed."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from skype_assets.etl.postgres.embedded import EmbeddedServer
from tests.places.conftest import Call

QUESTIONS = [
    (["status"], 0),
    (["status", "ann"], 2),
    (["verify", "ann"], 2),
    (["clean", "--dry-run", "--keep", "1"], 0),
    (["clean"], 2),
    (["db", "status"], 0),
    (["db", "url"], 5),
    (["db", "psql", "-c", "SELECT 1"], 5),
    (["db", "stop"], 0),
    (["db", "index"], 5),
    (["search", "otters"], 5),
    (["show", "1"], 5),
    (["read", "--no-open"], 5),
]


@pytest.mark.parametrize(("question", "code"), QUESTIONS)
def test_a_question_creates_nothing_and_says_which_place_it_was_about(
    question: list[str], code: int, nowhere: Path, call: Call
) -> None:
    said = call(*question, code=code)
    place = nowhere.parent / "data" / "skype-assets"
    reason = "your data folder; another by SKYPE_HOME, or a project by: skype-assets init"
    assert said.stderr.splitlines()[0] == f"place: {place} ({reason})"
    assert not place.exists()
    assert list(nowhere.iterdir()) == []
    if code == 5:
        assert "there is no database yet" in said.stderr
        assert "skype-assets run FILE" in said.stderr


def test_a_file_that_is_not_there_lays_out_nothing(call: Call, nowhere: Path) -> None:
    assert "error: nowhere.tar: cannot be read" in call("add", "nowhere.tar", code=3).stderr
    assert not (nowhere.parent / "data").exists()


def test_the_place_is_not_said_to_programs(call: Call) -> None:
    said = call("status", "--json")
    assert (said.stdout, said.stderr) == ("{}\n", "")


def test_what_chose_something_elsewhere_is_said(call: Call, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKYPE_HOME", str(nowhere))
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://db.example/skype")
    said = call("status", "--output-dir", "there")
    assert said.stderr == f"place: {nowhere} (SKYPE_HOME); elsewhere by SKYPE_DATABASE_URL, --output-dir\n"


def test_init_lays_out_a_project_once_and_says_how_to_go_on(call: Call, nowhere: Path) -> None:
    first = call("init", "my chats").stdout
    assert f"laid out: {nowhere / 'my chats'} (" in first
    assert "  cd 'my chats'\n" in first
    assert "nothing to do" in call("init", "my chats").stdout


@pytest.fixture
def started(server_folder: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place that is not laid out but for the server, named by SKYPE_HOME; the current directory is another."""
    monkeypatch.setenv("SKYPE_HOME", str(server_folder.parent))
    return server_folder.parent


def test_add_lays_out_the_place_and_prints_commands_that_work_as_printed(
    started: Path, call: Call, sample_tar: Path
) -> None:
    call("run", sample_tar, "--task-id", "before", "--max-workers", 1)
    said = call("add", sample_tar, "--task-id", "ann")
    assert f"laid out: {started} (" in said.stderr
    assert (started / "exports" / "ann.tar").samefile(sample_tar)
    load = said.stdout.splitlines()[2].strip()
    done = subprocess.run(load, shell=True, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    assert call("status").stdout.count("complete     100 %") == 6
    told = json.loads(call("add", sample_tar, "--task-id", "ann", "--json").stdout)
    assert told == {"task_id": "ann", "exports_dir": str(started / "exports"), "load": load}


def test_dev_works_without_a_checkout_and_begins_without_false_warnings(
    started: Path, call: Call, sample_tar: Path, tmp_path: Path
) -> None:
    call("run", sample_tar, "--task-id", "before", "--max-workers", 1)
    port = 30_000 + os.getpid() % 20_000
    command = [sys.executable, "-m", "skype_assets.etl.command_line", "dev", "--port", str(port)]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=dict(os.environ))
        try:
            names = _locations(port, process)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=90)
    said = log.read_text()
    assert names == ["skype_assets"], said
    assert "SupersessionWarning" not in said
    assert "will be removed" not in said
    assert f"place: {started} (SKYPE_HOME)" in said
    assert EmbeddedServer(started / ".postgres").exists
    assert (started / "workspace.yaml").is_file()


def _locations(port: int, process: "subprocess.Popen[bytes]") -> list[str]:
    query = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    for _ in range(600):
        assert process.poll() is None, "it has ended"
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        except OSError:
            entries = []
        loaded = [entry["name"] for entry in entries if entry["locationOrLoadError"]]
        if loaded:
            return loaded
        time.sleep(0.2)
    raise AssertionError("no code location was loaded")
