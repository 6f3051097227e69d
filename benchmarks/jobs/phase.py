"""A phase of a task, as every door runs it."""

from collections.abc import Callable
from pathlib import Path

# Phases import it late, and pandas with it or when they make an Arrow array; imports are not counted (`children`), here
# as little as in the jobs that phases are compared with.
import adbc_driver_postgresql.dbapi  # noqa: F401  # pyright: ignore[reportUnusedImport]

from skype_assets.etl import engine
from skype_assets.etl.export.source import fingerprint
from skype_assets.etl.task import Settings, Task


def prepare(export: str, output: str, database: str, phase: str, workers: int) -> Callable[[], object]:
    source = Path(export)
    task = Task("bench", Path(output), source, database, Settings(max_workers=workers), fingerprint(source))
    return lambda: engine.run_phase(task, phase)
