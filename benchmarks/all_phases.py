"""The three phases called as functions, without Dagster: ``python -m benchmarks.all_phases EXPORT OUTPUT DATABASE``."""

import sys
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.task import Settings, Task


def main(export: str, output: str, database: str) -> None:
    engine.run(Task("bench", Path(output), Path(export), database, Settings(max_workers=1)))


if __name__ == "__main__":
    main(*sys.argv[1:])
