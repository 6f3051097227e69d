"""Whole numbers, however an export spells them: 12, 12.0, "12" or " 12.7 " (sections 2.2 and 5.5)."""

import math
import re
from typing import Final

_DECIMAL: Final = re.compile(r"([0-9]+)(?:\.[0-9]*)?")
_LONGEST_INT64: Final = 19


def integer(value: object) -> int | None:
    """Return an int, truncated float or numeric string as an int of 64 bits; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) < _LONGEST_INT64 and value.isascii() and value.isdigit():
            return int(value)
        match = _DECIMAL.fullmatch(value.strip())
        value = _bounded(match[1]) if match else None
    elif isinstance(value, float):
        value = int(value) if math.isfinite(value) else None
    return value if isinstance(value, int) and -(2**63) <= value < 2**63 else None


def digits(text: str | None) -> int | None:
    """Return a text that is nothing but decimal digits as an int of 64 bits; None for anything else."""
    return integer(text) if text and text.isascii() and text.isdigit() else None


def _bounded(number: str) -> int | None:
    # int() of a million digits takes seconds, or is refused.
    number = number.lstrip("0") or "0"
    return int(number) if len(number) <= _LONGEST_INT64 else None
