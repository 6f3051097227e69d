"""The example fails when it is told to, and the command that it prints finishes the work."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl.errors import PhaseFailed
from skype_assets.etl.phases import PHASES
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.api.conftest import Place
from tests.api.scripts import ROOT
from tests.engine.database_content import digests, query
from tests.engine.runs import at, interrupt, recorded_files

OPTION = re.compile(r"(?<![\w-])--?[A-Za-z][a-z-]*")
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


PATTERN = "output/etl_checkpoint_*.json"


def expanded(by: str, place: Place) -> list[str]:
    return [PATTERN] if by == "the example" else sorted(map(str, place.output_dir.parent.glob(PATTERN)))


def interrupted(place: Place, export: Path, task_id: str) -> None:
    with pytest.raises(PhaseFailed):
        place.pipeline(at("load", 2, interrupt), task_id=task_id).run_pipeline(export)


@pytest.fixture
def two_exports(place: Place) -> Place:
    """Tasks of two exports, both of which were interrupted in load; that of the other export is the newer one."""
    interrupted(place, place.export, "mine")
    interrupted(place, write_sample(place.export.with_name("other.tar"), messages=300, seed=5).path, "other")
    return place


@pytest.mark.parametrize("expanded_by", ["the shell", "the example"])
@pytest.mark.parametrize("renamed", [False, True], ids=["", "renamed"])
def test_of_several_checkpoint_files_that_of_the_export_is_meant(
    renamed: bool, expanded_by: str, two_exports: Place
) -> None:
    place = two_exports
    export = place.export.rename(place.export.with_name("other name.tar")) if renamed else place.export
    resumed = example(place, "-f", export, "--resume", "--checkpoint-file", *expanded(expanded_by, place))
    assert resumed.returncode == 0, resumed.stderr
    assert re.search("^2 checkpoint files; .*etl_checkpoint_mine.json is of ", resumed.stdout, re.M)
    assert re.search("^task mine, ", resumed.stdout, re.M)


def test_of_an_export_that_is_gone_the_checkpoint_file_is_found_by_name(two_exports: Place) -> None:
    two_exports.export.unlink()
    resumed = example(two_exports, "-f", two_exports.export, "--resume", "--checkpoint-file", PATTERN)
    assert resumed.returncode == 0, resumed.stderr
    assert re.search("^task mine, ", resumed.stdout, re.M)


def test_a_checkpoint_file_that_is_not_clearly_meant_is_not_taken(two_exports: Place) -> None:
    place = two_exports
    resume = ["--resume", "--checkpoint-file", PATTERN]
    third = write_sample(place.export.with_name("third.tar"), messages=40, seed=6).path
    interrupted(place, place.export, "mine-again")
    before = recorded_files(Task("mine", place.output_dir))
    mine, again, other = (f"output/etl_checkpoint_{name}.json" for name in ("mine", "mine-again", "other"))
    for arguments, named, unnamed in (
        (["-f", third], [mine, again, other], []),
        (["-f", "gone.tar"], [mine, again, other], []),
        ([], [mine, again, other], []),
        (["-f", place.export], [mine, again], [other]),
    ):
        refused = example(place, *arguments, *resume)
        assert refused.returncode == 2, refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert all(name in refused.stderr for name in named)
        assert not any(name in refused.stderr for name in unnamed)
    assert recorded_files(Task("mine", place.output_dir)) == before


def test_a_single_checkpoint_file_is_not_taken_for_an_export_of_another_name_that_is_not_there(place: Place) -> None:
    interrupted(place, place.export, "mine")
    refused = example(place, "-f", "gone.tar", "--resume", "--checkpoint-file", PATTERN)
    assert refused.returncode == 2
    assert "no checkpoint of the export gone.tar among the 1 that match" in refused.stderr


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("by", ["export", "checkpoint file"])
def test_to_fail_in_a_phase_that_is_complete_is_refused_before_anything_is_done(
    by: str, phase: str, copied: Place
) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in copied.output_dir.rglob("*"))
    arguments = {
        "export": ["-f", copied.export, "--task-id", "t"],
        "checkpoint file": ["--resume", "--checkpoint-file", PATTERN],
    }
    refused = example(copied, *arguments[by], "--fail-phase", phase, *database_options(copied))
    assert refused.returncode == 2
    assert f"{phase} of task t is complete" in refused.stderr
    assert sorted((path, path.stat().st_mtime_ns) for path in copied.output_dir.rglob("*")) == before


@pytest.mark.parametrize("phase", PHASES)
def test_every_phase_of_an_export_without_messages_can_be_made_to_fail(phase: str, place: Place) -> None:
    place.export.write_text('{"userId":"8:ann","exportDate":"2025-05-01T00:00","conversations":[]}')
    failed = example(place, "-f", place.export, "--media-only", "--fail-phase", phase, *database_options(place))
    assert (failed.returncode, f"{phase} failed: SimulatedFailure" in failed.stderr) == (1, True), failed.stderr


def test_every_option_that_an_error_names_is_one_of_the_example_or_of_a_command_that_is_named_with_it(
    copied: Place,
) -> None:
    offered = set(OPTION.findall(example(copied, "--help").stdout))
    other = write_sample(copied.export.with_name("other.tar"), messages=40, seed=6).path
    state = copied.output_dir / "t" / "raw_export" / "state.json"
    calls = [
        ["-f", other, "--task-id", "t"],
        ["-f", other, "--resume", "--checkpoint-file", PATTERN],
        ["-f", copied.export, "--task-id", "t", "--fail-phase", "load"],
        ["--resume"],
        [],
        ["-f", "gone.tar", "--resume", "--checkpoint-file", PATTERN],
        ["--resume", "--checkpoint-file", PATTERN, "--task-id", "t"],
        ["-f", copied.export, "--checkpoint-file", PATTERN],
    ]
    refusals = [example(copied, *call, *database_options(copied)) for call in calls]
    for generation in (state, state.with_name("state.previous.json")):
        generation.unlink(missing_ok=True)
        generation.mkdir()
    refusals.append(example(copied, "-f", copied.export, "--task-id", "t", *database_options(copied)))
    assert [refused.returncode for refused in refusals] == [4, 4, 2, 2, 2, 2, 2, 2, 4]
    for refused in refusals:
        advised = re.sub(r"`skype-assets [^`]*`", "", refused.stderr)
        assert set(OPTION.findall(advised)) <= offered, refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, "which export?"),
        (["--resume"], 2, "--resume needs --checkpoint-file"),
        (["--resume", "--checkpoint-file", "output/none_*.json"], 2, "there is no checkpoint output/none_*.json"),
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
