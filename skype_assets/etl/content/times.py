"""Instants, as microseconds since 1970 in UTC (sections 2.1, 2.6 and 5.5 of the format reference).

Exports write ISO texts with zero to seven fractional digits, sometimes without seconds or zone, and years around 3017;
and milliseconds since 1970 as number or string. What is no instant is None here: to flag it is the caller's business.
"""

# pyarrow makes its compute functions when it is imported: pyright cannot see them.
# pyright: reportAttributeAccessIssue=false

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl.content.integers import integer

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_YEAR_1: Final = (datetime.min.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_YEAR_10000: Final = 253_402_300_800_000_000
_ISO: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))?"
)
# What servers write, spelled so narrowly that every match is a valid instant: Arrow's cast must not fail on any row.
# 29 February is left to the slow path.
_COMMON_ISO: Final = (
    r"^[1-9][0-9]{3}-"
    r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,7})?Z$"
)
_SMALLEST_MILLISECONDS: Final = 10**11  # 1973, or 5138 if it were seconds
_TO_MICROSECONDS: Final = len("2024-11-05T18:04:11.482719")
_TO_7_DIGITS: Final = len("2024-11-05T18:04:11.4827190Z")


def iso_microseconds(text: str) -> int | None:
    """Return the instant of an ISO text; UTC if it has no zone, fractions truncated; None if it is no valid one."""
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = match.groups()
    try:
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
    except ValueError:
        return None
    microseconds = (local - _EPOCH) // _MICROSECOND + int((fraction or "")[:6].ljust(6, "0"))
    if sign:
        if int(offset_hours) > 23 or int(offset_minutes) > 59:
            return None
        offset = (int(offset_hours) * 60 + int(offset_minutes)) * 60_000_000
        microseconds -= offset if sign == "+" else -offset
    return microseconds if _YEAR_1 <= microseconds < _YEAR_10000 else None


def iso_instants(texts: pa.Array) -> pa.Array:
    """Return ``iso_microseconds`` of every value of a string array, as timestamps: fast for what servers write."""
    common = pc.match_substring_regex(texts, _COMMON_ISO)
    instants = pc.cast(_at_most_6_digits(pc.if_else(common, texts, None)), _INSTANT)
    rare = pc.fill_null(pc.invert(common), False)
    if not pc.any(rare).as_py():
        return instants
    values = [iso_microseconds(text) for text in texts.filter(rare).to_pylist()]
    return pc.replace_with_mask(instants, rare, pa.array(values, pa.int64()).cast(_INSTANT))


def milliseconds(value: object) -> int | None:
    """Return the microseconds of a number or numeric string of ms since 1970; None unless in 1970 to 9999."""
    number = integer(value)
    if number is None or not 0 < number * 1000 < _YEAR_10000:
        return None
    return number * 1000


def milliseconds_or_seconds(value: object) -> int | None:
    """Return ``milliseconds`` of a value that old clients wrote in seconds: below 1e11 it is one (3.3.11, 3.5)."""
    number = integer(value)
    return milliseconds(number * 1000 if number is not None and number < _SMALLEST_MILLISECONDS else number)


def milliseconds_or_iso(value: object) -> int | None:
    """Return ``milliseconds`` of a value, or the instant of an ISO text, as other properties have it (5.5)."""
    found = milliseconds(value)
    return iso_microseconds(value.strip()) if found is None and isinstance(value, str) else found


def iso_text(microseconds: int | None) -> str | None:
    """Return an instant as JSON details hold it: ``2024-11-05T18:04:11.482000Z``."""
    if microseconds is None:
        return None
    instant = _EPOCH + timedelta(microseconds=microseconds)
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _at_most_6_digits(texts: pa.Array) -> pa.Array:
    too_long = pc.equal(pc.binary_length(texts), _TO_7_DIGITS)
    if not pc.any(too_long).as_py():
        return texts
    shortened = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 0, _TO_MICROSECONDS), "Z", "")
    return pc.if_else(too_long, shortened, texts)
