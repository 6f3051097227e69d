"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of a table is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session, repeatedly
from skype_assets.etl.tables import TABLES

DIGESTED: Final = tuple(name for name in TABLES if name != "load_parts")
"""The tables that a digest is about; the ledger is about parts, whose sizes are free to differ."""


_LARGEST_PIECE: Final = 250_000
"""Messages whose hashes, of 32 bytes each, may wait in memory for those before them."""


@dataclass(frozen=True)
class TableDigest:
    """Rows of a table and their digest (hex)."""

    table: str
    rows: int
    sha256: str


def digests(session: Session, tables: Iterable[str] = DIGESTED) -> list[TableDigest]:
    """Digests of whole tables."""
    return [_digest(name, _hashes(session, _Rows(name))) for name in tables]


def digests_of_load(
    session: Session, owner_id: str, export_id: str, conversation_ids: Sequence[str]
) -> list[TableDigest]:
    """Digests of the rows that a load was about: the export's own, and its conversations'."""
    rows = _of_load(owner_id, export_id, conversation_ids)
    return [_digest(of.table, _hashes(session, of)) for of in rows]


def digests_side_by_side(
    url: str, owner_id: str, export_id: str, messages: Mapping[str, int], sessions: int
) -> list[TableDigest]:
    """``digests_of_load``, computed by several sessions at a time.

    Args:
        url: the database.
        owner_id, export_id: of the load.
        messages: its conversations, each with about as many messages as it has.
        sessions: how many at a time.
    """
    with ThreadPoolExecutor(sessions) as pool:
        under_way: list[tuple[str, Iterable[bytes]]] = []
        for of in _of_load(owner_id, export_id, list(messages)):
            pieces = _pieces(of, messages, sessions) if of.table == "messages" else [of]
            under_way.append((of.table, chain.from_iterable([_begun(pool, url, piece) for piece in pieces])))
        return [_digest(table, hashes) for table, hashes in under_way]


@dataclass(frozen=True)
class _Rows:
    """Rows of a table: those that meet a condition; of pieces also about how many."""

    table: str
    condition: str = ""
    parameters: tuple[Any, ...] = ()
    count: int = 0


def _of_load(owner_id: str, export_id: str, conversation_ids: Sequence[str]) -> Iterator[_Rows]:
    for name in DIGESTED:
        key = TABLES[name].key
        if key[0] == "export_id":
            yield _Rows(name, "export_id = $1", (export_id,))
        elif "conversation_id" in key:
            yield _Rows(name, "owner_id = $1 AND conversation_id = ANY($2)", (owner_id, list(conversation_ids)))
        else:
            yield _Rows(name, "owner_id = $1", (owner_id,))


def _pieces(of: _Rows, messages: Mapping[str, int], sessions: int) -> Iterator[_Rows]:
    """The rows in pieces that follow each other by key, each of some conversations."""
    owner_id, _ = of.parameters
    most = min(_LARGEST_PIECE, sum(messages.values()) // sessions + 1)
    piece: list[str] = []
    count = 0
    for conversation_id in sorted(messages, key=str.encode):
        if piece and count + messages[conversation_id] > most:
            yield _Rows(of.table, of.condition, (owner_id, piece), count)
            piece, count = [], 0
        piece.append(conversation_id)
        count += messages[conversation_id]
    yield _Rows(of.table, of.condition, (owner_id, piece), count)


def _begun(pool: Executor, url: str, of: _Rows) -> Iterator[bytes]:
    """Hashes of rows that the pool gets while others are digested; too many for that come when it is their turn."""
    if of.count > _LARGEST_PIECE:
        return _streamed(url, of)
    future = pool.submit(repeatedly, url, lambda session: list(_hashes(session, of)))
    return (hashes for one in (future,) for hashes in one.result())


def _streamed(url: str, of: _Rows) -> Iterator[bytes]:
    with Session(url) as session:
        yield from _hashes(session, of)


def _hashes(session: Session, of: _Rows) -> Iterator[bytes]:
    """The hashes of the rows, one behind the other, ordered by key."""
    table = TABLES[of.table]
    query = (
        f"SELECT sha256(convert_to(ROW({', '.join(table.digest_columns)})::text, 'UTF8')) FROM {SCHEMA}.{table.name}"
        f"{f' WHERE {of.condition}' if of.condition else ''} ORDER BY {', '.join(table.key)}"
    )
    with session.transaction():
        for batch in session.batches(query, *of.parameters):
            yield b"".join(batch.column(0).to_pylist())


def _digest(table: str, hashes: Iterable[bytes]) -> TableDigest:
    digest, size = hashlib.sha256(), 0
    for some in hashes:
        digest.update(some)
        size += len(some)
    return TableDigest(table, size // digest.digest_size, digest.hexdigest())
