"""Exports that name people in different places make one history, in whatever order they are loaded."""

import json
import os
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from skype_assets.etl import engine
from skype_assets.etl.phases import given_names
from skype_assets.etl.task import export_id_for
from tests.conftest import NewDatabase
from tests.engine.database_content import differences_from_reference
from tests.engine.runs import task

OWNER, ANN, BOB, CID = "8:live:mara.ostrow", "8:ann", "8:live:bob.k", "8:live:.cid.3fa91c07be52d684"
GROUP, THREAD = "19:5b0c9d51e27f4a6d8e13b7c2f4a09d66@thread.skype", "19:a_b@oneToOne.skype"
PEOPLE = st.sampled_from([OWNER, ANN, BOB, CID])
EXAMPLES = int(os.environ.get("SKYPE_TEST_ORDERS") or 12)
PHOTO = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"

Row = dict[str, Any]


@st.composite
def names(draw: st.DrawFn, user_id: str) -> str | None:
    """A name, none, or what stands for none: the id with or without its prefix."""
    bare = user_id.removeprefix("8:")
    short = bare[:4]
    return draw(st.sampled_from([None, "", user_id, bare, f"{short} one", f"{short} two", f"<b>{short}</b> &amp;"]))


@st.composite
def contents(draw: st.DrawFn) -> tuple[str, str]:
    """Type and content of a message that names somebody somewhere, or nobody."""
    who, other = draw(PEOPLE), draw(PEOPLE)
    name = draw(names(who)) or ""
    bare = who.removeprefix("8:")
    quote = f'<quote author="{bare}" authorname="{name}" messageid="1730829852101" timestamp="1730829852">x</quote>y'
    part = f'<partlist type="ended"><part identity="{who}"><name>{name}</name></part></partlist>'
    info = f"<detailedtargetinfo><id>{who}</id><friendlyName>{name}</friendlyName></detailedtargetinfo>"
    member = f"<addmember><initiator>{other}</initiator><target>{who}</target>{info}</addmember>"
    joined = json.dumps({"initiator": other, "members": [{"id": who, "friendlyname": name}]})
    return draw(
        st.sampled_from(
            [
                ("RichText", "hello"),
                ("RichText", f'<at id="{who}">{name}</at> hello'),
                ("RichText", quote),
                ("Event/Call", part),
                ("ThreadActivity/AddMember", member),
                ("ThreadActivity/MemberJoined", joined),
                ("RichText/UriObject", f'<URIObject type="Picture.1" doc_id="{PHOTO}"></URIObject>'),
            ]
        )
    )


@st.composite
def messages(draw: st.DrawFn) -> Row:
    number = draw(st.integers(1, 4))
    sender = draw(st.none() | PEOPLE)
    type_, content = draw(contents())
    is_blank = draw(st.integers(0, 5)) == 0
    return {
        "id": str(number),
        "displayName": draw(names(sender)) if sender else None,
        "originalarrivaltime": draw(st.none() | st.sampled_from([f"2024-11-0{day}T10:00:00Z" for day in (1, 2, 3)])),
        "messagetype": "RichText" if is_blank else type_,
        "version": draw(st.integers(1, 2)),
        "content": "" if is_blank else content,
        "from": sender,
        "properties": {"isserversidegenerated": "True"} if is_blank else None,
        "amsreferences": None,
    }


@st.composite
def conversations(draw: st.DrawFn) -> Row:
    identity = draw(st.sampled_from([ANN, BOB, CID, OWNER, GROUP, THREAD, "48:notes", "28:bot", "4:+15550107733"]))
    listed = draw(st.none() | st.lists(PEOPLE, unique=True, max_size=3))
    thread = {"topic": draw(st.sampled_from([None, "Walkers"])), "members": listed and json.dumps(listed)}
    return {
        "id": identity,
        "displayName": draw(names(identity)),
        "version": draw(st.none() | st.integers(1, 2)),
        "properties": draw(st.sampled_from([None, {"conversationblocked": False}])),
        "threadProperties": draw(st.sampled_from([None, thread])),
        "MessageList": draw(st.lists(messages(), max_size=4)),
    }


exports = st.lists(
    st.tuples(st.lists(conversations(), max_size=4), st.integers(1, 2), st.dictionaries(PEOPLE, st.just("Given"))),
    min_size=2,
    max_size=4,
)

_numbers = count(1)


@given(exports, st.randoms(use_true_random=False))
@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    phases=[Phase.explicit, Phase.generate],
)
def test_exports_that_name_people_in_different_places_make_one_history(
    tmp_path_factory: pytest.TempPathFactory,
    new_database: NewDatabase,
    tables: str,
    found: Sequence[tuple[list[Row], int, dict[str, str]]],
    random: Any,
) -> None:
    folder = tmp_path_factory.mktemp(f"names{next(_numbers)}")
    given_by_id: dict[str, dict[str, str]] = {}
    tasks = []
    for number, (some, day, called) in enumerate(found):
        path = folder / f"{number}.json"
        document = {"userId": OWNER, "exportDate": f"2025-01-0{day}T10:00", "n": number, "conversations": some}
        path.write_text(json.dumps(document))
        one = task(f"t{number}", folder / "out", path, None, media_only=True)
        given_names.keep(one.folder, called)
        tasks.append((one, path, called))
    orders = [list(range(len(tasks))), random.sample(range(len(tasks)), len(tasks))]
    for order in orders:
        url = new_database(tables)
        for number in order:
            one, path, called = tasks[number]
            results = engine.run(type(one)(one.task_id, one.output_dir, path, url, one.settings))
            given_by_id[export_id_for(results[0].state.inputs["source_sha256"])] = called
        assert differences_from_reference(url, [path for _, path, _ in tasks], given_by_id) == []
