"""``skype-assets resume``: a task goes on from its manifest alone."""

import json
import re
import shutil
import signal
from pathlib import Path

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn

from skype_assets.etl import engine
from skype_assets.etl.postgres.url import from_config
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.layout import manifest_name
from skype_assets.etl.tasks.manifest import load
from tests.command_line.conftest import MESSAGES, Invoke, Start
from tests.command_line.test_interruption import wait_for_parts

SETTINGS = Settings(chunk_size=400, max_workers=1)
MANIFEST = f"output/{manifest_name('mine')}"


def extracted(source: Path, task_id: str = "mine", database: str | None = None) -> Task:
    task = Task(task_id, Path("output"), source, database, SETTINGS)
    engine.run_phase(task, "extract")
    return task


def messages_in(url: str) -> int:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM skype.messages")
            return cursor.fetchall()[0][0]
    finally:
        connection.close()


def test_what_was_killed_goes_on_without_the_export_and_so_does_an_interrupted_resume(
    start: Start, invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    shutil.copy(sample_tar, "mine.tar")
    killed = start("run", "mine.tar", "--task-id", "mine", "--chunk-size", 60, "--max-workers", 1)
    wait_for_parts(workplace / "output" / "mine" / "loaded_database", 3)
    killed.kill()
    killed.communicate(timeout=60)
    Path("mine.tar").unlink()

    before = json.loads(invoke("status", "--json").stdout)["mine"]["load"]["percent"]
    interrupted = start("resume", MANIFEST)
    wait_for_parts(workplace / "output" / "mine" / "loaded_database", 8)
    interrupted.send_signal(signal.SIGINT)
    _, err = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert err.splitlines()[-1] == f"interrupted; resume with: skype-assets resume {MANIFEST}"
    assert f"load: starts at {before} %" in err

    after = json.loads(invoke("status", "--json").stdout)["mine"]["load"]["percent"]
    assert before < after < 100
    resumed = invoke("resume", "output/etl_checkpoint_*.json")  # the only one
    assert resumed.exit_code == 0, resumed.output
    assert f"load: starts at {after} %" in resumed.stderr
    assert resumed.stderr.count("from checkpoint") == 2
    seen, loaded = re.findall(r"in [\d,]+ conversations +([\d,]+) +([\d,]+)", resumed.stdout)[0]
    assert int(seen.replace(",", "")) == MESSAGES
    assert int(loaded.replace(",", "")) == messages_in(database)
    again = invoke("resume", MANIFEST).stdout
    assert "nothing to do: mine.tar is loaded already" in again
    assert "mine.tar has no media objects." in again


def test_of_several_that_of_the_export_is_taken_and_said_and_an_unreadable_one_is_left_out(
    invoke: Invoke, database: str, sample_tar: Path, tmp_path: Path
) -> None:
    other = write_sample(tmp_path / "other.tar", messages=40, seed=5).path
    extracted(sample_tar, "mine")
    extracted(other, "newer")
    Path("output/etl_checkpoint_old.json").write_text('{"checkpoint_version": "1.0"}')
    named = sorted(Path("output").glob("*.json"))
    resumed = invoke("resume", *named, "-f", sample_tar, "--json", "--max-workers", 1)
    assert resumed.exit_code == 0, resumed.output
    result = json.loads(resumed.stdout)
    assert result["task_id"] == "mine"
    assert result["phases"]["extract"]["from_checkpoint"] is True
    assert re.search(rf"^taken of 3: {MANIFEST}, written ", resumed.stderr, re.MULTILINE)
    assert "warning: left out: output/etl_checkpoint_old.json: checkpoint_version is '1.0'" in resumed.stderr
    assert load(Path(MANIFEST)).context.settings.chunk_size == SETTINGS.chunk_size


def test_of_several_nothing_is_guessed(invoke: Invoke, database: str, sample_tar: Path, tmp_path: Path) -> None:
    other = write_sample(tmp_path / "other.tar", messages=40, seed=5).path
    extracted(sample_tar, "mine")
    extracted(sample_tar, "mine-again")
    pattern, again = "output/etl_checkpoint_*.json", "output/etl_checkpoint_mine-again.json"
    for arguments, said in (
        ([], f"2 checkpoints match, name one of them, or its export with -f: {again} (of sample.tar), {MANIFEST} "),
        (["-f", other], f"no checkpoint of the export {other} among the 2 that match: {again} "),
        (["-f", sample_tar], f"2 checkpoints are of the export {sample_tar}, name one of them: {again} "),
    ):
        refused = invoke("resume", pattern, *arguments)
        assert refused.exit_code == 2
        assert said in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def test_an_export_that_was_moved_can_be_named(invoke: Invoke, database: str, sample_tar: Path) -> None:
    shutil.copy(sample_tar, "mine.tar")
    extracted(Path("mine.tar"))
    raw = next(Path("output/mine/raw_export").glob("messages-*.parquet"))
    raw.write_bytes(b"damaged")
    Path("mine.tar").rename("moved.tar")
    assert invoke("resume", MANIFEST).exit_code == 2
    assert invoke("resume", MANIFEST, "-f", "moved.tar", "--max-workers", 1).exit_code == 0


def test_a_checkpoint_that_is_none_is_code_2_and_one_that_cannot_be_read_is_code_4(invoke: Invoke) -> None:
    for named in ("output/*.json", "output/etl_checkpoint_mine.json", "output/**x"):
        missing = invoke("resume", named)
        assert missing.exit_code == 2
        assert len(missing.stderr.splitlines()) == 1
    Path("damaged.json").write_text("{")
    damaged = invoke("resume", "damaged.json")
    assert damaged.exit_code == 4
    assert damaged.stderr.startswith("error: damaged.json is no readable JSON")


def test_the_database_is_the_environments_else_the_manifests_without_its_password(
    invoke: Invoke, workplace: Path, sample_tar: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = parse_dsn(tcp_postgres_url)
    extracted(sample_tar, database=tcp_postgres_url)
    assert config["password"] not in Path(MANIFEST).read_text()
    monkeypatch.setenv("PGPASSWORD", config["password"])
    resumed = invoke("resume", MANIFEST)
    assert resumed.exit_code == 0, resumed.output
    assert messages_in(tcp_postgres_url) > 0
    assert not (workplace / ".postgres").exists()

    monkeypatch.setenv("SKYPE_DATABASE_URL", from_config({**config, "dbname": "nowhere"}))
    elsewhere = invoke("resume", MANIFEST)
    assert elsewhere.exit_code == 5
    assert '"nowhere" does not exist' in elsewhere.stderr
    monkeypatch.delenv("SKYPE_DATABASE_URL")
    assert "nothing to do" in invoke("resume", MANIFEST).stdout


def test_an_export_that_is_there_and_was_changed_is_refused(invoke: Invoke, database: str, sample_tar: Path) -> None:
    shutil.copy(sample_tar, "mine.tar")
    extracted(Path("mine.tar"))
    with Path("mine.tar").open("ab") as export:
        export.write(bytes(512))
    refused = invoke("resume", MANIFEST)
    assert refused.exit_code == 4
    assert "source_s" in refused.stderr.splitlines()[-1]


def test_an_export_that_is_gone_before_extract_is_complete_is_asked_for(
    invoke: Invoke, database: str, sample_tar: Path
) -> None:
    shutil.copy(sample_tar, "mine.tar")

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.run_phase(Task("mine", Path("output"), Path("mine.tar"), settings=SETTINGS), "extract", stop)
    Path("mine.tar").rename("moved.tar")
    asked = invoke("resume", MANIFEST)
    assert asked.exit_code == 2
    last = asked.stderr.splitlines()[-1]
    assert "mine.tar is not there, and extract is not complete" in last
    named = last.split("skype-assets ")[1].replace("FILE", "moved.tar").split()
    assert invoke(*named, "--max-workers", 1).exit_code == 0
