"""``skype-assets show``: from a row back to its bytes, with whatever belongs to it."""

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.command_line.terminal import printable
from skype_assets.etl.reading.keys import key
from skype_assets.etl.sample import write_overlapping
from skype_assets.etl.schema.flags import FLAGS
from skype_assets.etl.schema.tables import TABLES
from tests.command_line.conftest import Invoke
from tests.engine.database_content import query
from tests.pages import hostile

FEW = 20
CHILDREN = [name for name, table in TABLES.items() if table.parent == "messages"]


@pytest.fixture
def loaded(invoke: Invoke, database: str, sample_tar: Path) -> str:
    assert invoke("run", sample_tar, "--task-id", "sample").exit_code == 0
    return database


def _one(database: str, condition: str = "true") -> tuple[str, str, str]:
    found = query(
        database,
        f"SELECT owner_id, conversation_id, message_id FROM skype.messages m WHERE {condition} "
        "AND edit_of IS NULL ORDER BY message_id LIMIT 1",
    )
    return found[0]


def _shown(invoke: Invoke, *arguments: object) -> Any:
    shown = invoke("show", *arguments, "--json")
    assert shown.exit_code == 0, shown.stderr
    return json.loads(shown.stdout)


def test_the_rows_of_every_table_that_has_its_key_are_shown(invoke: Invoke, loaded: str) -> None:
    for table in CHILDREN:
        of_key = "(owner_id, conversation_id, message_id)"
        [ids] = query(loaded, f"SELECT owner_id, conversation_id, message_id FROM skype.{table} LIMIT 1")
        [(count,)] = query(loaded, f"SELECT count(*) FROM skype.{table} WHERE {of_key} = {ids}")
        shown = _shown(invoke, *ids)
        assert len(shown["children"][table]) == count
        assert set(shown["children"][table][0]) == set(TABLES[table].schema.names)
        assert f"\n{table} ({count})\n" in invoke("show", *ids).stdout


def test_a_message_is_meant_by_its_address_its_ids_or_its_id(invoke: Invoke, loaded: str) -> None:
    owner, conversation, message = _one(loaded, "(SELECT count(*) FROM skype.messages o "
                                                "WHERE o.message_id = m.message_id) = 1")  # fmt: skip
    chat = key(owner, conversation)
    ways = [
        [message],
        [f"{owner}/{conversation}/{message}"],
        [owner, conversation, message],
        [f"/c/{chat}/m/{message}"],
        [f"http://127.0.0.1:8420/c/{chat}/evidence/{message}?a={key(owner, '')}#m"],
        [f"{chat}.{message}"],
    ]
    expected = _shown(invoke, *ways[0])
    assert expected["message"]["conversation_id"] == conversation
    assert all(_shown(invoke, *way) == expected for way in ways[1:])
    assert _shown(invoke, message, "--owner", owner) == expected


def test_an_id_that_several_have_is_answered_with_these(invoke: Invoke, loaded: str) -> None:
    *_, message = ids = _one(loaded, "kind = 'text'")
    query(
        loaded,
        f"CREATE TEMPORARY TABLE twin AS SELECT * FROM skype.messages WHERE message_id = '{message}'; "
        "UPDATE twin SET conversation_id = (SELECT min(conversation_id) FROM skype.conversations v "
        "WHERE v.conversation_id <> twin.conversation_id); INSERT INTO skype.messages SELECT * FROM twin",
    )
    several = invoke("show", message)
    assert several.exit_code == 16
    assert "2 messages have the id" in several.stderr
    assert any(line.startswith("/".join(ids)) for line in several.stdout.splitlines())
    listed = json.loads(invoke("show", message, "--json").stdout)["candidates"]
    assert len(listed) == 2
    assert invoke("show", several.stdout.splitlines()[0].split("  ")[0]).exit_code in (0, 11)


