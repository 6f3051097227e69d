"""``skype-assets run``: the account of a run, running again, starting again, and how it fails."""

import json
import re
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import psycopg2
import pytest

from skype_assets import ETLPipeline
from skype_assets.etl.checkpoints.attempt import Attempt, read_owner
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import InvalidExport, UsageError
from skype_assets.etl.tasks.beginning import check_beginning
from skype_assets.resources.checkpoints import Checkpoints
from tests.command_line.conftest import MESSAGES, Invoke, Start

ONE_PROCESS = ("--max-workers", 1)


def messages_in(url: str) -> int:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM skype.messages")
            return cursor.fetchall()[0][0]
    finally:
        connection.close()


def test_a_run_accounts_for_every_message_and_says_what_to_do_next(
    invoke: Invoke, database: str, sample_tar: Path
) -> None:
    ran = invoke("run", sample_tar, *ONE_PROCESS)
    assert ran.exit_code == 0, ran.output
    seen, loaded, duplicate, rejected = (
        int(figure.replace(",", "")) for figure in ran.stdout.split("conversations  ")[-1].split("\n")[0].split()
    )
    assert seen == MESSAGES == loaded + duplicate + rejected
    assert messages_in(database) == loaded
    assert "skype-assets db psql" in ran.stdout.split("Next:")[1]
    assert "sample.tar has no media objects.\n\nNext:" in ran.stdout
    assert "\\" not in ran.stdout
    for phase in ("extract", "transform", "load"):
        assert f"{phase}: starts at 0 %" in ran.stderr
        assert f"{phase}: complete, " in ran.stderr


def test_running_again_has_nothing_to_do(invoke: Invoke, database: str, sample_tar: Path) -> None:
    invoke("run", sample_tar, *ONE_PROCESS)
    again = invoke("run", sample_tar, *ONE_PROCESS)
    assert again.exit_code == 0
    assert again.stdout.startswith("nothing to do: sample.tar is loaded already (task sample-")
    assert again.stderr.count("from checkpoint") == 3


def test_json_is_all_that_stdout_gets(invoke: Invoke, database: str, sample_tar: Path) -> None:
    ran = invoke("run", sample_tar, "--json", "--task-id", "mine", "--output-dir", "kept", *ONE_PROCESS)
    result = json.loads(ran.stdout)
    assert result["task_id"] == "mine"
    assert len(result["export_id"]) == 16
    assert result["checkpoint_dir"] == "kept/mine"
    assert list(result["phases"]) == ["extract", "transform", "load"]
    for phase in result["phases"].values():
        assert phase["status"] == "complete"
        assert phase["from_checkpoint"] is False
        assert phase["seconds"] > 0
    assert result["phases"]["extract"]["counts"]["messages"] == MESSAGES
    account = result["conservation"]
    assert account["seen"] == MESSAGES == account["loaded"] + account["duplicate"] + account["rejected"]
    assert result["rows"]["messages"] == account["loaded"] == result["rows_in_database"]["messages"]
    assert result["conversations"] == result["rows"]["conversations"]
    with Session(database) as session:
        copies = session.rows("SELECT count(*) FROM skype.messages WHERE edit_of IS NOT NULL")[0][0]
    assert result["edit_copies"] == copies > 0
    again = json.loads(invoke("run", sample_tar, "--json", "--task-id", "mine", "--output-dir", "kept").stdout)
    assert all(phase["from_checkpoint"] for phase in again["phases"].values())
    assert again["conservation"] == account


def test_the_account_says_what_a_person_who_counts_rows_will_find(
    invoke: Invoke, database: str, sample_tar: Path
) -> None:
    said = invoke("run", sample_tar, *ONE_PROCESS).stdout
    assert "in the database: of these conversations and this account, whichever export brought them;" in said
    with Session(database) as session:
        copies = session.rows("SELECT count(*) FROM skype.messages WHERE edit_of IS NOT NULL")[0][0]
    assert f"{copies} of the messages are copies that edits left: those with edit_of." in said


