"""Memory that compiled code has filled, as Arrow arrays; nothing is copied."""

from collections.abc import Sequence

import pyarrow as pa

Memory = tuple[int, int, object]
"""Address, size in bytes, and the object whose end frees it."""


def buffer_of(memory: Memory) -> pa.Buffer:
    """The memory as a buffer."""
    return pa.foreign_buffer(*memory)


def array_of(type_: pa.DataType, memory: Sequence[Memory]) -> pa.Array:
    """An array of numbers, truth values or texts, given its validity, of texts its offsets, and its values."""
    if type_ == pa.bool_():
        return array_of(pa.uint8(), memory).cast(type_)
    held = [buffer_of(one) for one in memory]
    count = held[1].size // 4 - 1 if type_ == pa.string() else held[1].size // (type_.bit_width // 8)
    return pa.Array.from_buffers(type_, count, held)
