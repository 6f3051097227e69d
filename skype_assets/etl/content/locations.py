"""Shared locations, in the attributes of newer and older clients (section 3.3.11 of the format reference)."""

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements, first, first_text, first_value
from skype_assets.etl.content.names import mri
from skype_assets.etl.content.times import iso_text, milliseconds_or_seconds

_MILLIONTHS: Final = re.compile(r"[-+]?[0-9]{1,9}")
_NUMBER: Final = re.compile(r"[-+]?[0-9]{1,15}(?:\.[0-9]{0,15})?")


def location_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Location``."""
    found = elements(content, {"location", "a"})
    location = first(found, "location")
    if location is None:
        return Content(text=first_text(found, "a") or "")
    named = (location.get("address"), location.get("addressfriendlyname"), location.get("shortaddress"))
    address = next(filter(None, named), first_text(found, "a"))
    return Content(text=address or "", details=_details(location, first_value(found, "a", "href")))


def _details(location: Element, url: str | None) -> dict[str, Any]:
    own = location.get("isuserlocation")
    details: dict[str, Any] = {
        "latitude": _degrees(location.get("latitude"), 90),
        "longitude": _degrees(location.get("longitude"), 180),
        "address": location.get("address"),
        "name": location.get("addressfriendlyname"),
        "url": url,
        "at": iso_text(milliseconds_or_seconds(location.get("timestamp"))),
        "is_user_location": None if own is None else own.lower() in ("1", "true"),
        "user_id": mri(location.get("usermri")),
        "timezone": location.get("timezone"),
    }
    accuracy = _measure(location.get("horizontalaccuracy"))
    return details if accuracy is None else {**details, "accuracy": accuracy}


def _degrees(millionths: str | None, greatest: int) -> float | None:
    if millionths is None or not _MILLIONTHS.fullmatch(millionths):
        return None
    degrees = int(millionths) / 1_000_000
    return degrees if abs(degrees) <= greatest else None


def _measure(text: str | None) -> float | None:
    """Return a number; 0 stands for unknown."""
    number = float(text) if text and _NUMBER.fullmatch(text) else math.nan
    return number if number and math.isfinite(number) else None
