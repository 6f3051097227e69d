"""Old peer-to-peer transfers: what was sent, never its bytes (section 3.3.9 of the format reference)."""

from collections.abc import Mapping
from typing import Any

from skype_assets.etl.content.content import Content
from skype_assets.etl.content.elements import Element, elements
from skype_assets.etl.content.integers import digits


def file_transfer_message(content: str, properties: Mapping[str, Any]) -> Content:
    """Parse ``RichText/Files``."""
    files = [_file(element) for element in elements(content, {"file"})]
    return Content(details={"files": files} if files else None)


def _file(element: Element) -> dict[str, Any]:
    numbers = {name: digits(element.get(name)) for name in ("size", "index", "tid")}
    return {"name": element.text, **numbers}
