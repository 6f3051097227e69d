"""What real clients wrote, from the file to the database, by both readers: content of messages.

Each folder is an export that was read wrongly once, with what must be in the database and why in ``expected.md``.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import compiled, engine
from tests.engine.database_content import differences_from_reference, query
from tests.engine.runs import task

CASES = Path(__file__).parent
THEO, ALBUM = "8:tbrannock", "7d1a0c52-3b1e-4a55-9c7e-1f0e2d3c4b5a"
FIRST = "0-weu-d1-38edc4c5c8e47c0460ce1244583a2dc3"
SECOND = "0-weu-d1-5595bfbe8d4ce3313d3edb557d6cddc6"

# By case: what is asked of the database, and the rows that it must answer with.
EXPECTED: dict[str, dict[str, list[tuple[Any, ...]]]] = {
    "03-edit-marker-without-its-pair": {
        "SELECT text, sent_at, edited_at, edit_of FROM skype.messages ORDER BY sent_at": [
            (
                "noon at the quay",
                datetime(2025, 1, 1, 9, tzinfo=UTC),
                datetime(2025, 1, 1, 10, 1, tzinfo=UTC),
                None,
            ),
            ("never edited", datetime(2025, 1, 1, 10, 0, 1, tzinfo=UTC), None, None),
        ]
    },
    "05-deleted-but-content-left": {
        "SELECT text, content, deleted_at FROM skype.messages ORDER BY message_id": [
            ("hello", "hello", None),
            ("", "my PIN is 4711", datetime(2025, 1, 1, 10, 15, tzinfo=UTC)),
        ]
    },
    "06-call-ended-as-an-element": {
        "SELECT event, duration_seconds FROM skype.call_events ORDER BY message_id": [
            ("started", None),
            ("ended", 61.0),
        ],
        "SELECT started_at, ended_at, duration_seconds, status FROM skype.calls": [
            (
                datetime(2025, 1, 1, 10, 0, 1, tzinfo=UTC),
                datetime(2025, 1, 1, 10, 1, 2, tzinfo=UTC),
                61.0,
                "ended",
            )
        ],
        "SELECT user_id, display_name FROM skype.call_participants ORDER BY ordinal": [
            (THEO, "Theo Brannock"),
            ("8:live:mara.k06", "Mara Ostrow"),
        ],
        "SELECT owner_name FROM skype.exports": [("Mara Ostrow",)],
    },
    "07-html-paragraphs": {
        "SELECT text FROM skype.messages ORDER BY message_id": [
            ("Dear all\nsee you at noon",),
            ("first\nsecond\u00a0line",),
            ("list:\nmilk\nbread",),
            ("from Teams\ninto Skype",),
            ("word",),
        ],
        "SELECT DISTINCT flags FROM skype.messages": [([],)],
    },
    "08-html-emoji": {"SELECT text, flags FROM skype.messages": [("Thanks 🙂 and ❤️", [])]},
    "09-html-inline-picture": {
        "SELECT kind, document_id, media_member, present, width, height FROM skype.attachments ORDER BY message_id": [
            ("photo", FIRST, f"media/{FIRST}.1.png", True, 250, 139),
            ("photo", SECOND, f"media/{SECOND}.1.png", True, None, None),
        ],
        "SELECT text FROM skype.messages ORDER BY message_id": [("see",), ("",)],
    },
    "11-bing-answer": {
        "SELECT text FROM skype.messages": [("Otters are mammals1.",)],
        "SELECT url, label FROM skype.links": [("https://example.org/otter", "1. example.org")],
    },
    "13-album-id-in-the-content": {
        "SELECT kind, album_id FROM skype.messages ORDER BY message_id": [("album", ALBUM), ("photo", ALBUM)]
    },
    "14-quote-of-an-old-chat-name": {
        "SELECT author_id, author_name, quoted_conversation_id, quoted_at, text FROM skype.quotes": [
            (
                "8:ines_k",
                "Ines",
                "#ines_k/$tbrannock;4d5e6f7a8b9c0d1e",
                datetime(2017, 4, 22, 18, 44, 28, tzinfo=UTC),
                "keys are on the hook",
            )
        ],
        "SELECT text FROM skype.messages": [("got them, thanks",)],
        "SELECT user_id FROM skype.participants WHERE user_id LIKE '%#%'": [],
    },
    "26-cards-of-other-kinds": {
        "SELECT details #> '{cards,0,facts}', details #> '{cards,0,items}', details #>> '{cards,0,total}', "
        "details #>> '{cards,0,tax}' FROM skype.messages ORDER BY message_id LIMIT 1": [
            (
                [{"key": "Order", "value": "1234"}],
                [{"title": "Otter mug", "price": "9.50 EUR", "quantity": "2"}],
                "19.00 EUR",
                "3.03 EUR",
            )
        ],
        "SELECT details #>> '{cards,0,image,url}', details #>> '{cards,0,media,0,url}' "
        "FROM skype.messages ORDER BY message_id DESC LIMIT 1": [
            ("https://media.example/still.png", "https://media.example/otters.mp4")
        ],
    },
}


@pytest.fixture(params=["compiled", "general"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both readers, one after the other."""
    if request.param == "general":
        monkeypatch.setattr(compiled, "reader", None)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("case", EXPECTED)
def test_the_database_holds_what_was_meant(case: str, tmp_path: Path, postgres_url: str) -> None:
    [source] = (path for path in (CASES / case).iterdir() if path.suffix != ".md")
    engine.run(task("t", tmp_path, source, postgres_url))
    found = {statement: query(postgres_url, statement) for statement in EXPECTED[case]}
    assert found == EXPECTED[case]
    assert differences_from_reference(postgres_url, [source]) == []