def test_a_damaged_export_ends_with_code_3_and_one_line_that_names_the_byte(
    start: Start, database: str, workplace: Path, sample_tar: Path
) -> None:
    with tarfile.open(sample_tar) as archive:
        member = archive.extractfile("messages.json")
        assert member
        (workplace / "cut.json").write_bytes(member.read()[:20_000])
    process = start("run", "cut.json", *ONE_PROCESS)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert out == ""
    [line] = [line for line in err.splitlines() if not line.startswith(("extract: ", "place: "))]
    assert line.startswith("error: ")
    assert "at byte " in line


def test_a_file_that_is_refused_leaves_no_task(invoke: Invoke, database: str, workplace: Path) -> None:
    (workplace / "diary.txt").write_bytes(b"Dear diary, " * 100)
    assert invoke("run", "diary.txt").exit_code == 3
    assert invoke("run", "diary.txt", "--task-id", "mine").exit_code == 3
    assert invoke("status").stdout.startswith("no tasks in output")
    assert [path.name for path in workplace.glob("output/*")] == []


def test_a_missing_file_is_one_line_and_code_3(invoke: Invoke, database: str) -> None:
    ran = invoke("run", "nowhere.tar")
    assert ran.exit_code == 3
    assert ran.stderr == "error: nowhere.tar: cannot be read: No such file or directory. Check the path\n"


