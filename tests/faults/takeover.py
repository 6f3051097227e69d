"""T7: processes that were thought dead wake up, and several processes want one task at once."""

import random
import signal
import time
from collections.abc import Sequence

from skype_assets.etl import engine
from tests.engine.database_content import query, row_versions
from tests.engine.runs import files_of
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_success, resumed
from tests.faults.children import Armed, Child, run
from tests.faults.world import Place, World

LEASE_SECONDS = 0.3
FENCED = 7

_POINTS = {
    "extract": ("phase begun", "part done", "part recorded", "phase summarised"),
    "transform": ("phase begun", "part done", "part recorded", "phase summarised"),
    "load": (
        "phase begun",
        "phase claimed",
        "part copied",
        "part in ledger",
        "part committed",
        "part done",
        "foreign keys added",
        "table completed",
        "load finished",
    ),
}


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    woken = [("woken", phase, point, hit) for phase in _POINTS for point in _POINTS[phase] for hit in (1, 2)]
    crowds = [("crowd", number) for number in ((2, 4, 8) if size.every else (4,))]
    if not size.every:
        woken = rng.sample([case for case in woken if case[1] == "load"], 2) + [("woken", "transform", "part done", 1)]
    return [*woken, *crowds, ("raced",)]


def _take_over(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    kind, *details = case
    report = {"woken": _woken, "crowd": _crowd, "raced": _raced}[kind](place, bugs, *details)
    report.wrong += resumed(place, bugs, twice=True)
    return report


def _woken(place: Place, bugs: tuple[str, ...], phase: str, point: str, hit: int) -> Report:
    """A process is stopped, another finishes its work, and the first goes on: it changes nothing and says so."""
    place.begin(phase)
    zombie = Child(place.task(), (phase,), Armed((point, "stop", hit), bugs=bugs, lease=LEASE_SECONDS))
    if not zombie.wait_until_stopped():
        return Report(0, set(), [f"never came to {point} {hit}: {zombie.outcome()}"] if hit == 1 else [])
    time.sleep(LEASE_SECONDS)
    wrong = after_success(place, run(place.task(), armed=Armed(bugs=bugs, lease=LEASE_SECONDS)))
    if wrong:
        zombie.signal(signal.SIGKILL)
        zombie.outcome()
        return Report(1, set(), wrong)
    files, rows = files_of(place.folder), row_versions(place.url)
    zombie.signal(signal.SIGCONT)
    outcome = zombie.outcome()
    if outcome.exit_code != FENCED:
        wrong.append(f"the zombie ended with {outcome.how}: {outcome.message}")
    after = files_of(place.folder)
    changed = [name for name in files if after.get(name) != files[name]]
    wrong += [f"the zombie changed {name}" for name in changed]
    if row_versions(place.url) != rows:
        wrong.append("the zombie changed rows")
    return Report(1, {f"{phase} {point} {hit}"}, wrong)


def _raced(place: Place, bugs: tuple[str, ...]) -> Report:
    """The same, but the one that took over has not loaded anything yet: there is no ledger that could hide it."""
    place.begin("load")
    armed = Armed(("phase claimed", "stop", 1), bugs=bugs, lease=LEASE_SECONDS)
    zombie = Child(place.task(), ("load",), armed)
    zombie.wait_until_stopped()
    time.sleep(LEASE_SECONDS)
    owner = Child(place.task(), ("load",), armed)
    owner.wait_until_stopped()
    zombie.signal(signal.SIGCONT)
    outcome = zombie.outcome()
    wrong = [] if outcome.exit_code == FENCED else [f"the zombie ended with {outcome.how}: {outcome.message}"]
    if (parts := query(place.url, "SELECT part FROM skype.load_parts")) != []:
        wrong.append(f"the zombie loaded {parts}")
    owner.signal(signal.SIGKILL)
    owner.outcome()
    place.wait_for_silence()
    return Report(2, {"phase claimed twice"}, wrong)


def _crowd(place: Place, bugs: tuple[str, ...], number: int) -> Report:
    """Several at once: one at a time has the task, the others are refused."""
    place.begin()
    outcomes = [child.outcome() for child in [Child(place.task(), armed=Armed(bugs=bugs)) for _ in range(number)]]
    found = sorted(outcome.how for outcome in outcomes)
    fine = "done" in found and set(found) <= {"done", "TaskBusy"}
    return Report(number, {f"{number} processes"}, [] if fine else [f"{number} processes ended with {found}"])


TESTS = (Test("T7", "stopped processes wake up; crowds of processes", _cases, _take_over),)
assert set(_POINTS) == set(engine.PHASES)