def test_what_is_not_there_is_exit_code_1_and_another_number_of_ids_2(invoke: Invoke, loaded: str) -> None:
    for way in (["1"], ["a/b/c"], ["a", "b", "c"], [f"{'0' * 16}/1"], ["a/" * 100]):
        missing = invoke("show", *way)
        assert (missing.exit_code, missing.stdout) == (1, "")
        assert "there is no message" in missing.stderr
    assert invoke("show", "a", "b").exit_code == 2
    assert invoke("show", "1", "--owner", "nobody").exit_code == 2


def test_the_bytes_are_those_of_the_export_then_of_the_checkpoint_then_unpacked(
    invoke: Invoke, loaded: str, workplace: Path, sample_tar: Path
) -> None:
    ids = _one(loaded)
    shown = _shown(invoke, *ids)
    [of_export, *_] = shown["objects"]
    raw = base64.b64decode(of_export["bytes"])
    assert of_export["found_in"] == str(sample_tar)
    assert of_export["is_as_exported"]
    assert hashlib.sha256(raw).hexdigest() == of_export["sha256"] == shown["message"]["raw_sha256"]
    assert (len(raw), json.loads(raw)["id"]) == (of_export["length"], ids[2])
    assert of_export["text"] == raw.decode()
    written = invoke("show", *ids, "--bytes")
    assert (written.exit_code, written.stdout_bytes) == (0, raw)

    moved = sample_tar.rename(sample_tar.with_name("moved.tar"))
    try:
        [of_checkpoint, *_] = _shown(invoke, *ids)["objects"]
    finally:
        moved.rename(sample_tar)
    assert Path(of_checkpoint["found_in"]).resolve() == workplace / "output" / "sample" / "raw_export"
    assert of_checkpoint["bytes"] == of_export["bytes"]

    shutil.rmtree(workplace / "output" / "sample" / "raw_export")
    assert _shown(invoke, *ids)["objects"][0]["bytes"] == of_export["bytes"]


