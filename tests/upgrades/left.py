"""What a release left, run with today's code: in this process, or in one of its own that can be killed.

``python -m tests.upgrades.left OUTPUT URL`` is the latter.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skype_assets.etl import crash_points, engine
from skype_assets.etl.task import Task
from tests.engine.runs import task
from tests.upgrades.make_fixture import TASKS


@dataclass(frozen=True)
class Left:
    """What a release left: an output folder, and a database with the same tasks loaded."""

    output: Path
    url: str
    exports: Path

    def task(self, task_id: str, *, with_export: bool = False) -> Task:
        source = self.exports / f"{task_id}.tar" if with_export else None
        return task(task_id, self.output, source, self.url)

    def run(self, order: Sequence[str] = TASKS) -> None:
        """Run all tasks, without their exports, until none of them has anything to do."""
        for _ in range(2):
            for task_id in order:
                engine.run(self.task(task_id))

    def run_and_be_killed_at(self, point: str, hit: int) -> bool:
        """The same in another process; whether it came to the point, where it was killed."""
        command = [sys.executable, "-m", "tests.upgrades.left", str(self.output), self.url]
        environment = {**os.environ, crash_points.VARIABLE: f"{point}:kill:{hit}"}
        root = Path(__file__).parents[2]
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, -9), done.stderr
        return done.returncode != 0


if __name__ == "__main__":
    output, url = sys.argv[1:]
    Left(Path(output), url, Path()).run()
