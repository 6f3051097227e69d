"""The compiled reader: see ``read`` in the package."""

from collections.abc import Callable

from typing_extensions import Buffer

from skype_assets.etl.compiled.arrow import Memory

def elements(data: Buffer, begin: int, end: int) -> tuple[bytes, bytes, bytes]:
    """Where consecutive elements of a JSON array begin, their lengths and the places in them, from where one begins.

    They are some thousands at most, and none behind the first that is not plain JSON of little depth, or may not be
    complete before the end; none at all, perhaps. Each of the three is as many 64-bit integers. Places are four
    numbers of 16 bits, the highest first: where the texts of ``id`` and ``messagetype`` begin in an object, each
    followed by its bytes; 0 unless both are there once, and plain.

    Args:
        data: what they stand in.
        begin: where the first one begins.
        end: where to stop.
    """

def raw_columns(
    data: Buffer, first: int, offsets: Buffer, lengths: Buffer, places: Buffer
) -> tuple[tuple[Memory, Memory], Memory, tuple[Memory, ...], tuple[Memory, ...], Memory]:
    """What extract keeps of messages: (64-bit offsets, bytes), digests, ``id``, ``messagetype``, and which are left.

    The last has a byte for each message: where it is 1, both texts are null and for others to find. There are no
    digests where hashlib is not OpenSSL's, of version 3, as a library of its own. Other threads have Python meanwhile.

    Args:
        data: what the messages stand in.
        first: the offset of its first byte.
        offsets: 64-bit integers: where each message begins.
        lengths: as many: its bytes.
        places: as many: those of ``elements``.

    Raises:
        ValueError: a message is not in the data.
        RuntimeError: a place is not in its message.
    """

def normal_json(text: str) -> str | None:
    """The text that PostgreSQL gives for a JSON text as ``jsonb``; None if it is not plain."""

def sought(batches: tuple[tuple[tuple[tuple[object, ...], ...], int], ...], key: int) -> object:
    """Rows that ``find`` finds; their memory is held as long as this is.

    Args:
        batches: of each its columns and the number of its rows; of a column the number of its type in PostgreSQL's
            catalogue, the place of its first row, the number of rows, three buffers in Arrow's layout (validity, ends,
            values) or None for one that it has not, and of a list the same of its elements, else None.
        key: how many of the columns are the key, the first ones.

    Raises:
        ValueError: a column has not so many rows, or its type is none of those that tables have.
    """

def find(sought: object, borders: Buffer, data: Buffer) -> int:
    """How many records are, byte by byte, one of the rows each, which was not found before.

    Args:
        sought: the rows.
        borders: 32-bit integers: where each record begins, and where the last one ends.
        data: the records, as ``record_send`` makes them.

    Raises:
        ValueError: a record is beyond the data.
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
