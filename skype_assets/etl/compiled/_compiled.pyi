"""The compiled reader: see ``read`` in the package."""

from collections.abc import Callable

from typing_extensions import Buffer

Memory = tuple[int, int, object]
"""Address, size in bytes, and the object whose end frees it."""

def elements(data: Buffer, begin: int, end: int) -> tuple[list[int], list[int]]:
    """Where consecutive elements of a JSON array begin, and their lengths, from where one begins.

    They are some thousands at most, and none behind the first that is not plain JSON of little depth, or may not be
    complete before the end; none at all, perhaps.

    Args:
        data: what they stand in.
        begin: where the first one begins.
        end: where to stop.
    """

def read(
    offsets: Buffer,
    data: Buffer,
    excluded: Buffer,
    readers: dict[str, str],
    emoji: Callable[[str], str | None],
    key_length: int,
) -> dict[str, dict[str, tuple[Memory, ...]]]:
    """Columns by table and name, each as (validity, values) or, of texts, (validity, offsets, values).

    Args:
        offsets: 64-bit integers: where each object begins in the data, and where the last one ends.
        data: the objects.
        excluded: a byte per object; objects with another value than 0 are left.
        readers: by message type, the reader of its content, or the event that its thread activity tells of.
        emoji: what an emoticon's type is shown as.
        key_length: of the key of a message, the characters before its id.
    """
