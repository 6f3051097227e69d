"""The example fails when it is told to, and the command that it prints finishes the work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.errors import PhaseFailed
from skype_assets.etl.phases import PHASES
from skype_assets.etl.task import Task
from tests.api.conftest import Place
from tests.api.scripts import ROOT
from tests.engine.database_content import digests, query
from tests.engine.runs import at, interrupt, recorded_files

EXAMPLE = ROOT / "examples" / "checkpoint_resumption_example.py"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def example(place: Place, *arguments: object) -> "subprocess.CompletedProcess[str]":
    return shell(place, [sys.executable, EXAMPLE, *map(str, arguments)])


def shell(place: Place, command: "str | list[str | Path]") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=place.output_dir.parent,
        shell=isinstance(command, str),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def database_options(place: Place) -> list[str]:
    named = parse_dsn(place.url)
    return ["-d", named["dbname"], "-U", named["user"], "-H", named["host"], "-p", named["port"]]


def printed_command(failed: "subprocess.CompletedProcess[str]") -> str:
    found = re.search(r"^This goes on where it stopped:\n\n    (.*)\n", failed.stdout, re.MULTILINE)
    assert found, failed.stdout + failed.stderr
    return found[1]


@pytest.mark.parametrize("phase", PHASES)
def test_the_printed_command_does_only_what_is_missing(phase: str, place: Place, finished: Place) -> None:
    failed = example(place, "-f", place.export, "--fail-phase", phase, "--task-id", "t", *database_options(place))
    assert failed.returncode == 1
    assert f"{phase} failed: SimulatedFailure" in failed.stderr
    assert "Traceback" not in failed.stderr
    recorded = recorded_files(Task("t", place.output_dir))
    folder = {"extract": "raw_export", "transform": "transformed_tables", "load": "loaded_database"}[phase]
    assert len([name for name in recorded if name.startswith(folder)]) >= 2
    resumed = shell(place, printed_command(failed))
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed in {phase}" in resumed.stdout
    assert f"complete so far: {', '.join(PHASES[: PHASES.index(phase)]) or 'no phase'}" in resumed.stdout
    [(messages,)] = query(place.url, "SELECT count(*) FROM skype.messages")
    assert f"{messages} messages in " in resumed.stdout
    assert recorded.items() <= recorded_files(Task("t", place.output_dir)).items()
    assert digests(place.url) == digests(finished.url)


def test_names_that_a_shell_would_take_apart_are_quoted(
    place: Place, finished: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", place.url)
    export = place.export.rename(place.export.with_name("Mara's $(touch x) [export] *.tar"))
    odd = ["-o", "out put [1]", "-u", "Mara `Ostrow`"]
    failed = example(place, "-f", export.name, "--fail-phase", "load", *odd)
    assert failed.returncode == 1
    resumed = shell(place, printed_command(failed))
    assert resumed.returncode == 0, resumed.stderr
    assert not (export.parent / "x").exists()
    assert query(place.url, "SELECT owner_name FROM skype.exports") == [("Mara `Ostrow`",)]
    assert digests(place.url)["messages"] == digests(finished.url)["messages"]


@pytest.mark.parametrize("expanded_by", ["the shell", "the example"])
def test_of_several_checkpoint_files_the_newest_is_taken(expanded_by: str, place: Place) -> None:
    for task_id in ("later", "earlier"):
        with pytest.raises(PhaseFailed):
            place.pipeline(at("load", 2, interrupt), task_id=task_id).run_pipeline(place.export)
    newer = place.output_dir / "etl_checkpoint_later.json"
    newer.touch()
    pattern = "output/etl_checkpoint_*.json"
    files = [pattern] if expanded_by == "the example" else sorted(map(str, place.output_dir.parent.glob(pattern)))
    resumed = example(place, "-f", place.export, "--resume", "--checkpoint-file", *files)
    assert resumed.returncode == 0, resumed.stderr
    assert re.search("^2 checkpoint files; taking the newest, .*etl_checkpoint_later.json$", resumed.stdout, re.M)
    assert re.search("^task later, ", resumed.stdout, re.M)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "which export?"),
        (["--resume"], 2, "--resume needs --checkpoint-file"),
        (["--resume", "--checkpoint-file", "output/none_*.json"], 2, "there is no checkpoint file output/none_*.json"),
        (["-f", "nowhere.tar"], 2, "nowhere.tar is not there"),
        (["-f", __file__], 3, "neither a tar or zip archive nor JSON"),
        (["-f", "nowhere.tar", "-H", "127.0.0.1", "-p", "1"], 5, "database: "),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    arguments: list[str], code: int, said: str, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", place.url)
    ended = example(place, *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
