"""T18: SIGINT, SIGTERM and SIGHUP, to a command and to its group, once and twice: at random instants, at crash points.

A command that was told to end does so in two seconds, with 128 and the signal's number, with one line and without
orphans; what it leaves is what a kill leaves, at most, and the next run ends like an uninterrupted one.

Most commands are forked from a process that has imported everything: what is interrupted is their work, from the
instant at which they begin to hear signals. Those that are called cold start as from a shell, so that what is
interrupted is mostly their imports. Commands that only read get signals at random instants: they come to no crash
points.
"""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.postgres.embedded import EmbeddedServer
from skype_assets.etl.tasks.layout import manifest_name
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, after_success, resumed, unloaded
from tests.faults.children import UNLOAD, Armed, Outcome, run
from tests.faults.commands import HUNG_AFTER, LATE_AFTER, End, Sent, interrupted
from tests.faults.world import CHUNK_SIZE, TASK, Place, World, copy_checkpoints

# What is sent, whether to the group, whether twice.
_WAYS = list(product((int(signal.SIGINT), int(signal.SIGTERM), int(signal.SIGHUP)), (False, True), (False, True)))
_AS_EXPECTED = (
    "place: ", "extract", "transform", "load", "moved aside: ", "warning: ", "creating ", "starting ", "laid out: ",
    "the web UI: ", "it has a secret: ", "\x1b[",
)  # fmt: skip
_COMMANDS = ("run", "run by two", "resume", "reset", "verify", "clean", UNLOAD)
_READING = ("digest", "digest by row", "compare", "search", "status")
_COLD = "cold "
_COLD_ONES = tuple(f"{_COLD}{command}" for command in ("run", "resume", "verify", "digest", "search"))
# With a server of its own, that is created, started, stopped; with Dagster; or until they are told to end: seconds of
# work, so many at most.
_SLOW = {"create": 4.0, "start": 0.6, "stop": 0.25, "read": 1.5, "add": 5.0, "dev": 15.0}
_UNTIL_TOLD = ("read", "dev")
_SERVERS_STOP_IN = 40.0
# How many cases of a command, to how many of others: two seconds of work for each, or a quarter of a second.
_HOW_OFTEN = {
    "run by two": 0.25, **dict.fromkeys(_READING, 3.6), **dict.fromkeys(_COLD_ONES, 0.25),
    "start": 2.5, "stop": 2.5, "read": 5.0,
}  # fmt: skip
# At the last of the hits of a point every way is tried, at the others some are. Workers take too long for that.
_SOME_WAYS = 4


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    cases: list[Case] = []
    for command in (*_COMMANDS, *_READING, *_COLD_ONES):
        often = _HOW_OFTEN.get(command, 1.0) if size.every else 1 / 3
        _uninterrupted(world, command)  # now, and not in each of the processes that run cases
        cases += [(command, *rng.choice(_WAYS), None, rng.random()) for _ in range(round(size.interruptions * often))]
    for command in _COMMANDS:
        points = sorted(_uninterrupted(world, command)[0].items())
        for point, hits in points if size.every else rng.sample(points, min(1, len(points))):
            every, some = (len(_WAYS), _SOME_WAYS) if size.every and command != "run by two" else (_SOME_WAYS, 0)
            wanted = sorted({1, (hits + 1) // 2, hits}) if size.every else [rng.randint(1, hits)]
            for hit in wanted:
                ways = rng.sample(_WAYS, (every if hit == wanted[-1] else some) if size.every else 1)
                cases += [(command, *way, (point, hit), 0.0) for way in ways]
    for command in _SLOW:
        often = _HOW_OFTEN.get(command, 1.0) if size.every else 1.0
        cases += [
            (command, *rng.choice(_WAYS), None, rng.random()) for _ in range(round(size.slow_interruptions * often))
        ]
    rng.shuffle(cases)
    # Those that change nothing need what they read once, if they come one after the other.
    return sorted(cases, key=lambda case: _is_reading(case[0]))


def _is_reading(command: str) -> bool:
    return command.removeprefix(_COLD) in (*_READING, "verify")


@cache
def _uninterrupted(world: World, command: str) -> tuple[dict[str, int], float]:
    """The crash points that a command comes to, and how often, and the seconds for which it hears signals."""
    place = world.place(0)
    _begin(place, command)
    is_cold = command.startswith(_COLD)
    nothing = Sent(signal.SIGINT, False, False)
    end = interrupted(place, _arguments(place, command), nothing, at=("nowhere", 1), is_cold=is_cold)
    assert end.code == 0, end
    _read_places.discard(place.folder)
    # Of parts that are done in other processes it is not this one that comes to their points.
    return end.points, end.lasted


_read_places: set[Path] = set()
"""Where everything is loaded, and nobody has changed anything since."""


def _begin(place: Place, command: str) -> None:
    """What a command of that name works on."""
    command = command.removeprefix(_COLD)
    if _is_reading(command) and place.folder in _read_places:
        return
    _read_places.discard(place.folder)
    if command in ("resume", "verify", "clean", "reset", UNLOAD, *_READING, "read"):
        _put_back(place, "killed" if command == "resume" else "loaded")
    else:
        place.begin()
    if _is_reading(command):
        _read_places.add(place.folder)
    if command == "clean":
        for name in ("older", "oldest"):
            shutil.copytree(place.folder / TASK, place.folder / name, copy_function=shutil.copy2)


def _put_back(place: Place, name: str) -> None:
    """What a run has left that was killed, or that has loaded: made once for every place."""
    kept = place.folder.with_name(f"{place.folder.name}-{name}")
    if not kept.exists():
        place.begin("load" if name == "loaded" else "extract")
        armed = Armed(("part recorded", "kill", 2) if name == "killed" else None)
        made = run(place.task(), ("load",) if name == "loaded" else ("extract",), armed)
        assert made.how == ("done" if name == "loaded" else "killed"), made
        place.keep_database(name)
        copy_checkpoints(place.folder, kept)
    place.clear()
    copy_checkpoints(kept, place.folder)
    place.put_back(name)


def _arguments(place: Place, command: str) -> list[str]:
    command = command.removeprefix(_COLD)
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
        "digest": ["digest"],
        "digest by row": ["digest", "--by", "row", "--json"],
        "compare": ["compare", place.url, place.url],
        "search": ["search", "a", "--json"],
        "status": ["status", *where],
        UNLOAD: ["unload", TASK, *where, "--yes"],
    }[command]


def _interrupt(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    command, number, to_group, twice, at, share = case
    if command in _SLOW:
        return _interrupt_slow(place, command, Sent(number, to_group, twice), share * _SLOW[command])
    is_cold = command.startswith(_COLD)
    after = 0.0 if at else share * _uninterrupted(place.world, command)[1]
    _begin(place, command)
    sent = Sent(number, to_group, twice)
    end = interrupted(place, _arguments(place, command), sent, at=at, after=after, bugs=bugs, is_cold=is_cold)
    if end.seconds is None:
        wrong = [] if end.code == 0 else [f"it ended with {end.code} by itself: {end.said[-1:]}"]
        return Report(0, set(), wrong + ([f"it never came to {at}"] if at is not None and at[1] == 1 else []))
    report = Report(1 + twice, {f"{command} {number} {at or share}"}, _badly_ended(end, number, command, at))
    report.wrong += after_a_fault(place, Outcome("interrupted"))
    report.wrong += _AFTER.get(command.removeprefix(_COLD), _resumed)(place, bugs)
    if report.wrong:
        _read_places.discard(place.folder)
    return report


def _interrupt_slow(place: Place, command: str, sent: Sent, after: float) -> Report:
    """The same with a place or a server of its own, in which the command is done again afterwards."""
    _begin(place, command)
    server = EmbeddedServer(place.folder / "home" / ".postgres")
    environment = {"DAGSTER_POSTGRES_URL": place.url, "SKYPE_DATABASE_URL": place.url}
    if command == "create":
        environment = {}
    is_asked = command in ("start", "stop")  # else it stops when nobody uses it
    if is_asked:
        server = _created_server(place, is_running=command == "stop")
        environment = {"SKYPE_POSTGRES_DIR": str(server.directory)}
    arguments = {
        "create": ["run", str(place.world.export), "--no-report", "--max-workers", "1"],
        "start": ["db", "url"],
        "stop": ["db", "stop"],
        "read": ["read", "--no-open", "--port", "0"],
        "add": ["add", str(place.world.export)],
        "dev": ["dev", "--port", str(40_000 + os.getpid() % 20_000)],
    }[command]
    try:
        end = interrupted(place, arguments, sent, after=after, environment=environment)
        if end.seconds is None:
            return Report(0, set(), [] if end.code == 0 else [f"it ended with {end.code} by itself: {end.said[-1:]}"])
        report = Report(1 + sent.twice, {f"{command} {after}"}, _badly_ended(end, sent.number, command, None))
        until = time.monotonic() + _SERVERS_STOP_IN
        while not is_asked and server.status() is not None and time.monotonic() < until:
            time.sleep(0.1)
        if not is_asked and server.status() is not None:
            report.wrong.append("its server still runs")
        if command not in _UNTIL_TOLD:
            again = interrupted(place, arguments, sent, at=("nowhere", 1), environment=environment)
            report.wrong += [] if again.code == 0 else [f"done again it ends with {again.code}: {again.said[-1:]}"]
        return report
    finally:
        server.stop("immediate")


def _created_server(place: Place, *, is_running: bool) -> EmbeddedServer:
    """A server that every process that runs cases creates once."""
    server = EmbeddedServer(place.folder.with_name(f"{place.folder.name}-server"))
    server.start()
    if not is_running:
        server.stop("immediate")
    return server


def _badly_ended(end: End, number: int, command: str, at: tuple[str, int] | None) -> list[str]:
    assert end.seconds is not None
    wrong = [f"left an orphan: {orphan}" for orphan in end.orphans]
    last = [line for line in end.said if not line.startswith(_AS_EXPECTED)]
    if end.seconds >= HUNG_AFTER:
        wrong.append("it hung")
    elif end.seconds - end.waited > LATE_AFTER:
        wrong.append(f"it took {end.seconds:.1f} s to end, of which it waited {end.waited:.1f} s for a CPU")
    if (
        end.code in (0, -number) and at is None and command != "read"
    ):  # its work was done: nothing but Python's own end was left
        return wrong + ([f"it said {last}, and ended with {end.code}"] if last or end.seconds - end.waited > 1 else [])
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


def _unchanged(place: Place, _bugs: tuple[str, ...]) -> list[str]:
    return after_success(place, Outcome("done"))


def _still_complete(place: Place, bugs: tuple[str, ...]) -> list[str]:
    return after_success(place, run(place.task(), armed=Armed(bugs=bugs)))


_AFTER: dict[str, Callable[[Place, tuple[str, ...]], list[str]]] = {
    **dict.fromkeys(("verify", *_READING), _unchanged),
    "clean": _still_complete,
    UNLOAD: unloaded,
}

TESTS = (Test("T18", "signals, to a command and its group, once and twice", _cases, _interrupt),)
