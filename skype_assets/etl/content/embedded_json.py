"""JSON in a string: the content of some types, several properties, the base64 of cards (sections 2.7, 3.3.7 and 3.6).

It comes as the sender's client made it, perhaps cut, perhaps hostile. What is decoded here is clean (see ``cleaning``)
and no deeper or larger than a sane one could be.
"""

import json
import math
from typing import Any, Final

import msgspec

from skype_assets.etl.content.bounds import fits
from skype_assets.etl.content.cleaning import DEEPEST, clean_json

# Python refuses to convert longer digit strings, and no field needs them.
_LONGEST_INTEGER: Final = 4000


def decoded(text: str) -> Any:
    """Return the clean value of a JSON text; None if it is cut, too long, too deep, or no JSON at all."""
    if not fits(text):
        return None
    if _is_harmless(text):
        try:
            return msgspec.json.decode(text)
        except msgspec.MsgspecError:
            pass  # it may still be what Python takes for JSON
    try:
        value = _lenient.decode(text)
    except (ValueError, RecursionError):
        return None
    return clean_json(value)[0]


def _is_harmless(text: str) -> bool:
    """Whether a strict decoder gives of a JSON text, or refuses, what would have to be cleaned."""
    if len(text) >= _LONGEST_INTEGER or "\\u0000" in text:
        return False
    return text.count("[") + text.count("{") <= DEEPEST


def objects(value: object) -> list[dict[str, Any]]:
    """Return the objects of an array, or of a string that holds one; an object counts as an array of one."""
    if isinstance(value, str):
        value = decoded(value)
    if isinstance(value, dict):
        return [value]
    return [element for element in value if isinstance(element, dict)] if isinstance(value, list) else []


def string(value: object) -> str | None:
    """Return a string that is not empty."""
    return value or None if isinstance(value, str) else None


def identifier(value: object) -> str | None:
    """Return a string or an integer as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return string(value)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < _LONGEST_INTEGER else math.inf


_lenient: Final = json.JSONDecoder(strict=False, parse_int=_integer)
