"""Archives as people really have them, and files of another shape."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export.messages_json import raw_parts
from tests.cases.chats import CASES, INES, OWNER, PHOTO, THEO, Query, Row, archive, conversation, message, written

# Archives


def test_a_zip_with_backslashes_loads(load: Callable[..., None], query: Query) -> None:
    load(CASES / "20-zip-with-backslashes" / "export.zip")
    assert query("SELECT (SELECT count(*) FROM skype.messages), (SELECT count(*) FROM skype.media_files)") == [(1, 1)]


def test_a_zip_of_another_method_is_named_truthfully(load: Callable[..., None]) -> None:
    with pytest.raises(InvalidExport) as refused:
        load(CASES / "27-zip-of-another-method" / "export.zip")
    assert refused.value.exit_code == 3
    assert str(refused.value) == (
        "messages.json: is compressed in a way that this program cannot read (method 9, Deflate64). "
        "Unpack it and give the folder"
    )


def test_a_tar_in_a_zip_loads(tmp_path: Path, load: Callable[..., None], query: Query) -> None:
    chat = conversation(THEO, message(1, THEO, "Theo"))
    inner = archive(tmp_path / "export.tar", OWNER, chat, {f"media/{PHOTO}.1.jpeg": b"1"})
    with zipfile.ZipFile(tmp_path / "mailed.zip", "w", zipfile.ZIP_DEFLATED) as outer:
        outer.write(inner, "8_live_mara_export.tar")
        outer.writestr("__MACOSX/._8_live_mara_export.tar", b"resource fork")
    load(tmp_path / "mailed.zip")
    assert query("SELECT source_member FROM skype.messages") == [("8_live_mara_export.tar/messages.json",)]
    assert query("SELECT size_bytes FROM skype.media_files") == [(1,)]


# Shapes


@pytest.mark.parametrize("name", ["messages", "Messages", "messageList", "items"])
def test_messages_under_another_name_are_an_error(name: str, load: Callable[..., None]) -> None:
    strange = conversation(THEO)
    del strange["MessageList"]
    with pytest.raises(InvalidExport, match=f'no messages in "MessageList", but in "{name}"'):
        load([conversation(INES, message(1, INES)), {**strange, name: [message(1, THEO, "Theo")]}])


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("chunk_size", [1, 100_000])
def test_messages_under_two_names_are_an_error(
    swapped: bool, chunk_size: int, tmp_path: Path, load: Callable[..., None]
) -> None:
    listed = [message(number, THEO, "Theo") for number in (1, 2, 3)]
    chat = conversation(THEO, *listed, messages=[message(4, THEO, "Theo")])
    if swapped:
        chat = dict(reversed(chat.items()))
    path = written(tmp_path / "two.json", [chat])
    with path.open("rb") as file, pytest.raises(InvalidExport, match='messages in "MessageList", but also in "mess'):
        list(raw_parts(file.read(), max_messages=chunk_size, max_bytes=1 << 20))
    with pytest.raises(InvalidExport, match="please report which program wrote this file"):
        load(path)


MESSAGE = message(1, THEO, "Theo")


@pytest.mark.parametrize(
    "list_",
    [{"1": MESSAGE}, {"items": [MESSAGE]}, MESSAGE, json.dumps([MESSAGE])],
    ids=["by id", "wrapped", "alone", "text"],
)
def test_messages_in_what_is_no_list_are_an_error(list_: object, load: Callable[..., None]) -> None:
    with pytest.raises(InvalidExport, match='"MessageList" has messages, but is not an array'):
        load([conversation(INES, message(1, INES)), conversation(THEO, MessageList=list_)])


@pytest.mark.parametrize("list_", [{}, {"a": 1}, "", "[]", 0, False])
def test_what_is_no_list_and_has_no_messages_is_rejected(
    list_: object, load: Callable[..., None], query: Query
) -> None:
    load([conversation(INES, message(1, INES)), conversation(THEO, MessageList=list_)])
    assert query("SELECT reason FROM skype.rejects") == [("MessageList is not an array",)]


@pytest.mark.parametrize(
    "harmless",
    [{"messages": None}, {"messages": []}, {"labels": ["message"]}, {"tags": [{"colour": "red"}]}],
    ids=["null", "empty", "texts", "other objects"],
)
def test_what_does_not_look_like_messages_is_left_alone(harmless: Row, load: Callable[..., None], query: Query) -> None:
    load([conversation(THEO, message(1, THEO, "Theo"), **harmless), conversation(INES, **harmless)])
    assert query("SELECT count(*) FROM skype.messages") == [(1,)]
