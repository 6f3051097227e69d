"""Inputs that once came out wrong, and the right values in the database; and further ones of the same kinds.

The folders beside this file hold what other people's programs and Skype's clients wrote.
"""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.phases import given_names
from skype_assets.etl.task import Settings, Task

CASES = Path(__file__).parent
OWNER, THEO, INES, SAM = "8:live:mara.ostrow", "8:tbrannock", "8:live:ines.k", "8:live:.cid.3fa91c07be52d684"
GROUP = "19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype"
PHOTO = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"

Row = dict[str, Any]
Query = Callable[[str], list[tuple[Any, ...]]]


@pytest.fixture
def load(tmp_path: Path, postgres_url: str) -> Callable[..., None]:
    """Load exports one after the other; each is a path, or the conversations of one to be written."""

    def run(*exports: Path | list[Row], names: dict[str, str] | None = None) -> None:
        for number, given in enumerate(exports):
            path = given if isinstance(given, Path) else written(tmp_path / f"{number}.json", given, day=number + 1)
            task = Task(f"t{number}", tmp_path / "output", path, postgres_url, Settings(media_only=True))
            if names is not None:
                given_names.keep(task.folder, names)
            engine.run(task)

    return run


@pytest.fixture
def query(postgres_url: str) -> Query:
    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall()

    return ask


def written(path: Path, conversations: Iterable[Row], day: int = 1) -> Path:
    document = {"userId": OWNER, "exportDate": f"2025-06-0{day}T08:00", "conversations": list(conversations)}
    path.write_text(json.dumps(document))
    return path


def conversation(identity: str, *messages: Row, **changes: Any) -> Row:
    plain = {"id": identity, "displayName": None, "version": 1, "properties": None, "threadProperties": None}
    return {**plain, "MessageList": list(messages), **changes}


def message(number: int, sender: str | None, name: str | None = None, **changes: Any) -> Row:
    plain = {
        "id": f"173572560{number}000", "displayName": name, "originalarrivaltime": f"2025-01-01T10:00:0{number}Z",
        "messagetype": "RichText", "version": number, "content": "hello", "from": sender, "properties": None,
        "amsreferences": None,
    }  # fmt: skip
    return {**plain, **changes}


def call(number: int, *parts: tuple[str, str]) -> Row:
    people = "".join(f'<part identity="{who}"><name>{name}</name></part>' for who, name in parts)
    content = f'<partlist type="ended" alt="">{people}</partlist>'
    return message(number, OWNER, messagetype="Event/Call", content=content)


def activity(number: int, kind: str, content: str) -> Row:
    return message(number, GROUP, messagetype=f"ThreadActivity/{kind}", content=content)


def members(*user_ids: str) -> Row:
    return {"members": json.dumps(user_ids), "topic": None}


def names_of(query: Query, conversation_id: str = GROUP) -> dict[str, str | None]:
    found = query(f"SELECT user_id, display_name FROM skype.participants WHERE conversation_id = '{conversation_id}'")
    return dict(found)


def titles(query: Query) -> dict[str, str]:
    return dict(query("SELECT conversation_id, title FROM skype.conversations"))


# What equals the id is no name


def test_a_name_that_is_an_id_is_none(load: Callable[..., None], query: Query) -> None:
    load(CASES / "01-name-is-an-id" / "messages.json")
    assert query("SELECT owner_name FROM skype.exports") == [(None,)]
    assert names_of(query, THEO) == {THEO: "Theo Brannock", "8:live:mara.k01": None}
    assert titles(query) == {THEO: "Theo Brannock"}
    assert query("SELECT sender_name FROM skype.messages WHERE message_id = '1735725604000'") == [(None,)]


NO_NAMES = ("{id}", "{bare}", " {id} ", "<b>{bare}</b>", "8&#58;{bare}", "", " ")
PLACES = ("message", "call", "conversation", "event", "quote", "mention")


