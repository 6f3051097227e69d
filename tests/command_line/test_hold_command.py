"""What is held cannot be lost by whoever means well or ill, short of who owns the tables; loads go on meanwhile."""

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.sample.overlapping import write_overlapping
from skype_assets.etl.task import Settings, Task
from tests.command_line.conftest import Invoke
from tests.engine.database_content import digests

OWNER = "8:live:mara.ostrow"
SETTINGS = Settings(chunk_size=500, max_workers=1)

WHY = ("--reason", "case 12/2026")


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    return database


@pytest.fixture
def held(invoke: Invoke, loaded: str) -> Iterator[str]:
    added = invoke("hold", "add", "--owner", "mara", *WHY, "--by", "Theo Brannock")
    assert added.exit_code == 0, added.stderr
    assert added.stdout.startswith(f"hold 1 on account {OWNER}, ")
    before = digests(loaded)
    yield loaded
    assert digests(loaded) == before


HANGING = ("attachments", "links", "reactions", "quotes", "mentions", "call_events", "call_participants")
BARE = (
    "SELECT m.* FROM skype.messages m WHERE kind = 'text' AND version IS NOT NULL AND message_id NOT IN ("
    + " UNION ALL ".join(f"SELECT message_id FROM skype.{table}" for table in HANGING)
    + ") ORDER BY message_id LIMIT 1"
)
"""A message that nothing hangs on."""

GONE = (
    f"CREATE TEMPORARY TABLE m AS {BARE}; DELETE FROM skype.messages x USING m "
    "WHERE (x.conversation_id, x.message_id) = (m.conversation_id, m.message_id); "
)

WAYS = {
    "a message is deleted": GONE,
    "a lesser copy takes its place": f"{GONE} UPDATE m SET version = version - 1; INSERT INTO skype.messages TABLE m",
    "it moves to another id": f"{GONE} UPDATE m SET message_id = 'other'; INSERT INTO skype.messages TABLE m",
    "a text is changed": "UPDATE skype.messages SET text = 'forged' WHERE kind = 'text'",
    "a time is changed": "UPDATE skype.messages SET sent_at = sent_at - interval '1 year'",
    "what hangs on messages is deleted": "DELETE FROM skype.reactions",
    "a call gets another message": "UPDATE skype.call_events SET call_id = 'x'",
    "an attachment becomes another": "UPDATE skype.attachments SET uri = 'elsewhere'",
    "a quote is changed": "UPDATE skype.quotes SET text = 'forged'",
    "a table is emptied": "TRUNCATE skype.links",
    "all tables are emptied": "TRUNCATE skype.messages CASCADE",
    "a hold is deleted": "DELETE FROM skype.holds",
    "a hold is changed": "UPDATE skype.holds SET reason = 'none'",
    "the holds are emptied": "TRUNCATE skype.holds",
}


def sql(url: str, statement: str) -> None:
    """Run and commit."""
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize("way", WAYS)
def test_by_sql_nothing_that_is_held_goes(held: str, way: str) -> None:
    with pytest.raises(psycopg2.Error) as refused:
        sql(held, WAYS[way])
    assert refused.value.pgcode == "SK001"
    assert "held" in str(refused.value) or "only added" in str(refused.value)


def test_a_copy_as_good_may_take_its_place(held: str) -> None:
    sql(held, f"{GONE} INSERT INTO skype.messages TABLE m")


@pytest.mark.parametrize(
    "command",
    [
        ("unload", "sample", "--yes"),
        ("clean", "--older-than", "0"),
        ("run", "sample.tar", "--task-id", "sample", "--reset"),
    ],
    ids=lambda command: command[0],
)
def test_what_would_take_it_away_refuses_the_held_task(
    invoke: Invoke, held: str, sample_tar: Path, command: tuple[str, ...]
) -> None:
    Path("sample.tar").symlink_to(sample_tar)
    refused = invoke(*command)
    if command[0] == "clean":
        assert "on hold" in refused.stdout
    else:
        assert refused.exit_code == 13
        assert "hold 1: case 12/2026" in refused.stderr
    assert (Path("output/sample/raw_export") / "state.json").exists()


