"""``python -m tests.faults --quick|--long [--seed N] [--only T1,T3]``: run the campaign, print its table.

The exit code is 0 if there was no wrong state, and every planted bug was caught.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.faults.cases import piece
from tests.faults.world import build_shim, built

_FOLDER = "SKYPE_FAULTS_FOLDER"


def main() -> int:
    arguments = _arguments()
    if _FOLDER not in os.environ:
        return _again_with_the_shim()
    # Only now: what was imported before the shim was there calls the C library directly.
    from tests.faults import campaign
    from tests.faults.cases import LONG, QUICK

    size = LONG if arguments.long else QUICK
    results: list[campaign.Result] = []
    with built(Path(os.environ[_FOLDER]) / "world") as world:
        for name in arguments.only or campaign.TESTS:
            result = campaign.run(
                world, campaign.TESTS[name], size, arguments.seed, arguments.processes, arguments.piece
            )
            results.append(result)
            print(campaign.table([result]).splitlines()[-1], flush=True)
            for wrong in result.report.wrong[:20]:
                print(f"  wrong: {wrong}", flush=True)
    print(campaign.table(results))
    if arguments.json:
        found = {r.test.name: {"faults": r.report.faults, "points": sorted(r.report.points), "wrong": r.report.wrong}
                 for r in results}  # fmt: skip
        arguments.json.write_text(json.dumps(found))
    return int(any(result.report.wrong for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="a sample of everything, in a few minutes")
    size.add_argument("--long", action="store_true", help="everything; takes some three hours")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of tests, with commas")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cases side by side")
    parser.add_argument("--piece", type=piece, default=(1, 1), metavar="I/N", help="only the I-th of N pieces")
    parser.add_argument("--json", type=Path, help="write the result to this file, too")
    return parser.parse_args()


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
