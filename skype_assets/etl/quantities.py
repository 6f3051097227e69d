"""Quantities as people read them."""

from typing import Final

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def size(count: float) -> str:
    """A number of bytes, in powers of 1000: ``1.2 MB``."""
    for unit in _UNITS[:-1]:
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"
