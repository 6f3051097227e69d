"""Single values: cleaning for PostgreSQL, MRIs, names without markup, instants and numbers."""

import html
import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime.min.replace(tzinfo=UTC)
LAST_SECOND = 10**11  # what is smaller counts seconds where both forms occur
LAST_MILLISECOND = 253402300800000
ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))?"
)
NUMERIC = re.compile(r"([0-9]+)(?:\.[0-9]*)?")
SURROGATE = re.compile("[\ud800-\udfff]")
NAME_TAG = re.compile(r"</?[A-Za-z][^<>]*>")


def clean(value: Any, flags: set[str]) -> Any:
    """The value as PostgreSQL can hold it, keys and elements included; ``flags`` gets what was changed."""
    if isinstance(value, str):
        if "\0" in value:
            flags.add("nul_replaced")
        if SURROGATE.search(value):
            flags.add("surrogate_replaced")
        return SURROGATE.sub("\ufffd", value.replace("\0", "\ufffd"))
    if isinstance(value, float) and not math.isfinite(value):
        flags.add("not_finite")
        return None
    if isinstance(value, list):
        return [clean(element, flags) for element in value]
    if isinstance(value, dict):
        return {clean(key, flags): clean(element, flags) for key, element in value.items()}
    return value


def cleaned(value: Any) -> Any:
    """As ``clean``, where no row has flags."""
    return clean(value, set())


def text_of(value: Any) -> str | None:
    """The text of a JSON value: a string, or an integer's digits."""
    if isinstance(value, str):
        return value
    return str(value) if is_integer(value) else None


def is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def mri(value: str | None) -> str | None:
    """An id with its prefix (2.5)."""
    value = (value or "").strip()
    if not value:
        return None
    return value if value == "ALL" or re.match(r"[0-9]+:|#", value) else "8:" + value


def plain_name(value: Any) -> str | None:
    """A name without tags and entities (2.2)."""
    if not isinstance(value, str):
        return None
    return html.unescape(NAME_TAG.sub("", value)).strip() or None


def iso_instant(value: Any) -> datetime | None:
    """An ISO date and time, in UTC where it has no zone; digits after the microsecond are cut off."""
    match = ISO.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, zone_hours, zone_minutes = match.groups()
    if sign and (int(zone_hours) > 23 or int(zone_minutes) > 59):
        return None
    ahead = timedelta(hours=int(zone_hours or 0), minutes=int(zone_minutes or 0))
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        local = datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, tzinfo=UTC
        )
        return local + ahead if sign == "-" else local - ahead
    except (ValueError, OverflowError):
        return None


def millisecond_instant(value: Any) -> datetime | None:
    """Milliseconds since 1970, as a number or in a string."""
    number = whole_number(value)
    if number is None or not 0 < number < LAST_MILLISECOND:
        return None
    return EPOCH + timedelta(milliseconds=number)


def property_instant(value: Any) -> datetime | None:
    """Milliseconds since 1970, or an ISO date and time (5.5)."""
    return millisecond_instant(value) or iso_instant(value.strip() if isinstance(value, str) else value)


def old_instant(value: Any) -> datetime | None:
    """Milliseconds since 1970, or seconds in what old clients wrote."""
    number = whole_number(value)
    return millisecond_instant(number * 1000 if number is not None and number < LAST_SECOND else number)


def iso_text(instant: datetime | None) -> str | None:
    """An instant as it stands within JSON."""
    return None if instant is None else instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def big_integer(value: Any) -> int | None:
    """A number that fits PostgreSQL's bigint."""
    number = whole_number(value)
    return number if number is not None and -(2**63) <= number < 2**63 else None


def whole_number(value: Any) -> int | None:
    if is_integer(value):
        return value
    if isinstance(value, float):
        return int(value) if math.isfinite(value) else None
    match = NUMERIC.fullmatch(value.strip()) if isinstance(value, str) else None
    return int(match[1]) if match and len(match[1]) < 1000 else None


def digits(value: str | None, limit: int) -> int | None:
    """A string of digits below ``limit``."""
    if value is None or not re.fullmatch(r"[0-9]{1,1000}", value):
        return None
    return int(value) if int(value) < limit else None


def json_array(value: Any) -> list[Any] | None:
    """An array, or a string that holds one."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return cleaned(value) if isinstance(value, list) else None


def json_value(text: str) -> Any:
    """What the text says as JSON, not cleaned; None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def json_object(text: str) -> dict[str, Any] | None:
    value = json_value(text)
    return value if isinstance(value, dict) else None