def test_whatever_only_repeats_the_id_hides_no_name(load: Callable[..., None], query: Query) -> None:
    chats: list[Row] = []
    for no_name in NO_NAMES:
        for place in PLACES:
            if place == "quote" and "<" in no_name:
                continue  # no attribute holds that
            who = f"8:person{len(chats)}"
            text = no_name.format(id=who, bare=who.removeprefix("8:"))
            info = f"<detailedtargetinfo><id>{who}</id><friendlyName>{text}</friendlyName></detailedtargetinfo>"
            last = {
                "message": message(5, who, text),
                "call": call(5, (who, text)),
                "conversation": message(5, who),
                "event": activity(5, "AddMember", f"<addmember><target>{who}</target>{info}</addmember>"),
                "quote": message(5, OWNER, content=f'<quote author="{who}" authorname="{text}">x</quote>y'),
                "mention": message(5, OWNER, content=f'<at id="{who}">{text}</at> hi'),
            }[place]
            mention = message(1, OWNER, content=f'<at id="{who}">Theo</at> hi')
            shown = text if place == "conversation" else None
            chats.append(conversation(who, last, mention, displayName=shown))
    load(chats)
    assert len(chats) == len(NO_NAMES) * len(PLACES) - 1
    assert query("SELECT DISTINCT display_name FROM skype.participants WHERE NOT is_owner") == [("Theo",)]
    assert set(titles(query).values()) == {"Theo"}


# Whatever names people


def test_mentions_and_quotes_name_those_who_are_silent(load: Callable[..., None], query: Query) -> None:
    load(CASES / "19-names-in-mentions-and-quotes" / "messages.json")
    found = names_of(query, "19:b034333ae9804ca08ca258b265ed65a4@thread.skype")
    assert found == {
        "8:live:mara.k19": "Mara Ostrow", "8:tbrannock": "Theo Brannock", "8:live:.cid.3e": "Silent Sam",
        "8:live:.cid.4f": "Quiet Quinn",
    }  # fmt: skip
    assert query("SELECT owner_name FROM skype.exports") == [("Mara Ostrow",)]


def test_a_name_belongs_to_a_person_and_not_to_a_chat(load: Callable[..., None], query: Query) -> None:
    load(CASES / "25-name-known-from-another-chat" / "messages.json")
    found = names_of(query, "19:b034333ae9804ca08ca258b265ed65a4@thread.skype")
    assert found == {
        "8:live:mara.k25": "Mara Ostrow",
        "8:tbrannock": "Theo Brannock",
        "8:live:.cid.7c": "Ines Karvonen",
    }
    assert query(
        "SELECT count(*) FROM skype.messages m LEFT JOIN skype.participants p "
        "ON p.conversation_id = m.conversation_id AND p.user_id = m.sender_id WHERE p.user_id IS NULL"
    ) == [(0,)]


SOURCES: dict[str, list[Row]] = {
    "a message": [message(1, SAM, "Sam")],
    "a call": [call(1, (SAM, "Sam"))],
    "a call without prefix": [call(1, (SAM.removeprefix("8:"), "Sam"))],
    "a target's details": [
        activity(
            1,
            "AddMember",
            f"<addmember><eventtime>1735725601000</eventtime><initiator>{OWNER}</initiator><detailedinitiatorinfo>"
            f"<friendlyName>Mara</friendlyName></detailedinitiatorinfo><rosterVersion>1</rosterVersion>"
            f"<target>{INES}</target><target>{SAM}</target>"
            f"<detailedtargetinfo><id>{INES}</id><friendlyName>Ines</friendlyName></detailedtargetinfo>"
            f"<detailedtargetinfo><id>{SAM}</id><friendlyName>Sam</friendlyName></detailedtargetinfo></addmember>",
        )
    ],
    "lower-case details": [
        activity(
            1,
            "DeleteMember",
            f"<deletemember><initiator>{SAM}</initiator><detailedinitiatorinfo><friendlyname>Sam</friendlyname>"
            f"</detailedinitiatorinfo><target>{INES}</target></deletemember>",
        )
    ],
    "an initiator's details": [
        activity(
            1,
            "TopicUpdate",
            f"<topicupdate><initiator>{SAM}</initiator><detailedinitiatorinfo><friendlyName>Sam</friendlyName>"
            "</detailedinitiatorinfo><value>Walks</value></topicupdate>",
        )
    ],
    "a member who joined": [
        activity(1, "MemberJoined", json.dumps({"initiator": OWNER, "members": [{"id": SAM, "friendlyname": "Sam"}]}))
    ],
    "a quote": [message(1, OWNER, content='<quote author="live:.cid.3fa91c07be52d684" authorname="Sam">x</quote>y')],
    "a mention": [message(1, OWNER, content=f'<at id="{SAM}">@Sam</at> hi')],
}


@pytest.mark.parametrize("source", SOURCES)
def test_who_is_named_in_one_conversation_is_named_in_all(source: str, load: Callable[..., None], query: Query) -> None:
    silent = conversation(GROUP, message(2, THEO, "Theo"), threadProperties=members(OWNER, THEO, SAM))
    elsewhere = conversation("19:other@thread.skype", *SOURCES[source], displayName="Other")
    load([silent, elsewhere])
    assert names_of(query)[SAM] == "Sam"
    assert titles(query)[GROUP] == "Sam, Theo"
    assert names_of(query, "19:other@thread.skype").get(SAM, "Sam") == "Sam"


