"""The sample export keeps its promises: exact, repeatable, complete in its oddities, and written in flat memory."""

import itertools
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from skype_assets.etl.errors import UsageError
from skype_assets.etl.sample import SampleSummary, write_sample

KEYS = [
    *("id", "displayName", "originalarrivaltime", "messagetype", "version"),
    *("content", "conversationid", "from", "properties", "amsreferences"),
]
TYPES = {
    *("Text", "RichText", "Poll", "PopCard", "Notice", "Event/Call", "Event/BingBot", "Translation"),
    *("Event/SkypeVideoMessage", "Event/SkypeAudioMessage", "TranslationSettings", "Guest/NameUpdate", "Nudge"),
    *("InviteFreeRelationshipChanged/Initialized", "Signal/Flamingo", "Signal/Call"),
    *(f"EndToEndEncryption/{kind}" for kind in ("EncryptedText", "EncryptedMedia")),
    *(f"Control/{kind}" for kind in ("Typing", "ClearTyping", "LiveState")),
    *(f"RichText/{kind}" for kind in ("UriObject", "Files", "Contacts", "Location", "ScheduledCallInvite", "Sms")),
    *("RichText/Money", "RichText/Html", "RichText/Media_CallTranscript", "RichText/Media_CallLogRecording"),
    *(f"RichText/Media_{kind}" for kind in ("GenericFile", "Video", "AudioMsg", "Album", "Card", "FlikMsg")),
    *("RichText/Media_CallRecording", "ThreadActivity/AddMember", "ThreadActivity/DeleteMember"),
    *(f"ThreadActivity/{kind}Update" for kind in ("Topic", "Picture", "Role", "HistoryDisclosed", "JoiningEnabled")),
    *(f"ThreadActivity/E2EEHandshake{step}" for step in ("Invite", "Accept", "Complete", "Reject")),
    *(f"ThreadActivity/{kind}" for kind in ("ModeratedThreadUpdate", "LegacyMemberAdded", "LegacyMemberUpgraded")),
    *(f"ThreadActivity/{kind}" for kind in ("MemberJoined", "MemberLeft", "DeleteUser")),
}


class Export(NamedTuple):
    """A sample, read back."""

    summary: SampleSummary
    document: dict[str, Any]
    members: dict[str, bytes]
    raw: str

    @property
    def conversations(self) -> list[dict[str, Any]]:
        return self.document["conversations"]

    @property
    def messages(self) -> Iterator[dict[str, Any]]:
        for conversation in self.conversations:
            yield from (m for m in conversation.get("MessageList") or () if isinstance(m, dict))

    def content(self, pattern: str, type: str = "") -> bool:
        return any(
            re.search(pattern, m["content"], re.DOTALL)
            for m in self.messages
            if isinstance(m["content"], str) and m["messagetype"].startswith(type)
        )

    def prop(self, predicate: Callable[[dict[str, Any]], Any]) -> bool:
        return any(predicate(m["properties"]) for m in self.messages if isinstance(m["properties"], dict))

    def thread(self, predicate: Callable[[dict[str, Any]], Any]) -> bool:
        return any(predicate(c["threadProperties"]) for c in self.conversations if c.get("threadProperties"))

    def message(self, predicate: Callable[[dict[str, Any]], Any]) -> bool:
        return any(map(predicate, self.messages))

    def conversation(self, predicate: Callable[[dict[str, Any]], Any]) -> bool:
        return any(map(predicate, self.conversations))


