"""Ids longer than any index entry of PostgreSQL."""

import json
from pathlib import Path

import psycopg2

from skype_assets.etl import engine
from skype_assets.etl.content.names import bounded, mri
from skype_assets.etl.task import Settings, Task


def test_an_id_that_fits_is_kept_and_a_longer_one_keeps_its_beginning() -> None:
    assert bounded("8:" + "a" * 498) == "8:" + "a" * 498
    assert bounded("8:" + "a" * 499).startswith("8:aaaa")
    assert len(bounded("é" * 400).encode()) <= 500
    assert mri("x" * 5000) != mri("x" * 5001)


def test_a_message_whose_ids_fit_no_index_is_loaded(postgres_url: str, tmp_path: Path) -> None:
    long = "ü" * 20_000
    emotions = [{"key": long, "users": [{"mri": f"8:{long}", "time": 1730829901774}]}]
    message = {
        "id": long,
        "content": "kept",
        "from": f"8:{long}",
        "messagetype": "Text",
        "properties": {"emotions": emotions},
    }
    conversation = {"id": f"19:{long}@thread.skype", "MessageList": [message]}
    export = tmp_path / "messages.json"
    export.write_text(
        json.dumps({"userId": f"8:{long}", "exportDate": "2024-11-06T08:12", "conversations": [conversation]})
    )
    engine.run(Task("long", tmp_path / "output", export, postgres_url, Settings(max_workers=1)))
    with psycopg2.connect(postgres_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.text, count(*) FROM skype.messages m JOIN skype.reactions USING (message_id) GROUP BY 1"
        )
        assert cursor.fetchall() == [("kept", 1)]
