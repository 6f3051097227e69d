"""Tables beyond a part's memory are the same tables, in files that nobody else sees."""

from pathlib import Path

import pyarrow as pa

from skype_assets.etl.checkpoints.spilled import Memory

SCHEMA = pa.schema([pa.field("text", pa.string(), False), pa.field("json", pa.json_()), pa.field("n", pa.int32())])


def table(rows: int) -> pa.Table:
    json = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{}"] * rows))
    return pa.table([[f"{n:0100}" for n in range(rows)], json, pa.array(range(rows), pa.int32())], schema=SCHEMA)


def test_tables_are_the_same_in_memory_and_in_files(tmp_path: Path) -> None:
    memory = Memory(2_000_000, tmp_path / "new")
    before = pa.total_allocated_bytes()
    kept = [memory.keep(table(10_000)) for _ in range(20)]
    assert pa.total_allocated_bytes() - before < 3_000_000
    assert all(one == table(10_000) for one in kept)
    assert list((tmp_path / "new").iterdir()) == []


def test_batches_become_one_table(tmp_path: Path) -> None:
    whole = table(50_000)
    for most in (10**9, 2_000_000, 0):
        collected = Memory(most, tmp_path).collect(SCHEMA, iter(whole.to_batches(max_chunksize=4_000)))
        assert collected == whole


def test_nothing_is_nothing(tmp_path: Path) -> None:
    memory = Memory(0, tmp_path)
    assert memory.keep(SCHEMA.empty_table()) == SCHEMA.empty_table()
    assert memory.collect(SCHEMA, iter([])) == SCHEMA.empty_table()