def read(path: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Read an archive with the standard library alone."""
    with tarfile.open(path) as archive:
        members = {info.name: archive.extractfile(info).read() for info in archive}  # pyright: ignore[reportOptionalMemberAccess]
    return json.loads(members["messages.json"]), members


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    path = tmp_path_factory.mktemp("sample") / "8_live_mara.ostrow_export.tar"
    summary = write_sample(path, messages=1_500, seed=7)
    document, members = read(path)
    return Export(summary, document, members, members["messages.json"].decode())


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip", "a.json"])
@pytest.mark.parametrize("seed", [1, 2])
def test_same_arguments_give_the_same_bytes(tmp_path: Path, name: str, seed: int) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    write_sample(first, messages=400, seed=seed)
    write_sample(second, messages=400, seed=seed)
    other = tmp_path / f"other-{name}"
    write_sample(other, messages=400, seed=seed + 10)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("profile", ["private", "group", "teams"])
@pytest.mark.parametrize("conversations", [None, 1, 2, 60])
@pytest.mark.parametrize("messages", [0, 1, 50, 300, 3_000])
def test_there_are_exactly_as_many_elements_and_conversations_as_asked_for(
    tmp_path: Path, messages: int, conversations: int | None, profile: str
) -> None:
    path = tmp_path / "a.json"
    summary = write_sample(path, messages=messages, conversations=conversations, profile=profile, seed=messages)
    lists = [c.get("MessageList") or [] for c in json.loads(path.read_bytes())["conversations"]]
    assert sum(map(len, lists)) == summary.messages == messages
    assert len(lists) == summary.conversations == (conversations or len(lists))
    assert sum(summary.by_type.values()) + len(summary.rejects) == messages


def test_the_containers_hold_the_same_document(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.json", "a.tar", "a.tar.gz", "a.zip")]
    for path in paths:
        write_sample(path, messages=300)
    bare, (_, tar), (_, packed) = paths[0].read_bytes(), read(paths[1]), read(paths[2])
    with zipfile.ZipFile(paths[3]) as archive:
        zipped = {name: archive.read(name) for name in archive.namelist()}
    assert tar == packed == zipped
    assert tar["messages.json"] == bare


def test_a_pretty_sample_says_the_same(tmp_path: Path) -> None:
    write_sample(tmp_path / "a.json", messages=300)
    write_sample(tmp_path / "b.json", messages=300, pretty=True)
    plain, pretty = ((tmp_path / name).read_text() for name in ("a.json", "b.json"))
    assert json.loads(plain) == json.loads(pretty)
    assert (plain.count("\n"), pretty.count("\n") > 3_000) == (0, True)


def test_an_unknown_ending_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a.rar"):
        write_sample(tmp_path / "a.rar")
    assert list(tmp_path.iterdir()) == []


def test_a_sample_that_fails_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.tar").mkdir()
    with pytest.raises(OSError, match="a.tar"):
        write_sample(tmp_path / "a.tar", messages=10)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


def test_every_messagetype_of_the_reference_occurs(export: Export) -> None:
    found = Counter(m["messagetype"] for m in export.messages)
    assert found == export.summary.by_type
    assert found.keys() - TYPES == export.summary.planted.keys()
    assert TYPES - found.keys() == set()


def test_a_sample_of_300_messages_has_everything_planted(tmp_path: Path) -> None:
    for name, conversations in (("a.json", None), ("b.json", 1)):
        summary = write_sample(tmp_path / name, messages=300, conversations=conversations)
        assert summary.by_type.keys() >= TYPES
        assert len(summary.facts) > 100
        assert (summary.duplicates, len(summary.rejects)) == (2, 5)


def test_messages_have_ten_keys_and_name_their_conversation(export: Export) -> None:
    for conversation in export.conversations:
        for message in conversation.get("MessageList") or ():
            if isinstance(message, dict):
                assert list(message) == KEYS
                assert message["conversationid"] == conversation["id"]


def test_messages_come_newest_first_with_distinct_ids(tmp_path: Path) -> None:
    write_sample(tmp_path / "a.json", messages=5_000, oddities=False)
    last_seen = 2**63
    for conversation in json.loads((tmp_path / "a.json").read_bytes())["conversations"]:
        ids = [int(m["id"]) for m in conversation["MessageList"]]
        times = [datetime.fromisoformat(m["originalarrivaltime"]) for m in conversation["MessageList"]]
        assert all(newer > older for newer, older in itertools.pairwise(ids))
        assert all(newer > older for newer, older in itertools.pairwise(times))
        assert all(0 <= id / 1000 - at.timestamp() <= 60 for id, at in zip(ids, times, strict=True))
        assert all(datetime(2017, 4, 1, tzinfo=UTC) < at < datetime(2025, 5, 20, 8, 12, tzinfo=UTC) for at in times)
        if ids and conversation["id"] != "48:calllogs":
            assert ids[0] <= last_seen + 60_000
            last_seen = ids[0]


def test_the_mix_is_that_of_the_reference(tmp_path: Path) -> None:
    private = write_sample(tmp_path / "a.json", messages=20_000, oddities=False)
    group = write_sample(tmp_path / "b.json", messages=20_000, oddities=False, profile="group")
    for summary, type, percent in (
        (private, "RichText", 84),
        (private, "RichText/UriObject", 6),
        (private, "Event/Call", 4.5),
        (group, "RichText", 86.7),
        (group, "RichText/UriObject", 5.7),
        (group, "ThreadActivity/AddMember", 3.8),
    ):
        assert summary.by_type[type] / 200 == pytest.approx(percent, rel=0.4)
    assert 300 < (tmp_path / "a.json").stat().st_size / 20_000 < 600


def test_duplicates_rejects_and_ids_are_counted_right(export: Export) -> None:
    summary = export.summary
    keys = Counter((m["conversationid"], m["id"]) for m in export.messages)
    assert summary.duplicates == sum(keys.values()) - len(keys) == 2
    assert summary.distinct == len(keys)
    assert summary.distinct_conversations == len({c["id"] for c in export.conversations}) < summary.conversations
    rejected = [
        (c["id"], "not an object")
        for c in export.conversations
        for m in c.get("MessageList") or ()
        if not isinstance(m, dict)
    ]
    assert tuple(rejected) == summary.rejects
    assert {(f.conversation_id, f.message_id) for f in summary.facts} <= keys.keys()


ODDITIES: dict[str, Callable[[Export], Any]] = {
    "endpoints.json is the first member": lambda e: next(iter(e.members)) == "endpoints.json",
    "a conversation comes twice": lambda e: e.summary.distinct_conversations < e.summary.conversations,
    "id after MessageList": lambda e: e.conversation(lambda c: list(c)[-2:] == ["MessageList", "id"]),
    "no MessageList": lambda e: e.conversation(lambda c: "MessageList" not in c),
    "MessageList null": lambda e: e.conversation(lambda c: c.get("MessageList", 0) is None),
    "no threadProperties": lambda e: e.conversation(lambda c: "threadProperties" not in c),
    "properties of a conversation null": lambda e: e.conversation(lambda c: c["properties"] is None),
    "a further key messages: null": lambda e: e.conversation(lambda c: c.get("messages", 0) is None),
    "displayName null": lambda e: e.conversation(lambda c: c["displayName"] is None),
    "name with entities and tags": lambda e: e.conversation(lambda c: c["displayName"] == "Tom &amp; <b>Ada</b>"),
    "topic with entities": lambda e: e.thread(lambda t: "&amp;" in (t["topic"] or "")),
    "members as text": lambda e: e.thread(lambda t: isinstance(t["members"], str)),
    "members as text of objects": lambda e: e.thread(lambda t: '{"MemberMri"' in str(t["members"])),
    "members as array of objects": lambda e: e.thread(lambda t: isinstance(t["members"], list)),
    "members null": lambda e: e.thread(lambda t: t["members"] is None),
    "members cut": lambda e: e.thread(lambda t: t["members"] == '["8:cut'),
    "membercount as text": lambda e: e.thread(lambda t: t["membercount"] == "4"),
    "threadProperties on a direct conversation": lambda e: e.conversation(
        lambda c: c["id"].startswith("8:") and c.get("threadProperties")
    ),
    "special ids": lambda e: (
        {"48:calllogs", "48:notes", "ALL", "28:concierge", "4:+15550107733"} <= {c["id"] for c in e.conversations}
    ),
    "kinds of ids": lambda e: all(
        e.conversation(lambda c, part=part: part in c["id"])
        for part in ("@thread.skype", "@p2p.thread.skype", "@cast.skype", "@thread.v2", "8:guest:", "live:.cid.")
    ),
    "call logs repeat calls": lambda e: e.prop(lambda p: '"callId":"1730833868113"' in p.get("call-log", "")),
    "raw non-ASCII": lambda e: "встречаемся" in e.raw and "葵衣" in e.raw and "سليم" in e.raw,
    "escaped non-ASCII": lambda e: "\\u0442\\u043e" in e.raw and "\\ud83d\\udc40" in e.raw,
    "U+0000": lambda e: "\\u0000" in e.raw,
    "control bytes": lambda e: e.content("\x07") and e.content("\x0b"),
    "lone surrogate": lambda e: e.content("\ud83d$"),
    "CRLF": lambda e: e.content("\r\n", "RichText") and e.content("\r\n", "Text"),
    "unescaped code": lambda e: e.content(r"if \(a<b && c>d\) \{", "RichText"),
    "content null": lambda e: e.message(lambda m: m["content"] is None),
    "content an object": lambda e: e.message(lambda m: isinstance(m["content"], dict)),
    "media with empty content": lambda e: e.message(
        lambda m: m["messagetype"] == "RichText/UriObject" and m["content"] == ""
    ),
    "raw ampersand": lambda e: e.content("webclient.xmm&docid=") and e.content("webclient.xmm&am="),
    "long text": lambda e: e.message(lambda m: isinstance(m["content"], str) and len(m["content"]) > 4_000),
    "id with letters": lambda e: e.message(lambda m: not m["id"].isdigit()),
    "id over 63 bits": lambda e: e.message(lambda m: m["id"].isdigit() and int(m["id"]) >= 2**63),
    "version as float": lambda e: e.message(lambda m: isinstance(m["version"], float)),
    "version as text": lambda e: e.message(lambda m: isinstance(m["version"], str)),
    "time null": lambda e: e.message(lambda m: m["originalarrivaltime"] is None),
    "fractions of 0 to 3 digits": lambda e: all(
        e.message(lambda m, n=n: re.search(rf":\d\d{'[.]' * (n > 0)}\d{{{n}}}Z$", m["originalarrivaltime"] or ""))
        for n in range(4)
    ),
    "id half a minute late": lambda e: e.message(lambda m: m["content"] == "arrived late"),
    "from null": lambda e: e.message(lambda m: m["from"] is None),
    "from without prefix": lambda e: e.message(lambda m: m["from"] == "tbrannock"),
    "from as address": lambda e: e.message(lambda m: "/contacts/8:" in (m["from"] or "")),
    "own name empty": lambda e: e.message(lambda m: m["displayName"] == "" and m["from"] == e.summary.owner_id),
    "edited, properties on the first": lambda e: pairs(e) >= {(True, False)},
    "edited, properties on the second": lambda e: pairs(e) >= {(False, True)},
    "edited without e_m": lambda e: e.message(
        lambda m: "edittime" in (m["properties"] or {}) and "<e_m" not in m["content"]
    ),
    "e_m alone": lambda e: e.content(r"^<e_m [^>]*></e_m>$"),
    "e_m closed": lambda e: e.content(r"<e_m [^>]*/>$"),
    "deleted": lambda e: e.message(lambda m: "deletetime" in (m["properties"] or {}) and m["content"] == ""),
    "server-generated in three spellings": lambda e: (
        {repr(m["properties"].get("isserversidegenerated")) for m in e.messages if m["properties"]}
        >= {"True", "'True'", "'False'"}
    ),
    "properties empty": lambda e: e.message(lambda m: m["properties"] == {}),
    "quote without messageid": lambda e: e.content(r"<quote (?:(?!messageid)[^>])*>"),
    "quote within a quote": lambda e: e.content(r"<quote(?:(?!</quote>).)*<quote"),
    "two quotes": lambda e: e.content(r"</quote>one <quote"),
    "quote of a photo": lambda e: e.content(r"</legacyquote><URIObject.*</URIObject>.*</quote>which"),
    "quote of nothing known": lambda e: e.content('messageid="1500000000001"'),
    "quoted mention of all": lambda e: e.content(r'<at id="_\*_">'),
    "mention of all": lambda e: e.content(r'<at id="\*">'),
    "reply of the Teams era": lambda e: e.content("<blockquote"),
    "call ended without durations": lambda e: e.content(r'^<partlist type="ended"(?!.*<duration>)', "Event/Call"),
    "call without callId": lambda e: e.content(r'<partlist type="ended" alt="">', "Event/Call"),
    "call of nobody": lambda e: e.content('^<partlist alt=""></partlist>$'),
    "call half missing": lambda e: any(halves != {"started", "ended"} for halves in call_halves(e).values()),
    "call in full": lambda e: call_halves(e)["1730833868113"] == {"started", "ended"},
    "call missed": lambda e: e.content('<partlist type="missed"'),
    "call with bare and full identities": lambda e: e.content('identity="live:mara.ostrow".*identity="8:tbrannock"'),
    "call indented": lambda e: e.content("<partlist[^>]*>\r\n  <part"),
    "reaction without users": lambda e: e.prop(lambda p: any(not r["users"] for r in emotions(p))),
    "reactions as text": lambda e: e.prop(lambda p: isinstance(p.get("emotions"), str)),
    "preview null": lambda e: e.prop(lambda p: '"value":null' in p.get("urlpreviews", "")),
    "preview empty": lambda e: e.prop(lambda p: '"value":""' in p.get("urlpreviews", "")),
    "previews cut": lambda e: e.prop(lambda p: p.get("urlpreviews", "]")[-1] != "]"),
    "album": lambda e: (
        Counter((m["properties"] or {}).get("albumId") for m in e.messages)["2f0b7c1e-64d4-4b0a-9a43-0e5d0c7a9b12"] == 3
    ),
    "forwarded": lambda e: e.prop(lambda p: "forwardMetadata" in p),
    "votes under poll": lambda e: e.prop(lambda p: p.get("poll") and p["poll"][0]["key"] == "pollAnswer"),
    "votes under emotions": lambda e: e.prop(lambda p: any(r["key"] == "pollAnswer" for r in emotions(p))),
    "old poll": lambda e: e.content('type="poll.1"', "RichText"),
    "translation of nothing known": lambda e: e.content('"oid":"1500000000001"', "Translation"),
    "addmember with two targets": lambda e: e.content("<addmember>.*</target><target>"),
    "empty initiator": lambda e: e.content("<addmember>.*<initiator></initiator>"),
    "eventtime in seconds": lambda e: e.content(r"<eventtime>\d{10}</eventtime>"),
    "topic removed": lambda e: e.content("<topicupdate>.*<value />"),
    "location in seconds": lambda e: e.content(r'timeStamp="\d{10}"'),
    "big transfer id": lambda e: e.content('tid="5000000002"'),
    "photo without doc_id": lambda e: e.content(r"/v1//objects/.*/s/i\?"),
    "unknown messagetypes": lambda e: sum(e.summary.planted.values()) == 4,
    "rejects": lambda e: len(e.summary.rejects) == 5,
    "duplicates with another version": lambda e: e.message(lambda m: m["content"] == "as corrected"),
    "preview of a video": lambda e: any(name.endswith(".2.jpeg") for name in e.members),
    "side file without file": lambda e: any(not files for side, files in media(e).values() if side),
    "file without side file": lambda e: any(not side for side, files in media(e).values() if files),
    "zero-byte file": lambda e: any(data == b"" for name, data in e.members.items() if name.startswith("media/")),
    "year 3017": lambda e: all(
        re.match(r"3017-\d\d-\d\dT[\d:]{8}\.\d{7}Z$", json.loads(side)["expiry_date"])
        for side, _ in media(e).values()
        if side
    ),
    "media that no message refers to": lambda e: any(docid not in e.raw for docid in media(e)),
    "message whose media is missing": lambda e: any(
        docid not in media(e) for m in e.messages for docid in m["amsreferences"] or ()
    ),
}


def pairs(export: Export) -> set[tuple[bool, bool]]:
    """Which rows of edited pairs carry the properties: (first, second)."""
    by_mark: dict[str, list[dict[str, Any]]] = {}
    for message in export.messages:
        if mark := re.search(r'<e_m a="[^"]*" ts_ms="\d+"', str(message["content"])):
            by_mark.setdefault(message["conversationid"] + mark[0], []).append(message)
    return {
        (bool(older["properties"]), bool(newer["properties"]))
        for newer, older in (rows for rows in by_mark.values() if len(rows) == 2)
    }


def call_halves(export: Export) -> dict[str, set[str]]:
    halves: dict[str, set[str]] = {}
    for message in export.messages:
        if found := re.search(r'<partlist type="(started|ended)" alt="" callId="([^"]+)"', str(message["content"])):
            halves.setdefault(found[2], set()).add(found[1])
    return halves


def emotions(properties: dict[str, Any]) -> list[dict[str, Any]]:
    value = properties.get("emotions", [])
    return json.loads(value) if isinstance(value, str) else value


def media(export: Export) -> dict[str, tuple[bytes | None, list[str]]]:
    """Side file and other members of each media object."""
    names = [name for name in export.members if name.startswith("media/")]
    return {
        docid: (
            export.members.get(f"media/{docid}.json"),
            [name for name in names if name.startswith(f"media/{docid}.") and not name.endswith(".json")],
        )
        for docid in {name[6:].split(".")[0] for name in names}
    }


@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_sample_has(export: Export, oddity: str) -> None:
    assert ODDITIES[oddity](export)


def test_without_oddities_nothing_odd_is_planted(tmp_path: Path) -> None:
    summary = write_sample(tmp_path / "a.json", messages=2_000, oddities=False)
    assert (summary.planted, summary.rejects, summary.duplicates, summary.facts) == ({}, (), 0, ())
    assert summary.by_type.keys() <= TYPES


def test_media_are_real_files_and_counted_right(export: Export) -> None:
    summary, names = export.summary, [name for name in export.members if name.startswith("media/")]
    assert summary.side_files == sum(name.endswith(".json") for name in names)
    assert summary.media_files == sum(not name.endswith(".json") for name in names)
    assert summary.media_objects == len(media(export))
    pictures = {
        name: export.members[name] for name in names if name.endswith((".jpeg", ".png")) and export.members[name]
    }
    assert len(set(pictures.values())) > 10
    for name, data in pictures.items():
        jpeg, png = (data[:2], data[-2:]) == (b"\xff\xd8", b"\xff\xd9"), data[:8] == b"\x89PNG\r\n\x1a\n"
        assert (jpeg, png) == (name.endswith("jpeg"), name.endswith("png"))


def test_media_stay_few_and_can_be_left_out(tmp_path: Path) -> None:
    assert write_sample(tmp_path / "a.tar", messages=40_000).media_objects == 500
    summary = write_sample(tmp_path / "b.tar", messages=2_000, media=False)
    assert (summary.media_objects, summary.by_type["RichText/UriObject"] > 50) == (0, True)
    assert list(read(tmp_path / "b.tar")[1]) == ["endpoints.json", "messages.json"]


def test_owner_and_day_are_those_asked_for(tmp_path: Path) -> None:
    day = datetime(2023, 6, 1, 10, 30, tzinfo=UTC)
    summary = write_sample(tmp_path / "a.json", messages=600, owner="8:tbrannock", exported_at=day)
    document = json.loads((tmp_path / "a.json").read_bytes())
    assert (document["userId"], document["exportDate"]) == ("8:tbrannock", "2023-06-01T10:30")
    assert (summary.owner_id, summary.owner_name, summary.exported_at) == ("8:tbrannock", "Theo Brannock", day)
    own = [
        m
        for c in document["conversations"]
        for m in c.get("MessageList") or ()
        if isinstance(m, dict) and m["from"] == "8:tbrannock"
    ]
    assert len(own) > 100
    assert all(not m["displayName"] for m in own)


def test_300_000_messages_are_written_in_flat_memory(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from skype_assets.etl.sample import write_sample
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_sample(Path(sys.argv[1]), messages=5_000, conversations=1)
before = peak()
assert write_sample(Path(sys.argv[1]), messages=300_000, conversations=1).messages == 300_000
print(peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.tar")], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 8_000  # kilobytes; the document has more than a hundred thousand
    assert (tmp_path / "a.tar").stat().st_size > 90_000_000
