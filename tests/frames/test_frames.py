"""Polars and DuckDB read the tables, from the database and from checkpoints, as the page says."""

from pathlib import Path

import duckdb
import polars as pl

from skype_assets import ETLPipeline
from skype_assets.etl.sample import write_sample
from tests.docs.test_snippets import ROOT, blocks, run

PAGE = ROOT / "docs" / "code-location.md"


def test_the_snippets_run(postgres_url: str, tmp_path: Path) -> None:
    assert len(list(blocks(PAGE, "frames"))) == len(list(blocks(PAGE))) + 2
    run(PAGE, tmp_path, postgres_url, "frames")


def test_all_three_kinds_of_frames_have_the_same_rows(postgres_url: str, tmp_path: Path) -> None:
    export = write_sample(tmp_path / "ann.tar", messages=300).path
    pipeline = ETLPipeline(postgres_url, tmp_path / "output", chunk_size=70)
    pipeline.run_pipeline(export)
    tables = pipeline.get_context().transformed_data
    assert tables is not None
    for name in tables:
        handle = tables[name]
        columns = [field.name for field in handle.schema]
        rows = handle.to_table().to_pylist()
        assert pl.DataFrame(handle).to_dicts() == rows
        assert duckdb.execute("SELECT count(*) FROM handle").fetchall() == [(len(rows),)]
        assert handle.to_pandas(columns=columns[:2]).shape == (len(rows), 2)
