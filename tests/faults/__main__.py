"""``python -m tests.faults --quick|--long [--seed N] [--only T1,T3]``: run the campaign, print its table.

The exit code is 0 if there was no wrong state, and every planted bug was caught.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults import options
from tests.faults.world import build_shim, built

_FOLDER = "SKYPE_FAULTS_FOLDER"


def main() -> int:
    arguments = options.parsed("tests.faults", __doc__ or "", "some three hours")
    if _FOLDER not in os.environ:
        return _again_with_the_shim()
    # Only now: what was imported before the shim was there calls the C library directly.
    from tests.faults import campaign
    from tests.faults.cases import LONG, QUICK

    with built(Path(os.environ[_FOLDER]) / "world") as world:
        return campaign.run_all(world, campaign.TESTS, LONG if arguments.long else QUICK, arguments)


def _again_with_the_shim() -> int:
    """Start this program once more, with the shim before the C library."""
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="skype-faults-", dir=place) as name:
        folder = Path(name)
        library = build_shim(folder)
        (folder / "world").mkdir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "SKYPE_", "DAGSTER_"))}
        environment |= {_FOLDER: name, "LD_PRELOAD": str(library)}
        command = [sys.executable, "-m", "tests.faults", *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