def test_the_name_of_a_chat_of_two_names_the_other_everywhere(load: Callable[..., None], query: Query) -> None:
    load(
        [
            conversation(SAM, displayName="Sam <b>S.</b>"),
            conversation("28:concierge", displayName="Skype"),
            conversation("4:+15550107733", displayName="Plumber"),
            conversation("19:a_b@oneToOne.skype", displayName="Ines", threadProperties=members(OWNER, INES)),
            conversation(GROUP, threadProperties=members(OWNER, SAM, INES, "28:concierge", "4:+15550107733")),
        ]
    )
    assert names_of(query) == {
        OWNER: None, SAM: "Sam S.", INES: "Ines", "28:concierge": "Skype", "4:+15550107733": "Plumber"
    }  # fmt: skip
    assert titles(query)[GROUP] == "Skype, Plumber, Sam S., Ines"


def test_a_name_of_the_conversation_itself_comes_before_any_from_elsewhere(
    load: Callable[..., None], query: Query
) -> None:
    here = conversation(
        GROUP, message(1, OWNER, content=f'<at id="{SAM}">Sammy</at> hi'), threadProperties=members(SAM)
    )
    load([here, conversation(SAM, message(2, SAM, "Sam Smith"))])
    assert names_of(query)[SAM] == "Sammy"
    assert query("SELECT name_source, count(*) FROM skype.participants GROUP BY 1 ORDER BY 1 NULLS LAST") == [
        ("mention", 1), ("message", 1), (None, 2),
    ]  # fmt: skip


def test_the_latest_name_of_the_most_credible_source_counts(load: Callable[..., None], query: Query) -> None:
    load(
        [
            conversation(GROUP, threadProperties=members(OWNER, SAM)),
            conversation("19:a@thread.skype", message(1, SAM, "Sam before"), call(9, (SAM, "Called"))),
            conversation("19:b@thread.skype", message(2, SAM, "Sam after"), message(3, SAM, None)),
        ]
    )
    assert names_of(query)[SAM] == "Sam after"


@pytest.mark.parametrize("identity", [THEO, "28:concierge", "4:+15550107733", "19:a_b@oneToOne.skype"])
def test_the_owner_takes_part_in_every_chat_of_two(identity: str, load: Callable[..., None], query: Query) -> None:
    load([conversation(identity), conversation("8:live:ines.k", call(1, (OWNER, "Mara Ostrow")))])
    assert query(
        f"SELECT display_name, is_owner FROM skype.participants WHERE conversation_id = '{identity}' AND is_owner"
    ) == [("Mara Ostrow", True)]


# Titles


def test_a_chat_without_a_name_is_called_by_whom_it_is_with(load: Callable[..., None], query: Query) -> None:
    load(CASES / "02-title-of-a-nameless-chat" / "messages.json")
    assert titles(query) == {"8:live:ines.k": "Ines Karvonen", "8:zed": "Zed Ziani"}


@pytest.mark.parametrize(
    ("chat", "title"),
    [
        (conversation(THEO, call(1, (THEO, "Theo"))), "Theo"),
        (conversation(THEO, message(1, OWNER, content=f'<at id="{THEO}">Theo</at>')), "Theo"),
        (conversation(THEO, displayName="8:tbrannock"), THEO),
        (conversation(OWNER, message(1, OWNER), call(2, (OWNER, "Mara"))), "Mara"),
        (conversation("19:a_b@oneToOne.skype", message(1, OWNER), message(2, THEO, "Theo")), "Theo"),
        (conversation(GROUP, message(1, THEO, "Theo"), message(2, INES, "Ines")), "Ines, Theo"),
        (
            conversation(
                GROUP, message(1, THEO, "Theo"), message(2, INES, "Ines"), threadProperties=members(OWNER, INES)
            ),
            "Ines",
        ),
        (conversation(GROUP, displayName=GROUP, threadProperties={"topic": GROUP, "members": None}), GROUP),
        (conversation("48:notes", message(1, OWNER), message(2, THEO, "Theo")), "48:notes"),
    ],
    ids=["call", "mention", "id", "oneself", "thread of two", "no list", "list", "id as topic", "special"],
)
def test_titles_use_all_that_names_people(chat: Row, title: str, load: Callable[..., None], query: Query) -> None:
    load([chat])
    assert titles(query) == {chat["id"]: title}


