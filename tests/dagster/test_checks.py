"""The asset checks find what they say they find."""

import json
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psycopg2
import pyarrow as pa
import pytest

from skype_assets import checks
from skype_assets.definitions import defs
from skype_assets.etl import engine
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.task import Settings, Task
from skype_assets.registration import register
from skype_assets.shown.statistics import statistics

Materialize = Callable[[], dict[str, dg.AssetCheckEvaluation]]


@pytest.fixture
def task(workspace: Path, sample_tar: Path, instance: dg.DagsterInstance) -> Task:
    task_id = register(sample_tar, instance=instance)
    return Task(task_id, workspace / "output", sample_tar, settings=Settings(max_workers=1))


@pytest.fixture
def materialize(task: Task, instance: dg.DagsterInstance) -> Materialize:
    """Run the job; gives the checks of each asset as ``asset.check``."""

    def run() -> dict[str, dg.AssetCheckEvaluation]:
        job = defs.resolve_job_def("load_export")
        result = job.execute_in_process(instance=instance, partition_key=task.task_id, raise_on_error=False)
        return {
            f"{found.asset_key.path[-1]}.{found.check_name}": found for found in result.get_asset_check_evaluations()
        }

    return run


def test_an_ordinary_export_passes_every_check_and_says_what_a_person_should_know(materialize: Materialize) -> None:
    found = materialize()
    assert [name for name, check in found.items() if not check.passed] == []
    assert len(found) == 10
    chats, media, types = (
        found[f"transformed_tables.{name}"]
        for name in ("conversations_have_messages", "media_present", "message_types_known")
    )
    assert chats.metadata["without_a_list"].value == 1
    assert (chats.description or "").endswith("conversations have messages. Without a list of messages: 1.")
    assert (media.metadata["in_the_archive"].value, media.metadata["not_exported"].value) == (13, 14)
    assert (media.description or "").startswith("13 of the 27 photos and files of messages are in this archive. ")
    assert (types.description or "").startswith("4 of 293 messages are of 4 types that this program does not know.")
    equal = found["loaded_database.database_equals_checkpoint"].metadata
    assert equal["messages_in_this_copy"].value == 293


def test_an_export_that_is_mostly_unknown_or_empty_deserves_a_look(workspace: Path) -> None:
    stored = "0-weu-d4-f08fdde142b15a71193dfd6abe4c0174"
    photo = f'<URIObject type="Picture.1" doc_id="{stored}" uri="https://api.asm.skype.com/v1/objects/{stored}"/>'
    contents = [("Event/New", "?"), ("Event/New", "?"), ("RichText/UriObject", photo)]
    messages = [
        {"id": str(1_600_000_000_000 + n), "messagetype": kind, "content": content, "from": "8:bob"}
        for n, (kind, content) in enumerate(contents)
    ]
    folder = workspace / "mostly"
    (folder / "media").mkdir(parents=True)
    (folder / "media" / f"{stored}.1.jpeg").touch()
    document = {"userId": "8:ann", "conversations": [{"id": "8:bob", "MessageList": messages}]}
    (folder / "messages.json").write_text(json.dumps(document))
    task = Task("mostly", workspace / "output", folder, settings=Settings(max_workers=1))
    engine.run_phase(task, "extract")
    tables = engine.run_phase(task, "transform").tables
    found = {each.check_name: each for each in checks.of_transformed_tables(task, tables, statistics(tables))}
    for name in (checks.KNOWN_TYPES, checks.MEDIA):
        assert (found[name].passed, found[name].severity) == (False, dg.AssetCheckSeverity.WARN)


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("DELETE FROM skype.links WHERE ctid IN (SELECT ctid FROM skype.links LIMIT 1)", "database_equals_checkpoint"),
        ("UPDATE skype.messages SET text = 'changed' WHERE text <> ''", "database_equals_checkpoint"),
        ("UPDATE skype.messages SET raw_sha256 = sha256('other'), version = NULL", "database_equals_checkpoint"),
        ("UPDATE skype.messages SET edit_of = 'nowhere' WHERE kind = 'text'", "references_resolve"),
        (
            "ALTER TABLE skype.links DROP CONSTRAINT links_owner_id_conversation_id_message_id_fkey",
            "references_resolve",
        ),
        ("DELETE FROM skype.media_files", "references_resolve"),
    ],
)
def test_a_database_that_was_changed_is_noticed(task: Task, postgres_url: str, statement: str, check: str) -> None:
    *_, loaded = engine.run(task)
    _change(postgres_url, statement)
    found = {each.check_name: each for each in checks.of_loaded_database(task, loaded.tables)}[check]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)


def test_rows_that_were_lost_come_back_and_rows_that_were_changed_stop_the_asset(
    materialize: Materialize, postgres_url: str
) -> None:
    materialize()
    _change(postgres_url, "DELETE FROM skype.links")
    assert materialize()["loaded_database.database_equals_checkpoint"].passed
    _change(postgres_url, "UPDATE skype.messages SET text = 'changed' WHERE text <> ''")
    assert "loaded_database.database_equals_checkpoint" not in materialize()


def test_what_must_be_in_the_database_blocks() -> None:
    blocking = {spec.name for spec in checks.specs(dg.AssetKey("loaded_database")) if spec.blocking}
    assert blocking == {checks.REFERENCES, checks.DATABASE}


def _change(url: str, statement: str) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount != 0
    connection.close()


def test_a_conversation_that_does_not_balance_blocks(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, transformed, _ = engine.run(task)
    assert _conserved(task, transformed.tables).passed
    honest = PhaseTables.summary

    def one_less(tables: PhaseTables, name: str) -> pa.Table:
        table = honest(tables, name)
        if name != "conservation":
            return table
        loaded = [max(0, count - 1) for count in table["loaded"].to_pylist()]
        return table.set_column(table.schema.get_field_index("loaded"), "loaded", pa.array(loaded, pa.int64()))

    monkeypatch.setattr(PhaseTables, "summary", one_less)
    found = _conserved(task, transformed.tables)
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert raw.messages == 300


def test_a_byte_that_was_changed_in_any_file_is_named(task: Task) -> None:
    for result in engine.run(task):
        names = [file.name for record in result.state.records for file in record.files.values()]
        file = result.tables.folder / names[-1]
        good = file.read_bytes()
        file.write_bytes(good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
        (found,) = checks.of_raw_export(result.tables)
        assert (found.passed, found.metadata["damaged"].value) == (False, file.name)
        file.write_bytes(good)
        (found,) = checks.of_raw_export(result.tables)
        assert found.passed


def test_checks_show_neither_names_nor_text(materialize: Materialize, task: Task) -> None:
    shown = repr([check.metadata for check in materialize().values()])
    tables = engine.open_phase(task, "transform")
    assert tables is not None
    texts = {text for text in tables["messages"].to_table()["text"].to_pylist() if " " in text}
    people = {name for name in tables["participants"].to_table()["display_name"].to_pylist() if name}
    assert [secret for secret in texts | people if secret in shown] == []


def _conserved(task: Task, tables: PhaseTables) -> dg.AssetCheckResult:
    results = checks.of_transformed_tables(task, tables, checks.Statistics())
    return next(result for result in results if result.check_name == checks.CONSERVATION)
