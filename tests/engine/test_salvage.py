"""A damaged export on its way into the database: what is whole of it is loaded, and nothing says that this is all."""

import json
import random
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl import engine
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointMismatch, InvalidExport
from skype_assets.etl.sample import write_sample
from skype_assets.etl.task import Settings, Task
from skype_assets.etl.tasks import findings
from skype_assets.etl.tasks.doubts import doubts
from skype_assets.etl.tasks.proving import prove_all
from skype_assets.etl.tasks.verification import verify
from tests.export.damaged import containers, document

CONTAINERS = dict(containers(document()))


def task(path: Path, url: str | None = None, *, salvage: bool = True, task_id: str = "t") -> Task:
    settings = Settings(chunk_size=20, max_workers=1, salvage=salvage)
    return Task(task_id, path.parent / "out", path, url, settings)


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    with Session(url, read_only=True) as session:
        return session.rows(query)


def test_an_export_that_ends_where_a_part_does_is_never_complete(tmp_path: Path) -> None:
    messages = ",".join(f'{{"id":"{n}","messagetype":"Text","content":"here"}}' for n in range(20))
    path = tmp_path / "messages.json"
    path.write_text(f'{{"userId":"8:a","conversations":[{{"id":"8:t","MessageList":[{messages},')
    for _ in range(3):
        with pytest.raises(InvalidExport, match="cut short"):
            engine.run_phase(task(path, salvage=False), "extract")
    assert engine.run_phase(task(path), "extract").tables["messages"].num_rows == 20


