"""What several archives have of one object, and what an archive has beside objects and previews, as a user meets it."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.database.session import Session
from skype_assets.etl.reading import conversations
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.gallery import gallery
from tests.command_line.conftest import Invoke
from tests.engine.database_content import digests, query
from tests.media.exports import Members, document_id, message, messages, side_file, stored, write

ONE, SAME, ALONE = (document_id(number) for number in (1, 2, 3))
JPEG = b"\xff\xd8\xff\xe0"

Run = Callable[..., None]


@pytest.fixture
def run(workplace: Path, database: str, invoke: Invoke) -> Run:
    """Load an export of some members as a task."""

    def load(task: str, members: Members, *options: str, container: str = "export.tar") -> None:
        path = write(workplace / task / container, members)
        done = invoke("run", path, "--task-id", task, "--no-report", *options)
        assert done.exit_code == 0, done.output

    return load


def first() -> Members:
    return {
        "messages.json": messages(message(1, ONE), message(2, SAME)),
        f"media/{ONE}.1.jpeg": JPEG + b"the first",
        f"media/{SAME}.1.jpeg": JPEG + b"the same",
        f"media/{ALONE}.1.jpeg": JPEG + b"of the first alone",
    }


def second() -> Members:
    return {
        "messages.json": messages(message(3, ONE), message(4, ALONE.upper())),
        f"media/{ONE}.1.jpeg": JPEG + b"another one, larger",
        f"media/{SAME}.1.jpeg": JPEG + b"the same",
    }


def flagged(url: str) -> list[tuple[str, str, list[str]]]:
    return query(
        url,
        "SELECT document_id, task_id, flags FROM skype.media_files JOIN skype.exports USING (export_id) ORDER BY 1, 2",
    )


BOTH = [
    (ONE, "a", ["archives_differ"]),
    (ONE, "b", ["archives_differ"]),
    (SAME, "a", []),
    (SAME, "b", []),
    (ALONE, "a", []),
]


def test_archives_that_differ_say_so_in_either_order_and_one_that_is_left_alone_does_not(
    database: str, invoke: Invoke, run: Run
) -> None:
    run("a", first())
    run("b", second())
    assert flagged(database) == BOTH
    assert invoke("verify", "--all").exit_code == 0
    assert [invoke("verify", task).exit_code for task in "ab"] == [0, 0]
    before = digests(database)
    largest = query(database, "SELECT DISTINCT media_sha256 FROM skype.attachments WHERE document_id = '" + ONE + "'")
    assert [bytes(sha256) for (sha256,) in largest] == [hashlib.sha256(JPEG + b"another one, larger").digest()]
    for task, left in (
        ("a", [(ONE, "b", []), (SAME, "b", [])]),
        ("b", [(ONE, "a", []), (SAME, "a", []), (ALONE, "a", [])]),
    ):
        assert invoke("unload", task, "--yes").exit_code == 0
        assert flagged(database) == left
        assert invoke("verify", "--all").exit_code == 0
        run(task, first() if task == "a" else second())  # now it is the second that is loaded
        assert digests(database) == before


@pytest.mark.parametrize(
    "altered",
    [
        f"UPDATE skype.media_files SET flags = '{{}}' WHERE document_id = '{ONE}' AND size_bytes = 13",
        f"UPDATE skype.media_files SET flags = '{{archives_differ}}' WHERE document_id = '{SAME}'",
        f"UPDATE skype.media_files SET flags = '{{archives_differ,type_differs}}' WHERE document_id = '{ONE}'",
        f"DELETE FROM skype.media_files WHERE document_id = '{ONE}' AND size_bytes = 13",
        f"UPDATE skype.media_files SET sha256 = '\\x00' WHERE document_id = '{SAME}' AND kept",
    ],
)
def test_a_flag_of_several_archives_that_somebody_altered_is_found_and_put_right(
    altered: str, database: str, invoke: Invoke, run: Run
) -> None:
    run("a", first())
    run("b", second())
    before = digests(database)
    query(database, altered)
    assert digests(database) != before
    found = invoke("verify", "--all")
    assert found.exit_code == 11
    assert "media_files" in found.stdout
    repaired = invoke("verify", "--repair")
    assert repaired.exit_code == 0, repaired.output
    assert "media_files" in repaired.stdout
    assert digests(database) == before


def test_of_an_export_that_is_alone_no_object_differs_from_other_archives(
    database: str, invoke: Invoke, run: Run
) -> None:
    run("a", first())
    query(database, f"UPDATE skype.media_files SET flags = '{{archives_differ}}' WHERE document_id = '{ONE}'")
    assert invoke("verify", "a").exit_code == 11
    assert invoke("verify", "--repair").exit_code == 0
    assert flagged(database) == [(ONE, "a", []), (SAME, "a", []), (ALONE, "a", [])]


def test_an_id_means_what_is_spelled_alike_else_the_only_one_that_differs_in_case(
    database: str, invoke: Invoke, run: Run
) -> None:
    upper, lone = ONE.upper(), SAME.upper()
    members = {
        "messages.json": messages(message(1, ONE), message(2, upper), message(3, SAME), message(4, lone)),
        f"media/{ONE}.1.jpeg": JPEG + b"lower",
        f"media/{upper}.1.jpeg": JPEG + b"UPPER",
        f"media/{upper}.json": side_file("upper.jpg"),
        f"media/{lone}.1.jpeg": JPEG + b"alone",
        f"media/{lone.lower()}.json": side_file("alone.jpg"),
    }
    run("a", members)
    found = query(database, "SELECT encode(media_sha256, 'hex') FROM skype.attachments ORDER BY message_id")
    hashed = {name: hashlib.sha256(JPEG + name).hexdigest() for name in (b"lower", b"UPPER", b"alone")}
    assert [sha256 for (sha256,) in found] == [hashed[b"lower"], hashed[b"UPPER"], *2 * [hashed[b"alone"]]]
    named = query(database, "SELECT document_id, file_name FROM skype.media_files")
    assert set(named) == {(ONE, None), (upper, "upper.jpg"), (lone, "alone.jpg")}
    run("b", {"messages.json": messages(message(6, ONE.upper().replace("WEU", "weu")))})
    (odd,) = query(database, "SELECT present FROM skype.attachments a WHERE document_id LIKE '0-weu-D%'")
    assert odd == (False,), "two differ from it in case alone"
    run("c", {"messages.json": messages(message(7, lone.replace("WEU", "Weu")))})
    (only,) = query(
        database, "SELECT encode(media_sha256, 'hex') FROM skype.attachments WHERE document_id LIKE '0-Weu%'"
    )
    assert only == (hashed[b"alone"],)
    assert invoke("verify", "--all").exit_code == 0
    assert invoke("unload", "a", "--yes").exit_code == 0
    assert query(database, "SELECT bool_or(present) FROM skype.attachments") == [(False,)]
    assert invoke("verify", "--all").exit_code == 0


def test_what_another_task_keeps_can_be_had_of_one_that_keeps_nothing(
    workplace: Path, database: str, invoke: Invoke, run: Run
) -> None:
    run("a", first(), "--no-media")
    nothing = invoke("media", "extract", "a", workplace / "none")
    assert nothing.exit_code == 11
    assert "3 media objects are not kept: skype-assets media keep EXPORT keeps them" in nothing.stderr
    run("b", second())
    assert query(
        database,
        "SELECT task_id, bool_and(kept) FROM skype.media_files JOIN skype.exports USING (export_id) "
        "GROUP BY 1 ORDER BY 1",
    ) == [("a", False), ("b", True)]
    status = invoke("media", "status", "a")
    assert status.exit_code == 0
    assert "not kept 3" in status.stdout
    assert "of those not kept 1 are in the store, as long as another task keeps the same bytes" in status.stdout
    some = invoke("media", "extract", "a", workplace / "some")
    assert some.exit_code == 11
    assert "2 media objects are not kept" in some.stderr
    assert [path.read_bytes() for path in (workplace / "some").iterdir()] == [JPEG + b"the same"]
    for task in "ab":
        (workplace / task / "export.tar").rename(workplace / f"{task} is gone")
    with Session(database, read_only=True) as session, session.transaction():
        files = Files(workplace / "output")
        at_hand = files.at_hand(session)
        (chat,) = conversations.conversations(session, "8:live:mara.ostrow")
        for one in gallery(session, chat.owner_id).files:
            found = files.open(session, chat, one.message_id, one.attachment.ordinal)
            assert (found is not None) == (one.attachment in at_hand) == (one.attachment.document_id in (ONE, SAME))
            if found is not None:
                found.content.close()
    assert invoke("media", "keep", workplace / "a is gone", "--no-report").exit_code == 0
    assert query(database, "SELECT bool_and(kept) FROM skype.media_files") == [(True,)]
    whole = invoke("media", "extract", "a", workplace / "whole")
    assert whole.exit_code == 0, whole.output
    assert sorted(path.read_bytes() for path in (workplace / "whole").iterdir()) == sorted(
        data for name, data in first().items() if name.startswith("media/")
    )


def test_what_cannot_be_read_in_the_export_is_said_wherever_media_are_told_of(
    workplace: Path, database: str, invoke: Invoke, run: Run
) -> None:
    export = write(workplace / "stored.zip", first())
    broken = f"media/{ONE}.1.jpeg"
    content = bytearray(export.read_bytes())
    with zipfile.ZipFile(export) as archive:
        content[archive.getinfo(broken).header_offset + 30 + len(broken) + 5] ^= 1
    export.write_bytes(content)
    assert invoke("run", export, "--task-id", "a", "--no-report").exit_code == 0
    status = invoke("media", "status", "a")
    assert status.exit_code == 11
    assert f"not readable in the export: {broken}: " in status.stdout
    assert "1 media objects could not be read in the export" in status.stderr
    assert json.loads(invoke("media", "status", "--json").stdout)["tasks"]["a"]["unreadable"][0].startswith(broken)
    written = invoke("media", "extract", "a", workplace / "files")
    assert written.exit_code == 11
    assert len(list((workplace / "files").iterdir())) == 2
    verified = invoke("verify", "a", "--json")
    assert verified.exit_code == 14
    (check,) = [check for check in json.loads(verified.stdout)["checks"] if check["status"] != "ok"]
    assert broken in check["detail"]


def test_every_member_by_kind_stands_in_status_report_and_verify(workplace: Path, invoke: Invoke, run: Run) -> None:
    members = {**first(), f"media/{ONE}.json": side_file("a.jpg"), "endpoints.json": b"{}", "notes.txt": b"-"}
    run("a", members)
    line = "7 seen = 1 messages + 3 media + 1 side file + 1 endpoints + 1 other"
    assert f"members: {line}\n" in invoke("status", "a").stdout
    counted = json.loads(invoke("status", "a", "--json").stdout)["a"]["extract"]["members"]
    assert counted == {"seen": 7, "messages": 1, "media": 3, "side file": 1, "endpoints": 1, "other": 1}
    assert f"members: {line}\n" in invoke("report", "a", "--html", workplace / "r.html").stdout
    assert f"Members of the file: {line}." in (workplace / "r.html").read_text()
    assert line in invoke("verify", "a").stdout


def test_what_is_neither_object_nor_preview_is_kept_and_called_what_it_is(
    workplace: Path, database: str, invoke: Invoke, run: Run
) -> None:
    indexes = (0, 1, 2, 3, 10, 2**31 - 1)
    members = {"messages.json": messages(message(1, ONE)), f"media/{ONE}.json": side_file("film.mp4")}
    members |= {f"media/{ONE}.{index}.bin": b"object %d" % index for index in indexes}
    members[f"media/{ONE}.99999999999999.bin"] = b"another that is far larger than the object itself"
    run("a", members)
    bodies = {data for name, data in members.items() if name.endswith(".bin")}
    assert set(stored(workplace / "output").values()) == bodies
    found = query(database, "SELECT media_index, flags FROM skype.media_files ORDER BY 1")
    assert [index for index, _ in found] == list(indexes)
    assert found[-1][1] == ["copies_differ"], "no index is greater"
    (named,) = query(database, "SELECT media_member, preview_sha256 FROM skype.attachments")
    assert (named[0], bytes(named[1])) == (f"media/{ONE}.1.bin", hashlib.sha256(b"object 2").digest())
    assert invoke("media", "extract", "a", workplace / "files").exit_code == 0
    assert {path.name: path.read_bytes() for path in (workplace / "files").iterdir() if "2147" not in path.name} == {
        "film.mp4": b"object 1",
        "film (preview).bin": b"object 2",
        "film (object 0).bin": b"object 0",
        "film (object 3).bin": b"object 3",
        "film (object 10).bin": b"object 10",
    }
    assert {path.read_bytes() for path in (workplace / "files").iterdir()} == bodies