def test_the_database_refuses_an_unload_where_no_file_says_so(invoke: Invoke, held: str) -> None:
    Path("output/sample/hold").unlink()
    refused = invoke("unload", "sample", "--yes")
    assert refused.exit_code == 13
    assert "skype-assets hold release 1" in refused.stderr


def test_verify_and_report_tell_of_holds_and_of_triggers_that_are_off(invoke: Invoke, held: str) -> None:
    said = invoke("verify", "sample")
    assert said.exit_code == 0, said.stdout
    assert f"hold 1 on account {OWNER}: case 12/2026" in said.stdout
    everything = invoke("verify", "--all")
    assert everything.exit_code == 0, everything.stdout
    assert "hold 1 on account" in everything.stdout
    assert "hold 1 on account" in invoke("report", "sample").stdout
    sql(held, "ALTER TABLE skype.messages DISABLE TRIGGER keep_held_row")
    told = invoke("verify", "--all")
    assert told.exit_code == 11
    assert "messages" in told.stdout
    assert "does not keep what is held" in told.stdout


def test_constraint_triggers_of_others_are_named_beside_ours(invoke: Invoke, held: str) -> None:
    sql(
        held,
        "CREATE CONSTRAINT TRIGGER theirs AFTER INSERT ON skype.rejects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
        "EXECUTE FUNCTION unique_key_recheck()",
    )
    told = invoke("verify", "--all")
    assert told.exit_code == 11
    assert "theirs" in told.stdout
    assert "keep_held" not in told.stdout


def test_released_it_can_go_and_both_stay_known(invoke: Invoke, loaded: str) -> None:
    for on in (("--conversation", "8:tbrannock"), ("--export", "sample")):
        assert invoke("hold", "add", *on, *WHY).exit_code == 0
    assert Path("output/sample/hold").read_text().startswith("hold 1: case 12/2026")
    assert invoke("hold", "release", "1", "--reason", "closed").exit_code == 0
    assert Path("output/sample/hold").read_text().startswith("hold 2: case 12/2026")
    assert invoke("unload", "sample", "--yes").exit_code == 13
    assert invoke("hold", "release", "2", "--reason", "closed", "--by", "a judge").exit_code == 0
    assert not Path("output/sample/hold").exists()
    assert invoke("hold", "release", "2", "--reason", "again").exit_code == 2
    clean = invoke("verify", "--all")
    assert clean.exit_code == 0, clean.stdout
    assert invoke("unload", "sample", "--yes").exit_code == 0
    listed = json.loads(invoke("hold", "list", "--json").stdout)["holds"]
    assert [(one["number"], one["is_active"]) for one in listed] == [(1, False), (2, False)]
    assert listed[1]["released"]["by"] == "a judge"
    with psycopg2.connect(loaded) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal")
        assert cursor.fetchall() == [("holds",)]


def test_a_command_that_is_repeated_holds_and_releases_once(invoke: Invoke, loaded: str) -> None:
    hold = ("hold", "add", "--owner", "mara", *WHY, "--by", "Theo Brannock")
    release = ("hold", "release", "1", "--reason", "closed", "--by", "a judge")
    mark = Path("output/sample/hold")
    for _ in range(2):  # the second time as if the first had been interrupted before the task was marked
        assert invoke(*hold).stdout.startswith("hold 1 on account ")
        mark.unlink()
    assert invoke(*hold[:-1], "somebody else").stdout.startswith("hold 2 on account ")
    assert mark.exists()
    assert invoke("hold", "release", "2", "--reason", "twice").exit_code == 0
    for _ in range(2):
        assert "released" in invoke(*release).stdout
        assert not mark.exists()
        mark.write_text("hold 1: case 12/2026\n")
    assert invoke(*release[:-1], "somebody else").exit_code == 2
    assert invoke(*hold).stdout.startswith("hold 3 on account ")


def test_a_hold_on_a_conversation_leaves_the_others_free(invoke: Invoke, loaded: str) -> None:
    assert invoke("hold", "add", "--conversation", "8:tbrannock", *WHY).exit_code == 0
    sql(loaded, "UPDATE skype.messages SET text = 'free' WHERE conversation_id <> '8:tbrannock'")
    with pytest.raises(psycopg2.Error, match="held"):
        sql(loaded, "UPDATE skype.messages SET text = 'held' WHERE conversation_id = '8:tbrannock'")


