"""The picture of an export: messages per month, and its largest conversations, as an SVG image.

Drawn by hand: it is two dozen rectangles, and a plotting library would be the largest dependency. Its only words are
those below and figures, so that nobody reads names by the way: it says that conversations are numbered, and what names
them. Names are plain text: what could act as markup or hide something is escaped.
"""

import base64
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from skype_assets.etl.export.members import printable
from skype_assets.shown.statistics import NAMES_SWITCH, Statistics

_WIDTH: Final = 720
_LEFT: Final = 60
_CHART: Final = 160
_ROW: Final = 20
_NAMES: Final = 240
_NAME_CELLS: Final = 30
_COLOUR: Final = "#4f43dd"
_GREY: Final = "#6b7280"
_MOST_BARS: Final = 120

Month = tuple[int, int]


def as_markdown(statistics: Statistics) -> str:
    """An image that Markdown shows, with nothing to be fetched from anywhere."""
    image = base64.b64encode(svg(statistics).encode()).decode()
    return f"![messages per month, largest conversations](data:image/svg+xml;base64,{image})"


def svg(statistics: Statistics) -> str:
    """The picture as a document."""
    height = _CHART + 90 + _ROW * max(1, len(statistics.largest))
    shapes = [*_months(statistics.by_month), *_conversations(statistics.largest, statistics.names, _CHART + 70)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12" fill="{_GREY}"><rect width="100%" height="100%" fill="#fff"/>{"".join(shapes)}</svg>'
    )


def bars(by_month: Mapping[Month, int], most: int = _MOST_BARS) -> list[tuple[Month, int]]:
    """Messages per period from the first month to the last, as many months to a period as keep the bars readable."""
    if not by_month:
        return []
    numbers = {year * 12 + month - 1: count for (year, month), count in by_month.items()}
    first, last = min(numbers), max(numbers)
    months = -(-(last - first + 1) // most)
    periods = range(first, last + 1, months)
    return [
        ((start // 12, start % 12 + 1), sum(numbers.get(month, 0) for month in range(start, start + months)))
        for start in periods
    ]


def _months(by_month: Mapping[Month, int]) -> Iterator[str]:
    columns = bars(by_month)
    yield _text(_LEFT, 18, "messages per month" if len(columns) == _span(by_month) else "messages over time", bold=True)
    if not columns:
        yield _text(_LEFT, 60, "no message has a time")
        return
    top, step = max(count for _, count in columns), (_WIDTH - _LEFT - 20) / len(columns)
    yield _text(_LEFT - 8, 42, f"{top:,}", anchor="end")
    for index, (_, count) in enumerate(columns):
        height = max(1, round((_CHART - 10) * count / top)) if count else 0
        yield _bar(_LEFT + index * step, 30 + _CHART - height, max(0.5, step - 1), height)
    for index in sorted({0, len(columns) // 2, len(columns) - 1}):
        (year, month), _ = columns[index]
        yield _text(
            _LEFT + index * step, 46 + _CHART, f"{year}-{month:02}", anchor="end" if index * step > 500 else "start"
        )


def _conversations(largest: Sequence[tuple[int, str]], names: Sequence[str] | None, top: int) -> Iterator[str]:
    yield _text(_LEFT, top, "largest conversations", bold=True)
    if names is None:
        yield _text(_LEFT + 150, top, f"without names; {NAMES_SWITCH}=on shows them")
    labels = [str(number) for number in range(1, len(largest) + 1)] if names is None else [*map(_label, names)]
    left = _LEFT if names is None else _NAMES
    most = max((count for count, _ in largest), default=0)
    for index, (count, kind) in enumerate(largest):
        y = top + 8 + index * _ROW
        yield _text(left - 8, y + 13, labels[index], anchor="end")
        width = (_WIDTH - 240 - left) * count / most if most else 0
        yield _bar(left, y + 2, width, _ROW - 6)
        yield _text(left + width + 8, y + 13, f"{count:,} ({kind})" if kind in _KINDS else f"{count:,}")


def _label(name: str) -> str:
    """A name as the picture has room for it; East Asian characters are twice as wide."""
    shown, cells = "", 0
    for character in printable(name):
        cells += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if cells > _NAME_CELLS:
            return escape(shown, quote=False) + "..."
        shown += character
    return escape(shown, quote=False)


_KINDS: Final = ("direct", "group", "bot", "phone", "special")


def _span(by_month: Mapping[Month, int]) -> int:
    numbers = [year * 12 + month for year, month in by_month]
    return max(numbers) - min(numbers) + 1 if numbers else 0


def _bar(x: float, y: float, width: float, height: float) -> str:
    return f'<rect x="{x:.1f}" y="{y:.0f}" width="{width:.1f}" height="{height:.0f}" fill="{_COLOUR}"/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{weight}>{words}</text>'
