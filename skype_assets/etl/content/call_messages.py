"""Messages that tell of calls: ``Event/Call``, and the call log (section 3.4 of the format reference).

The log repeats what the other messages tell of, and so makes no events of its own.
"""

from collections.abc import Mapping
from typing import Any, Final

from skype_assets.etl.content.call import call
from skype_assets.etl.content.content import Content
from skype_assets.etl.content.embedded_json import objects

CALL_LOGS: Final = "48:calllogs"
"""The conversation that is the call log."""


def call_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``Event/Call``."""
    return Content(call=call(content))


def call_log_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse a ``Text`` message of that conversation: its properties hold the entry, or the content does."""
    return Content(text=content, details=_entry(content, properties))


def _entry(content: str, properties: Mapping[str, Any]) -> dict[str, Any] | None:
    places = (properties.get("call-log"), properties.get("callLog"), content if content.lstrip()[:1] == "{" else None)
    entries = (entry for place in places for entry in objects(place))
    entry = next(entries, None)
    return None if entry is None else {"call_log": entry}