@pytest.mark.parametrize("reverse", [False, True])
def test_titles_and_names_use_all_exports_in_any_order(
    reverse: bool, tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    exports = [
        written(tmp_path / "a.json", [conversation(GROUP, threadProperties=members(OWNER, SAM, INES))], day=1),
        written(tmp_path / "b.json", [conversation(SAM, displayName="Sam"), conversation(THEO)], day=2),
        written(tmp_path / "c.json", [conversation(INES, call(1, (OWNER, "Mara"), (INES, "Ines")))], day=3),
        written(tmp_path / "d.json", [conversation(THEO, message(1, THEO, "Theo"), version=None)], day=4),
    ]
    load(*(exports[::-1] if reverse else exports))
    assert titles(query) == {GROUP: "Sam, Ines", SAM: "Sam", INES: "Ines", THEO: "Theo"}
    assert names_of(query) == {OWNER: "Mara", SAM: "Sam", INES: "Ines"}


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_objects_of_a_conversation_each_field_is_taken_from_the_better_that_has_it(
    reverse: bool, load: Callable[..., None], query: Query
) -> None:
    first = conversation(GROUP, displayName="Walkers", properties={"conversationblocked": False})
    second = conversation(GROUP, threadProperties={"topic": "Walks", "members": json.dumps([OWNER, SAM])})
    better = conversation(GROUP, version=7)
    objects = [first, second, better]
    load(objects[::-1] if reverse else objects)
    [row] = query(
        "SELECT display_name, topic, title, member_count, version, properties IS NOT NULL, "
        "thread_properties IS NOT NULL FROM skype.conversations"
    )
    assert row == ("Walkers", "Walks", "Walkers", 2, 7, True, True)
    assert query("SELECT user_id FROM skype.participants WHERE is_member ORDER BY 1") == [(SAM,), (OWNER,)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0)])
def test_a_field_that_the_better_export_lacks_is_taken_from_the_next(
    order: tuple[int, ...], tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    exports = [
        written(tmp_path / "old.json", [conversation(GROUP, displayName="Old", version=1)], day=1),
        written(tmp_path / "next.json", [conversation(GROUP, displayName="Next", version=2)], day=2),
        written(tmp_path / "best.json", [conversation(GROUP, version=3)], day=3),
    ]
    load(*(exports[number] for number in order))
    assert query("SELECT title, version FROM skype.conversations") == [("Next", 3)]


# Names that are given


def test_given_names_are_the_weakest_source(load: Callable[..., None], query: Query) -> None:
    names = {SAM: "Sam Given", THEO: "Theo Given", OWNER: "Mara Given", GROUP: "no person"}
    load(
        [conversation(GROUP, message(1, THEO, "Theo"), threadProperties=members(OWNER, SAM, THEO)), conversation(SAM)],
        names=names,
    )
    assert names_of(query) == {OWNER: "Mara Given", SAM: "Sam Given", THEO: "Theo"}
    assert titles(query) == {GROUP: "Sam Given, Theo", SAM: "Sam Given"}
    assert query("SELECT owner_name FROM skype.exports") == [("Mara Given",)]


def test_other_names_make_the_tables_anew_and_the_same_ones_change_nothing(
    tmp_path: Path, load: Callable[..., None], query: Query
) -> None:
    export = written(tmp_path / "export.json", [conversation(SAM)])
    for names, title in ((None, SAM), ({SAM: "Sam"}, "Sam"), (None, "Sam"), ({SAM: "Samuel"}, "Samuel"), ({}, SAM)):
        load(export, names=names)
        assert titles(query) == {SAM: title}


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


def archive(path: Path, owner_id: str, chat: Row, media: dict[str, bytes]) -> Path:
    document = {"userId": owner_id, "exportDate": "2025-06-01T08:00", "conversations": [chat]}
    return tar_of(path, {"messages.json": json.dumps(document).encode(), **media})


def tar_of(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


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


@pytest.mark.parametrize(
    "harmless",
    [{"messages": None}, {"messages": []}, {"labels": ["message"]}, {"tags": [{"colour": "red"}]}],
    ids=["null", "empty", "texts", "other objects"],
)
def test_what_does_not_look_like_messages_is_left_alone(harmless: Row, load: Callable[..., None], query: Query) -> None:
    load([conversation(THEO, message(1, THEO, "Theo"), **harmless), conversation(INES, **harmless)])
    assert query("SELECT count(*) FROM skype.messages") == [(1,)]
