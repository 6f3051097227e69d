"""What is kept comes out again as files with their own names, without the export and without losing any."""

import unicodedata
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import NotEnoughSpace, UsageError
from skype_assets.etl.reading import conversations
from skype_assets.etl.reading.files import Files
from skype_assets.etl.reading.gallery import gallery
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks import media_files
from skype_assets.etl.tasks.media_files import file_name, write_files
from tests.engine.runs import task
from tests.media.exports import (
    CONTAINERS,
    document_id,
    many,
    message,
    messages,
    objects,
    read_by_others,
    side_file,
    write,
)


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_export_gone_every_object_is_given_back(container: str, tmp_path: Path) -> None:
    export = write(tmp_path / container, many(60))
    of = Task("t", tmp_path / "out", export, settings=Settings(max_workers=1))
    engine.run_phase(of, "extract")
    engine.run_phase(of, "transform")
    expected = Counter(objects(read_by_others(export)).values())
    export.rename(tmp_path / "elsewhere")
    written = write_files(Task("t", of.output_dir), tmp_path / "files")
    assert (written.files, written.lost, written.not_kept) == (66, [], 0)
    found = {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()}
    assert Counter(found.values()) == expected
    names = {"photo 7.jpg", "photo 7 (2).jpg", "photo 0.jpg", "photo 0 (preview).jpeg"}
    assert names <= found.keys()
    sent = {datetime(2019, 3, day, 10, tzinfo=UTC).timestamp() for day in (7 + 1, 47 % 28 + 1)}
    assert {(tmp_path / "files" / name).stat().st_mtime for name in ("photo 7.jpg", "photo 7 (2).jpg")} == sent
    again = write_files(Task("t", of.output_dir), tmp_path / "files")
    assert again.were_there == again.files == 66
    assert {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()} == found


HOSTILE = (
    *("../../etc/passwd", "a\0b.jpg", "photo\u202egpj.exe", "CON.jpg", "con", ".bashrc", "  ", "..", "x" * 999),
    *("a/b\\c:d*e", "A.JPG", "a.jpg", "\u00e4.jpg", "a\u0308.jpg", "\x1b[31mred.png", "end. . ", "$(reboot).sh", "-rf"),
    "\U0001f9a6" * 99,
)


def test_hostile_names_stay_in_the_folder_and_none_is_lost(tmp_path: Path) -> None:
    members = {"messages.json": messages()}
    for number, name in enumerate(HOSTILE):
        members[f"media/{document_id(number)}.1.bin"] = f"object {number}".encode()
        members[f"media/{document_id(number)}.json"] = side_file(name)
    of = Task("t", tmp_path / "out", write(tmp_path / "export.tar", members), settings=Settings(media_only=True))
    engine.run_phase(of, "extract")
    into = tmp_path / "files"
    into.mkdir()
    (into / "a.jpg").write_bytes(b"was here before")
    (into / "-rf").symlink_to(tmp_path / "target")
    written = write_files(of, into)
    assert (written.files, written.lost) == (len(HOSTILE), [])
    assert (into / "a.jpg").read_bytes() == b"was here before"
    assert not (tmp_path / "target").exists()
    files = [path for path in into.iterdir() if path.name not in ("a.jpg", "-rf")]
    assert sorted(path.read_bytes() for path in files) == sorted(objects(members).values())
    folded = Counter(unicodedata.normalize("NFC", path.name).casefold() for path in into.iterdir())
    assert max(folded.values()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"out", "export.tar", "files"}


@given(st.text(), st.text(alphabet="abc.", min_size=1))
@example("\ud800", "a")
@example("CON", "nul")
@example("." * 300, "x")
def test_any_name_becomes_a_file_name_of_every_system(name: str, otherwise: str) -> None:
    found = file_name(name, otherwise)
    assert found
    assert not set(found) & set('<>:"/\\|?*\0')
    assert not found.startswith((".", " "))
    assert not found.endswith((".", " "))
    assert len(found.encode()) <= 201
    assert all(unicodedata.category(character) not in ("Cc", "Cf", "Cs") for character in found)
    assert found.split(".")[0].upper() not in ("CON", "NUL", "PRN", "AUX", "COM1", "LPT1")


def test_what_is_missing_or_damaged_is_named_and_the_others_are_written(tmp_path: Path) -> None:
    of = Task("t", tmp_path / "out", write(tmp_path / "export.tar", many(12)))
    engine.run_phase(of, "extract")
    one, other, *_ = (path for path in sorted((of.output_dir / "media").glob("*/*")) if path.stat().st_size)
    one.unlink()
    other.write_bytes(bytes(other.stat().st_size))
    written = write_files(of, tmp_path / "files")
    assert len(written.lost) == 2
    assert written.files == 12
    assert len(list((tmp_path / "files").iterdir())) == 12


def test_nothing_is_written_where_there_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = Task("t", tmp_path / "out", write(tmp_path / "export.tar", many(12)))
    with pytest.raises(UsageError, match="extract is not complete"):
        write_files(of, tmp_path / "files")
    engine.run_phase(of, "extract")
    monkeypatch.setattr(media_files.shutil, "disk_usage", lambda _path: type("Usage", (), {"free": 10}))
    with pytest.raises(NotEnoughSpace):
        write_files(of, tmp_path / "files")
    assert list((tmp_path / "files").iterdir()) == []


def test_the_reader_shows_what_is_kept_when_the_export_is_gone_and_nothing_that_is_damaged(
    tmp_path: Path, postgres_url: str
) -> None:
    body = b"\xff\xd8\xff\xe0 a photo"
    members = {"messages.json": messages(message(1, document_id(1))), f"media/{document_id(1)}.1.jpeg": body}
    export = write(tmp_path / "export.tar.gz", members)
    engine.run(task("t", tmp_path / "out", export, postgres_url))
    export.unlink()
    with Session(postgres_url, read_only=True) as session, session.transaction():
        (chat,) = conversations.conversations(session, "8:live:mara.ostrow")
        files = Files(tmp_path / "out")
        message_id = session.rows("SELECT message_id FROM skype.attachments")[0][0]
        assert [one.attachment in files.at_hand(session) for one in gallery(session, chat.owner_id).files] == [True]
        for _ in range(2):
            found = files.open(session, chat, message_id, 0)
            assert found
            with found.content:
                assert found.content.read() == body
        (path,) = (tmp_path / "out" / "media").glob("*/*")
        path.write_bytes(bytes(len(body)))
        assert files.open(session, chat, message_id, 0) is None
