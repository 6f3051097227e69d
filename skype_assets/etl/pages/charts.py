"""Where the rectangles of the two pictures of the statistics stand; the templates draw them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from skype_assets.etl.pages.words import WEEKDAYS
from skype_assets.etl.reading.statistics import Figures

WIDTH: Final = 720
HEIGHT: Final = 160
_MOST_MONTHS: Final = 240

CELL: Final = 26
_SHADES: Final = 5


@dataclass(frozen=True)
class Bar:
    """A column: what it stands for, and its rectangle."""

    label: str
    count: int
    x: float
    y: float
    width: float
    height: float
    mark: str
    address: str


@dataclass(frozen=True)
class Cell:
    """An hour of a weekday: ``shade`` from 0 (none) to 5 (most)."""

    weekday: str
    hour: int
    count: int
    x: int
    y: int
    shade: int


@dataclass(frozen=True)
class Bars:
    """A column for each month, or for each year if there are too many months."""

    bars: list[Bar]
    is_by_year: bool
    most: int


def bars(figures: Figures) -> Bars:
    """Columns from the first month to the last."""
    counts = {(at.year, at.month): count for at, count in figures.months}
    if not counts:
        return Bars([], is_by_year=False, most=0)
    (first, _), (last, _) = min(counts), max(counts)
    is_by_year = (last - first + 1) * 12 > _MOST_MONTHS
    if is_by_year:
        years: dict[int, int] = {}
        for (year, _), count in counts.items():
            years[year] = years.get(year, 0) + count
        named = [(str(year), str(year), f"date:{year:04}", count) for year, count in sorted(years.items())]
    else:
        named = [
            (
                f"{datetime(year, month, 1):%B %Y}",  # noqa: DTZ001 - the name of a month
                str(year) if month == 1 else "",
                f"date:{year:04}-{month:02}",
                counts.get((year, month), 0),
            )
            for year in range(first, last + 1)
            for month in range(1, 13)
            if min(counts) <= (year, month) <= max(counts)
        ]
    return Bars(_placed(named), is_by_year, max(count for *_, count in named))


def cells(figures: Figures) -> list[Cell]:
    """A cell for each hour of each weekday."""
    most = max(figures.hours.values(), default=0)
    return [
        Cell(
            WEEKDAYS[day - 1],
            hour,
            count,
            44 + hour * CELL,
            4 + (day - 1) * CELL,
            -(-count * _SHADES // most) if most else 0,
        )
        for day in range(1, 8)
        for hour in range(24)
        for count in (figures.hours[day, hour],)
    ]


def _placed(named: Sequence[tuple[str, str, str, int]]) -> list[Bar]:
    most = max(count for *_, count in named) or 1
    step = WIDTH / len(named)
    return [
        Bar(
            label,
            count,
            round(number * step, 2),
            round(HEIGHT - count / most * HEIGHT, 2),
            round(max(step * 0.82, 1), 2),
            round(count / most * HEIGHT, 2),
            mark,
            address,
        )
        for number, (label, mark, address, count) in enumerate(named)
    ]