def test_a_task_that_loads_what_is_held_is_held_and_stays_it_while_rows_are_gone(
    invoke: Invoke, loaded: str, sample_tar: Path
) -> None:
    assert invoke("hold", "add", "--owner", "mara", *WHY).exit_code == 0
    for arguments in (("--task-id", "again"), ("--task-id", "third", "--output-dir", "elsewhere")):
        assert invoke("run", sample_tar, *arguments).exit_code == 0
    for folder in ("output/again", "elsewhere/third"):
        assert Path(folder, "hold").read_text() == "hold 1: case 12/2026\n"
    Path("output/again/hold").unlink()
    assert invoke("run", sample_tar, "--task-id", "again").exit_code == 0
    assert invoke("run", sample_tar, "--task-id", "again", "--reset").exit_code == 13
    assert invoke("clean", "--older-than", "0", "--keep", "0").exit_code == 0
    assert Path("output/again/raw_export/state.json").exists()
    # Whoever owns the tables is stronger; then the checkpoints are what is left.
    for rows in ("conversation_copies", "load_parts", "exports"):
        sql(loaded, f"SET session_replication_role = replica; DELETE FROM skype.{rows}")
    listed = invoke("hold", "list")
    assert listed.exit_code == 0
    assert "again, sample" in listed.stderr
    assert Path("output/sample/hold").exists()
    assert invoke("hold", "release", "1", "--reason", "closed").exit_code == 0
    assert not Path("output/sample/hold").exists()


def test_loads_of_the_account_go_on_and_better_copies_win(invoke: Invoke, database: str, workplace: Path) -> None:
    paths = write_overlapping(workplace, exports=3, messages=150)
    tasks = [Task(f"t{n}", Path("output"), path, settings=SETTINGS) for n, path in enumerate(paths)]
    for task in (tasks[1], tasks[0], tasks[2]):
        engine.run(task)
    without_hold = digests(database)
    for task in tasks:
        assert invoke("unload", task.task_id, "--yes").exit_code == 0
    engine.run(tasks[1])
    assert invoke("hold", "add", "--export", "t1", *WHY).exit_code == 0
    engine.run(tasks[0])
    assert invoke("hold", "add", "--owner", "mara", *WHY).exit_code == 0
    engine.run(tasks[2])
    assert digests(database) == without_hold


@pytest.fixture
def merged(invoke: Invoke, database: str, workplace: Path) -> list[Task]:
    """The tasks of three exports of an account that overlap."""
    paths = write_overlapping(workplace, exports=3, messages=150)
    tasks = [Task(f"t{n}", Path("output"), path, settings=SETTINGS) for n, path in enumerate(paths)]
    for task in (tasks[1], tasks[0], tasks[2]):
        engine.run(task)
    return tasks


WORDED = "text IS NOT NULL AND NOT is_duplicate"
WAYS_WITH_COPIES = {
    "a copy that says something is deleted": f"DELETE FROM skype.superseded_copies WHERE {WORDED}",
    "a copy that says what the message says is deleted": "DELETE FROM skype.superseded_copies WHERE text IS NULL",
    "a copy is made to say something else": f"UPDATE skype.superseded_copies SET text = 'forged' WHERE {WORDED}",
    "a copy is made to say nothing": f"UPDATE skype.superseded_copies SET text = NULL WHERE {WORDED}",
    "a copy is made to say something": "UPDATE skype.superseded_copies SET text = 'forged', flags = '{}' "
    "WHERE text IS NULL",
    "a copy is of another export": "UPDATE skype.superseded_copies SET source_offset = source_offset + 1",
    "a copy has other bytes": "UPDATE skype.superseded_copies SET raw_sha256 = '\\x00'",
    "a copy is deleted and one that says nothing put there": (
        f"CREATE TEMPORARY TABLE c AS SELECT * FROM skype.superseded_copies WHERE {WORDED}; "
        f"DELETE FROM skype.superseded_copies WHERE {WORDED}; UPDATE c SET text = NULL; "
        "INSERT INTO skype.superseded_copies SELECT * FROM c"
    ),
    "all copies are deleted": "DELETE FROM skype.superseded_copies",
    "they are emptied": "TRUNCATE skype.superseded_copies",
    "objects are deleted": "DELETE FROM skype.media_files",
    "an object has another hash": "UPDATE skype.media_files SET sha256 = '\\x00'",
    "objects are emptied": "TRUNCATE skype.media_files",
    "rejects are deleted": "DELETE FROM skype.rejects",
    "a reject has another reason": "UPDATE skype.rejects SET reason = 'none'",
    "rejects are emptied": "TRUNCATE skype.rejects",
}