@pytest.mark.parametrize("name", CONTAINERS)
def test_what_is_read_of_a_damaged_export_is_accounted_for(name: str, tmp_path: Path) -> None:
    kind, drawn = CONTAINERS[name], random.Random(name)
    for number in range(2):
        path = tmp_path / f"{number}{kind.ending}"
        place = drawn.randrange(len(kind.whole) // 2, len(kind.whole) * 3 // 4)
        changed = bytes([kind.whole[place] ^ 0x41])
        path.write_bytes(kind.whole[:place] if number else kind.whole[:place] + changed + kind.whole[place + 1 :])
        one = task(path, task_id=f"t{number}")
        with suppress(InvalidExport):  # the one block of an archive, say
            extracted = engine.run_phase(one, "extract")
            transformed = engine.run_phase(one, "transform").tables
            export = transformed.summary("exports").to_pylist()[0]
            assert export["messages_seen"] == extracted.tables["messages"].num_rows > 0
            assert findings.conservation(transformed, extracted.tables, None).passed
            unreadable = extracted.tables["unreadable"].to_table().to_pylist()
            assert export["unreadable_bytes"] == (sum(row["length"] for row in unreadable) if unreadable else None)
            assert transformed["rejects"].num_rows == len(unreadable)
            assert bool(doubts(transformed)) == bool(unreadable)


def test_a_task_that_failed_goes_on_with_salvage_and_not_back_again(tmp_path: Path) -> None:
    path = cut(write_sample(tmp_path / "a.tar", messages=300).path, 0.6)
    strict, salvaging = task(path, salvage=False), task(path)
    with pytest.raises(InvalidExport, match=r"\d+ messages can be read with --salvage") as refused:
        engine.run_phase(strict, "extract")
    extracted = engine.run_phase(salvaging, "extract")
    assert f" {extracted.messages} messages can be read" in str(refused.value)
    assert extracted.state.counts()["unreadable"] == 2
    with pytest.raises(CheckpointMismatch, match="read as far as it is whole: say so again"):
        engine.run_phase(strict, "extract")
    assert engine.run_phase(salvaging, "extract").from_checkpoint


def test_salvage_makes_the_same_of_a_whole_export(tmp_path: Path) -> None:
    path = write_sample(tmp_path / "a.tar", messages=300).path
    made: list[dict[str, Any]] = []
    for asked in (False, True):
        one = task(path, salvage=asked, task_id=f"t{asked}")
        engine.run_phase(one, "extract")
        tables = engine.run_phase(one, "transform").tables
        made.append({name: tables[name].to_table().to_pylist() for name in tables})
        for row in made[-1]["exports"]:
            row.pop("task_id")
        assert findings.whole(tables).passed
        assert engine.run_phase(task(path, salvage=not asked, task_id=f"t{asked}"), "extract").from_checkpoint
    assert made[0] == made[1]


def test_an_interrupted_salvage_goes_on_where_it_stopped(tmp_path: Path) -> None:
    text = bytearray(document())
    for place in range(900, len(text), 2500):
        text[place] = 0x5C
    path = tmp_path / "messages.json"
    path.write_bytes(text)
    at_once, stopped = task(path, task_id="a"), task(path, task_id="b")

    def stop(progress: object) -> None:
        raise ConnectionError

    engine.run_phase(at_once, "extract")
    for parts in range(1, 40):

        def observe(progress: Any, parts: int = parts) -> None:
            if progress.parts == parts:
                stop(progress)

        with suppress(ConnectionError):
            engine.run_phase(stopped, "extract", observe)
    one, other = (engine.open_phase(each, "extract") for each in (at_once, stopped))
    assert one
    assert other
    for name in one:
        assert one[name].to_table() == other[name].to_table()
    assert one["unreadable"].num_rows > 5


def test_the_database_says_that_the_export_is_partial_and_a_whole_one_completes_it(
    tmp_path: Path, postgres_url: str
) -> None:
    sample = write_sample(tmp_path / "whole.tar", messages=300).path
    with tarfile.open(sample) as archive:
        member = archive.extractfile("messages.json")
        assert member
        text = member.read()
    damaged = bytearray(text)
    damaged[len(text) // 3] = 0  # also one within a string, which nobody can notice
    place = damaged.index(b'"messagetype"', len(text) // 2)
    damaged[place] = 0x5C
    partial_path = tmp_path / "messages.json"
    partial_path.write_bytes(damaged[: len(text) * 4 // 5])

    one = task(partial_path, postgres_url, task_id="partial")
    engine.run(one)
    assert engine.run_phase(one, "load").from_checkpoint
    status, unreadable, loaded = ask(
        postgres_url, "SELECT status, unreadable_bytes, messages_loaded FROM skype.exports"
    )[0]
    assert (status, unreadable > 0) == ("partial", True)
    spans = ask(postgres_url, "SELECT sum(source_length) FROM skype.rejects WHERE reason LIKE 'unreadable: %'")
    assert spans == [(unreadable,)]
    assert ask(postgres_url, "SELECT count(*) FROM skype.conversation_copies WHERE is_partial")[0][0] >= 1
    checks = {check.name: check for check in verify(one).checks}
    assert {check.status for check in checks.values()} == {"ok", "not checked"}
    assert checks["whole"].status == "not checked"
    assert "partial: " in checks["whole"].detail
    proven = {check.name: check for check in prove_all([one.output_dir], postgres_url).checks}
    [(export_id,)] = ask(postgres_url, "SELECT export_id FROM skype.exports")
    assert {name for name, check in proven.items() if check.status != "ok"} == {f"whole {export_id}"}
    assert proven[f"whole {export_id}"] == replace(checks["whole"], name=f"whole {export_id}")
    assert "complete" not in checks["database"].detail

    whole = task(sample, postgres_url, salvage=False, task_id="whole")
    engine.run(whole)
    messages = "skype.exports e LEFT JOIN skype.messages m USING (export_id)"
    by_export = dict(ask(postgres_url, f"SELECT e.task_id, count(m.*) FROM {messages} GROUP BY 1"))
    assert by_export["partial"] == 0
    assert by_export["whole"] > loaded
    assert engine.run_phase(one, "load").from_checkpoint


def test_a_later_partial_copy_does_not_replace_what_a_whole_export_has(tmp_path: Path, postgres_url: str) -> None:
    def export(name: str, change: Callable[[str], str]) -> Path:
        message = {"id": "1", "messagetype": "Text", "version": 1, "content": "as it was", "conversationid": "8:b"}
        document = {
            "userId": "8:a",
            "exportDate": "2025-01-01T00:00",
            "conversations": [{"id": "8:b", "MessageList": [message]}],
        }
        path = tmp_path / name
        path.mkdir()
        (path / "messages.json").write_text(change(json.dumps(document)))
        return path / "messages.json"

    engine.run(task(export("whole", str), postgres_url, salvage=False, task_id="whole"))
    for number, changed in enumerate("ABCDEFGH"):  # each with another hash
        path = export(f"partial{number}", lambda text, new=changed: text.replace("as it was", f"{new}s it was")[:-1])
        engine.run(task(path, postgres_url, task_id=f"partial{number}"))
    assert ask(postgres_url, "SELECT text FROM skype.messages") == [("as it was",)]


def test_settings_are_remembered_by_the_manifest(tmp_path: Path) -> None:
    path = cut(write_sample(tmp_path / "a.tar", messages=300).path, 0.6)
    one = task(path)
    engine.run_phase(one, "extract")
    manifest = json.loads((one.output_dir / "etl_checkpoint_t.json").read_text())
    assert manifest["context"]["settings"]["salvage"] is True
    engine.run_phase(replace(one, source=None), "transform")
