"""Recordings of calls (section 3.3.8 of the format reference)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements, first_value
from skype_assets.etl.content.names import mri
from skype_assets.etl.content.times import iso_microseconds, iso_text

_NAMES: Final = frozenset(
    {"recordingstatus", "sessionendreason", "chunkendreason", "meetingorganizerid", "recordinginitiatorid", "id"}
    | {"recordingcontent", "item"}
)


def recording_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Media_CallRecording``."""
    found = elements(content, _NAMES)
    return Content(details=_details(found) if found else None)


def _details(found: Sequence[Element]) -> dict[str, Any]:
    ids = {(element.get("type") or "").lower(): element.get("value") for element in found if element.name == "id"}
    recorded_at = first_value(found, "recordingcontent", "timestamp")
    return {
        "call_id": ids.get("callid"),
        "call_leg_id": ids.get("calllegid"),
        "status": first_value(found, "recordingstatus", "status"),
        "code": first_value(found, "recordingstatus", "code"),
        "session_end_reason": first_value(found, "sessionendreason"),
        "chunk_end_reason": first_value(found, "chunkendreason"),
        "initiator_id": mri(first_value(found, "recordinginitiatorid")),
        "organizer_id": mri(first_value(found, "meetingorganizerid")),
        "recorded_at": iso_text(iso_microseconds(recorded_at)) if recorded_at else None,
        "items": [
            {"type": element.get("type"), "uri": element.get("uri")} for element in found if element.name == "item"
        ],
    }