@pytest.mark.parametrize("on", ["account", "export"])
def test_neither_do_copies_objects_or_rejects(invoke: Invoke, merged: list[Task], database: str, on: str) -> None:
    sql(
        database,
        "INSERT INTO skype.rejects SELECT export_id, 999999, 'messages.json', 0, 1, NULL, 'invalid' FROM skype.exports",
    )
    for held in ["t0", "t1"] if on == "export" else ["mara"]:
        assert invoke("hold", "add", "--export" if on == "export" else "--owner", held, *WHY).exit_code == 0
    before = digests(database)
    passed: list[str] = []
    for way, statement in WAYS_WITH_COPIES.items():
        try:
            sql(database, statement)
        except psycopg2.Error as refused:
            if refused.pgcode != "SK001":
                passed.append(f"{way}: {refused}")
        else:
            passed.append(way)
    assert passed == []
    assert digests(database) == before


def test_what_says_what_a_held_copy_said_stays(invoke: Invoke, merged: list[Task], database: str) -> None:
    for held in ("t0", "t1"):
        assert invoke("hold", "add", "--export", held, *WHY).exit_code == 0
    those = (
        "FROM skype.superseded_copies c JOIN skype.exports e USING (export_id) "
        "WHERE c.text IS NULL AND e.task_id IN ('t0', 't1') "
        "AND (c.owner_id, c.conversation_id, c.message_id) = (m.owner_id, m.conversation_id, m.message_id)"
    )
    for statement in (
        f"UPDATE skype.messages m SET text = 'forged' WHERE EXISTS (SELECT {those})",
        "; ".join(
            (
                *(f"DELETE FROM skype.{table} m WHERE EXISTS (SELECT {those})" for table in HANGING),
                f"DELETE FROM skype.thread_events m WHERE EXISTS (SELECT {those})",
                f"DELETE FROM skype.messages m WHERE EXISTS (SELECT {those})",
            )
        ),
    ):
        with pytest.raises(psycopg2.Error) as refused:
            sql(database, statement)
        assert refused.value.pgcode == "SK001"


def test_newer_code_makes_anew_what_is_held(invoke: Invoke, merged: list[Task], database: str) -> None:
    before = digests(database)
    sql(
        database,
        "UPDATE skype.superseded_copies SET text = text || 'older' WHERE text IS NOT NULL; "
        "UPDATE skype.rejects SET reason = 'older'; UPDATE skype.load_parts SET checksum = ''; "
        "UPDATE skype.exports SET code_version = 'extract 1, transform 1, load 1'",
    )
    assert digests(database) != before
    assert invoke("hold", "add", "--owner", "mara", *WHY).exit_code == 0
    for task in merged:
        engine.run(task)
    assert digests(database) == before


def test_other_exports_come_and_go_and_are_put_right_beside_a_held_one(
    invoke: Invoke, merged: list[Task], database: str
) -> None:
    assert invoke("hold", "add", "--export", "t1", *WHY).exit_code == 0
    before = digests(database)
    for task in (merged[2], merged[0]):
        assert invoke("unload", task.task_id, "--yes").exit_code == 0
        assert invoke("verify", "t1").exit_code == 0
        engine.run(task)
        assert digests(database) == before
    sql(
        database,
        "DELETE FROM skype.superseded_copies c USING skype.exports e "
        "WHERE e.export_id = c.export_id AND e.task_id <> 't1'",
    )
    put_right = invoke("verify", "t0", "--repair")
    assert put_right.exit_code == 0, put_right.stdout
    assert digests(database) == before


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--owner", "nobody"),
        ("--export", "none"),
        ("--owner", "mara", "--export", "sample"),
        ("--conversation", "zz"),
    ],
)
def test_what_is_to_be_held_must_be_said_and_be_there(invoke: Invoke, loaded: str, arguments: tuple[str, ...]) -> None:
    assert invoke("hold", "add", *arguments, *WHY).exit_code == 2
    assert "nothing is held" in invoke("hold", "list").stdout
