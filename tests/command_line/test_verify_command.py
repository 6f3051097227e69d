"""``skype-assets verify``: it finds what is not as it was recorded, wherever that is, and changes nothing."""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import psycopg2
import pyarrow as pa
import pytest
from click.testing import Result
from psycopg2.extensions import parse_dsn

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import read_owner
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.errors import NotAllChecked, VerificationFailed
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.postgres.url import without_password
from skype_assets.etl.sample.overlapping import write_overlapping
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.verification import Sample
from tests.command_line.conftest import MESSAGES, Invoke

PASSED = [
    *("manifest", "extract files", "transform files", "load files", "phases", "source"),
    *("raw messages", "verbatim", "media", "conservation", "database", "ledger", "references", "holds", "rows"),
]
SETTINGS = Settings(chunk_size=500, max_workers=1)


@pytest.fixture
def loaded(database: str, workplace: Path, sample_tar: Path) -> Task:
    shutil.copy(sample_tar, "mine.tar")
    task = Task("mine", Path("output"), Path("mine.tar"), settings=SETTINGS)
    engine.run(task)
    return task


def outcomes(result: Result) -> dict[str, str]:
    return {check["check"]: check["status"] for check in json.loads(result.stdout)["checks"]}


def failed(result: Result) -> list[str]:
    assert result.exit_code == VerificationFailed.exit_code, result.output
    names = [name for name, status in outcomes(result).items() if status == "failed"]
    assert result.stderr.splitlines()[-1].endswith(f"checks failed: {', '.join(names)}")
    return names


