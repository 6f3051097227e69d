"""The language of searches: words, phrases and operators, as people type them into a search box.

Words are looked for anywhere in a text, and all of them must be there; ``"a phrase"`` is looked for as it stands; a
``-`` before a word, a phrase or an operator means the opposite.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from skype_assets.etl.content.message_types import CALL_LOG, MESSAGE_TYPES, UNKNOWN_TYPE
from skype_assets.etl.errors import UsageError

HAS: Final = ("photo", "video", "voice", "file", "link", "call", "reaction", "quote")
IS: Final = ("edited", "deleted", "mine")
KINDS: Final = tuple(sorted({type_.kind for type_ in (*MESSAGE_TYPES.values(), CALL_LOG, UNKNOWN_TYPE)}))

OPERATORS: Final = {
    "from": "who wrote it: a name or id, or a part of it",
    "in": "the conversation: its title or id, or a part of it",
    "before": "a year, month or day: 2019, 2019-03 or 2019-03-05",
    "after": "the same",
    "date": "the same, or from one to another: 2018..2020-06",
    "has": ", ".join(HAS),
    "is": ", ".join(IS),
    "kind": "a kind of message, as in docs/message-types.md",
}

LONGEST: Final = 1_000
"""Characters of a query."""

_PART: Final = re.compile(
    r'\s*(?P<not>-)?(?:(?P<operator>[A-Za-z_]+):(?!//))?(?:"(?P<phrase>[^"]*)(?P<end>"?)|(?P<word>\S*))'
)
_DATE: Final = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")


class QueryError(UsageError):
    """A query cannot be understood.

    Attributes:
        problem: what is wrong, and what would be right.
        query: the whole query.
        position: where in it, in characters from 0.
    """

    def __init__(self, problem: str, query: str, position: int) -> None:
        self.problem, self.query, self.position = problem, query, position
        super().__init__(f"{problem}\n  {query}\n  {' ' * position}^")


_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Term:
    """A text that must be contained, or must not."""

    text: str
    is_excluded: bool = False


@dataclass(frozen=True)
class Period:
    """From an instant on, and before another; None = without limit. ``is_excluded``: not in that time."""

    begin: datetime | None
    end: datetime | None
    is_excluded: bool = False


@dataclass(frozen=True)
class Filter:
    """What else is asked for: the value of ``from``, ``in``, ``has``, ``is`` or ``kind``."""

    operator: str
    value: str
    is_excluded: bool = False


@dataclass(frozen=True)
class Query:
    """A query that was understood."""

    source: str
    terms: tuple[Term, ...] = ()
    periods: tuple[Period, ...] = ()
    filters: tuple[Filter, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.periods or self.filters)


def parse(source: str, time_zone: tzinfo = UTC) -> Query:
    """Understand a query; days and months are those of the time zone.

    Raises:
        QueryError: an operator or its value is not known, or a phrase has no end.
    """
    source = _CONTROL.sub(" ", source).strip()
    if len(source) > LONGEST:
        raise QueryError(f"a query has at most {LONGEST:,} characters", source[:40] + " ...", 0)
    terms: list[Term] = []
    periods: list[Period] = []
    filters: list[Filter] = []
    for part in _parts(source):
        value, is_excluded = part["word"] or part["phrase"] or "", part["not"] is not None
        operator = part["operator"].lower() if part["operator"] else None
        at = part.start("word") if part["word"] is not None else part.start("phrase")
        if part["phrase"] is not None and not part["end"]:
            raise QueryError('this phrase has no end: a " is missing', source, at - 1)
        if operator is None:
            if value:
                terms.append(Term(value, is_excluded))
            elif is_excluded and part["phrase"] is None:
                terms.append(Term("-"))
        elif operator not in OPERATORS:
            quoted = source[part.start("operator") : part.end()].replace('"', "")
            known = ", ".join(f"{name}:" for name in OPERATORS)
            problem = f'{operator}: is no operator; there are {known} - or look for it as text: "{quoted}"'
            raise QueryError(problem, source, part.start("operator"))
        elif not value.strip():
            raise QueryError(f"{operator}: needs a value: {OPERATORS[operator]}", source, part.start("operator"))
        elif operator in ("before", "after", "date"):
            periods.append(_period(operator, value, is_excluded, time_zone, source, at))
        else:
            filters.append(Filter(operator, _checked(operator, value, source, at), is_excluded))
    return Query(source, tuple(terms), tuple(periods), tuple(filters))


def _parts(source: str) -> Iterator[re.Match[str]]:
    position = 0
    while position < len(source):
        part = _PART.match(source, position)
        assert part is not None, "every part of it may be empty"
        position = part.end()
        if part[0]:
            yield part
        else:
            position += 1


def _checked(operator: str, value: str, source: str, at: int) -> str:
    known = {"has": HAS, "is": IS, "kind": KINDS}.get(operator)
    if known is None:
        return value
    if value.lower() not in known:
        raise QueryError(f"{operator}: knows no {value!r}; there are {', '.join(known)}", source, at)
    return value.lower()


def _period(operator: str, value: str, is_excluded: bool, zone: tzinfo, source: str, at: int) -> Period:
    first, dots, last = value.partition("..")
    if dots and operator == "date":
        begin = _span(first, zone, source, at)[0] if first else None
        end = _span(last, zone, source, at + len(first) + 2)[1] if last else None
        return Period(begin, end, is_excluded)
    begin, end = _span(value, zone, source, at)
    if operator == "before":
        return Period(None, begin, is_excluded)
    if operator == "after":
        return Period(end, None, is_excluded)
    return Period(begin, end, is_excluded)


def _span(date: str, zone: tzinfo, source: str, at: int) -> tuple[datetime, datetime]:
    """The beginning of a year, month or day, and of the next one; at the ends of the calendar, its ends."""
    found = _DATE.fullmatch(date)
    try:
        if found is None:
            raise ValueError
        year, month, day = (int(number) if number else None for number in found.groups())
        begin = datetime(year or 0, month or 1, day or 1)  # noqa: DTZ001 - it gets its zone below
    except ValueError:
        shown = "is no date" if date else "here a date is missing"
        raise QueryError(f"{date!r} {shown}: give 2019, 2019-03 or 2019-03-05" if date else shown, source, at) from None
    try:
        if day:
            end = begin + timedelta(days=1)
        elif month:
            end = (begin + timedelta(days=31)).replace(day=1)
        else:
            end = begin.replace(year=begin.year + 1)
    except (ValueError, OverflowError):
        return _in_utc(begin, zone), _LAST
    return _in_utc(begin, zone), _in_utc(end, zone)


def _in_utc(local: datetime, zone: tzinfo) -> datetime:
    try:
        return local.replace(tzinfo=zone).astimezone(UTC)
    except OverflowError:
        return _FIRST if local.year == 1 else _LAST
