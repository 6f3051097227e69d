"""Times and durations as people write them."""

from datetime import datetime, tzinfo
from math import inf

from skype_assets.etl.pages.words import MONTHS, WEEKDAYS, word


def local(instant: datetime, zone: tzinfo) -> datetime:
    """An instant in a time zone; as it is at the ends of the calendar."""
    try:
        return instant.astimezone(zone)
    except OverflowError:
        return instant


def day(instant: datetime | None) -> str:
    """A date: ``5 March 2019``."""
    return f"{instant.day} {MONTHS[instant.month - 1]} {instant.year}" if instant else word("no_time")


def day_of_week(instant: datetime | None) -> str:
    """A date with its weekday."""
    return f"{WEEKDAYS[instant.weekday()]}, {day(instant)}" if instant else word("undated")


def date_only(instant: datetime) -> str:
    """A date for programs and for names of files: ``2019-03-05``, of the year 1 ``0001-03-05``."""
    return instant.date().isoformat()


def date_and_time(instant: datetime) -> str:
    """The same with the time of day: ``2019-03-05 14:05:09``."""
    return instant.replace(tzinfo=None).isoformat(" ", "seconds")


def clock(instant: datetime | None) -> str:
    """A time of day: ``14:05``."""
    return f"{instant.hour:02}:{instant.minute:02}" if instant else word("no_time")


def day_and_clock(instant: datetime | None) -> str:
    """A date and a time of day."""
    return f"{day(instant)}, {clock(instant)}" if instant else word("no_time")


def iso(instant: datetime) -> str:
    """An instant for programs, with its zone."""
    return instant.isoformat(timespec="milliseconds")


def duration(seconds: float) -> str:
    """A duration: ``12 min 5 s``; of what is none, a question mark."""
    if not 0 <= seconds < inf:
        return "?"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
