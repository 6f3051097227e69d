"""T18: SIGINT, SIGTERM and SIGHUP, to a command and to its group, once and twice: at random instants, at crash points.

A command that was told to end does so in two seconds, with 128 and the signal's number, with one line and without
orphans; what it leaves is what a kill leaves, at most, and the next run ends like an uninterrupted one.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.tasks.layout import manifest_name
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, after_success, resumed, unloaded
from tests.faults.children import UNLOAD, Armed, Outcome, run
from tests.faults.commands import HUNG_AFTER, LATE_AFTER, End, Sent, interrupted
from tests.faults.world import CHUNK_SIZE, TASK, Place, World

# What is sent, whether to the group, whether twice.
_WAYS = list(product((int(signal.SIGINT), int(signal.SIGTERM), int(signal.SIGHUP)), (False, True), (False, True)))
_AS_EXPECTED = (
    "place: ", "extract", "transform", "load", "moved aside: ", "warning: ", "creating ", "starting ", "laid out: ",
    "the web UI: ", "\x1b[",
)  # fmt: skip
_COMMANDS = ("run", "run by two", "resume", "reset", "verify", "clean", UNLOAD)
# With a server of its own, that is created, or with Dagster: seconds of work, so many at most.
_SLOW = {"create": 4.0, "add": 5.0, "dev": 15.0}
_SERVERS_STOP_IN = 40.0


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    cases: list[Case] = []
    for command in _COMMANDS:
        cases += [(command, *rng.choice(_WAYS), None, rng.random()) for _ in range(size.interruptions)]
        points = sorted(_uninterrupted(world, command)[0].items())
        for point, hits in points if size.every else rng.sample(points, min(2, len(points))):
            wanted = sorted({1, (hits + 1) // 2, hits}) if size.every else [rng.randint(1, hits)]
            sent = _WAYS if size.every else [rng.choice(_WAYS)]
            cases += [(command, *way, (point, hit), 0.0) for hit in wanted for way in sent]
    for command in _SLOW:
        cases += [(command, *rng.choice(_WAYS), None, rng.random()) for _ in range(size.slow_interruptions)]
    rng.shuffle(cases)
    return cases


@cache
def _uninterrupted(world: World, command: str) -> tuple[dict[str, int], float]:
    """The crash points that a command comes to, and how often, and the seconds that it takes."""
    place = world.place(0)
    _begin(place, command)
    began = time.monotonic()
    end = interrupted(place, _arguments(place, command), Sent(signal.SIGINT, False, False), at=("nowhere", 1))
    assert end.code == 0, end
    # Of parts that are done in other processes it is not this one that comes to their points.
    return end.points, time.monotonic() - began


def _begin(place: Place, command: str) -> None:
    """What a command of that name works on."""
    if command == "resume":
        place.begin()
        interrupted(place, _arguments(place, "run"), Sent(signal.SIGKILL, False, False), at=("part recorded", 2))
        place.wait_for_silence()
    elif command in ("verify", "clean", "reset", UNLOAD):
        place.begin("load")
        loaded = run(place.task(), ("load",))
        assert loaded.how == "done", loaded
    else:
        place.begin()
    if command == "clean":
        for name in ("older", "oldest"):
            shutil.copytree(place.folder / TASK, place.folder / name, copy_function=shutil.copy2)


def _arguments(place: Place, command: str) -> list[str]:
    where = ["--output-dir", str(place.folder)]
    as_ever = [*where, "--task-id", TASK, "--chunk-size", str(CHUNK_SIZE), "--no-report"]
    manifest = str(place.folder / manifest_name(TASK))
    workers = {"run by two": "2"}.get(command, "1")
    ran = ["run", str(place.world.export), *as_ever, "--max-workers", workers]
    return {
        "run": ran,
        "run by two": ran,
        "reset": [*ran, "--reset"],
        "resume": ["resume", manifest, "--max-workers", "1", "--no-report"],
        "verify": ["verify", TASK, *where],
        "clean": ["clean", *where, "--older-than", "0"],
        UNLOAD: ["unload", TASK, *where, "--yes"],
    }[command]


def _interrupt(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    command, number, to_group, twice, at, share = case
    if command in _SLOW:
        return _interrupt_slow(place, command, Sent(number, to_group, twice), share * _SLOW[command])
    after = 0.0 if at else share * _uninterrupted(place.world, command)[1]
    _begin(place, command)
    sent = Sent(number, to_group, twice)
    end = interrupted(place, _arguments(place, command), sent, at=at, after=after, bugs=bugs)
    if end.seconds is None:
        wrong = [] if end.code == 0 else [f"it ended with {end.code} by itself: {end.said[-1:]}"]
        return Report(0, set(), wrong + ([f"it never came to {at}"] if at is not None and at[1] == 1 else []))
    report = Report(1 + twice, {f"{command} {number} {at or share}"}, _badly_ended(end, number, command, at))
    report.wrong += after_a_fault(place, Outcome("interrupted"))
    report.wrong += _AFTER.get(command, _resumed)(place, bugs)
    return report


def _interrupt_slow(place: Place, command: str, sent: Sent, after: float) -> Report:
    """The same with a place of its own, in which the command is done again afterwards."""
    place.begin()
    home = place.folder / "home"
    server = EmbeddedServer(home / ".postgres")
    environment = {} if command == "create" else {"DAGSTER_POSTGRES_URL": place.url, "SKYPE_DATABASE_URL": place.url}
    arguments = {
        "create": ["run", str(place.world.export), "--no-report", "--max-workers", "1"],
        "add": ["add", str(place.world.export)],
        "dev": ["dev", "--port", str(40_000 + os.getpid() % 20_000)],
    }[command]
    try:
        end = interrupted(place, arguments, sent, after=after, environment=environment)
        if end.seconds is None:
            return Report(0, set(), [] if end.code == 0 else [f"it ended with {end.code} by itself: {end.said[-1:]}"])
        report = Report(1 + sent.twice, {f"{command} {after}"}, _badly_ended(end, sent.number, command, None))
        until = time.monotonic() + _SERVERS_STOP_IN
        while server.status() is not None and time.monotonic() < until:
            time.sleep(0.1)
        if server.status() is not None:
            report.wrong.append("its server still runs")
        if command != "dev":
            again = interrupted(place, arguments, sent, at=("nowhere", 1), environment=environment)
            report.wrong += [] if again.code == 0 else [f"done again it ends with {again.code}: {again.said[-1:]}"]
        return report
    finally:
        server.stop("immediate")


def _badly_ended(end: End, number: int, command: str, at: tuple[str, int] | None) -> list[str]:
    assert end.seconds is not None
    wrong = [f"left an orphan: {orphan}" for orphan in end.orphans]
    last = [line for line in end.said if not line.startswith(_AS_EXPECTED)]
    if end.seconds >= HUNG_AFTER:
        wrong.append("it hung")
    elif end.seconds > LATE_AFTER:
        wrong.append(f"it took {end.seconds:.1f} s to end")
    if end.code in (0, -number) and at is None:  # its work was done: nothing but Python's own end was left
        return wrong + ([f"it said {last}, and ended with {end.code}"] if last or end.seconds > 1 else [])
    if end.code != 128 + number:
        wrong.append(f"it ended with {end.code}: {last}")
    if command == "dev":  # what Dagster's processes say, to which a terminal gives the signal as well, is their affair
        return wrong
    if len(last) != 1 or not last[0].startswith("interrupted"):
        wrong.append(f"it said {last}")
    if command in ("run", "reset", "resume") and last and "; resume with: " not in last[0] and end.points:
        wrong.append(f"it does not say how to go on: {last}")
    return wrong


def _resumed(place: Place, bugs: tuple[str, ...]) -> list[str]:
    """Resume; to the end if a load was begun: what was disturbed before shows in the checksums of parts."""
    is_begun = states.read(place.task().folder.folder(FOLDERS["load"])) is not None
    return resumed(place, bugs, "load" if is_begun else "transform")


def _still_complete(place: Place, bugs: tuple[str, ...]) -> list[str]:
    return after_success(place, run(place.task(), armed=Armed(bugs=bugs)))


_AFTER: dict[str, Callable[[Place, tuple[str, ...]], list[str]]] = {
    "verify": _still_complete,
    "clean": _still_complete,
    UNLOAD: unloaded,
}

TESTS = (Test("T18", "signals, to a command and its group, once and twice", _cases, _interrupt),)
