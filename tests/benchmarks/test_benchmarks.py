"""The benchmarks run, and their table says what was measured. How fast anything is, no test asks."""

import json
import re
from pathlib import Path

import pytest

from benchmarks.children import Usage
from benchmarks.distributed import Bench, loaders
from benchmarks.large import more_than_aimed_at, too_much
from benchmarks.lines import LINES, Result, as_json, as_table, results
from benchmarks.rounds import Round, commands, one_round, phases, prepare
from benchmarks.server import server

MEASURED = (phases, commands)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Round:
    folder = tmp_path_factory.mktemp("bench")
    with server(folder, fsync="off") as used:
        return one_round(prepare(folder, used, messages=300), MEASURED, lambda _: None)


def test_every_line_has_a_figure_and_stands_in_the_table(measured: Round) -> None:
    found = results([measured], MEASURED)
    assert [result.measure for result in found] == [line.measure for jobs in MEASURED for line in LINES[jobs]]
    head, rule, *rows = as_table(found).splitlines()
    assert len({len(row) for row in (head, rule, *rows)}) == 1
    for result, row in zip(found, rows, strict=True):
        assert re.match(rf"\| {re.escape(result.measure)} +\| -?[\d,.]+ (×|s|MB) +\|", row)
        assert row.count("|") == head.count("|")
        assert row.count("≤") == (result.must is not None) + (result.aim is not None)


def test_a_job_is_charged_with_what_it_used_on_either_side(measured: Round) -> None:
    assert measured["extract"].client_cpu > 0
    assert measured["copy and constraints"].server_cpu > 0
    assert measured["load"].cpu == measured["load"].client_cpu + measured["load"].server_cpu
    assert all(usage.wall > 0 and usage.memory_mb > 0 for usage in measured.values())


def test_all_figures_of_all_rounds_are_in_the_json(measured: Round) -> None:
    written = json.loads(json.dumps(as_json(results([measured, measured], MEASURED), [measured, measured], messages=9)))
    assert written["messages"] == 9
    assert [len(line["values"]) for line in written["lines"]] == [2] * len(written["lines"])
    assert written["rounds"][1]["extract"]["wall"] == measured["extract"].wall


def test_loads_at_once_are_measured_beside_loads_without_locks(tmp_path: Path) -> None:
    with server(tmp_path, fsync="off") as used:
        found = list(loaders(Bench(tmp_path, used, rounds=2, messages=40, loaders=2)))
    by_lock = {result.measure: result for result in found}
    assert by_lock["2 loaders of different accounts: samples of waits for a lock, advisory"].values == [0, 0]
    assert by_lock["2 loaders of different accounts ÷ without our locks, wall"].value > 0
    assert len(as_table(found).splitlines()) == len(found) + 2


@pytest.mark.parametrize(
    ("value", "must", "aim", "verdict"),
    [
        (2.0, None, None, ""),
        (2.0, 1.0, None, "MISSED"),
        (1.0, 1.0, None, "passed"),
        (1.0, 1.5, 0.5, "passed"),
        (0.5, 1.5, 0.5, "passed, aim reached"),
    ],
)
def test_a_verdict_is_about_what_a_figure_must_be(
    value: float, must: float | None, aim: float | None, verdict: str
) -> None:
    assert Result("it", "×", value, must, aim, [value]).verdict == verdict


def test_growth_of_memory_or_time_is_named() -> None:
    def used(wall: float, memory: float) -> dict[str, Usage]:
        return {"load": Usage(1, 1, wall, memory)}

    good = {"1 M": used(1, 300), "6 M": used(6, 320), "1 GB": used(2, 300), "10 GB": used(24, 330)}
    assert [*too_much(good), *more_than_aimed_at(good)] == []
    bad = {"1 M": used(1, 300), "6 M": used(6, 401), "1 GB": used(2, 300), "10 GB": used(25, 300)}
    assert [complaint.split(";")[0] for complaint in too_much(bad)] == [
        "6 M: 401 MB in one process",
        "10 GB takes 12.50 times as long as 1 GB",
    ]
    assert [*more_than_aimed_at(bad)] == ["memory grows from 300 MB to 401 MB"]
    slow = {"6 M": used(8, 300), "6 M, 1 worker": used(10, 300)}
    assert [*too_much(slow)] == ["6 M takes 0.80 times as long as 6 M, 1 worker; it must be 0.7 at most"]
