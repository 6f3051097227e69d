"""T4: the power fails. What the disk may hold then is built from recorded runs (``crash_states``), and resumed.

A run is recorded with the bytes that it writes. Before every synchronisation, which is when most may be lost, each
state that the disk may be in is built: as a folder, from which the task is resumed to the end, on a machine that was
booted anew. What was said to be recorded must be there, nothing may be torn, and the parts that come of it must be
those of an undisturbed run.

The database is on another machine, which goes on: for extract and transform none is needed. A load is killed at its
crash points, so that the database has or has not what was under way, and is resumed with every state of the disk from
the database as it was then.
"""

import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import ATTEMPT_FILE
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.phases import FOLDERS, PHASES
from skype_assets.etl.task import Settings, Task
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, not_as_undisturbed, resumed, torn_files, unloaded
from tests.faults.children import RESET, UNLOAD, Action, Armed, Outcome, SystemFault, run
from tests.faults.crash_states import Call, Machine, Tree, lay_out, recorded
from tests.faults.kills import begin, hits
from tests.faults.world import CHUNK_SIZE, TASK, Place, World

_MADE = PHASES[:-1]
"""The phases that need no database."""

_SAID = ("part recorded", "phase complete", "unload recorded")
"""Crash points at which something was said to be recorded, for good."""

_MOST_AT_ONCE: Final = 512
"""States before one synchronisation: where there are more, so many of them are drawn."""

_BATCH: Final = 25
_LARGE = (3_000, 150)
"""Messages, and messages of a part, of a run that is too large for all its states."""

_LEASE: Final = 0.02
"""Seconds for which the attempt of the boot before is watched."""

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ANOTHER_BOOT = b"00000000-0000-4000-8000-000000000000"
_AT_THE_END = "the end"
_WITH_DATABASE = ("load", UNLOAD)
_AGAIN = 4
_MOST_OF_A_BUG = 400
_MOST_WITH_DATABASE = 3

Said = dict[str, tuple[int, bool]]
"""How many parts of each phase were said to be recorded, and whether it was said to be complete."""


@dataclass(frozen=True)
class _Run:
    """A run that is recorded.

    Attributes:
        task: in a place.
        prepare: what is there before it.
        phases: what it does.
        share: of its states, how many are resumed.
    """

    task: Callable[[Place], Task]
    prepare: Callable[[Task], None]
    phases: tuple[str, ...] = _MADE
    share: float = 1.0


@dataclass
class _Crash:
    """A state of the disk.

    Attributes:
        tree: the state.
        before: which synchronisation it could come about.
        said: what had been said by then.
        times: how many crashes leave it.
    """

    tree: Tree
    before: str
    said: Said
    times: int = 1


@dataclass(frozen=True)
class _Recorded:
    """What may come of a recorded run.

    Attributes:
        task: in a place.
        phases: what was done in it.
        crashes: different states of the disk.
        contents: bytes of its files, by SHA-256.
        checksums: those of the parts of an undisturbed run, by phase.
        parts: files of parts that were there before.
        before: what was wrong with what was there before.
    """

    task: Callable[[Place], Task]
    phases: tuple[str, ...]
    crashes: Sequence[_Crash]
    contents: Mapping[str, bytes]
    checksums: Mapping[str, Sequence[str]]
    parts: frozenset[str]
    before: frozenset[str]


def _small(place: Place) -> Task:
    return place.task()


