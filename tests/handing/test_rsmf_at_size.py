"""Many messages as RSMF: every rule of the format in every file, each message once, and the same bytes twice.

`SKYPE_TEST_RSMF=60000` is the size that was aimed at; by default it is one that takes seconds.
"""

import filecmp
import hashlib
import os
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from skype_assets.etl import engine
from skype_assets.etl.handing.handover import hand_over
from skype_assets.etl.handing.rsmf.writing import rsmf
from skype_assets.etl.handing.selection import Wanted
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Task
from tests.conftest import NewDatabase
from tests.handing.rsmf_reader import File, read

MESSAGES = int(os.environ.get("SKYPE_TEST_RSMF", "1200"))


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, new_database: NewDatabase) -> tuple[str, Path]:
    folder, url = tmp_path_factory.mktemp("large"), new_database()
    engine.run(
        Task("large", folder / "output", write_sample(folder / "sample.tar", messages=MESSAGES, seed=7).path, url)
    )
    return url, folder / "output"


def broken_rule(file: File, size: int) -> str | None:
    """The rule of the format that a file breaks."""
    manifest, events = file.manifest, file.events
    people = [one["id"] for one in manifest["participants"]]
    [conversation] = manifest["conversations"]
    ids = [event["id"] for event in events]
    times = [datetime.fromisoformat(event["timestamp"]) for event in events]
    named = {*conversation["participants"], conversation["custodian"], *(event["participant"] for event in events)}
    named |= {id for event in events for one in event.get("reactions", ()) for id in one["participants"]}
    named |= {edit["participant"] for event in events for edit in event.get("edits", ())}
    carried: list[dict[str, Any]] = [one for event in events for one in event.get("attachments", ())]
    rules = {
        "version": manifest["version"] == file.mail["X-RSMF-Version"] == "2.0.0",
        "events": len(events) == int(file.mail["X-RSMF-EventCount"]) <= 10_000,
        "begin": events[0]["timestamp"] == file.mail["X-RSMF-BeginDate"],
        "end": events[-1]["timestamp"] == file.mail["X-RSMF-EndDate"],
        "attachments": len(carried) == int(file.mail["X-RSMF-AttachmentCount"]),
        "collection": manifest["eventcollectionid"] == file.mail["X-RSMF-EventCollectionID"],
        "files": {one["id"]: one["size"] for one in carried} == {id: len(raw) for id, raw in file.files.items()},
        "ids": len({*ids}) == len(ids) and len({*people}) == len(people),
        "people": named <= {*people},
        "conversation": {event["conversation"] for event in events} == {conversation["id"]},
        "times": times == sorted(times),
        "text": len(file.text.strip().splitlines()) == len(events),
        "bytes": size < 2_000_000_000,
        "hashes": all(id.startswith(hashlib.sha256(raw).hexdigest()[:16]) for id, raw in file.files.items()),
    }
    return next((name for name, is_kept in rules.items() if not is_kept), None)


def test_every_file_keeps_every_rule_each_message_is_there_once_and_two_runs_are_equal(
    tmp_path: Path, loaded: tuple[str, Path]
) -> None:
    url, output_dir = loaded
    one, two = (
        hand_over(
            *(lambda: url, rsmf(with_load_file=True), tmp_path / name, Wanted(), output_dir),
            with_media=True,
            progress=lambda *_: None,
            workers=1,
        ).folder
        for name in ("one", "two")
    )
    names = sorted(path.name for path in one.iterdir())
    assert names == sorted(path.name for path in two.iterdir())
    assert filecmp.cmpfiles(one, two, names, shallow=False) == (names, [], [])
    seen: Counter[tuple[str, str]] = Counter()
    carried: set[str] = set()
    for path in sorted(one.glob("*.rsmf")):
        file = read(path)
        assert (path.name, broken_rule(file, path.stat().st_size)) == (path.name, None)
        seen.update((event["conversation"], event["id"]) for event in file.events)
        carried |= {hashlib.sha256(raw).hexdigest() for raw in file.files.values()}
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT conversation_id, message_id FROM skype.messages WHERE edit_of IS NULL AND sent_at IS NOT NULL"
        )
        assert seen == Counter(cursor.fetchall())
        cursor.execute("SELECT DISTINCT encode(media_sha256, 'hex') FROM skype.attachments WHERE present")
        assert carried == {sha256 for (sha256,) in cursor.fetchall()}
