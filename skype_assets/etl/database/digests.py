"""What is in the database, as numbers to compare: rows and SHA-256 per table (promise I1).

The digest of a table is the SHA-256 over the SHA-256 of each row's text form, ordered by key, without the columns
that depend on the run. The server hashes rows, so that 32 bytes a row travel.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Final

from skype_assets.etl.database.ddl import SCHEMA
from skype_assets.etl.database.session import Session
from skype_assets.etl.database.side_by_side import SideBySide
from skype_assets.etl.schema.tables import TABLES

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
    return [_whole(session, _Rows(name)) for name in tables]


def digests_of_load(
    session: Session, owner_id: str, export_id: str, conversation_ids: Sequence[str]
) -> list[TableDigest]:
    """Digests of the rows that a load was about: the export's own, and its conversations'."""
    return [_whole(session, of) for of in _of_load(owner_id, export_id, conversation_ids)]


def digests_side_by_side(
    session: Session,
    owner_id: str,
    export_id: str,
    messages: Mapping[str, int],
    sessions: int,
    digested: Callable[[int], None] = lambda rows: None,
) -> list[TableDigest]:
    """``digests_of_load``, computed by several sessions at a time.

    Args:
        session: one of them.
        owner_id, export_id: of the load.
        messages: its conversations, each with about as many messages as it has.
        sessions: how many.
        digested: called with how many more rows are in the digests, in the caller's thread.
    """
    if sessions == 1:
        return [_whole(session, of, digested) for of in _of_load(owner_id, export_id, list(messages))]
    tables = {of.table: of for of in _of_load(owner_id, export_id, list(messages))}
    pieces = _in_pieces(tables.pop("messages"), messages, sessions)
    with SideBySide.opened(session, sessions) as beside:
        # One session for each of them, and meanwhile and afterwards all for the largest, piece by piece.
        others = [beside.submit(partial(_whole, of=of)) for of in tables.values()]
        found = [_digest("messages", _in_order(beside, pieces), digested)]
        for other in others:
            found.append(other.result())
            digested(found[-1].rows)
    return sorted(found, key=lambda digest: DIGESTED.index(digest.table))


@dataclass(frozen=True)
class _Rows:
    """Rows of a table: those that meet a condition; of pieces also about how many."""

    table: str
    condition: str = ""
    parameters: tuple[str | list[str], ...] = ()
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


def _in_pieces(of: _Rows, messages: Mapping[str, int], sessions: int) -> Iterator[_Rows]:
    """The rows in pieces of some conversations each."""
    owner_id = of.parameters[0]
    most = min(_LARGEST_PIECE, sum(messages.values()) // sessions + 1)
    some: list[str] = []
    count = 0
    for conversation_id in sorted(messages, key=str.encode):
        if some and count + messages[conversation_id] > most:
            yield _Rows(of.table, of.condition, (owner_id, some), count)
            some, count = [], 0
        some.append(conversation_id)
        count += messages[conversation_id]
    yield _Rows(of.table, of.condition, (owner_id, some), count)


def _in_order(beside: SideBySide, pieces: Iterable[_Rows]) -> Iterator[bytes]:
    """The hashes of pieces of a table; a few pieces are under way at a time, and as many wait in memory."""
    under_way: deque[Future[bytes]] = deque()
    for piece in pieces:
        is_long = piece.count > _LARGEST_PIECE
        if not is_long:
            under_way.append(beside.submit(partial(_joined, of=piece)))
        while len(under_way) > (0 if is_long else beside.count):
            yield under_way.popleft().result()
        if is_long:
            with beside.one() as session:
                yield from _hashes(session, piece)
    while under_way:
        yield under_way.popleft().result()


def _whole(session: Session, of: _Rows, digested: Callable[[int], None] = lambda rows: None) -> TableDigest:
    return _digest(of.table, _hashes(session, of), digested)


def _joined(session: Session, of: _Rows) -> bytes:
    return b"".join(_hashes(session, of))


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


def _digest(table: str, hashes: Iterable[bytes], digested: Callable[[int], None]) -> TableDigest:
    digest, size = hashlib.sha256(), 0
    for some in hashes:
        digest.update(some)
        size += len(some)
        digested(len(some) // digest.digest_size)
    return TableDigest(table, size // digest.digest_size, digest.hexdigest())
