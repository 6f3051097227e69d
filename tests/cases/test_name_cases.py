"""What people are called, where it once came out wrong; and further inputs of the same kinds.

The folders beside this file hold what other people's programs and Skype's clients wrote.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cases.chats import (
    CASES,
    GROUP,
    INES,
    OWNER,
    SAM,
    THEO,
    Query,
    Row,
    activity,
    call,
    conversation,
    members,
    message,
    names_of,
    titles,
    written,
)

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


@pytest.mark.parametrize("exports", [1, 2])
@pytest.mark.parametrize(
    ("who", "no_name", "is_name"),
    [
        (SAM, ".cid.3fa91c07be52d684", False),
        (SAM, "live:.cid.3fa91c07be52d684", False),
        ("8:orgid:5b0c9d51-e27f-4a6d-8e13-b7c2f4a09d66", "5b0c9d51-e27f-4a6d-8e13-b7c2f4a09d66", False),
        ("8:orgid:5b0c9d51-e27f-4a6d-8e13-b7c2f4a09d66", "orgid:5b0c9d51-e27f-4a6d-8e13-b7c2f4a09d66", False),
        ("8:live:zoe", "live:zoe", False),
        ("8:live:zoe", "zoe", True),
        ("8:zoe", "Zoe", True),
    ],
)
def test_the_code_in_an_id_is_no_name_but_what_somebody_chose_may_be(
    exports: int, who: str, no_name: str, is_name: bool, load: Callable[..., None], query: Query
) -> None:
    text = f'<at id="{who}">{no_name}</at> hi'
    chat = conversation(who, message(1, OWNER, content=text), call(2, (who, "Called")), message(3, who, no_name))
    mentioned = conversation(GROUP, message(4, OWNER, content=text), threadProperties=members(who))
    load(*([[chat, mentioned]] * exports))
    assert titles(query) == dict.fromkeys((who, GROUP), no_name if is_name else "Called")


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
    "details in the order of the targets": [
        activity(
            1,
            "AddMember",
            f"<addmember><initiator>{OWNER}</initiator><target>{INES}</target><target>{SAM}</target>"
            "<detailedtargetinfo><friendlyName>Ines</friendlyName></detailedtargetinfo>"
            "<detailedtargetinfo><friendlyName>Sam</friendlyName></detailedtargetinfo></addmember>",
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
