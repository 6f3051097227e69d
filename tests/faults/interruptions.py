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
import signal
import time
from collections.abc import Sequence
from functools import cache
from itertools import product

from skype_assets.etl.postgres.embedded import EmbeddedServer
from tests.faults.beginnings import put_back
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.commands import HUNG_AFTER, LATE_AFTER, End, Sent, interrupted
from tests.faults.interruptible import CHANGING, COMMANDS, READING, WRITING, Command, begin, not_as_it_was
from tests.faults.world import Place, World

# What is sent, whether to the group, whether twice.
_WAYS = list(product((int(signal.SIGINT), int(signal.SIGTERM), int(signal.SIGHUP)), (False, True), (False, True)))
_AS_EXPECTED = (
    "place: ", "extract", "transform", "load", "export: ", "held tasks: ", "moved aside: ", "warning: ", "creating ",
    "starting ", "laid out: ", "the web UI: ", "it has a secret: ", "\x1b[",
)  # fmt: skip
_COLD = "cold "
_COLD_ONES = tuple(f"{_COLD}{command}" for command in ("run", "resume", "verify", "digest", "search", "export text"))
# With a server of its own, that is created, started, stopped; with Dagster; or until they are told to end: seconds of
# work, so many at most.
_SLOW = {"create": 4.0, "start": 0.6, "stop": 0.25, "read": 1.5, "add": 5.0, "dev": 15.0}
_UNTIL_TOLD = ("read", "dev")
_SERVERS_STOP_IN = 40.0
# Those that work with further processes, or go over everything several times.
_LONG_ONES = ("run by two", "media keep", "media keep of lost ones", "verify --repair")
# How many cases of a command, to how many of others: seconds of work for each, or a quarter of a second.
_HOW_OFTEN = {
    **dict.fromkeys(_LONG_ONES, 0.25), **dict.fromkeys(WRITING, 0.5), **dict.fromkeys(_COLD_ONES, 0.25),
    "start": 2.5, "stop": 2.5, "read": 5.0,
}  # fmt: skip
# At the last of the hits of a point every way is tried, at the others some are. Some commands take too long for that.
_SOME_WAYS = 4
# In the quick campaign, so many of the commands that write beside, that read, that are called cold: they are alike.
_FEW = 3


def _cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    cases: list[Case] = []
    for command in [*COMMANDS, *_COLD_ONES] if size.every else _some(rng):
        often = _HOW_OFTEN.get(command, 1.0) if size.every else 1 / 3
        points, _ = _uninterrupted(world, command)  # now, and not in each of the processes that run cases
        cases += [(command, *rng.choice(_WAYS), None, rng.random()) for _ in range(round(size.interruptions * often))]
        cases += _at_points(command, sorted(points.items()), size, rng)
    for command in _SLOW:
        often = _HOW_OFTEN.get(command, 1.0) if size.every else 1.0
        cases += [
            (command, *rng.choice(_WAYS), None, rng.random()) for _ in range(round(size.slow_interruptions * often))
        ]
    rng.shuffle(cases)
    # Those that change nothing need what they read once, if they come one after the other.
    return sorted(cases, key=lambda case: not _changes(case[0]))


def _some(rng: random.Random) -> list[str]:
    return [*CHANGING, *(name for kind in (WRITING, READING, _COLD_ONES) for name in rng.sample([*kind], _FEW))]


def _at_points(command: str, points: Sequence[tuple[str, int]], size: Size, rng: random.Random) -> list[Case]:
    cases: list[Case] = []
    for point, hits in points if size.every else rng.sample(points, min(1, len(points))):
        every, some = (len(_WAYS), _SOME_WAYS) if size.every and command not in _LONG_ONES else (_SOME_WAYS, 0)
        wanted = sorted({1, (hits + 1) // 2, hits}) if size.every else [rng.randint(1, hits)]
        for hit in wanted:
            ways = rng.sample(_WAYS, (every if hit == wanted[-1] else some) if size.every else 1)
            cases += [(command, *way, (point, hit), 0.0) for way in ways]
    return cases


def _command(name: str) -> Command:
    return COMMANDS[name.removeprefix(_COLD)]


def _changes(name: str) -> bool:
    return name in _SLOW or _command(name).changes


@cache
def _uninterrupted(world: World, name: str) -> tuple[dict[str, int], float]:
    """The crash points that a command comes to, and how often, and the seconds for which it hears signals."""
    place, command = world.place(0), _command(name)
    begin(place, command)
    nothing = Sent(signal.SIGINT, False, False)
    arguments, is_cold = command.arguments(place), name.startswith(_COLD)
    end = interrupted(place, arguments, nothing, at=("nowhere", 1), is_cold=is_cold)
    assert end.code == 0, (name, end)
    # Of parts that are done in other processes it is not this one that comes to their points.
    return end.points, end.lasted


def _interrupt(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    name, number, to_group, twice, at, share = case
    if name in _SLOW:
        return _interrupt_slow(place, name, Sent(number, to_group, twice), share * _SLOW[name])
    command, is_cold = _command(name), name.startswith(_COLD)
    after = 0.0 if at else share * _uninterrupted(place.world, name)[1]
    begin(place, command)
    sent = Sent(number, to_group, twice)
    end = interrupted(place, command.arguments(place), sent, at=at, after=after, bugs=bugs, is_cold=is_cold)
    if end.seconds is None:
        wrong = [] if end.code == 0 else [f"it ended with {end.code} by itself: {end.said[-1:]}"]
        return Report(0, set(), wrong + ([f"it never came to {at}"] if at is not None and at[1] == 1 else []))
    report = Report(1 + twice, {f"{name} {number} {at or share}"}, _badly_ended(end, number, name, at))
    report.wrong += command.left(place)
    report.wrong += command.after(place, bugs)
    if report.wrong:
        not_as_it_was(place)
    return report


def _interrupt_slow(place: Place, command: str, sent: Sent, after: float) -> Report:
    """The same with a place or a server of its own, in which the command is done again afterwards."""
    if command == "read":
        put_back(place, "loaded")
    else:
        begin(place, COMMANDS["run"])
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


TESTS = (Test("T18", "signals, to a command and its group, once and twice", _cases, _interrupt),)