def execute(url: str, *statements: str) -> None:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    finally:
        connection.close()


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def rewrite(task: Task, phase: str, table: str, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change rows of a table's last file so that its checksum fits all the same."""
    folder, schema = task.folder.folder(FOLDERS[phase]), PHASE_CLASSES[phase].schemas[table]
    state = states.read(folder)
    assert state
    records = list(state.records)
    at = max(index for index, record in enumerate(records) if table in record.files)
    rows = parts.read(folder.path, records[at].files[table]).read().to_pylist()
    change(rows)
    written = parts.write(folder, "changed", 1, {table: pa.Table.from_pylist(rows, schema)})
    records[at] = msgspec.structs.replace(records[at], files={**records[at].files, **written})
    count = len(state.parts)
    summary = records[count] if state.summary is not None else None
    changed = msgspec.structs.replace(state, parts=tuple(records[:count]), summary=summary)
    folder.put(states.STATE_FILE, states.encode(changed))


def test_everything_is_checked_and_nothing_is_changed(
    invoke: Invoke, database: str, loaded: Task, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, before = read_owner(loaded.folder), snapshot(workplace / "output")
    monkeypatch.setenv("SKYPE_DATABASE_URL", f"{database}&options=-c%20default_transaction_read_only%3Don")
    verified = invoke("verify", "mine")
    assert verified.exit_code == 0, verified.output
    lines = [line.split("  ") for line in verified.stdout.splitlines()]
    assert [line[0] for line in lines] == PASSED
    assert {line.split("  ok  ")[0].rstrip() for line in verified.stdout.splitlines()} == set(PASSED)
    assert f"{MESSAGES:,} messages are, byte for byte, what is in the export" in verified.stdout
    assert snapshot(workplace / "output") == before
    assert read_owner(loaded.folder) == owner


def test_the_report_is_private_and_holds_neither_text_nor_passwords(
    invoke: Invoke, workplace: Path, sample_tar: Path, tcp_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", tcp_postgres_url)
    task = Task("mine", Path("output"), sample_tar, settings=SETTINGS)
    engine.run(task)
    os.umask(0o000)
    verified = invoke("verify", "mine", "--json", "--report", "reports/mine.json")
    report = Path("reports/mine.json")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    document = json.loads(report.read_text())
    assert document == json.loads(verified.stdout)
    assert document["passed"] is True
    assert document["database"]["url"] == without_password(tcp_postgres_url)
    assert parse_dsn(tcp_postgres_url)["password"] not in report.read_text()
    assert document["phases"]["extract"]["counts"]["messages"] == MESSAGES
    messages = engine.open_phase(task, "transform")
    assert messages
    assert document["tables"]["messages"]["rows"] == messages["messages"].num_rows
    for text in messages["messages"].to_table(["text"])["text"].to_pylist():
        assert len(text) < 12 or text not in report.read_text()


def test_whatever_file_is_damaged_its_check_fails(invoke: Invoke, loaded: Task, workplace: Path) -> None:
    def flip(path: Path, at: int = -100) -> None:
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        path.write_bytes(data)

    def file(phase: str, pattern: str) -> Path:
        return sorted((loaded.folder.path / FOLDERS[phase]).glob(pattern))[0]

    export = Path("mine.tar").read_bytes()
    in_a_message = export.index(b'"MessageList":[{') + 40
    damages: dict[str, tuple[Callable[[], object], list[str]]] = {
        "raw part": (lambda: flip(file("extract", "messages-*")), ["extract files", "raw messages", "verbatim"]),
        "table": (lambda: flip(file("transform", "messages-*")), ["transform files", "rows"]),
        "missing": (lambda: file("load", "loaded_parts-*").unlink(), ["load files", "conservation", "ledger"]),
        "state": (lambda: flip(file("transform", states.STATE_FILE)), ["transform files"]),
        "manifest": (lambda: flip(Path("output/etl_checkpoint_mine.json"), 300), ["manifest"]),
        "export": (lambda: flip(Path("mine.tar"), in_a_message), ["source", "verbatim"]),
        "longer export": (lambda: Path("mine.tar").write_bytes(export + bytes(512)), ["source"]),
    }
    shutil.copytree("output", "whole")
    for name, (damage, expected) in damages.items():
        damage()
        assert failed(invoke("verify", "mine", "--json")) == expected, name
        shutil.rmtree("output")
        shutil.copytree("whole", "output")
        Path("mine.tar").write_bytes(export)
    assert invoke("verify", "mine").exit_code == 0


def test_what_was_recorded_wrongly_with_a_fitting_checksum_is_found(invoke: Invoke, loaded: Task) -> None:
    def other_bytes(rows: list[dict[str, Any]]) -> None:
        rows[3]["raw"] = rows[3]["raw"].replace(b'"', b"'", 1)

    def one_more(rows: list[dict[str, Any]]) -> None:
        rows[0]["loaded"] += 1

    shutil.copytree("output", "whole")
    for phase, table, change, expected in (
        ("extract", "messages", other_bytes, ["raw messages", "verbatim"]),
        ("transform", "conservation", one_more, ["conservation"]),
        ("transform", "exports", lambda rows: rows[0].update(messages_seen=1), ["conservation", "rows"]),
    ):
        rewrite(loaded, phase, table, change)
        assert failed(invoke("verify", "mine", "--json")) == expected
        shutil.rmtree("output")
        shutil.copytree("whole", "output")
    folder = loaded.folder.folder(FOLDERS["extract"])
    state = states.read(folder)
    assert state
    folder.put(
        states.STATE_FILE, states.encode(msgspec.structs.replace(state, inputs={**state.inputs, "code_version": "0"}))
    )
    assert failed(invoke("verify", "mine", "--json")) == ["phases"]


def test_whatever_is_changed_in_the_database_is_found(invoke: Invoke, database: str, loaded: Task) -> None:
    one = "(SELECT ctid FROM skype.messages ORDER BY message_id LIMIT 1)"
    execute(database, "CREATE TABLE saved AS SELECT message_id, text FROM skype.messages")
    execute(database, "CREATE TABLE ledger AS SELECT part, checksum FROM skype.load_parts")
    for change, undo, expected in (
        (f"UPDATE skype.messages SET text = text || '.' WHERE ctid = {one}",
         "UPDATE skype.messages m SET text = s.text FROM saved s WHERE m.message_id = s.message_id", ["rows"]),
        ("UPDATE skype.load_parts SET checksum = '' WHERE part = 1",
         "UPDATE skype.load_parts l SET checksum = s.checksum FROM ledger s WHERE l.part = s.part", ["ledger"]),
        ("UPDATE skype.exports SET status = 'loading'", "UPDATE skype.exports SET status = 'complete'", ["database"]),
        ("UPDATE skype.exports SET messages_loaded = messages_loaded + 1",
         "UPDATE skype.exports SET messages_loaded = messages_loaded - 1", ["rows"]),
        ("DELETE FROM skype.reactions", "SELECT", ["rows"]),
    ):  # fmt: skip
        execute(database, change)
        assert failed(invoke("verify", "mine", "--json")) == expected, change
        execute(database, undo)
    execute(database, "DROP SCHEMA skype CASCADE")
    gone = invoke("verify", "mine", "--json")
    assert failed(gone) == ["database"]
    assert outcomes(gone)["rows"] == "not checked"


def test_after_later_exports_of_the_account_every_row_must_be_there_or_a_better_copy_of_its_message(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    for path in write_overlapping(workplace, exports=3, messages=400):
        engine.run(Task(path.stem[-1], Path("output"), path, settings=SETTINGS))
    assert set(outcomes(invoke("verify", "3", "--json")).values()) == {"ok"}
    earlier = invoke("verify", "2", "--json")
    assert set(outcomes(earlier).values()) == {"ok"}
    details = {check["check"]: check["detail"] for check in json.loads(earlier.stdout)["checks"]}
    assert re.fullmatch(
        r"[1-9]\d* rows are there as the checkpoint says, "
        r"([1-9]\d*) messages in a better copy: \1 of export [0-9a-f]{16}",
        details["rows"],
    )
    kept = "SELECT export_id FROM skype.exports WHERE task_id = '2'"
    execute(database, f"UPDATE skype.messages SET text = 'tampered' WHERE export_id = ({kept})")
    assert failed(invoke("verify", "2", "--json")) == ["rows"]
    assert set(outcomes(invoke("verify", "3", "--json")).values()) == {"ok"}


def test_a_sample_reads_less_and_its_seed_draws_it_again(invoke: Invoke, loaded: Task) -> None:
    said = invoke("verify", "mine", "--sample", "30%").stdout
    seed = said.split("--seed ")[1].split(")")[0]
    again = invoke("verify", "mine", "--sample", "30", "--seed", seed).stdout
    assert again == said
    drawn = next(line for line in said.splitlines() if line.startswith("transform files"))
    count, total = map(int, re.search(r"(\d+) of (\d+) files", drawn).groups())  # pyright: ignore[reportOptionalMemberAccess]
    assert f"{count / total:.1%} if 1 of {total}" in drawn
    read = next(line for line in said.splitlines() if line.startswith("verbatim"))
    assert 0 < int(read.split()[2].replace(",", "")) < MESSAGES
    assert invoke("verify", "mine", "--sample", "0%").exit_code == 2


def test_what_is_not_there_is_not_checked_and_said(
    invoke: Invoke, workplace: Path, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(sample_tar, "mine.tar")
    engine.run_phase(Task("mine", Path("output"), Path("mine.tar"), settings=SETTINGS), "extract")
    Path("mine.tar").rename("moved.tar")
    verified = invoke("verify", "mine", "--json")
    assert verified.exit_code == NotAllChecked.exit_code, verified.output
    assert "nothing is wrong, but" in verified.stderr
    assert invoke("verify", "mine", "--allow-missing").exit_code == 0
    passed = [name for name, status in outcomes(verified).items() if status == "ok"]
    assert passed == ["manifest", "extract files", "raw messages", "media"]
    assert set(outcomes(verified).values()) == {"ok", "not checked"}
    found = outcomes(invoke("verify", "mine", "--json", "--source", "moved.tar"))
    assert (found["source"], found["verbatim"]) == ("ok", "ok")
    assert not (workplace / ".postgres").exists()
    assert invoke("verify", "nobody").exit_code == 2
    assert invoke("verify", "../output").exit_code == 2


def test_a_database_that_is_not_there_is_a_failure_and_no_server_is_made(
    invoke: Invoke, loaded: Task, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/nothing")
    refused = invoke("verify", "mine", "--json")
    assert failed(refused) == ["database"]
    assert "secret" not in refused.output
    monkeypatch.delenv("SKYPE_DATABASE_URL")
    assert failed(invoke("verify", "mine", "--json")) == ["database"]
    assert not (workplace / ".postgres").exists()


def test_a_member_name_cannot_command_the_terminal(invoke: Invoke, loaded: Task, workplace: Path) -> None:
    Directory(workplace).put("\x1b]0;owned\x07.tar", Path("mine.tar").read_bytes() + bytes(512))
    said = invoke("verify", "mine", "--source", "\x1b]0;owned\x07.tar")
    assert said.exit_code == VerificationFailed.exit_code
    assert not set(said.output) & set("\x1b\x07")
    assert r"\x1b]0;owned\x07.tar" in said.stdout


def test_the_confidence_of_a_sample_is_how_often_draws_find_damage() -> None:
    drawn, total, damaged = 3, 9, 2
    draws = list(combinations(range(total), drawn))
    found = sum(min(draw) < damaged for draw in draws)
    assert Sample.confidence(drawn, total, damaged) == pytest.approx(found / len(draws))
    assert Sample.confidence(total, total, 1) == 1
    assert Sample.confidence(8, 9, 2) == 1


def test_the_whole_database_is_proven_and_what_cannot_be_checked_changes_the_exit_code(
    invoke: Invoke, database: str, workplace: Path, loaded: Task
) -> None:
    for path in write_overlapping(workplace, exports=2, messages=100):
        engine.run(Task(path.stem[-1], Path("output"), path, settings=SETTINGS))
    proven = invoke("verify", "--all", "--json", "--report", "report.json")
    assert proven.exit_code == 0, proven.output
    assert set(outcomes(proven).values()) == {"ok"}
    assert json.loads(Path("report.json").read_text()) == json.loads(proven.stdout)
    assert invoke("verify", "--all").stdout.count("  ok  ") == len(outcomes(proven))
    before = snapshot(workplace / "output")
    Path("output/1").rename("elsewhere")
    missing = invoke("verify", "--all", "--json")
    assert missing.exit_code == NotAllChecked.exit_code, missing.output
    assert list(outcomes(missing).values()).count("not checked") == 1
    assert "task 1" in missing.stdout
    assert invoke("verify", "--all", "--allow-missing").exit_code == 0
    Path("others").mkdir()
    Path("elsewhere").rename("others/1")
    assert invoke("verify", "--all", "--checkpoints", "others").exit_code == 0
    Path("others/1").rename("output/1")
    assert snapshot(workplace / "output") == before
    execute(
        database,
        "UPDATE skype.messages SET text = text || '.' WHERE message_id = (SELECT min(message_id) FROM skype.messages)",
    )
    altered = invoke("verify", "--all", "--json")
    (name,) = failed(altered)
    check = next(check for check in json.loads(altered.stdout)["checks"] if check["check"] == name)
    assert {(one["table"], one["what"]) for one in check["differences"]} == {
        ("messages", "text is not what the export says")
    }
    assert invoke("verify", "--all", "mine").exit_code == 2
    assert invoke("verify").exit_code == 2