def _of_small_parts(place: Place) -> Task:
    return place.task(chunk_size=CHUNK_SIZE // 3)


def _large(place: Place) -> Task:
    messages, chunk_size = _LARGE
    export = place.world.folder / "large.tar"
    if not export.exists():
        made = run(None, ("sample", str(export), str(messages)))
        assert made.how == "done", made
    return Task(TASK, place.folder, export, place.url, Settings(chunk_size=chunk_size, max_workers=1))


def _nothing(task: Task) -> None:
    pass


def _killed(task: Task) -> None:
    for phase, point in (("extract", "file synced"), ("extract", "part recorded"), ("transform", "file renamed")):
        assert run(task, _MADE[: 1 + _MADE.index(phase)], Armed((point, "kill", 2))).how == "killed"


def _complete(task: Task) -> None:
    made = run(task, _MADE)
    assert made.how == "done", made


def _damaged(task: Task) -> None:
    _complete(task)
    for phase in _MADE:
        parts = sorted((task.folder.path / FOLDERS[phase]).glob("messages-00001-*.parquet"))
        data = bytearray(parts[0].read_bytes())
        data[len(data) // 2] ^= 1
        parts[0].write_bytes(data)


_RUNS: Mapping[str, _Run] = {
    "run": _Run(_small, _nothing),
    "small parts": _Run(_of_small_parts, _nothing),
    "resume": _Run(_small, _killed),
    "repair": _Run(_small, _damaged, share=0.3),
    "reset": _Run(_small, _complete, (RESET,)),
    "large run": _Run(_large, _nothing, share=0.2),
}
"""By name; one that ends with a number begins with what the power has left of another."""

_recorded_runs: dict[str, _Recorded] = {}


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    """Batches of states of the recorded runs, and kills of loads and unloads."""
    rng = random.Random(seed)
    cases: list[Case] = []
    with_database: list[Case] = []
    place = world.place(0)
    names = [*_RUNS, *(f"run {number}" for number in range(_AGAIN))] if size.every else ["run"]
    for name in names:
        _recorded_runs[name] = found = _record(place, _run(name, seed), size.crashes, seed)
        cases += [(name, first, min(first + _BATCH, len(found.crashes)))
                  for first in range(0, len(found.crashes), _BATCH)]  # fmt: skip
    for phase in _WITH_DATABASE:
        for point, times in sorted(hits(world, phase, merging=False).items()):
            for hit in sorted({1, (times + 1) // 2, times}):
                with_database.append((phase, point, hit, rng.randrange(2**32), _MOST_WITH_DATABASE))
    if not size.every:
        return rng.sample(cases, size.crashes // _BATCH) + rng.sample(with_database, 2)
    return cases + with_database


def _run(name: str, seed: int) -> _Run:
    what, _, number = name.rpartition(" ")
    if not number.isdecimal():
        return _RUNS[name]
    found = _recorded_runs[what]
    crash = random.Random(f"{seed} {number}").choice(found.crashes)
    return replace(_RUNS[what], prepare=lambda task: lay_out(crash.tree, found.contents, task.output_dir))


def _record(place: Place, what: _Run, most: int, seed: int, bugs: tuple[str, ...] = ()) -> _Recorded:
    """Do a run, write down its calls, and build what the disk may be like at any instant of it."""
    task = _empty(place, what.task)
    _complete(task)
    checksums = {phase: [part.checksum for part in _state(task, phase).records] for phase in _MADE}
    task = _empty(place, what.task)
    what.prepare(task)
    before = frozenset(torn_files(task))
    machine = Machine(place.folder)
    parts = _parts(machine.in_memory())
    said = {} if RESET in what.phases else _said(machine, {})
    found: dict[Tree, _Crash] = {}
    for crash in _crashes(task, machine, what.phases, Armed(bugs=bugs), said, random.Random(seed)):
        known = found.setdefault(crash.tree, crash)
        if known is not crash:
            known.times += 1
            known.said.update({phase: max(known.said.get(phase, now), now) for phase, now in crash.said.items()})
    chosen = list(found.values())
    wanted = min(most, int(len(chosen) * what.share))
    if wanted < len(chosen):
        chosen = random.Random(seed).sample(chosen, wanted)
    return _Recorded(what.task, what.phases, chosen, machine.contents, checksums, parts, before)


def _empty(place: Place, task: Callable[[Place], Task]) -> Task:
    shutil.rmtree(place.folder, ignore_errors=True)
    place.folder.mkdir(mode=0o700)
    return task(place)


def _crashes(
    task: Task, machine: Machine, phases: Sequence[str], armed: Armed, said: Said, rng: random.Random
) -> Iterator[_Crash]:
    """The states that the disk may be in, before every synchronisation and at the end; equal ones several times."""
    for call in _calls(task, phases, armed):
        if call.name == "said":
            said = _said(machine, said) if call.path in _SAID else said
            continue
        if call.name == "fsync":
            said = _not_taken_back(machine, said)
            name = Path(call.path).name
            yield from (_Crash(tree, name, dict(said)) for tree in machine.after_a_crash(_MOST_AT_ONCE, rng))
        machine.do(call)
    yield from (_Crash(tree, _AT_THE_END, dict(said)) for tree in machine.after_a_crash(_MOST_AT_ONCE, rng))
    there = {str(path.relative_to(task.output_dir)) for path in task.output_dir.rglob("*")}
    assert {path for path, _ in machine.in_memory()} == there, "not every call was recorded"


def _calls(task: Task, phases: Sequence[str], armed: Armed) -> Iterator[Call]:
    log = task.output_dir.with_suffix(".recorded")
    run(task, phases, replace(armed, system=SystemFault(task.output_dir, Action.COUNT, record=log)))
    return recorded(log)


def _said(machine: Machine, before: Said) -> Said:
    """What has been said, now that a crash point was reached: what the states in memory say."""
    return {**before, **_in_memory(machine)}


def _not_taken_back(machine: Machine, before: Said) -> Said:
    """What of it still holds: a run that finds a part damaged, says less. That a state is gone, nobody has said."""
    now = _in_memory(machine)
    return {phase: min(said, now.get(phase, said)) for phase, said in before.items()}


def _in_memory(machine: Machine) -> Said:
    found: Said = {}
    for phase, folder in FOLDERS.items():
        data = machine.read(f"{TASK}/{folder}/{states.STATE_FILE}")
        with suppress(CheckpointError):
            state = states.decode(data or b"", phase)
            found[phase] = (len(state.parts), state.status == "complete")
    return found


def _boot_anew(task: Task) -> None:
    """Let the attempt that was under way, if there was one, be one of another boot of the machine."""
    path = task.folder.file(ATTEMPT_FILE)
    if path.exists():
        path.write_bytes(path.read_bytes().replace(_BOOT_ID.read_bytes().strip(), _ANOTHER_BOOT))


def _state(task: Task, phase: str) -> PhaseState:
    state = states.read(task.folder.folder(FOLDERS[phase]))
    assert state is not None
    return state


def _parts(tree: Tree) -> frozenset[str]:
    return frozenset(sha256 for path, sha256 in tree if path.endswith(".parquet") and sha256)


def _pull(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    if case[0] in _WITH_DATABASE:
        return _pull_with_database(place, case, bugs)
    name, *some = case
    found = _record(place, _RUNS[name], _MOST_OF_A_BUG, 0, bugs) if bugs else _recorded_runs[name]
    first, last = some or (0, len(found.crashes))
    report = Report()
    for number in range(first, last):
        crash = found.crashes[number]
        report.faults += crash.times
        report.points.add(f"{name} {number}")
        task = _empty(place, found.task)
        wrong = _torn(task, found, crash)
        if not bugs:  # what a planted bug leaves shows before it is resumed
            wrong += _unusable(task, found)
        report.wrong += [f"state {number}, before {crash.before} was synchronised: {one}" for one in wrong]
        if bugs and wrong:
            break
    return report


def _torn(task: Task, found: _Recorded, crash: _Crash) -> list[str]:
    """Lay out a state of the disk, and say what is wrong with it."""
    lay_out(crash.tree, found.contents, task.output_dir)
    _boot_anew(task)
    wrong = [one for one in torn_files(task) if one not in found.before] + _lost(task, crash.said)
    if lost := found.parts - _parts(crash.tree) if RESET in found.phases else ():
        wrong.append(f"{len(lost)} parts were destroyed")
    return wrong


def _unusable(task: Task, found: _Recorded) -> list[str]:
    """Resume to the end, and say what is wrong then."""
    outcome = run(task, _MADE, Armed(lease=_LEASE))
    if outcome.how != "done":
        return [f"unusable: {outcome.how}: {outcome.message}"]
    return not_as_undisturbed(task, _MADE[-1], found.checksums)


def _lost(task: Task, said: Said) -> list[str]:
    """What was said to be recorded, and is not."""
    wrong: list[str] = []
    for phase, (parts, is_complete) in said.items():
        folder = task.folder.folder(FOLDERS[phase])
        try:
            state = states.read(folder) or states.previous(folder)
        except CheckpointError:  # reported by torn_files
            continue
        if state is None or len(state.parts) < parts or is_complete > (state.status == "complete"):
            now = f"{len(state.parts)} parts, {state.status}" if state else "no state"
            wrong.append(f"{phase}: {parts} parts were recorded, complete: {is_complete}; left: {now}")
    return wrong


def _pull_with_database(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    """Let the power of the machine fail at a crash point of a load or an unload, and resume with what is left."""
    phase, point, hit, seed, most = case
    rng = random.Random(seed)
    begin(place, phase, merging=False)
    machine = Machine(place.folder)
    crashes = [
        *_crashes(place.task(), machine, (phase,), Armed((point, "kill", hit), bugs=bugs), _said(machine, {}), rng)
    ]
    last = {crash.tree: crash for crash in crashes if crash.before == _AT_THE_END}
    contents = machine.contents
    place.keep_database("crashed")
    report = Report()
    for crash in rng.sample(list(last.values()), min(most, len(last))):
        shutil.rmtree(place.folder)
        place.folder.mkdir(mode=0o700)
        lay_out(crash.tree, contents, place.folder)
        _boot_anew(place.task())
        place.put_back("crashed")
        report.faults += 1
        report.points.add(f"{case} {report.faults}")
        wrong = after_a_fault(place, Outcome("killed")) + _lost(place.task(), crash.said)
        wrong += unloaded(place, lease=_LEASE) if phase == UNLOAD else resumed(place, lease=_LEASE)
        report.wrong += [f"state {report.faults}: {one}" for one in wrong]
    return report


# Faults are crashes, distinct points are states of the disk: what several crashes leave is resumed once.
TESTS = (Test("T4", "the power fails: every state that the disk may be left in", _cases, _pull),)
