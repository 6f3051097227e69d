"""An export that may hold less than it should is said to, however it is loaded."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import engine
from skype_assets.etl.command_line.summary import PhaseRun, as_json
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks.doubts import doubts
from tests.api.conftest import Place

NOTHING = "this export holds no message"
NO_MESSAGE = "the export has conversations (2) and not one message"
NO_LISTS = "most conversations (2 of 3) lack a MessageList"

MESSAGE = {"id": "1", "messagetype": "Text", "content": "hi", "from": "8:a"}


def chat(identity: str, **changes: Any) -> dict[str, Any]:
    return {"id": identity, "displayName": None, "version": 1, "MessageList": [], **changes}


def without_list(identity: str) -> dict[str, Any]:
    return {"id": identity, "displayName": None, "version": 1}


@pytest.mark.parametrize(
    ("chats", "expected"),
    [
        ([], [NOTHING]),
        ([chat("8:a", MessageList=[MESSAGE]), chat("8:b")], []),
        ([chat("8:a", MessageList=[MESSAGE]), without_list("8:b")], []),
        ([chat("8:a"), chat("8:b")], [NO_MESSAGE]),
        ([chat("8:a"), without_list("8:b")], [NO_MESSAGE]),
        ([chat("8:a", MessageList=[MESSAGE]), without_list("8:b"), without_list("8:c")], [NO_LISTS]),
        ([chat("8:a", MessageList=None), chat("8:b", MessageList=None)], [NO_MESSAGE]),
    ],
)
def test_what_deserves_a_look_is_said_and_nothing_of_an_ordinary_export(
    chats: list[dict[str, Any]], expected: list[str], tmp_path: Path
) -> None:
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"userId": "8:me", "exportDate": "2025-01-01T00:00", "conversations": chats}))
    task = Task("t", tmp_path / "out", export, settings=Settings(media_only=True))
    for phase in ("extract", "transform"):
        result = engine.run_phase(task, phase)
    found = doubts(result.tables)
    assert len(found) == len(expected)
    assert all(said.startswith(start) for said, start in zip(found, expected, strict=True))


def test_the_account_and_the_log_say_it(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.export.unlink()
    export = place.export.with_suffix(".json")
    chats = [chat("8:a"), chat("8:b")]
    export.write_text(json.dumps({"userId": "8:me", "exportDate": "2025-01-01T00:00", "conversations": chats}))
    with caplog.at_level(logging.WARNING):
        place.pipeline(task_id="t", media_only=True).run_pipeline(export)
    assert [record.message for record in caplog.records if record.message.startswith(NO_MESSAGE)]
    task = Task("t", place.output_dir, export, place.url, Settings(media_only=True))
    account = as_json(task, [PhaseRun(result, 1.0) for result in engine.run(task)])
    assert len(account["warnings"]) == 1
