"""The language of searches: what each query means, and where one is wrong."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skype_assets.etl.reading.query import OPERATORS, Filter, Period, QueryError, Term, parse


def test_words_phrases_and_their_opposites() -> None:
    assert parse('otters "by the  quay" -shed -"not this"').terms == (
        Term("otters"),
        Term("by the  quay"),
        Term("shed", True),
        Term("not this", True),
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from:zofia", Filter("from", "zofia")),
        ('from:"Zofia Wexcombe"', Filter("from", "Zofia Wexcombe")),
        ("-in:book", Filter("in", "book", True)),
        ("HAS:Photo", Filter("has", "photo")),
        ("is:mine", Filter("is", "mine")),
        ("kind:poll", Filter("kind", "poll")),
        ("from:8:live:x", Filter("from", "8:live:x")),
    ],
)
def test_operators(source: str, expected: Filter) -> None:
    assert parse(source).filters == (expected,)


def day(year: int, month: int = 1, day: int = 1) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "begin", "end"),
    [
        ("date:2019", day(2019, 1, 1), day(2020, 1, 1)),
        ("date:2019-12", day(2019, 12, 1), day(2020, 1, 1)),
        ("date:2019-2", day(2019, 2, 1), day(2019, 3, 1)),
        ("date:2020-02-29", day(2020, 2, 29), day(2020, 3, 1)),
        ("date:2018..2020-06", day(2018, 1, 1), day(2020, 7, 1)),
        ("date:2018..", day(2018, 1, 1), None),
        ("date:..2018", None, day(2019, 1, 1)),
        ("before:2019-03", None, day(2019, 3, 1)),
        ("after:2019-03", day(2019, 4, 1), None),
    ],
)
def test_dates(source: str, begin: datetime | None, end: datetime | None) -> None:
    assert parse(source).periods == (Period(begin, end),)


def test_days_are_those_of_the_time_zone() -> None:
    [period] = parse("date:2019-07-01", ZoneInfo("Asia/Tokyo")).periods
    assert period.begin == datetime(2019, 6, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Lima"])
@pytest.mark.parametrize("date", ["0001", "0001-01-01", "9999", "9999-12", "9999-12-31"])
def test_at_the_ends_of_the_calendar_a_period_ends_with_it(date: str, zone: str) -> None:
    for operator in ("date", "before", "after"):
        [period] = parse(f"{operator}:{date}", ZoneInfo(zone)).periods
        assert all(limit is None or limit.tzinfo is UTC for limit in (period.begin, period.end))
        assert period.begin is not None or period.end is not None
    [period] = parse(f"date:{date}", ZoneInfo(zone)).periods
    assert period.begin is not None
    assert period.end is not None
    assert period.begin < period.end


@pytest.mark.parametrize("source", ["https://example.org/a:b", "12:30", "a-b", "-", "()", "C:\\x"[2:], "::", "\u200b"])
def test_what_only_looks_like_an_operator_is_text(source: str) -> None:
    assert [term.text for term in parse(source).terms] == [source]


@pytest.mark.parametrize("source", ["", "  ", '""', "\n\t"])
def test_nothing_is_asked_for(source: str) -> None:
    assert not parse(source)


@pytest.mark.parametrize(
    ("source", "position", "says"),
    [
        ("otters form:zofia", 7, "form: is no operator"),
        ('otters "by the', 7, "has no end"),
        ("has:cat", 4, "photo, video, voice"),
        ("is:", 0, "needs a value"),
        ("kind:x", 5, "poll"),
        ("date:2019-13", 5, "is no date"),
        ("date:2018..never", 11, "is no date"),
        ("before:yesterday", 7, "2019-03-05"),
        ("date:0000", 5, "is no date"),
    ],
)
def test_an_error_points_at_its_place_and_says_what_is_right(source: str, position: int, says: str) -> None:
    with pytest.raises(QueryError) as refused:
        parse(source)
    assert refused.value.position == position
    assert says in refused.value.problem
    assert str(refused.value).splitlines()[-1] == "  " + " " * position + "^"
    assert refused.value.exit_code == 2


def test_every_operator_is_named_where_one_is_not_known() -> None:
    with pytest.raises(QueryError) as refused:
        parse("size:1")
    assert all(f"{name}:" in refused.value.problem for name in OPERATORS)


def pointed_at(source: str) -> tuple[int, int] | None:
    """Where an error points to, and how long the query is; None if it is understood."""
    try:
        query = parse(source)
    except QueryError as refused:
        return refused.position, len(refused.query)
    return None if "\0" not in "".join(term.text for term in query.terms) else (-1, 0)


@given(st.text(max_size=200))
def test_any_text_is_a_query_or_an_error_that_points_into_it(source: str) -> None:
    position, length = pointed_at(source) or (0, 0)
    assert 0 <= position <= length
