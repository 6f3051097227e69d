"""The one text that PostgreSQL gives for a ``jsonb`` value, whatever text it was given for it.

``jsonb`` keeps no white space, sorts the keys of an object, keeps the last of equal keys, and writes numbers in full.
"""

# pyarrow.compute makes its functions when it is imported; no type checker sees them.
# pyright: reportAttributeAccessIssue=false

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, cast

import pyarrow as pa
import pyarrow.compute as pc

from skype_assets.etl import compiled

_string: Final[Callable[[str], str]] = json.JSONEncoder(ensure_ascii=False).encode
_decoder: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)


def normal_texts(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """The normal text of each JSON text; nulls stay."""
    distinct = texts.unique()
    normal = pa.array([None if text is None else normal_text(text) for text in distinct.to_pylist()], pa.string())
    return pa.chunked_array(
        [normal.take(pc.index_in(chunk, value_set=distinct)) for chunk in texts.chunks], pa.string()
    )


def normal_text(text: str) -> str:
    """The normal text of a JSON text."""
    if compiled.reader is not None and (normal := compiled.reader.normal_json(text)) is not None:
        return normal
    return _written(_decoder.decode(text))


def _written(value: Any) -> str:
    """A level of the value is one level of the stack: no comprehensions, which may be another."""
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, dict):
        members: list[str] = []
        for key in sorted(cast("dict[str, Any]", value), key=_key_order):
            members.append(f"{_string(key)}: {_written(value[key])}")
        return "{" + ", ".join(members) + "}"
    if isinstance(value, list):
        elements: list[str] = []
        for element in cast("list[Any]", value):
            elements.append(_written(element))  # noqa: PERF401 - see above
        return "[" + ", ".join(elements) + "]"
    if isinstance(value, Decimal):
        return format(value.copy_abs() if value.is_zero() else value, "f")
    return {None: "null", True: "true", False: "false"}[value]


def _key_order(key: str) -> tuple[int, bytes]:
    encoded = key.encode()
    return len(encoded), encoded
