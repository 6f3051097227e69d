"""T3: the system refuses, or the process dies, at any call about a checkpoint file. T8: the disk is full, at any byte.

The calls are those of a library that stands before the C library (``shim.c``): open, write, fsync, rename, link,
unlink and close of files below the task's folder. It needs neither root nor ptrace, fails the same call every time,
and costs a forked process nothing, so that thousands of calls can be tried one after the other.
"""

import errno
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import media_store
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, after_success, resumed
from tests.faults.children import Action, Armed, Outcome, SystemFault, run
from tests.faults.world import Place, World

_FAULTS = (
    (Action.FAIL_ONCE, errno.EIO),
    (Action.FAIL_ONCE, errno.ENOSPC),
    (Action.FAIL_FROM, errno.ENOSPC),
    (Action.FAIL_SHORT, errno.ENOSPC),
    (Action.KILL_BEFORE, 0),
    (Action.KILL_AFTER, 0),
)
_STATE = re.compile(r"state\.json|state\.previous\.json|SHA256SUMS|attempt\.json|etl_checkpoint_.*\.json")
_MUST_NOT_PASS = ("write", "fsync", "rename", "open")


@dataclass(frozen=True)
class _Call:
    number: int
    call: str
    path: str
    other: str
    failed: bool


def _call_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    """Every call of every save of a state, with every fault; of the other files, as many calls again."""
    rng = random.Random(seed)
    cases: list[Case] = [(phase, 0, Action.COUNT, 0, "") for phase in engine.PHASES]
    for phase in engine.PHASES:
        place = world.place(0)
        place.begin(phase)
        outcome, calls = _run(place, phase, Action.COUNT, 0, 0, ())
        assert outcome.how == "done", outcome
        saves = [call for call in calls if _STATE.fullmatch(_name(call, calls))]
        others = [call for call in calls if call not in saves]
        every = [(phase, c.number, *fault, c.call) for c in saves for fault in _FAULTS]
        some = [(phase, c.number, *fault, c.call) for c in others for fault in _FAULTS]
        count = min(len(every), size.calls)
        cases += rng.sample(every, count) + rng.sample(some, min(len(some), count // 4))
    return cases


def _fail(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    if len(case) == 1:
        case = _first(place, *case)
    phase, number, *rest = case
    action, error, call = rest or (Action.COUNT, 0, "")
    place.begin(phase)
    outcome, calls = _run(place, phase, action, number, error, bugs)
    if action == Action.COUNT:
        return Report(0, set(), _not_durable(calls))
    report = Report(1, {f"{phase} {number} {call}"})
    report.wrong += after_a_fault(place, outcome)
    if outcome.how == "done":
        # Only who ends an attempt may go on: the next one finds it dead, and takes over.
        failed = [c for c in calls if c.failed and c.call in _MUST_NOT_PASS]
        report.wrong += [
            f"{c.call} of {_name(c, calls)} failed, and nobody cared" for c in failed if _matters(c, calls)
        ]
    report.wrong += resumed(place, bugs, phase)
    return report


def _first(place: Place, what: str) -> Case:
    """A call by its name, as ``fsync of a part``."""
    call, _, of = what.partition(" of a ")
    place.begin("transform")
    _, calls = _run(place, "transform", Action.COUNT, 0, 0, ())
    is_it = _STATE.fullmatch if of == "state" else re.compile(r".*\.parquet").fullmatch
    found = [c for c in calls if c.call == call and ".partial-" in c.path and is_it(_name(c, calls))]
    chosen = found[len(found) // 2]
    return ("transform", chosen.number, Action.FAIL_ONCE, errno.EIO, call)


def _budget_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    needed = sum(file.stat().st_size for file in world.after("load").rglob("*") if file.is_file()) + 60_000
    return [(needed * n // size.budgets,) for n in range(size.budgets)]


def _fill(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    """A disk with so many bytes left; then with room again."""
    (budget,) = case
    place.begin()
    outcome, calls = _run(place, "", Action.QUOTA, budget, errno.ENOSPC, bugs)
    full = any(call.failed for call in calls)
    report = Report(int(full), {str(budget)} if full else set())
    report.wrong += after_a_fault(place, outcome)
    if full and outcome.how == "done":
        report.wrong += after_success(place, outcome)
    report.wrong += resumed(place, bugs)
    return report


def _run(
    place: Place, phase: str, action: Action, number: int, error: int, bugs: tuple[str, ...]
) -> tuple[Outcome, list[_Call]]:
    log = place.folder.with_suffix(".calls")
    fault = SystemFault(place.folder, Action(action), number, error, log)
    place.folder.mkdir(mode=0o700, exist_ok=True)
    outcome = run(place.task(), (phase,) if phase else engine.PHASES, Armed(system=fault, bugs=bugs))
    return outcome, list(_calls(log))


def _calls(log: Path) -> Iterator[_Call]:
    for line in log.read_text().splitlines():
        number, call, path, other, failed = line.split("\t")
        yield _Call(int(number), call, path.removesuffix(" (deleted)"), other, failed == "1")


def _name(call: _Call, calls: Sequence[_Call]) -> str:
    """The name that the file of a call gets: that of its rename, if it is a temporary one."""
    renamed = next((c.other for c in calls if c.call == "rename" and c.path == call.path), call.path)
    return Path(renamed).name


def _matters(call: _Call, calls: Sequence[_Call]) -> bool:
    """Whether a failed call must end the run: not the last mark of an attempt, nor a lock or a search for leftovers."""
    is_temporary = ".partial-" in call.path
    after = [c for c in calls if c.number > call.number and c.call == "rename" and not c.failed]
    return is_temporary and bool(after)


def _is_object(path: str) -> bool:
    return media_store.FOLDER in Path(path).parts


def _not_durable(calls: Sequence[_Call]) -> list[str]:
    """Names that appeared before their bytes were on the disk, or that the disk may forget (I3)."""
    wrong: list[str] = []
    for index, rename in enumerate(calls):
        if rename.call != "rename":
            continue
        before = [call.call for call in calls[:index] if call.path == rename.path]
        if "write" in before and "fsync" not in before[len(before) - before[::-1].index("write") :]:
            wrong.append(f"{Path(rename.other).name} was renamed before it was synchronised")
        folder = str(Path(rename.other).parent)
        # Objects of the store are durable before the part that names them; their folders are synchronised once for all.
        names = (i for i, c in enumerate(calls) if i > index and c.call == "rename" and not _is_object(c.other))
        until = next(names, len(calls))
        is_link = any(call.call == "link" and call.other == rename.path for call in calls[:index])
        if not is_link and not any(c.call == "fsync" and c.path == folder for c in calls[index:until]):
            wrong.append(f"the folder of {Path(rename.other).name} was not synchronised")
    for call in calls:
        name = Path(call.path).name
        if call.call == "write" and not name.startswith((".partial-", "#")):  # "#" = a file without a name
            wrong.append(f"{name} was written in place")
    return wrong


TESTS = (
    Test("T3", "system calls of every save fail or kill", _call_cases, _fail),
    Test("T8", "disk full after any number of bytes", _budget_cases, _fill),
)