def test_bytes_that_are_not_those_that_were_loaded_are_exit_code_11_and_none_at_all_14(
    invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    export = Path(shutil.copy(sample_tar, workplace / "own.tar"))
    assert invoke("run", export, "--task-id", "own").exit_code == 0
    ids = _one(database)
    [(offset,)] = query(database, f"SELECT source_offset FROM skype.messages WHERE message_id = '{ids[2]}' LIMIT 1")
    sound = invoke("show", *ids, "--bytes").stdout_bytes
    damaged = export.read_bytes().replace(sound, sound.replace(b'"', b"'"))
    export.write_bytes(damaged)
    assert offset
    [one, *_] = _shown(invoke, *ids)["objects"]
    assert base64.b64decode(one["bytes"]) == sound
    assert one["found_in"].endswith("raw_export")
    shutil.rmtree(workplace / "output" / "own" / "raw_export")
    wrong = invoke("show", *ids)
    assert wrong.exit_code == 11
    assert "NOT with this SHA-256" in wrong.stdout
    export.unlink()
    gone = invoke("show", *ids)
    assert gone.exit_code == 14
    assert "its bytes are not at hand" in gone.stdout
    assert "exports of the account" in gone.stdout


@pytest.mark.parametrize("suffix", ["tar.gz", "json", "zip"])
def test_a_compressed_export_is_unpacked_if_there_is_nothing_else(
    suffix: str, invoke: Invoke, database: str, workplace: Path, sample_tar: Path
) -> None:
    import gzip
    import tarfile
    import zipfile

    export = workplace / f"export.{suffix}"
    with tarfile.open(sample_tar) as tar:
        found = tar.extractfile("messages.json")
        assert found is not None
        document = found.read()
    if suffix == "tar.gz":
        export.write_bytes(gzip.compress(sample_tar.read_bytes()))
    elif suffix == "json":
        export.write_bytes(document)
    else:
        with zipfile.ZipFile(export, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("messages.json", document)
    assert invoke("run", export, "--task-id", "other").exit_code == 0
    ids = _one(database)
    shutil.rmtree(workplace / "output" / "other" / "raw_export")
    [one, *_] = _shown(invoke, *ids)["objects"]
    assert (one["found_in"], one["is_as_exported"]) == (str(export), True)


def test_flags_are_explained(invoke: Invoke, loaded: str) -> None:
    ids = _one(loaded, "cardinality(flags) > 0")
    shown = _shown(invoke, *ids)
    assert list(shown["flags"]) == shown["message"]["flags"]
    for flag in shown["flags"]:
        assert f"{flag}: {FLAGS[flag]}" in invoke("show", *ids).stdout


def test_copies_that_edits_left_and_calls_are_shown(invoke: Invoke, loaded: str) -> None:
    [(owner, conversation, copy, original)] = query(
        loaded, "SELECT owner_id, conversation_id, message_id, edit_of FROM skype.messages "
        "WHERE edit_of IS NOT NULL LIMIT 1",
    )  # fmt: skip
    assert copy in {row["message_id"] for row in _shown(invoke, owner, conversation, original)["edits"]}
    assert original in {row["message_id"] for row in _shown(invoke, owner, conversation, copy)["edits"]}
    [(owner, conversation, message, call)] = query(
        loaded, "SELECT owner_id, conversation_id, message_id, call_id FROM skype.call_events "
        "WHERE call_id IS NOT NULL AND event = 'ended' LIMIT 1",
    )  # fmt: skip
    assert [row["call_id"] for row in _shown(invoke, owner, conversation, message)["calls"]] == [call]


def test_every_export_says_which_copies_it_has_what_they_said_and_why_another_one_wins(
    invoke: Invoke, database: str, workplace: Path
) -> None:
    exports = write_overlapping(workplace, exports=4, messages=120)
    for path in exports:
        assert invoke("run", path, "--task-id", path.stem).exit_code == 0
        shutil.rmtree(workplace / "output" / path.stem / "transformed_tables")  # all of it is in the database
    won = query(database, "SELECT owner_id, conversation_id, message_id, export_id FROM skype.messages ORDER BY 2, 3")
    edited = query(database, "SELECT owner_id, conversation_id, message_id, export_id FROM skype.messages "
                   "WHERE text = 'changed my mind' ORDER BY 2, 3 LIMIT 4")  # fmt: skip
    reasons: set[str] = set()
    absent = 0
    for *ids, export_id in [*won[:: len(won) // 6], *edited]:
        shown = _shown(invoke, *ids)
        assert len({export["export_id"] for export in shown["exports"]}) == 4
        of_exports = [(export["export_id"], copy) for export in shown["exports"] for copy in export["copies"]]
        [(of, loaded)] = [(of, copy) for of, copy in of_exports if copy["is_current"]]
        assert (of, loaded["raw_sha256"]) == (export_id, shown["message"]["raw_sha256"])
        said = invoke("show", *ids).stdout
        for of, copy in of_exports:
            assert copy["export_id"] == of
            if not copy["is_current"]:
                reasons.add(copy["decided_by"])
                assert copy["raw_sha256"] in said
                if copy["text"] != shown["message"]["text"]:
                    assert f"| {printable(copy['text'].splitlines()[0])}" in said
        absent += said.count(": no copy\n")
    assert len(reasons) >= 2
    assert absent
    *ids, _ = edited[0]
    said = {copy["text"] for export in _shown(invoke, *ids)["exports"] for copy in export["copies"]}
    assert "changed my mind" in said
    assert len(said) > 1


def test_nothing_that_is_shown_commands_the_terminal(invoke: Invoke, database: str, workplace: Path) -> None:
    export = hostile.write(workplace / "hostile.tar")
    assert invoke("run", export, "--task-id", "hostile").exit_code == 0
    messages = query(database, "SELECT owner_id, conversation_id, message_id FROM skype.messages ORDER BY 2, 3")
    for ids in messages[:: max(1, len(messages) // FEW)]:
        for as_json in ([], ["--json"]):
            shown = invoke("show", *as_json, "--", *ids)
            assert shown.exit_code == 0, shown.stderr
            assert all(c.isprintable() or c == "\n" for c in shown.stdout + shown.stderr)
