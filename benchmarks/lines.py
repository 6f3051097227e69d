"""The lines of the table: what is compared with what, what it must be, and the table as text and as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Final

from benchmarks.children import Usage
from benchmarks.rounds import (
    Jobs,
    Round,
    alternatives,
    commands,
    dagster,
    finished_work,
    phases,
    with_two_workers,
)
from skype_assets.etl.phases import PHASES


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        measure: what it is about.
        unit: "×" for a ratio, else the unit.
        of: the figure, from one round.
        must: at most this; None if it is only told.
        aim: better this.
    """

    measure: str
    unit: str
    of: Callable[[Round], float]
    must: float | None = None
    aim: float | None = None


def end_to_end(used: Round, workers: str = "") -> Usage:
    """All phases together."""
    extract, transform, load = (used[phase + workers] for phase in PHASES)
    return extract + transform + load


def _memory(used: Round) -> float:
    return max(end_to_end(used).memory_mb, end_to_end(used, TWO_WORKERS).memory_mb)


TWO_WORKERS: Final = ", 2 workers"

LINES: Final[Mapping[Jobs, Sequence[Line]]] = {
    phases: (
        Line("extract ÷ decoding to msgspec.Raw, CPU", "×", lambda r: r["extract"].cpu / r["raw decode"].cpu, 10, 6),
        Line("transform ÷ decoding, CPU", "×", lambda r: r["transform"].cpu / r["raw decode"].cpu, 14, 10),
        Line("load ÷ bare binary COPY, CPU", "×", lambda r: r["load"].cpu / r["copy"].cpu, 3.4, 3),
        Line(
            "end to end, 1 process ÷ COPY with the same constraints, CPU",
            "×",
            lambda r: end_to_end(r).cpu / r["copy and constraints"].cpu,
            2.3,
            2.0,
        ),
        Line("full-text search index ÷ bare binary COPY, CPU", "×", lambda r: r["text search"].cpu / r["copy"].cpu, 8),
        Line("end to end, 1 process, CPU", "s", lambda r: end_to_end(r).cpu),
    ),
    with_two_workers: (
        # Processes take a second to start: what it must be is said of 6 million messages, see ``large``.
        Line(
            "end to end, 2 workers ÷ 1 worker, wall",
            "×",
            lambda r: end_to_end(r, TWO_WORKERS).wall / end_to_end(r).wall,
        ),
        Line("anonymous memory of one process, the most", "MB", _memory, 300, 250),
    ),
    finished_work: (
        Line("second run of finished work − hashing, wall", "s", lambda r: r["second run"].wall - r["hashing"].wall, 3),
    ),
    commands: (
        Line("skype-assets --help, wall", "s", lambda r: r["--help"].wall, 1),
        Line("skype-assets status, wall", "s", lambda r: r["status"].wall, 1),
    ),
    dagster: (
        Line(
            "Dagster − the same phases as functions, wall", "s", lambda r: r["dagster"].wall - r["functions"].wall, 4, 3
        ),
    ),
    alternatives: (
        Line("json.load + pandas.to_sql, one flat table, CPU", "s", lambda r: r["json_and_pandas"].cpu),
        Line("json.load + pandas.to_sql, anonymous memory", "MB", lambda r: r["json_and_pandas"].memory_mb),
        Line("ijson + executemany, one flat table, CPU", "s", lambda r: r["ijson_and_executemany"].cpu),
        Line("ijson + executemany, anonymous memory", "MB", lambda r: r["ijson_and_executemany"].memory_mb),
        Line("DuckDB read_json + COPY, one flat table, CPU", "s", lambda r: r["duckdb_and_copy"].cpu),
        Line("DuckDB read_json + COPY, anonymous memory", "MB", lambda r: r["duckdb_and_copy"].memory_mb),
    ),
}
"""What is measured, and the lines that come of it; without limits, what else a user might take."""


@dataclass(frozen=True)
class Result:
    """A line with its figures: ``value`` is the median of ``values``, one per round."""

    measure: str
    unit: str
    value: float
    must: float | None
    aim: float | None
    values: Sequence[float]

    @property
    def verdict(self) -> str:
        """``passed`` or ``MISSED`` is about "must"; a passed line may have reached its aim, too."""
        if self.must is None:
            return ""
        if self.value > self.must:
            return "MISSED"
        return "passed, aim reached" if self.aim is not None and self.value <= self.aim else "passed"


def results(rounds: Sequence[Round], measured: Iterable[Jobs] = LINES) -> list[Result]:
    """The lines of what was measured, as the medians of the rounds."""
    found: list[Result] = []
    for line in (line for jobs in measured for line in LINES[jobs]):
        values = [line.of(used) for used in rounds]
        found.append(Result(line.measure, line.unit, median(values), line.must, line.aim, values))
    return found


def as_table(found: Sequence[Result]) -> str:
    """The table, in Markdown."""
    rows = [("measure", "value", "must", "aim", "")]
    rows += [
        (
            result.measure,
            _figure(result.value, result.unit),
            _at_most(result.must),
            _at_most(result.aim),
            result.verdict,
        )
        for result in found
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def as_json(found: Sequence[Result], rounds: Sequence[Round], **about: Any) -> dict[str, Any]:
    """All figures, down to what each job of each round has used."""
    return {
        **about,
        "lines": [asdict(result) | {"verdict": result.verdict} for result in found],
        "rounds": [{name: asdict(usage) for name, usage in used.items()} for used in rounds],
    }


def _figure(value: float, unit: str) -> str:
    digits = 0 if unit == "MB" else 2
    return f"{value:,.{digits}f} {unit}"


def _at_most(limit: float | None) -> str:
    return "" if limit is None else f"≤ {limit:g}"
