"""Parts are written whole, verified whenever they are read, and handed on lazily."""

import hashlib
import stat
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import BATCH_ROWS, ROW_GROUP_ROWS, PhaseTables, TableHandle
from skype_assets.etl.checkpoints.state import FORMAT_VERSION, FileRecord, PartRecord, PhaseState
from skype_assets.etl.errors import CheckpointDamaged
from skype_assets.etl.schema.tables import TABLES

SCHEMA = pa.schema([pa.field("number", pa.int64(), False), pa.field("text", pa.string())])


@pytest.fixture
def folder(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "phase").make()


def _rows(begin: int, end: int) -> pa.Table:
    numbers = list(range(begin, end))
    return pa.table([numbers, [f"text {n}" if n % 3 else None for n in numbers]], schema=SCHEMA)


def _handle(folder: Directory, *sizes: int) -> TableHandle:
    files, begin = [], 0
    for number, size in enumerate(sizes):
        files.append(parts.write(folder, number, 1, {"numbers": _rows(begin, begin + size)})["numbers"])
        begin += size
    return TableHandle("numbers", SCHEMA, folder.path, tuple(files))


def test_a_part_is_read_as_it_was_written(folder: Directory) -> None:
    written = parts.write(folder, 7, 3, {"numbers": _rows(0, 10), "none": SCHEMA.empty_table()})
    assert folder.names() == ["numbers-00007-e3.parquet"]
    record = written["numbers"]
    path = folder.file(record.name)
    data = path.read_bytes()
    assert record == FileRecord(name=path.name, rows=10, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    table = parts.read(folder.path, record).read()
    assert table.equals(_rows(0, 10))
    assert table.schema.equals(SCHEMA)


def test_equal_rows_make_equal_bytes(folder: Directory) -> None:
    first = parts.write(folder, 0, 1, {"numbers": _rows(0, 1000)})["numbers"]
    chunked = pa.concat_tables([_rows(0, 400), _rows(400, 1000)])
    assert parts.write(folder, 0, 2, {"numbers": chunked})["numbers"].sha256 == first.sha256


def test_attempts_do_not_touch_each_others_files(folder: Directory) -> None:
    first = parts.write(folder, 0, 1, {"numbers": _rows(0, 5)})["numbers"]
    parts.write(folder, 0, 2, {"numbers": _rows(5, 9)})
    assert parts.read(folder.path, first).read().equals(_rows(0, 5))


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_platform_keeps_its_schema(name: str, folder: Directory) -> None:
    schema = TABLES[name].schema
    samples = {
        pa.string(): "x", pa.int32(): 1, pa.int64(): 1, pa.float64(): 0.5, pa.bool_(): True, pa.binary(): b"x",
        pa.timestamp("us", tz="UTC"): datetime(2025, 5, 20, tzinfo=UTC), pa.json_(): "{}", pa.list_(pa.string()): ["x"],
    }  # fmt: skip
    table = pa.Table.from_pylist([{field.name: samples[field.type] for field in schema}], schema)
    record = parts.write(folder, 0, 1, {name: table})[name]
    assert parts.read(folder.path, record).read().equals(table)


def test_every_truncation_and_flipped_byte_is_found(folder: Directory) -> None:
    record = parts.write(folder, 0, 1, {"numbers": _rows(0, 3)})["numbers"]
    path = folder.file(record.name)
    data = path.read_bytes()
    for place in range(len(data)):
        flipped = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        for damaged in (data[:place], flipped):
            path.write_bytes(damaged)
            with pytest.raises(CheckpointDamaged, match=f"{record.name} is damaged"):
                parts.read(folder.path, record)


def test_a_missing_file_is_named(folder: Directory) -> None:
    record = parts.write(folder, 0, 1, {"numbers": _rows(0, 3)})["numbers"]
    folder.remove(record.name)
    with pytest.raises(CheckpointDamaged, match=f"{record.name} is missing"):
        parts.read(folder.path, record)


def test_a_table_is_handed_on_in_batches_in_the_order_of_its_parts(folder: Directory) -> None:
    sizes = (5, BATCH_ROWS + 1, 2 * ROW_GROUP_ROWS + 3)
    handle = _handle(folder, *sizes)
    batches = list(handle.batches())
    assert handle.num_rows == sum(sizes)
    assert max(batch.num_rows for batch in batches) <= BATCH_ROWS
    assert pa.Table.from_batches(batches).equals(_rows(0, sum(sizes)))
    assert pq.ParquetFile(folder.file(handle.files[2].name)).num_row_groups == 3


def test_batches_of_the_parts_before_a_damaged_one_can_be_read(folder: Directory) -> None:
    handle = _handle(folder, 5, 5)
    folder.file(handle.files[1].name).write_bytes(b"")
    batches = handle.batches()
    assert next(batches).num_rows == 5
    with pytest.raises(CheckpointDamaged):
        next(batches)


def test_a_table_can_be_had_whole_or_by_columns_or_as_a_frame(folder: Directory) -> None:
    handle = _handle(folder, 3, 4)
    assert handle.to_table().equals(_rows(0, 7))
    assert handle.to_table(["text"]).equals(_rows(0, 7).select(["text"]))
    frame = handle.to_pandas()
    assert list(frame["number"]) == list(range(7))
    empty = TableHandle("numbers", SCHEMA, folder.path, ())
    assert (empty.num_rows, empty.to_table().num_rows, len(empty.to_pandas())) == (0, 0, 0)


def test_a_table_of_a_phase_has_the_files_of_the_parts_and_of_the_summary(folder: Directory) -> None:
    schemas = {"numbers": SCHEMA, "none": SCHEMA}
    records = [_record(folder, 0, _rows(0, 3)), _record(folder, 1, _rows(3, 3)), _record(folder, 2, _rows(3, 5))]
    now = datetime.now(UTC)
    state = PhaseState(
        format_version=FORMAT_VERSION, task_id="t", phase="transform", status="complete", inputs={}, started_at=now,
        updated_at=now, total=5, parts=tuple(records[:2]), summary=records[2],
    )  # fmt: skip
    tables = PhaseTables(folder.path, state, schemas)
    assert list(tables) == ["numbers", "none"]
    assert tables.rows() == {"numbers": 5, "none": 0}
    assert tables["numbers"].to_table().equals(_rows(0, 5))
    assert tables.part(records[0], "numbers").equals(_rows(0, 3))
    assert tables.part(records[1], "numbers").equals(SCHEMA.empty_table())
    assert tables.summary("numbers").equals(_rows(3, 5))
    with pytest.raises(KeyError):
        tables["unknown"]


def _record(folder: Directory, number: int, rows: pa.Table) -> PartRecord:
    files = parts.write(folder, number, 1, {"numbers": rows})
    return PartRecord(number=number, epoch=1, files=files, progress=0, counts={}, seconds=0.0)


def test_some_columns_make_a_frame_and_whatever_reads_arrow_gets_the_table(folder: Directory) -> None:
    handle = _handle(folder, 10, 20)
    frame = handle.to_pandas(columns=["number"])
    assert (list(frame.columns), len(frame)) == (["number"], 30)
    assert pa.table(handle).equals(handle.to_table())
    assert pa.table(_handle(folder)).equals(SCHEMA.empty_table())
    folder.file(handle.files[1].name).write_bytes(b"damaged")
    with pytest.raises(pa.ArrowException, match="is damaged"):
        pa.table(handle)