def test_a_folder_that_is_no_export_is_refused_before_anything_is_done(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    icon = workplace / ".venv" / "site-packages" / "media" / "icon.png"
    icon.parent.mkdir(parents=True)
    icon.touch()
    refused = invoke("run", ".")
    assert refused.exit_code == 3
    assert "is no export: neither messages.json nor media of Skype are in it" in refused.stderr
    assert not (workplace / "output").exists()


def test_a_foreign_file_is_named_and_leaves_no_task(invoke: Invoke, database: str, workplace: Path) -> None:
    (workplace / "thesis.tar").write_bytes(b"%PDF-1.7")
    refused = invoke("run", "thesis.tar")
    assert refused.exit_code == 3
    assert refused.stderr.startswith("error: thesis.tar: this is a PDF document, not a Skype export. Give the .tar")
    assert not (workplace / "output").exists()


def test_an_export_with_media_only_is_loaded_if_that_was_asked_for_and_the_account_says_so(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    export = workplace / "unpacked"
    (export / "media").mkdir(parents=True)
    (export / "media" / "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174.1.jpeg").touch()
    refused = invoke("run", export)
    assert refused.exit_code == 3
    assert "the export holds media, but no messages.json. If that is meant, say so: --media-only" in refused.stderr
    assert list((workplace / "output").iterdir()) == []
    loaded = invoke("run", export, "--media-only")
    assert loaded.exit_code == 0
    assert "warning: this export holds no message" in " ".join(loaded.stdout.split())
    assert json.loads(invoke("run", export, "--media-only", "--json").stdout)["warnings"]


def test_of_a_damaged_export_what_is_whole_is_loaded_if_that_was_asked_for_and_never_called_complete(
    invoke: Invoke, database: str, sample_tar: Path, workplace: Path
) -> None:
    data, damaged = sample_tar.read_bytes(), workplace / "half.tar"
    damaged.write_bytes(data[: len(data) // 2])
    refused = invoke("run", damaged, "--task-id", "t", *ONE_PROCESS)
    assert refused.exit_code == 3
    said = re.search(r"(\d+) messages can be read with --salvage \(ETLPipeline\(salvage=True\)", refused.stderr)
    assert said
    loaded = invoke("run", damaged, "--task-id", "t", "--salvage", *ONE_PROCESS)
    assert loaded.exit_code == 0, loaded.output
    shown = " ".join(loaded.stdout.split())
    assert "warning: this is not the whole export, but what is whole of a damaged one: partial: " in shown
    assert re.search(r"not read: [\d,]+ bytes in \d+ places", shown)
    assert f" {messages_in(database)} " in shown
    again = json.loads(invoke("run", damaged, "--task-id", "t", "--salvage", "--json").stdout)
    assert again["status"] == "partial"
    assert again["unreadable"]["bytes"] > 0
    assert again["conservation"]["seen"] == int(said[1])
    phases = json.loads(invoke("status", "t", "--json").stdout)["t"]
    assert {phase["status"] for phase in phases.values()} == {"partial"}
    assert "complete" not in invoke("status", "t").stdout.replace("would complete it", "")
    assert invoke("run", damaged, "--task-id", "t", *ONE_PROCESS).exit_code == 4
    verified = invoke("verify", "t")
    assert verified.exit_code == 14
    assert re.search(r"whole +not checked +partial: ", verified.stdout)
    assert invoke("verify", "t", "--allow-missing").exit_code == 0
    everything = invoke("verify", "--all")
    assert everything.exit_code == 14
    assert re.search(r"whole \S+ +not checked", everything.stdout)


def test_a_zip_without_its_directory_is_refused_with_what_could_be_read_and_loaded_if_that_was_asked_for(
    invoke: Invoke, database: str, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(sample_tar) as archive, zipfile.ZipFile("sample.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            zipped.writestr(member.name, content.read() if content else b"")
    path = Path("sample.zip").absolute()
    data = path.read_bytes()
    path.write_bytes(data[: data.rindex(b"PK\1\2")])
    refused = invoke("run", path)
    assert refused.exit_code == 3
    assert f". {MESSAGES:,} messages can be read with --salvage" in refused.stderr
    monkeypatch.setenv("SKYPE_SALVAGE", "on")
    loaded = invoke("run", path, "--json", *ONE_PROCESS)
    assert loaded.exit_code == 0, loaded.output
    assert json.loads(loaded.stdout)["conservation"]["seen"] == MESSAGES
    monkeypatch.setenv("SKYPE_SALVAGE", "yes")
    assert "SKYPE_SALVAGE is 'yes'; it must be on or off" in invoke("run", path).stderr


def test_an_unreachable_database_is_found_before_anything_is_done(
    invoke: Invoke, workplace: Path, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKYPE_DATABASE_URL", "postgresql://someone:secret@127.0.0.1:1/nothing")
    ran = invoke("run", sample_tar)
    assert ran.exit_code == 5
    assert ran.stderr.startswith("error: database: ")
    assert "secret" not in ran.output
    assert not (workplace / "output").exists()


def test_a_task_that_another_process_works_on_is_refused_with_code_6(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    attempt = Attempt.take(Directory(workplace / "output" / "mine"))
    try:
        ran = invoke("run", sample_tar, "--task-id", "mine")
        reset = invoke("run", sample_tar, "--task-id", "mine", "--reset")
    finally:
        attempt.release()
    assert (ran.exit_code, reset.exit_code) == (6, 6)
    assert ran.stderr.splitlines()[-1].startswith("error: task mine is in use by process ")
    assert [path.name for path in (workplace / "output").iterdir()] == ["mine"]


def test_reset_moves_everything_aside_and_starts_again(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    options = (sample_tar, "--task-id", "mine", *ONE_PROCESS)
    invoke("run", *options)
    task = Directory(workplace / "output" / "mine")
    files = {path.relative_to(task.path) for path in task.path.glob("*/*")}
    former = read_owner(task)
    ran = invoke("run", *options, "--reset", "--json")
    assert ran.exit_code == 0
    [aside] = (workplace / "output").glob("mine.reset-*Z")
    assert f"moved aside: output/{aside.name}" in ran.stderr
    assert files <= {path.relative_to(aside) for path in aside.rglob("*")}
    assert not any(phase["from_checkpoint"] for phase in json.loads(ran.stdout)["phases"].values())
    # An attempt from before must not take itself for one from after: epochs go on.
    owner = read_owner(task)
    assert former
    assert owner
    assert owner.epoch > former.epoch
    assert list(json.loads(invoke("status", "--json").stdout)) == ["mine"]


def test_names_from_outside_cannot_command_the_terminal(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    name = "\x1b]0;owned\x07\u202egpj.\u2066[red]x.tar"
    (workplace / name).write_bytes(sample_tar.read_bytes())
    for arguments in (("run", name), ("run", name), ("status",), ("run", f"missing{name}"), ("status", name)):
        ran = invoke(*arguments)
        assert not set(ran.output) & set("\x1b\x07\u202e\u2066"), arguments
        assert r"\x1b]0;owned\x07\u202egpj.\u2066[red]x.tar" in ran.output or arguments == ("run", name)


def test_an_unexpected_error_is_one_line_that_quotes_nothing_and_debug_shows_the_rest(
    invoke: Invoke, database: str, sample_tar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("text of a message")

    monkeypatch.setattr("skype_assets.etl.tasks.reset.reset", broken)
    ran = invoke("run", sample_tar, "--reset")
    assert ran.exit_code == 70
    assert ran.stderr.startswith("error: unexpected ValueError in test_run_command.py, line ")
    assert "text of a message" not in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    debugged = invoke("run", sample_tar, "--reset", "--debug")
    assert debugged.exit_code == 70
    assert "Traceback (most recent call last)" in debugged.stderr
    assert "text of a message" in debugged.stderr


def test_a_folder_that_cannot_be_written_is_code_74_and_named(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    (workplace / "file").write_text("no folder")
    ran = invoke("run", sample_tar, "--output-dir", "file/below")
    assert ran.exit_code == 74
    assert ran.stderr.splitlines()[-1].startswith("error: Not a directory: ")


@pytest.mark.parametrize("arguments", [("--chunk-size", 0), ("--max-workers", -1), ("--task-id", "../up")])
def test_a_wrong_parameter_is_code_2(invoke: Invoke, database: str, sample_tar: Path, arguments: tuple[object]) -> None:
    ran = invoke("run", sample_tar, *arguments)
    assert ran.exit_code == 2
    assert len(ran.stderr.splitlines()) == 1


REFUSED: dict[str, bytes] = {
    "no JSON": b'{"userId": "8:a", conversations',
    "another JSON": b'{"a": [1, 2]}',
    "the first message is cut short": b'{"conversations":[{"id":"8:a","MessageList":[{"id":"1","content":"a',
    "no message": b'{"userId":"8:a","conversations":[{"id":"8:a","MessageList":[]}]}',
    "empty": b"",
}


@pytest.mark.parametrize("how", ["alone", "in a tar", "in a tar.gz", "in a folder"])
@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_creates_no_server(content: bytes, how: str, invoke: Invoke, workplace: Path) -> None:
    messages = workplace / "given" / "messages.json"
    messages.parent.mkdir()
    messages.write_bytes(content)
    given = {"alone": messages, "in a folder": messages.parent}.get(how, workplace / "a.tar")
    if given.suffix == ".tar":
        with tarfile.open(given, "w:gz" if how.endswith("gz") else "w") as archive:
            archive.add(messages, "messages.json")
    before = set(workplace.iterdir())
    refused = invoke("run", given)
    assert refused.exit_code == 3, refused.output
    assert set(workplace.iterdir()) == before
    with pytest.raises(InvalidExport):
        ETLPipeline(output_dir="output").run_pipeline(given)
    assert set(workplace.iterdir()) == before


def test_the_beginning_of_an_export_that_has_a_message_is_no_obstacle(sample_tar: Path, tmp_path: Path) -> None:
    check_beginning(sample_tar)
    (tmp_path / "messages.json").write_bytes(b'{"conversations":[{"id":"8:a","MessageList":[{"id":"1"}, oh')
    check_beginning(tmp_path)  # later damage is found by the run
    (tmp_path / "messages.json").write_bytes(b'{"conversations":[]}')
    check_beginning(tmp_path, media_only=True)


def test_the_environment_lets_exports_in_without_a_message_and_is_refused_if_it_says_neither(
    invoke: Invoke, database: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "messages.json").write_bytes(REFUSED["no message"])
    monkeypatch.setenv("SKYPE_MEDIA_ONLY", "yes")
    wrong = invoke("run", "messages.json")
    assert (wrong.exit_code, wrong.stderr) == (2, "error: SKYPE_MEDIA_ONLY is 'yes'; it must be on or off\n")
    with pytest.raises(UsageError, match="SKYPE_MEDIA_ONLY is 'yes'"):
        ETLPipeline(output_dir="other").run_pipeline("messages.json")
    with pytest.raises(UsageError, match="SKYPE_MEDIA_ONLY is 'yes'"):
        Checkpoints().task("mine")
    monkeypatch.setenv("SKYPE_MEDIA_ONLY", "off")
    assert invoke("run", "messages.json").exit_code == 3
    monkeypatch.setenv("SKYPE_MEDIA_ONLY", "on")
    assert invoke("run", "messages.json", *ONE_PROCESS).exit_code == 0
    assert ETLPipeline(output_dir="other", max_workers=1).run_pipeline("messages.json")["success"]


def _small(path: Path, *chats: Mapping[str, object]) -> Path:
    document = {"userId": "8:live:mara.ostrow", "exportDate": "2025-06-01T08:00", "conversations": list(chats)}
    path.write_text(json.dumps(document))
    return path


def test_names_that_are_given_name_whom_the_export_does_not(invoke: Invoke, database: str, workplace: Path) -> None:
    chats = [{"id": identity, "displayName": None, "version": 1, "MessageList": []} for identity in ("8:ann", "8:bob")]
    export = _small(workplace / "export.json", *chats)
    options = ("--media-only", "--task-id", "t", *ONE_PROCESS)
    names = workplace / "contacts.csv"
    names.write_text('type,id,display_name\nSkype,8:ann,"Ann, K."\n')
    assert invoke("run", export, "--names", names, *options).exit_code == 0
    title = "SELECT title FROM skype.conversations ORDER BY conversation_id"
    assert _rows(database, title) == [("Ann, K.",), ("8:bob",)]
    names.unlink()
    again = invoke("run", export, *options)
    assert "nothing to do" in again.stdout
    assert invoke("resume", "output/etl_checkpoint_t.json").exit_code == 0
    assert _rows(database, title) == [("Ann, K.",), ("8:bob",)]
    names.write_text("id,name\nbob,Bob\n")
    assert invoke("run", export, "--names", names, *options).exit_code == 0
    assert _rows(database, title) == [("8:ann",), ("Bob",)]


@pytest.mark.parametrize("content", [None, "first,second,third\n1,2,3\n"])
def test_a_names_file_that_is_none_is_refused_before_any_work(
    content: str | None, invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    if content is not None:
        (workplace / "names.csv").write_text(content)
    ran = invoke("run", sample_tar, "--names", workplace / "names.csv")
    assert ran.exit_code == 2
    assert "names file" in ran.stderr
    assert not (workplace / "output").exists()


def test_an_export_with_conversations_and_no_message_is_said_loudly(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    export = _small(workplace / "export.json", {"id": "8:ann", "displayName": "Ann", "version": 1})
    options = ("--media-only", "--task-id", "t", *ONE_PROCESS)
    ran = invoke("run", export, *options)
    assert ran.exit_code == 0
    told = " ".join(ran.stdout.split())
    assert "warning: the export has conversations (1) and not one message" in told
    assert "warning: most conversations (1 of 1) lack a MessageList" in told
    assert len(json.loads(invoke("run", export, "--json", *options).stdout)["warnings"]) == 2


def test_an_ordinary_export_has_no_warning(invoke: Invoke, database: str, sample_tar: Path) -> None:
    ran = invoke("run", sample_tar, "--task-id", "t", *ONE_PROCESS)
    assert ran.exit_code == 0
    assert "warning" not in ran.stdout
    assert json.loads(invoke("run", sample_tar, "--task-id", "t", "--json", *ONE_PROCESS).stdout)["warnings"] == []


def test_messages_under_another_name_are_an_error(invoke: Invoke, database: str, workplace: Path) -> None:
    message = {"id": "1", "messagetype": "RichText", "content": "hi", "from": "8:ann"}
    export = _small(workplace / "export.json", {"id": "8:ann", "version": 1, "messages": [message]})
    ran = invoke("run", export, *ONE_PROCESS)
    assert ran.exit_code == 3
    assert 'no messages in "MessageList", but in "messages"' in " ".join(ran.stderr.split())


def _rows(url: str, statement: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()
    finally:
        connection.close()
