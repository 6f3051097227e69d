"""D1 to D4: what networks, stores and machines do to those who share checkpoints in a store (promises I5, I16).

D1: a fault, or the end of the process, at every call to the store. D2: many faults in every run, until one is done.
D3: a process that stops at any call, is taken over by another machine, and wakes up when that has ended. D4: three
machines that want the task at once, with faults besides.
"""

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from skype_assets.etl import engine
from tests.engine.database_content import query
from tests.faults.cases import Case, Report, Test
from tests.faults.children import Child, Outcome, StoreFault
from tests.faults.machines import Machines, ask, serve_store
from tests.faults.store_server import ANY, ENDS
from tests.faults.world import Place, World

_LEASE = 1.0
_MOST_RUNS = 40
_REGISTERED = "SELECT * FROM skype.attempts ORDER BY 1"
_CROWD = 3
_MAY_END = ("done", "StoreUnavailable", "TaskBusy", "Fenced")


@dataclass(frozen=True)
class Numbers:
    """How many cases of each test; None = one for every call and fault."""

    calls: int | None
    storms: int
    stops: int | None
    crowds: int


FEW = Numbers(calls=8, storms=1, stops=2, crowds=1)
ALL = Numbers(calls=None, storms=60, stops=None, crowds=40)
_numbers = ALL


def choose(numbers: Numbers) -> None:
    """How many cases the tests have from now on."""
    global _numbers  # noqa: PLW0603 - once, by whoever starts the campaign
    _numbers = numbers


@cache
def _calls(world: World) -> list[str]:
    """What an undisturbed run asks of the store."""
    machines = _machines(world.place(0))
    outcome = machines.start("first", None).outcome()
    assert outcome.how == "done", outcome
    return ask("told")["calls"]


def _machines(place: Place) -> Machines:
    serve_store()
    return Machines(place)


def _call_cases(world: World, _size: object, seed: int) -> Sequence[Case]:
    calls = _calls(world)
    cases: list[Case] = [
        (fault, at)
        for at, kind in enumerate(calls, start=1)
        for fault in (*ANY, *ENDS[:2])
        if fault != "409" or kind == "create"
    ]
    return _some(cases, _numbers.calls, seed)


def _some(cases: list[Case], most: int | None, seed: int) -> list[Case]:
    random.Random(seed).shuffle(cases)
    return cases[:most]


def _call(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    fault, at = case
    machines = _machines(place)
    outcome = machines.start("first", StoreFault(fault, at), bugs=bugs).outcome()
    faults = ask("told")["faults"]
    report = Report(len(faults), {f"{one} {at}" for one in faults})
    expected = ("killed",) if fault in ENDS else ("done", "StoreUnavailable")
    if faults and outcome.how not in expected:
        report.wrong.append(f"it ended with {outcome.how}: {outcome.message}")
    if outcome.how != "done":
        if at % 2:
            machines.lose("first")
        report.wrong += _ended(machines.start("second", None, bugs=bugs).outcome())
    report.wrong += machines.wrong()
    return report


def _storm_cases(_world: World, _size: object, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    return [(rng.choice((0.1, 0.2, 0.35)), rng.randrange(2**32)) for _ in range(_numbers.storms)]


def _storm(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    share, seed = case
    machines, report = _machines(place), Report()
    for turn in range(_MOST_RUNS):
        fault = StoreFault(share=share, seed=seed + turn)
        outcome = machines.start(f"machine-{turn % 3}", fault, bugs=bugs).outcome()
        faults = ask("told")["faults"]
        report.faults += len(faults)
        report.points |= {f"{one} {seed} {turn} {index}" for index, one in enumerate(faults)}
        if outcome.how == "done":
            break
        if outcome.how not in _MAY_END:
            report.wrong.append(f"it ended with {outcome.how}: {outcome.message}")
    report.wrong += _ended(machines.start("last", None, bugs=bugs).outcome()) + machines.wrong()
    return report


def _stop_cases(world: World, _size: object, seed: int) -> Sequence[Case]:
    return _some([(fault, at) for at in range(1, len(_calls(world)) + 1) for fault in ENDS[2:]], _numbers.stops, seed)


def _stop(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    fault, at = case
    machines, report = _machines(place), Report()
    frozen = machines.start("first", StoreFault(fault, at), bugs=bugs, lease=_LEASE)
    if not frozen.wait_until_stopped():
        frozen.outcome()
        return report
    report.faults, report.points = 1, {f"{fault} {at}"}
    owner = machines.start("second", None, bugs=bugs, lease=_LEASE).outcome()
    report.wrong += _ended(owner) + machines.wrong()
    registered = query(place.url, _REGISTERED)
    frozen.signal(signal.SIGCONT)
    woken = frozen.outcome()
    # Between two phases it owns nothing: then it finds the next one complete.
    if woken.how not in ("Fenced", "done"):
        report.wrong.append(f"it woke up and ended with {woken.how}: {woken.message}")
    if query(place.url, _REGISTERED) != registered:
        report.wrong.append("it woke up and registered in the database")
    report.wrong += machines.wrong()
    return report


def _crowd_cases(_world: World, _size: object, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    return [(rng.choice((0.0, 0.1, 0.2)), rng.randrange(2**32)) for _ in range(_numbers.crowds)]


def _crowd(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    share, seed = case
    machines, report = _machines(place), Report()
    ask("arm", {"share": share, "seed": seed})
    crowd: list[Child] = [
        machines.start(f"machine-{number}", None, bugs=bugs, lease=_LEASE, arms=False) for number in range(_CROWD)
    ]
    outcomes = [child.outcome() for child in crowd]
    faults = ask("told")["faults"]
    report.faults = len(faults) + _CROWD - 1
    report.points = {f"{one} {seed} {index}" for index, one in enumerate(faults)} | {f"crowd {seed}"}
    report.wrong += [
        f"it ended with {outcome.how}: {outcome.message}" for outcome in outcomes if outcome.how not in _MAY_END
    ]
    report.wrong += _ended(machines.start("last", None, bugs=bugs, lease=_LEASE).outcome()) + machines.wrong()
    return report


def _ended(outcome: Outcome) -> list[str]:
    if outcome.how != "done" or len(outcome.from_checkpoint) != len(engine.PHASES):
        return [f"the resume ended with {outcome.how}: {outcome.message}"]
    return []


TESTS = (
    Test("D1", "a fault, or SIGKILL, at every call to the store", _call_cases, _call),
    Test("D2", "faults at a share of all calls, run after run", _storm_cases, _storm),
    Test("D3", "SIGSTOP at every call, taken over, woken", _stop_cases, _stop),
    Test("D4", "three machines at once, with faults", _crowd_cases, _crowd),
)
