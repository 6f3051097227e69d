"""Instants, by sections 2.1, 2.6 and 5.5 of the format reference."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skype_assets.etl.content.times import iso_instants, iso_microseconds, milliseconds

PROPERTY = settings(derandomize=True, deadline=None, database=None, max_examples=150)
INSTANT = pa.timestamp("us", tz="UTC")
NOON = 1_730_808_000_000_000  # 2024-11-05T12:00:00Z

INSTANTS = {
    "2024-11-05T12:00:00Z": NOON,
    "2024-11-05T12:00:00": NOON,
    "2024-11-05T12:00": NOON,
    "2024-11-05T12:00Z": NOON,
    "2024-11-05 12:00:00Z": NOON,
    "2024-11-05T14:30:00+02:30": NOON,
    "2024-11-05T04:00-08:00": NOON,
    "2024-11-05T12:00:00.5Z": NOON + 500_000,
    "2024-11-05T12:00:00.48Z": NOON + 480_000,
    "2024-11-05T12:00:00.482Z": NOON + 482_000,
    "2024-11-05T12:00:00.4827199Z": NOON + 482_719,
    "2024-11-05T12:00:00.482719999999999Z": NOON + 482_719,
    "2024-02-29T00:00:00Z": 1_709_164_800_000_000,
    "1970-01-01T00:00:00Z": 0,
    "1969-12-31T23:59:59.999999Z": -1,
    "3017-03-08T11:42:19.4410276Z": 33_045_882_139_441_027,
    "0001-01-01T00:00:00Z": -62_135_596_800_000_000,
    "9999-12-31T23:59:59.999999Z": 253_402_300_799_999_999,
}
NO_INSTANTS = [
    "",
    "2024-11-05",
    "2024-11-05T12Z",
    "2024-11-05T12:00:00.Z",
    "2024-11-05T12:00:00,5Z",
    "2024-11-05T12:00:00z",
    "2024-11-05T12:00:00Z\n",
    " 2024-11-05T12:00:00Z",
    "2024-11-05T12:00:00+0200",
    "2024-11-05T12:00:00+24:00",
    "2024-11-05T12:00:00+00:60",
    "2024-02-30T00:00:00Z",
    "2023-02-29T00:00:00Z",
    "2024-04-31T00:00:00Z",
    "2024-13-01T00:00:00Z",
    "2024-00-01T00:00:00Z",
    "2024-01-00T00:00:00Z",
    "2024-11-05T24:00:00Z",
    "2024-11-05T12:60:00Z",
    "2024-11-05T12:00:60Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
    "٢٠٢٤-11-05T12:00:00Z",
    "12024-11-05T12:00:00Z",
]
NEARLY_ISO = st.builds(
    "{:04}-{:02}-{:02}{}{}:{}{}{}".format,
    st.integers(0, 9999),
    st.integers(0, 13),
    st.integers(0, 32),
    st.sampled_from("TTTT t"),
    st.integers(0, 24).map("{:02}".format),
    st.integers(0, 60).map("{:02}".format),
    st.one_of(st.just(""), st.from_regex(r":[0-6][0-9](\.[0-9]{0,9})?", fullmatch=True)),
    st.sampled_from(["Z", "Z", "Z", "", "+02:00", "-11:30", "+24:00", "z", "Z\n"]),
)


@pytest.mark.parametrize(("text", "microseconds"), INSTANTS.items())
def test_an_iso_text_is_an_instant_in_utc(text: str, microseconds: int) -> None:
    assert iso_microseconds(text) == microseconds


@pytest.mark.parametrize("text", NO_INSTANTS)
def test_what_is_no_iso_text_or_no_date_is_none(text: str) -> None:
    assert iso_microseconds(text) is None


def test_a_column_gives_the_same_as_its_values() -> None:
    texts = [*INSTANTS, None, *NO_INSTANTS]
    instants = iso_instants(pa.array(texts, pa.string()))
    assert instants.type == INSTANT
    assert instants.cast(pa.int64()).to_pylist() == [*INSTANTS.values(), None, *[None] * len(NO_INSTANTS)]


def test_every_day_of_a_leap_year_and_a_common_one_is_read() -> None:
    days = [datetime(2023, 1, 1, 23, 59, 59, 999_000, UTC) + timedelta(days) for days in range(731)]
    texts = pa.array([f"{day:%Y-%m-%dT%H:%M:%S}.999Z" for day in days])
    assert iso_instants(texts).to_pylist() == days


@pytest.mark.parametrize("texts", [[], [None], ["x", None], ["2024-11-05T12:00:00Z"]])
def test_a_column_may_be_empty_or_null(texts: list[str | None]) -> None:
    instants = iso_instants(pa.array(texts, pa.string()))
    assert (instants.type, len(instants)) == (INSTANT, len(texts))


def test_a_slice_of_a_column_is_read_as_that_slice() -> None:
    texts = pa.array(["x", "2024-11-05T12:00:00.4827199Z", "2024-11-05T12:00", None, "y"])
    assert iso_instants(texts[1:4]).cast(pa.int64()).to_pylist() == [NOON + 482_719, NOON, None]


@PROPERTY
@given(st.lists(st.one_of(st.none(), NEARLY_ISO, st.text(max_size=30))))
def test_any_column_gives_the_same_as_its_values(texts: list[str | None]) -> None:
    texts = [text and text.encode(errors="replace").decode() for text in texts]
    expected = [iso_microseconds(text) if text is not None else None for text in texts]
    assert iso_instants(pa.array(texts, pa.string())).cast(pa.int64()).to_pylist() == expected


@PROPERTY
@given(st.datetimes(timezones=st.just(UTC)))
def test_every_instant_comes_back_from_its_iso_text(instant: datetime) -> None:
    text = instant.isoformat().replace("+00:00", "Z")
    assert iso_microseconds(text) == (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("value", "microseconds"),
    [
        (1730829852101, 1730829852101_000),
        (1730829852101.9, 1730829852101_000),
        ("1730829852101", 1730829852101_000),
        (" 1730829852101.5 ", 1730829852101_000),
        (1, 1000),
        (253402300799999, 253402300799999_000),
    ],
)
def test_milliseconds_come_as_number_or_string(value: Any, microseconds: int) -> None:
    assert milliseconds(value) == microseconds


@pytest.mark.parametrize(
    "value", [None, 0, -1, 253402300800000, True, "", "x", "1e3", [], {}, float("nan"), 1e300, 2**64]
)
def test_milliseconds_outside_1970_to_9999_are_none(value: Any) -> None:
    assert milliseconds(value) is None
