"""``python -m tests.faults.distributed --quick|--long``: the campaign over a store that machines share; its table.

The exit code is 0 if there was no wrong state, and every planted bug was caught. It needs moto (extra ``stores``).
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.faults import campaign, options, stores
from tests.faults.cases import LONG, Case, Report, Size, Test
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
    arguments = options.parsed("tests.faults.distributed", __doc__ or "", "hours")
    memory = Path("/dev/shm")
    for name in [name for name in os.environ if name.startswith(("PG", "SKYPE_", "DAGSTER_"))]:
        del os.environ[name]
    stores.choose(stores.ALL if arguments.long else stores.FEW)
    place = memory if os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="skype-faults-", dir=place) as folder, built(Path(folder)) as world:
        return campaign.run_all(world, TESTS, LONG, arguments)


if __name__ == "__main__":
    sys.exit(main())
