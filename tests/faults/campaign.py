"""The campaign: its tests, run side by side in several processes, and the table at the end."""

import argparse
import gc
import json
import os
import pickle
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from tests.faults import (
    damage,
    drawn_surroundings,
    interruptions,
    kills,
    power,
    restores,
    server,
    surroundings,
    system_calls,
    takeover,
)
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.planted_bugs import BUGS
from tests.faults.world import Place, World

_ROOMS = (
    kills,
    system_calls,
    power,
    damage,
    server,
    takeover,
    surroundings,
    interruptions,
    drawn_surroundings,
    restores,
)
_TOLD = 100
"""After so many cases a process says how far it is."""

_TESTED = {test.name: test for room in _ROOMS for test in room.TESTS}


def _planted(world: World, size: Size, seed: int) -> Sequence[Case]:
    return [(name,) for name, bug in BUGS.items() if bug.cases]


def _caught(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    """Plant a bug, and run the cases that should catch it until one does."""
    (name,) = case
    bug = BUGS[name]
    test = _TESTED[bug.test]
    for suspicious in bug.cases:
        if test.run(place, suspicious, (name,)).wrong:
            return Report(1, {name})
    return Report(1, {name}, [f"the planted bug {name!r} ({bug.title}) was not caught"])


TESTS: dict[str, Test] = {
    **_TESTED,
    "T17": Test("T17", "planted bugs: a wrong state is one that was not caught", _planted, _caught),
}


@dataclass(frozen=True)
class Result:
    """What came of a test."""

    test: Test
    cases: int
    seconds: float
    seed: int
    report: Report

    @property
    def row(self) -> tuple[str, ...]:
        wrong = len(self.report.wrong)
        points = len(self.report.points)
        return (
            self.test.name, self.test.title, str(self.report.faults), str(points), str(wrong), str(self.seed),
            f"{self.seconds:.0f} s",
        )  # fmt: skip


def run_all(world: World, tests: Mapping[str, Test], size: Size, arguments: argparse.Namespace) -> int:
    """Run what the ``options`` ask for, and print the table; the exit code."""
    results: list[Result] = []
    for name in arguments.only or tests:
        result = run(world, tests[name], size, arguments.seed, arguments.processes, arguments.piece)
        results.append(result)
        print(table([result]).splitlines()[-1], flush=True)
        for wrong in result.report.wrong[:20]:
            print(f"  wrong: {wrong}", flush=True)
    print(table(results))
    if arguments.json:
        found = {
            one.test.name: {
                "faults": one.report.faults,
                "points": sorted(one.report.points),
                "wrong": one.report.wrong,
            }
            for one in results
        }
        arguments.json.write_text(json.dumps(found))
    return int(any(result.report.wrong for result in results))


def run(world: World, test: Test, size: Size, seed: int, processes: int, piece: tuple[int, int] = (1, 1)) -> Result:
    """Run a test's cases, spread over processes that have a place each; or the n-th of so many pieces of them."""
    began = time.monotonic()
    cases = test.cases(world, size, seed)[piece[0] - 1 :: piece[1]]
    total = Report()
    for report in _spread(world, test, cases, 1 if test.alone else processes):
        total.add(report)
    return Result(test, len(cases), time.monotonic() - began, seed, total)


def table(results: Sequence[Result]) -> str:
    """The table of a campaign, in Markdown."""
    head = ("test", "what happens", "faults", "distinct points", "wrong states", "seed", "time")
    rows = [head, tuple("---" for _ in head), *(result.row for result in results)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def run_case(world: World, test: Test, case: Case, place: int, bugs: tuple[str, ...] = ()) -> Report:
    """Run one case; an error in the campaign itself counts as a wrong state."""
    try:
        report = test.run(world.place(place), case, bugs)
    except Exception:  # noqa: BLE001 - whatever it is, it must show in the table
        return Report(0, set(), [f"{test.name} {case}: the campaign itself: {traceback.format_exc(limit=-3)}"])
    report.wrong = [f"{test.name} {case}: {wrong}" for wrong in report.wrong]
    return report


def _run_cases(world: World, test: Test, cases: Sequence[Case], place: int) -> list[Report]:
    """Run cases one after the other; a campaign of hours tells a wrong state when it is found, and how far it is."""
    reports: list[Report] = []
    for case in cases:
        reports.append(run_case(world, test, case, place))
        for wrong in reports[-1].wrong:
            print(f"  wrong: {wrong}", file=sys.stderr, flush=True)
        if len(reports) % _TOLD == 0:
            print(f"  {test.name}: {len(reports)} of {len(cases)} in place {place}", file=sys.stderr, flush=True)
    return reports


def _spread(world: World, test: Test, cases: Sequence[Case], processes: int) -> list[Report]:
    """Every process takes each n-th case, so that nothing depends on which of them is faster."""
    pipes: list[tuple[int, BinaryIO]] = []
    gc.freeze()  # else every process that is forked for a run copies all cases when it looks for garbage
    for number in range(processes):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(read)
                reports = _run_cases(world, test, cases[number::processes], number + 1)
                with os.fdopen(write, "wb") as pipe:
                    pickle.dump(reports, pipe)
            finally:
                os._exit(0)
        os.close(write)
        pipes.append((pid, os.fdopen(read, "rb")))
    found: list[Report] = []
    for pid, pipe in pipes:
        with pipe:
            found += pickle.load(pipe)  # noqa: S301 - from our own child
        os.waitpid(pid, 0)
    return found
