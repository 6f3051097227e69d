"""Gifts of money or Skype credit (section 3.3.15 of the format reference)."""

from collections.abc import Mapping
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import elements, first_value

_NAMES: Final = frozenset({"amount", "currency"})


def money(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Money``."""
    return Content(details=amount(content))


def amount(content: str) -> dict[str, Any] | None:
    """Return how much of what was given, as it is written; None if neither is said."""
    found = elements(content, _NAMES)
    details = {"amount": first_value(found, "amount"), "currency": first_value(found, "currency")}
    return details if any(details.values()) else None
