"""Counts, and several accounts in one database, that once came out wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.chats import CASES, OWNER, PHOTO, THEO, Query, Row, archive, conversation, message

# Counts


def test_rows_that_nobody_wrote_are_kept_and_counted_nowhere(load: Callable[..., None], query: Query) -> None:
    load(CASES / "17-rows-nobody-wrote" / "messages.json")
    counted = "message_count, {}::text"
    assert query(f"SELECT {counted.format('last_message_at')} FROM skype.conversations") == [
        (1, "2025-01-01 10:00:01+00")
    ]
    assert query(f"SELECT {counted.format('last_seen')} FROM skype.participants WHERE user_id = '8:tbrannock'") == [
        (1, "2025-01-01 10:00:01+00")
    ]
    assert query("SELECT count(*) FROM skype.messages WHERE 'server_generated' = ANY (flags)") == [(2,)]


@pytest.mark.parametrize(
    ("blank", "counted"),
    [
        ({"content": "", "properties": {"isserversidegenerated": True}}, 0),
        ({"content": None, "properties": {"isserversidegenerated": " TRUE "}}, 0),
        ({"content": "", "properties": {"isserversidegenerated": "True", "urlpreviews": "[]"}}, 0),
        ({"content": " \n", "properties": {"isserversidegenerated": "True"}}, 0),
        ({"content": "", "properties": {"isserversidegenerated": "False"}}, 1),
        ({"content": "x", "properties": {"isserversidegenerated": "True"}}, 1),
        ({"content": "", "properties": {"isserversidegenerated": "True", "deletetime": "1735725602000"}}, 1),
        ({"content": "", "properties": None}, 1),
    ],
)
@pytest.mark.parametrize("exports", [1, 2])
def test_only_empty_rows_of_the_server_are_left_out(
    exports: int, blank: Row, counted: int, load: Callable[..., None], query: Query
) -> None:
    chat = conversation(THEO, message(2, THEO, "Theo", **blank), displayName=None)
    load(*([[chat]] * exports))
    last = query("SELECT message_count, last_message_at IS NOT NULL, title FROM skype.conversations")
    assert last == [(counted, counted == 1, "Theo")]
    assert query(f"SELECT message_count, last_seen IS NOT NULL FROM skype.participants WHERE user_id = '{THEO}'") == [
        (counted, counted == 1)
    ]


# Several accounts


def test_each_account_has_the_members_of_its_own_archive(load: Callable[..., None], query: Query) -> None:
    folder = CASES / "15-two-accounts-one-photo"
    load(folder / "a.tar", folder / "b.tar")
    assert query(
        "SELECT a.owner_id, replace(a.media_member, a.document_id, 'x'), f.member = a.media_member, "
        "f.export_id = a.media_export_id "
        "FROM skype.attachments a JOIN skype.media_files f USING (owner_id, document_id) ORDER BY 1"
    ) == [
        ("8:live:mara.k15", "media/x.1.jpeg", True, True),
        ("8:live:mara.k15.b", "unpacked/media/x.1.jpeg", True, True),
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("has_own", [True, False])
def test_another_accounts_archive_serves_only_where_the_own_ones_lack_the_object(
    order: tuple[int, int], has_own: bool, tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    picture = f'<URIObject type="Picture.1" doc_id="{PHOTO}"></URIObject>'
    chat = conversation(THEO, message(1, THEO, messagetype="RichText/UriObject", content=picture))
    own = {f"media/{PHOTO}.1.jpeg": b"1", f"media/{PHOTO}.json": b'{"contents":{"1":{"type":"image/jpeg"}}}'}
    other = {f"x/media/{PHOTO}.1.png": b"123", f"x/media/{PHOTO}.json": b'{"contents":{"1":{"type":"image/png"}}}'}
    exports = [
        archive(tmp_path / "own.tar", OWNER, chat, own if has_own else {}),
        archive(tmp_path / "other.tar", "8:other", chat, other),
    ]
    load(*(exports[number] for number in order))
    expected = ("media", "image/jpeg", OWNER) if has_own else ("x", "image/png", "8:other")
    assert query(
        "SELECT split_part(a.media_member, '/', 1), a.mime_type, e.owner_id FROM skype.attachments a "
        f"JOIN skype.exports e ON e.export_id = a.media_export_id WHERE a.owner_id = '{OWNER}' AND a.present"
    ) == [expected]
