"""Whatever value stands in whatever place of an export: it is loaded, and what PostgreSQL does not take is flagged."""

import json
from pathlib import Path

import pytest

from skype_assets.etl import compiled, engine
from skype_assets.etl.database.digests import digests
from skype_assets.etl.database.session import Session
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.doubts import doubts
from tests.conftest import NewDatabase
from tests.export.test_archive import DOCUMENT, MESSAGES, tar_bytes
from tests.faults.hostile_values import drawn, every_pair


def _load(export: Path, url: str, chunk_size: int = 100_000) -> Task:
    task = Task("t", export.parent / "out", export, url, Settings(chunk_size=chunk_size, max_workers=1))
    engine.run(task)
    return task


def _digest(url: str) -> list[object]:
    with Session(url) as session:
        return list(digests(session, ("messages", "reactions", "links", "conversations")))


def test_every_value_in_every_place_is_loaded_by_either_reader(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile, found = every_pair(), []
    for name, reader in (("both", compiled.reader), ("general", None)):
        monkeypatch.setattr(compiled, "reader", reader)
        (tmp_path / name).mkdir()
        url = new_database()
        _load(hostile.write(tmp_path / name), url)
        assert hostile.wrong(url) == []
        found.append(_digest(url))
    assert found[0] == found[1]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_drawn_is_loaded_whatever_the_parts(seed: int, new_database: NewDatabase, tmp_path: Path) -> None:
    hostile, url = drawn(seed), new_database()
    _load(hostile.write(tmp_path), url, chunk_size=3)
    assert hostile.wrong(url) == []


def test_a_long_message_keeps_its_beginning(new_database: NewDatabase, tmp_path: Path) -> None:
    message = {"id": "1", "messagetype": "Text", "content": "ü" * (1 << 20) + "x" * (20 << 20), "displayName": "Theo"}
    export = {"userId": "8:a", "conversations": [{"id": "8:b", "MessageList": [message]}]}
    path, url = tmp_path / "messages.json", new_database()
    path.write_text(json.dumps(export), encoding="utf-8")
    _load(path, url)
    with Session(url) as session:
        rows = session.rows("SELECT length(content), text = content, sender_name, flags FROM skype.messages")
    assert rows == [(1 << 20, True, "Theo", ["sent_at_from_id", "text_shortened"])]


def test_a_side_file_that_no_decoder_takes_is_said_and_its_object_is_loaded(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    for number, content in enumerate((b"[" * 5_000 + b"]" * 5_000, b'{"a":' * 5_000, b"[" + b"{}," * 300_000 + b"{}]")):
        path, url = tmp_path / str(number) / "export.tar", new_database()
        path.parent.mkdir()
        path.write_bytes(
            tar_bytes(
                {f"media/{DOCUMENT}.json": content, f"media/{DOCUMENT}.1.jpeg": b"jpeg", "messages.json": MESSAGES}
            )
        )
        task = _load(path, url)
        with Session(url) as session:
            assert session.rows("SELECT document_id, file_name, size_bytes FROM skype.media_files") == [
                (DOCUMENT, None, 4)
            ]
        tables = engine.open_phase(task, "transform")
        assert tables
        assert "side files of media (1) hold no JSON that can be read" in " ".join(doubts(tables))


def test_names_of_members_that_no_index_takes_are_shortened_alike(new_database: NewDatabase, tmp_path: Path) -> None:
    stem = "n" * 5_000
    members = {f"media/{stem}.json": b'{"filename":"x"}', f"media/{stem}.1.jpeg": b"jpeg", "messages.json": MESSAGES}
    path, url = tmp_path / "export.tar", new_database()
    path.write_bytes(tar_bytes(members))
    _load(path, url)
    with Session(url) as session:
        rows = session.rows("SELECT length(document_id), length(member), file_name FROM skype.media_files")
    assert rows == [(115, 1024, "x")]
