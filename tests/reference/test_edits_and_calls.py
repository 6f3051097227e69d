"""What several messages say together: edits (5.3), the owner's name (2.6) and calls (3.4.1), worked out by hand."""

from pathlib import Path
from typing import Any

import pytest

from tests.reference import calls, reference_tables
from tests.reference.small_exports import OWNER, THEO, Row, chosen, conversation, everything_of, message, row_of, utc

EXAMPLE = Path(__file__).with_name("example.json")


def test_an_edited_message_is_kept_twice_and_counted_once() -> None:
    tables = reference_tables(EXAMPLE)
    edited = [row for row in tables["messages"] if row["text"] == "noon at the quay"]
    assert chosen(edited, "message_id", "edit_of", "edited_at") == [
        ("1730830195318", "1730830022735", utc(2024, 11, 5, 18, 9, 55, 318000)),
        ("1730830022735", None, utc(2024, 11, 5, 18, 9, 55, 318000)),
    ]
    assert chosen(tables["conversations"], "message_count") == [(6,), (1,), (0,)]
    assert chosen(tables["participants"], "user_id", "message_count")[:2] == [(OWNER, 3), (THEO, 3)]
    assert tables["exports"][0]["messages_loaded"] == 8


def test_only_marks_of_one_sender_and_time_tie_messages(tmp_path: Path) -> None:
    def edited(id: str, minute: int, mark: str = "1730829600000", **changes: Any) -> Row:
        time = f"2024-11-05T18:{minute:02}:00Z"
        return message(id, content=f'x<e_m ts_ms="{mark}"/>', originalarrivaltime=time, **changes)

    quoted = '<quote>x<e_m ts_ms="1730829600000"/></quote>y'
    tables = everything_of(
        tmp_path,
        conversation(
            edited("10", 3),
            edited("9", 1),
            edited("8", 1, mark="1730829600001"),
            edited("7", 1, **{"from": OWNER}),
            message("6", content=quoted),
            message("5", content="x", properties={"edittime": "1730830195318", "isserversidegenerated": "True"}),
        ),
        conversation(edited("a", 4), edited("10", 5), id="8:b"),
    )
    assert chosen(tables["messages"], "message_id", "edit_of", "edited_at") == [
        ("10", "9", utc(2024, 11, 5, 18, 3)),
        ("9", None, utc(2024, 11, 5, 18, 3)),
        ("8", None, utc(2024, 11, 5, 18, 1)),
        ("7", None, utc(2024, 11, 5, 18, 1)),
        ("6", None, None),
        ("5", None, utc(2024, 11, 5, 18, 9, 55, 318000)),
        ("a", "10", utc(2024, 11, 5, 18, 5)),
        ("10", None, utc(2024, 11, 5, 18, 5)),
    ]


@pytest.mark.parametrize(
    ("content", "properties", "flags"),
    [
        ('<e_m a="live:x" ts_ms="1730830022730"></e_m> ', None, ["deleted_by_edit_marker"]),
        ('<e_m ts_ms="1730830022730"/>', {"deletetime": "1730834027914"}, []),
        ('Edited previous message: <e_m ts_ms="1730830022730"/>', None, ["deleted_by_edit_marker"]),
        ("", {"isserversidegenerated": "TRUE"}, ["server_generated"]),
        (None, {"isserversidegenerated": True}, ["content_missing", "server_generated"]),
        ("", {"isserversidegenerated": "False"}, []),
        ("", {"isserversidegenerated": True, "edittime": "1730834027914"}, []),
        ("", None, []),
    ],
)
def test_rows_that_are_no_messages_have_a_flag(
    tmp_path: Path, content: str | None, properties: Any, flags: list[str]
) -> None:
    row = row_of(tmp_path, "RichText", content, properties=properties)
    assert (row["flags"], row["text"]) == (flags, "")


def named(tmp_path: Path, *messages: Row) -> str | None:
    return everything_of(tmp_path, conversation(*messages))["exports"][0]["owner_name"]


def test_the_owner_is_named_by_the_best_source(tmp_path: Path) -> None:
    own = message("1", displayName="Own", **{"from": OWNER})
    label = message("2", content='<at id="live:mara.ostrow">@Label</at>')
    quoted = message("3", content='<quote author="live:mara.ostrow" authorname="Quoted">x</quote>')
    call = message(
        "4",
        messagetype="Event/Call",
        content='<partlist type="missed"><part identity="live:mara.ostrow"><name>Called</name></part></partlist>',
    )
    found = [named(tmp_path, *messages) for messages in ([], [own], [own, label], [own, label, quoted])]
    assert found == [None, "Own", "Label", "Quoted"]
    assert named(tmp_path, own, label, quoted, call) == "Called"


def call_event(id: str, type: str, minute: int, call_id: str = "", duration: str = "", sender: str = THEO) -> Row:
    part = f'<part identity="{sender}"><duration>{duration}</duration></part>' if duration else ""
    return message(
        id,
        messagetype="Event/Call",
        content=f'<partlist type="{type}" callId="{call_id}">{part}</partlist>',
        originalarrivaltime=f"2024-11-05T18:{minute:02}:00Z",
        **{"from": sender},
    )


def test_started_and_ended_are_one_call(tmp_path: Path) -> None:
    tables = everything_of(
        tmp_path,
        conversation(
            call_event("9", "ended", 9, duration="60"),
            call_event("8", "ended", 8, duration="7.5"),
            call_event("7", "started", 7, sender=OWNER),
            call_event("6", "started", 6),
            call_event("5", "ended", 5),
            call_event("4", "missed", 4, "c"),
            call_event("3", "started", 3, "b"),
            call_event("2", "ended", 2, "a", duration="84.82", sender=OWNER),
            call_event("1", "started", 1, "a"),
        ),
    )
    columns = ("call_id", "started_at", "ended_at", "duration_seconds", "initiator_id", "status")
    at = [utc(2024, 11, 5, 18, minute) for minute in range(10)]
    assert chosen(calls(tables), *columns) == [
        ("a", at[1], at[2], 84.82, THEO, "ended"),
        ("b", at[3], None, None, THEO, "no end"),
        ("c", None, at[4], None, THEO, "missed"),
        (None, None, at[5], None, THEO, "not answered"),
        (None, at[6], at[9], 60.0, THEO, "ended"),
        (None, at[7], at[8], 7.5, OWNER, "ended"),
    ]
    assert chosen(calls(reference_tables(EXAMPLE)), *columns) == [
        (
            "1730833868113",
            utc(2024, 11, 5, 19, 11, 8, 200000),
            utc(2024, 11, 5, 19, 13, 47, 914000),
            152.26,
            OWNER,
            "ended",
        )
    ]
