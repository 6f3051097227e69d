"""All that a message holds: text, mentions, links, quotes and changes to conversations; and samples.

Every expected row was worked out by hand from the format reference and the decisions about the tables.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.content.emoticons import EMOJI
from skype_assets.etl.sample import write_sample
from tests.reference import UNCOMPARED_FLAGS, calls, merged_tables, reference_tables
from tests.reference.small_exports import (
    GROUP,
    OWNER,
    THEO,
    Row,
    Tables,
    chosen,
    conversation,
    everything_of,
    message,
    row_of,
    utc,
)

PICTURE = "0-neu-d9-d1b1d6e6abd2537cd39bb5beb4f8b291"
CID = "8:live:.cid.3fa91c07be52d684"
QUOTE = (
    '<quote author="tbrannock" authorname="Theo &amp; Co" timestamp="1730829852" conversation="{thread}"'
    ' messageid="1730829852101" cuid="3180446729051187436"><legacyquote>[1730829852] Theo Brannock: </legacyquote>'
    'see <at id="_*_">all</at> at noon<legacyquote>\n\n&lt;&lt;&lt; </legacyquote></quote>works for me'
)


def events_of(tmp_path: Path, messagetype: str, content: str) -> list[tuple[Any, ...]]:
    thread = message(messagetype=f"ThreadActivity/{messagetype}", content=content, **{"from": GROUP})
    rows = everything_of(tmp_path, conversation(thread, id=GROUP))["thread_events"]
    assert [row["ordinal"] for row in rows] == list(range(len(rows)))
    return chosen(rows, "event", "initiator_id", "target_id", "value", "occurred_at")


@pytest.mark.parametrize(
    ("message_type", "content", "text"),
    [
        ("Text", " <b>x</b> &amp;\r\n", " <b>x</b> &amp;\r\n"),
        (
            "RichText/Contacts",
            '<contacts><c t="s" s="ines.k" f="Ines &amp; Co"></c><c t="p" p="+1555"/></contacts>',
            "Ines & Co, +1555",
        ),
        (
            "RichText/Location",
            '<location address="Quay 3, &quot;N&quot;" shortAddress="Quay">x</location>',
            'Quay 3, "N"',
        ),
        ("RichText/Location", '<location address="" shortAddress="Quay 3"><a href="x">y</a></location>', "Quay 3"),
        ("RichText/Location", '<location latitude="1"><a href="x">Old quay</a></location>', "Old quay"),
        ("RichText/ScheduledCallInvite", '<URIObject subject="Budget &amp; tea ">x</URIObject>', "Budget & tea"),
        ("RichText/Sms", '<sms alt="alt"><encoded_body>On my &lt;way&gt;</encoded_body></sms>', "On my <way>"),
        ("RichText/Sms", '<sms alt="a"><body><chunk id="10">c</chunk><chunk id="9">b</chunk></body></sms>', "bc"),
        ("RichText/Sms", '<sms alt="On my way"><encoded_body/></sms>', "On my way"),
        ("RichText/Sms", "call me &amp; <b>soon</b>", "call me & soon"),
        ("RichText/Files", '<files><file size="84">a plan.txt</file></files>', ""),
        (
            "Poll",
            '<URIObject type="Poll" title="Where do we meet? ">Where do we meet? </URIObject>',
            "Where do we meet?",
        ),
        ("Notice", '<URIObject type="x">fallback</URIObject>not <b>JSON</b>', "not JSON"),
        ("PopCard", '[{"content": {"title": "New &amp; <b>good</b>", "text": "Try"}}]', "New & good\nTry"),
        ("Notice", '[{"attachments": [{"content": {"text": "1st"}}, {"content": {"text": "2nd"}}]}]', "1st"),
        (
            "ThreadActivity/TopicUpdate",
            "<topicupdate><value>Harbour <b>walk</b> &amp; tea</value></topicupdate>",
            "Harbour walk & tea",
        ),
        ("ThreadActivity/TopicUpdate", "<topicupdate><value /></topicupdate>", ""),
        ("Translation", '{"translations": [{"translation": "God kväll", "loc": "sv"}]}', ""),
        ("Event/Call", '<partlist type="missed"><part><name>Theo</name></part></partlist>', ""),
        ("RichText/Media_CallTranscript", "said", ""),
        ("New/Thing", "said", ""),
    ],
)
def test_every_type_has_its_text(tmp_path: Path, message_type: str, content: str, text: str) -> None:
    assert row_of(tmp_path, message_type, content)["text"] == text


def test_people_addressed_outside_quotes_are_mentions(tmp_path: Path) -> None:
    content = (
        f'{QUOTE}<at id="8:tbrannock">Theo <b>Brannock</b></at> <at id="live:mara.ostrow">@Mara &amp; Co</at>'
        '<at id="*">all</at><at id="_*_">@</at><at id="&#42;">x</at><at>nobody</at><at id="">nobody</at>'
    )
    literal = message("2", messagetype="Text", content='<at id="8:tbrannock">Theo</at>')
    tables = everything_of(tmp_path, conversation(message("1", content=content), literal))
    assert chosen(tables["mentions"], "message_id", "ordinal", "user_id", "label") == [
        ("1", 0, THEO, "Theo Brannock"),
        ("1", 1, OWNER, "Mara & Co"),
        ("1", 2, "*", "all"),
        ("1", 3, "*", None),
        ("1", 4, "*", "x"),
    ]


def test_links_have_the_previews_of_their_address(tmp_path: Path) -> None:
    otters = '<a href="https://example.org/otters/?a=1&amp;b=2">otters</a>'
    content = (
        f'<a href="https://x.example/">x <b>&amp;</b> y</a>{otters}{otters}'
        '<a href=""></a><a href="mailto:a@x.example"></a>'
        '<quote><a href="https://quoted.example">q</a></quote>'
        '<URIObject type="Picture.1"><a href="https://hidden.example">h</a></URIObject>'
    )
    previews = [
        {"key": "https://x.example", "value": {"url": "https://x.example", "title": "X", "description": ""}},
        {"key": "https://example.org/otters/?a=1&b=2", "value": {"title": "Otters", "description": "A guide."}},
        {"key": "https://example.org/gone", "value": None},
        {"key": "https://short.example", "value": {"url": "https://long.example", "title": "Long"}},
        {"value": ""},
        7,
    ]
    expected = [
        (0, "https://x.example/", "x & y", "X", None),
        (1, "https://example.org/otters/?a=1&b=2", "otters", "Otters", "A guide."),
        (2, "https://example.org/otters/?a=1&b=2", "otters", "Otters", "A guide."),
        (3, "mailto:a@x.example", None, None, None),
        (4, "https://example.org/gone", None, None, None),
        (5, "https://long.example", None, "Long", None),
    ]
    for form in (previews, json.dumps(previews)):
        tables = everything_of(tmp_path, conversation(message(content=content, properties={"urlpreviews": form})))
        assert chosen(tables["links"], "ordinal", "url", "label", "title", "description") == expected
        assert tables["messages"][0]["flags"] == []


@pytest.mark.parametrize(
    ("previews", "flags"),
    [
        ('[{"key": "https://x.ex', ["urlpreviews_unreadable"]),
        ('{"key": "https://x.example"}', ["urlpreviews_unreadable"]),
        ("", []),
        ("[]", []),
        (None, []),
    ],
)
def test_previews_that_are_cut_are_ignored_with_a_flag(tmp_path: Path, previews: Any, flags: list[str]) -> None:
    tables = everything_of(tmp_path, conversation(message(properties={"urlpreviews": previews})))
    assert (tables["links"], tables["messages"][0]["flags"]) == ([], flags)


def test_a_quote_stands_apart_from_the_text(tmp_path: Path) -> None:
    tables = everything_of(tmp_path, conversation(message("5", content=QUOTE.format(thread=GROUP))))
    assert tables["messages"][0]["text"] == "works for me"
    assert tables["quotes"] == [
        {
            "owner_id": OWNER,
            "conversation_id": THEO,
            "message_id": "5",
            "ordinal": 0,
            "author_id": THEO,
            "author_name": "Theo & Co",
            "quoted_message_id": "1730829852101",
            "quoted_conversation_id": GROUP,
            "quoted_at": utc(2024, 11, 5, 18, 4, 12, 101000),
            "text": "see @all at noon",
        }
    ]


def test_quotes_within_quotes_follow_them(tmp_path: Path) -> None:
    inner = '<quote author="a" timestamp="1730829700"><legacyquote>[1] </legacyquote>inner</quote>'
    reply = (
        '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1730829852101">'
        '<strong itemprop="mri" itemid="8:tbrannock">Theo</strong><p itemprop="preview">said</p></blockquote>'
    )
    bare = '<blockquote itemtype="http://schema.skype.com/Reply" itemid="x">said</blockquote>'
    content = f'<quote author="b" messageid="">outer {inner} end</quote>mine{reply}{bare}<blockquote>no</blockquote>'
    tables = everything_of(tmp_path, conversation(message(content=content)))
    assert chosen(
        tables["quotes"], "ordinal", "author_id", "author_name", "quoted_message_id", "quoted_at", "text"
    ) == [
        (0, "8:b", None, None, None, "outer  end"),
        (1, "8:a", None, None, utc(2024, 11, 5, 18, 1, 40), "inner"),
        (2, THEO, "Theo", "1730829852101", utc(2024, 11, 5, 18, 4, 12, 101000), "said"),
        (3, None, None, None, None, "said"),
    ]
    assert tables["messages"][0]["text"] == "mine\nno"


@pytest.mark.parametrize(
    ("attributes", "quoted_at"),
    [
        ('messageid="1730829852101"', utc(2024, 11, 5, 18, 4, 12, 101000)),
        ('messageid="1730829852101" timestamp="1730829854"', utc(2024, 11, 5, 18, 4, 12, 101000)),
        ('messageid="1730829852101" timestamp="1730829855"', utc(2024, 11, 5, 18, 4, 15)),
        ('messageid="abc" timestamp="1730829852"', utc(2024, 11, 5, 18, 4, 12)),
        ('timestamp="yesterday"', None),
    ],
)
def test_a_quote_is_dated_by_its_id_or_its_seconds(tmp_path: Path, attributes: str, quoted_at: Any) -> None:
    [quote] = everything_of(tmp_path, conversation(message(content=f"<quote {attributes}>x</quote>")))["quotes"]
    assert quote["quoted_at"] == quoted_at


def test_old_quotes_find_the_message_they_quote(tmp_path: Path) -> None:
    def quoting(seconds: int, author: str = "tbrannock", more: str = "") -> Row:
        content = f'<quote author="{author}" timestamp="{1730829600 + seconds}" {more}>x</quote>'
        return message(str(100 + seconds), content=content, originalarrivaltime="2024-11-05T19:00:00Z")

    chat = conversation(
        message("1", originalarrivaltime="2024-11-05T18:00:09.4Z"),
        message("2", originalarrivaltime="2024-11-05T18:00:10.4Z"),
        message("4", originalarrivaltime="2024-11-05T18:00:10.4Z"),
        message("3", originalarrivaltime="2024-11-05T18:00:21Z"),
        quoting(10),
        quoting(20),
        quoting(22, more='conversation="tbrannock"'),
        quoting(23),
        quoting(11, author="live:mara.ostrow"),
        quoting(9, more=f'conversation="{GROUP}"'),
        quoting(21, more='messageid="77"'),
    )
    group = conversation(message("8", originalarrivaltime="2024-11-05T18:00:09Z"), id=GROUP)
    tables = everything_of(tmp_path, chat, group)
    assert chosen(tables["quotes"], "message_id", "quoted_message_id") == [
        ("110", "2"),
        ("120", "3"),
        ("122", "3"),
        ("123", None),
        ("111", None),
        ("109", "8"),
        ("121", "77"),
    ]


@pytest.mark.parametrize(
    ("message_type", "content", "expected"),
    [
        (
            "AddMember",
            "<addmember><eventtime>1730829720640</eventtime><initiator>8:live:mara.ostrow</initiator>"
            f"<target>tbrannock</target><target>{CID}</target></addmember>",
            [
                ("member_added", OWNER, THEO, None, utc(2024, 11, 5, 18, 2, 0, 640000)),
                ("member_added", OWNER, CID, None, utc(2024, 11, 5, 18, 2, 0, 640000)),
            ],
        ),
        (
            "DeleteMember",
            "<deletemember><eventtime>1730834027</eventtime><initiator /><target>8:tbrannock</target></deletemember>",
            [("member_removed", None, THEO, None, utc(2024, 11, 5, 19, 13, 47))],
        ),
        (
            "TopicUpdate",
            "<topicupdate><initiator>8:tbrannock</initiator><value>Harbour walk &amp; tea</value></topicupdate>",
            [("topic_changed", THEO, None, "Harbour walk & tea", None)],
        ),
        ("TopicUpdate", "<topicupdate><value /></topicupdate>", [("topic_changed", None, None, None, None)]),
        (
            "PictureUpdate",
            f"<pictureupdate><value>URL@https://api.asm.skype.com/v1/objects/{PICTURE.upper()}</value></pictureupdate>",
            [("picture_changed", None, None, PICTURE.upper(), None)],
        ),
        (
            "PictureUpdate",
            "<pictureupdate><value>URL@https://x.example/?a=1&amp;b=2</value></pictureupdate>",
            [("picture_changed", None, None, "https://x.example/?a=1&b=2", None)],
        ),
        (
            "RoleUpdate",
            "<roleupdate><initiator>8:live:mara.ostrow</initiator><target><id>8:tbrannock</id><role>Admin</role></target>"
            "<target><id>8:b</id><role>user</role></target></roleupdate>",
            [("role_changed", OWNER, THEO, "admin", None), ("role_changed", OWNER, "8:b", "user", None)],
        ),
        (
            "HistoryDisclosedUpdate",
            "<historydisclosedupdate><value>true</value></historydisclosedupdate>",
            [("history_disclosed", None, None, "true", None)],
        ),
        (
            "JoiningEnabledUpdate",
            "<joiningenabledupdate><value>False</value></joiningenabledupdate>",
            [("joining_enabled", None, None, "false", None)],
        ),
        ("ModeratedThreadUpdate", "<x><value>1</value></x>", [("moderation_changed", None, None, "true", None)]),
        ("LegacyMemberUpgraded", "<x><target>8:b</target></x>", [("legacy_member_upgraded", None, "8:b", None, None)]),
        (
            "E2EEHandshakeAccept",
            "<unheard><initiator>8:tbrannock</initiator><target>8:live:mara.ostrow</target></unheard>",
            [("e2ee_accepted", THEO, OWNER, None, None)],
        ),
        (
            "MemberJoined",
            '{"eventtime": 1730829720640, "initiator": "8:b", "members": [{"id": "tbrannock"}]}',
            [("member_joined", "8:b", THEO, None, utc(2024, 11, 5, 18, 2, 0, 640000))],
        ),
        ("DeleteUser", "", [("user_deleted", None, None, None, None)]),
        ("Unheard", "<x><target>8:b</target></x>", []),
    ],
)
def test_changes_to_a_conversation_are_events(
    tmp_path: Path, message_type: str, content: str, expected: list[Any]
) -> None:
    assert events_of(tmp_path, message_type, content) == expected


def test_those_who_change_a_conversation_take_part_in_it(tmp_path: Path) -> None:
    content = f"<addmember><initiator>8:a</initiator><target>28:bot</target><target>{GROUP}</target></addmember>"
    added = message(messagetype="ThreadActivity/AddMember", content=content, **{"from": GROUP})
    tables = everything_of(tmp_path, conversation(added, id=GROUP))
    assert chosen(tables["participants"], "user_id", "message_count", "first_seen") == [
        ("28:bot", 0, None),
        ("8:a", 0, None),
    ]


def test_the_teams_form_is_read(tmp_path: Path) -> None:
    unknown = "8:unknown_user_0123456789abcdef0123456789abcdef"
    chat = conversation(
        message("1", content={"a": 1}, **{"from": None}),
        message("2", messagetype="RichText/Html", content="<p>hi</p>", **{"from": unknown}),
        id=GROUP,
        messages=None,
        threadProperties={"members": [{"MemberMri": OWNER}]},
    )
    tables = everything_of(tmp_path, chat)
    assert chosen(tables["messages"], "sender_id", "content", "text", "flags") == [
        (None, '{"a":1}', '{"a":1}', ["content_not_text"]),
        (unknown, "<p>hi</p>", "hi", []),
    ]
    assert chosen(tables["participants"], "user_id", "is_member") == [(OWNER, True), (unknown, False)]


def check_sample(tables: Tables) -> None:
    for name in ("mentions", "links", "quotes", "thread_events"):
        assert tables[name], name
    assert {row["status"] for row in calls(tables)} >= {"ended", "missed"}
    assert not any(UNCOMPARED_FLAGS & set(row["flags"]) for row in tables["messages"])
    ids = {(row["conversation_id"], row["message_id"]) for row in tables["messages"]}
    copies = [row for row in tables["messages"] if row["edit_of"] is not None]
    assert copies
    assert all((row["conversation_id"], row["edit_of"]) in ids for row in copies)


def test_a_sample_is_read_to_its_end(tmp_path: Path) -> None:
    write_sample(tmp_path / "a.tar", messages=1500)
    write_sample(tmp_path / "b.tar", messages=500, owner="8:tbrannock")
    check_sample(reference_tables(tmp_path / "a.tar", EMOJI))
    check_sample(merged_tables([tmp_path / "a.tar", tmp_path / "b.tar"], EMOJI))
