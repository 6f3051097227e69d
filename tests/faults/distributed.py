"""``python -m tests.faults.distributed --quick|--long``: the campaign over a store that machines share; its table.

The exit code is 0 if there was no wrong state, and every planted bug was caught. It needs moto (extra ``stores``).
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import campaign, stores
from tests.faults.cases import LONG, Case, Report, Size, Test, piece
from tests.faults.store_bugs import STORE_BUGS
from tests.faults.world import Place, World, built

_TRIES = 80
"""Cases that a planted bug is to be caught by one of."""


def _planted(world: World, size: Size, seed: int) -> Sequence[Case]:
    stores.choose(stores.ALL)
    cases = {test.name: test.cases(world, size, seed) for test in stores.TESTS}
    return [
        (name, tuple([case for case in cases[bug.test] if any(case[: len(one)] == one for one in bug.cases)][:_TRIES]))
        for name, bug in STORE_BUGS.items()
    ]


def _caught(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    name, suspicious = case
    bug = STORE_BUGS[name]
    test = next(test for test in stores.TESTS if test.name == bug.test)
    for one in suspicious:
        if test.run(place, one, (name,)).wrong:
            return Report(1, {name})
    return Report(1, {name}, [f"the planted bug {name!r} ({bug.title}) was not caught"])


TESTS = {test.name: test for test in stores.TESTS} | {
    "D5": Test("D5", "planted bugs: a wrong state is one that was not caught", _planted, _caught)
}


def main() -> int:
    arguments = _arguments()
    memory = Path("/dev/shm")
    results: list[campaign.Result] = []
    for name in [name for name in os.environ if name.startswith(("PG", "SKYPE_", "DAGSTER_"))]:
        del os.environ[name]
    stores.choose(stores.ALL if arguments.long else stores.FEW)
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="skype-faults-", dir=place) as folder, built(Path(folder)) as world:
        for name in arguments.only or TESTS:
            result = campaign.run(world, TESTS[name], LONG, arguments.seed, arguments.processes, arguments.piece)
            results.append(result)
            print(campaign.table([result]).splitlines()[-1], flush=True)
            for wrong in result.report.wrong[:20]:
                print(f"  wrong: {wrong}", flush=True)
    print(campaign.table(results))
    if arguments.json:
        found = {r.test.name: {"faults": r.report.faults, "wrong": r.report.wrong} for r in results}
        arguments.json.write_text(json.dumps(found))
    return int(any(result.report.wrong for result in results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.distributed", description=__doc__)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--quick", action="store_true", help="a sample of everything, in a few minutes")
    size.add_argument("--long", action="store_true", help="everything; takes hours")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is drawn")
    parser.add_argument("--only", type=lambda text: text.split(","), help="names of tests, with commas")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="cases side by side")
    parser.add_argument("--piece", type=piece, default=(1, 1), metavar="I/N", help="the I-th of N pieces")
    parser.add_argument("--json", type=Path, help="write the result to this file, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
