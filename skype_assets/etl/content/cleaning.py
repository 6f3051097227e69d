"""What PostgreSQL cannot store, replaced and reported (section 5.1 of the format reference).

``text`` and ``jsonb`` refuse U+0000, no encoding takes a lone surrogate, and JSON has no NaN. Every replacement has a
flag, which the row carries.
"""

import math
import re
from typing import Any, Final

from skype_assets.etl.schema.flags import NESTED_TOO_DEEP, NOT_FINITE, NUL_REPLACED, SURROGATE_REPLACED

DEEPEST: Final = 512
"""Arrays and objects within each other that are kept; Python's and PostgreSQL's own limits are not far above."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_UNCHANGED: Final[frozenset[str]] = frozenset()


def clean(text: str) -> tuple[str, frozenset[str]]:
    """Replace U+0000 and lone surrogates by U+FFFD; also say with which flags."""
    flags = _UNCHANGED
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
        flags |= {NUL_REPLACED}
    if not text.isascii():
        try:
            text.encode()  # much faster than to search for surrogates
        except UnicodeEncodeError:
            text = _SURROGATE.sub("\ufffd", text)
            flags |= {SURROGATE_REPLACED}
    return text, flags


def clean_json(value: object) -> tuple[object, set[str]]:
    """Return a copy of a decoded JSON value that ``jsonb`` takes, and the flags.

    Strings and keys are cleaned, a number that is not finite becomes null, and so does what is nested deeper than
    ``DEEPEST``. Integers of any size stay. Of keys that become equal the last wins, as in ``json``.
    """
    flags: set[str] = set()
    holder: list[object] = [value]
    # Grows while it is read: no recursion, whatever the depth.
    pending: list[tuple[Any, Any, object, int]] = [(holder, 0, value, 1)]
    for target, place, original, depth in pending:
        if isinstance(original, str):
            target[place], found = clean(original)
            flags |= found
        elif isinstance(original, float):
            finite = math.isfinite(original)
            target[place] = original if finite else None
            flags.update(() if finite else (NOT_FINITE,))
        elif depth > DEEPEST and isinstance(original, dict | list):
            target[place] = None
            flags.add(NESTED_TOO_DEEP)
        elif isinstance(original, dict):
            target[place] = copy = {}
            for key, inner in original.items():
                cleaned, found = clean(key)
                flags |= found
                copy[cleaned] = None
                pending.append((copy, cleaned, inner, depth + 1))
        elif isinstance(original, list):
            target[place] = copy = [None] * len(original)
            pending.extend((copy, index, inner, depth + 1) for index, inner in enumerate(original))
        else:
            target[place] = original
    return holder[0], flags
