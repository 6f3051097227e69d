"""Time zones: this machine's, and those that somebody names."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from skype_assets.etl.errors import UsageError

_LOCALTIME: Final = Path("/etc/localtime")


def local() -> str:
    """The IANA name of this machine's time zone; UTC if it has none."""
    named = os.environ.get("TZ", "").lstrip(":")
    _, _, linked = str(_LOCALTIME.resolve()).partition("/zoneinfo/")
    found = next((name for name in (named, linked) if name and _is_zone(name)), "UTC")
    return "UTC" if found == "Etc/UTC" else found


def checked(name: str) -> str:
    """A time zone that somebody named.

    Raises:
        UsageError: there is none of that name.
    """
    if not _is_zone(name):
        raise UsageError(f"{name!r} is no time zone; give a name such as Europe/Berlin or UTC")
    return name


def utc(instant: datetime) -> str:
    """An instant for people and programs: ``2019-03-05T14:05:00Z``."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
