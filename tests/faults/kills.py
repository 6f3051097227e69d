"""T1: SIGKILL at random instants, also during the resume. T2: every crash point, every fault, first to last hit."""

import random
from collections.abc import Sequence

from skype_assets.etl import engine
from skype_assets.etl.crash_points import FAULTS, OF_RUNS
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_a_fault, after_success, resumed, unloaded
from tests.faults.children import UNLOAD, Armed, run
from tests.faults.world import Place, World

# How long a phase takes is measured in each place, by its own kills: one that came too late lets the next come earlier.
_FIRST_GUESS = {"extract": 0.15, "transform": 0.4, "load": 1.0}
_SHORTEST = 0.005
_MOST_KILLS = 5
_OTHER_PARTS = 45


def _kill_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    """Runs of one to five kills, until every phase has had its number of them."""
    rng = random.Random(seed)
    cases: list[Case] = []
    for phase in engine.PHASES:
        kills = 0
        while kills < size.kills:
            number = rng.randint(1, _MOST_KILLS)
            cases.append((phase, number, rng.randrange(2**32)))
            kills += number
    rng.shuffle(cases)
    return cases


def _kill(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    phase, kills, seed = case
    rng, report = random.Random(seed), Report()
    longest, resuming = _FIRST_GUESS[phase], False
    place.begin(phase)
    while report.faults < kills:
        outcome = run(place.task(), (phase,), Armed(bugs=bugs), kill_after=rng.uniform(0, longest))
        if outcome.how == "done":  # the kill came too late
            if resuming:
                report.wrong += after_success(place, outcome, phase)
            else:
                longest = max(longest / 2, _SHORTEST)
            place.begin(phase)
            resuming = False
            continue
        if outcome.how == "killed":
            report.faults += 1
            report.points.add(f"{phase} {rng.random():.12f}")
        resuming = True
        report.wrong += after_a_fault(place, outcome)
    to_the_end = seed % 8 == 0
    report.wrong += resumed(place, bugs, "load" if to_the_end else phase, twice=to_the_end)
    return report


def _point_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    cases: list[Case] = []
    for phase in engine.PHASES:
        for point, times in hits(world, phase, merging=False).items():
            cases += _faults(rng, size, phase, point, times, False)
    # A load into a database that has the rows already goes another way.
    for point, times in hits(world, "load", merging=True).items():
        if point.startswith(("part", "load")):
            cases += _faults(rng, size, "load", point, times, True)
    for point, times in hits(world, UNLOAD, merging=False).items():
        cases += _faults(rng, size, UNLOAD, point, times, False)
    if size.every:
        return cases
    rng.shuffle(cases)
    return list({case[1]: case for case in cases}.values())


def _faults(rng: random.Random, size: Size, phase: str, point: str, hits: int, merging: bool) -> list[Case]:
    wanted = sorted({1, (hits + 1) // 2, hits})
    if size.every:
        return [(phase, point, fault, hit, merging) for fault in FAULTS for hit in wanted]
    return [(phase, point, rng.choice(FAULTS), rng.choice(wanted), merging)]


def hits(world: World, phase: str, *, merging: bool) -> dict[str, int]:
    """The crash points that a phase comes to, and how often."""
    place = world.place(0)
    begin(place, phase, merging=merging)
    outcome = run(place.task(), (phase,))
    assert outcome.how == "done", outcome
    return outcome.points


def begin(place: Place, phase: str, *, merging: bool) -> None:
    """What a phase works on; ``merging`` if the rows are to be in the database already."""
    if merging:
        place.begin()
        loaded = run(place.task(chunk_size=_OTHER_PARTS))
        assert loaded.how == "done", loaded
        # As if another task had loaded it: its ledger is about parts of another size.
        place.begin_again(phase)
    elif phase == UNLOAD:
        place.begin("load")
        loaded = run(place.task(), ("load",))
        assert loaded.how == "done", loaded
    else:
        place.begin(phase)


def _crash(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    phase, point, fault, hit, merging = case
    begin(place, phase, merging=merging)
    outcome = run(place.task(), (phase,), Armed((point, fault, hit), bugs=bugs))
    report = Report(1, {point})
    if outcome.points and outcome.points.get(point, 0) < hit:
        report.wrong.append(f"{point} was not reached {hit} times")
    wrong = after_a_fault(place, outcome)
    report.wrong += [] if merging else wrong
    report.wrong += unloaded(place, bugs) if phase == UNLOAD else resumed(place, bugs, phase)
    return report


def missed_points(points: set[str]) -> list[str]:
    """The crash points that no case of T2 reached; those of upgrades are for ``tests/upgrades``."""
    return sorted(set(OF_RUNS) - points)


TESTS = (
    Test("T1", "SIGKILL at random instants, also during the resume", _kill_cases, _kill),
    Test("T2", "every crash point: kill, exception, ENOSPC, EIO", _point_cases, _crash),
)
