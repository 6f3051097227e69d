"""Are two databases equal? By their digests: tables first, and only of those that differ conversations and rows.

Either side may be a file of digests that was saved before; then it is as deep as that one is.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from skype_assets.etl.database.digests import DEPTHS, Depth, Digest, Key, TableDigest, digests
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import UsageError

V = TypeVar("V")

FORMAT: Final = "skype-assets digests, 1"


class Side(Protocol):
    """What is compared."""

    @property
    def depth(self) -> Depth:
        """Of what it has digests."""
        ...

    @property
    def owner_id(self) -> str | None:
        """Of which account it has them; None = of all."""
        ...

    def digests(self, tables: Sequence[str], depth: Depth) -> list[TableDigest]:
        """Those of some tables."""
        ...


@dataclass(frozen=True)
class Live:
    """A database."""

    session: Session
    owner_id: str | None = None
    depth: Depth = "row"

    def digests(self, tables: Sequence[str], depth: Depth) -> list[TableDigest]:
        """Those of some tables, as they are now."""
        return digests(self.session, tables, self.owner_id, depth)


@dataclass(frozen=True)
class Saved:
    """Digests that were saved."""

    depth: Depth
    owner_id: str | None
    tables: Mapping[str, TableDigest]

    @classmethod
    def read(cls, path: Path) -> "Saved":
        """What ``skype-assets digest --json`` wrote.

        Raises:
            UsageError: it did not.
        """
        try:
            document: dict[str, Any] = json.loads(path.read_bytes())
            tables = {name: _decoded(name, table) for name, table in document["tables"].items()}
            if document["format"] != FORMAT or document["by"] not in DEPTHS:
                raise ValueError
            return cls(document["by"], document["owner"], tables)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UsageError(f"{path} is not what `skype-assets digest --json` writes") from None
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror}") from None

    def digests(self, tables: Sequence[str], depth: Depth) -> list[TableDigest]:
        """Those of some tables, which it must have."""
        del depth  # it has what it has
        return [self.tables[name] for name in tables]


@dataclass(frozen=True)
class Unequal:
    """A table that differs.

    Attributes:
        table: its name.
        rows: how many rows either has.
        conversations: that differ; empty if the table has none, or if these are not known.
        keys: of the rows that differ, or that only one has; empty if they are not known.
    """

    table: str
    rows: tuple[int, int]
    conversations: Sequence[Key] = ()
    keys: Sequence[Key] = ()


def differences(one: Side, other: Side, tables: Sequence[str]) -> list[Unequal]:
    """The tables that differ, each with what is known of how."""
    if one.owner_id != other.owner_id:
        raise UsageError(f"they are of different accounts: {one.owner_id or 'all'}, {other.owner_id or 'all'}")
    pairs = zip(one.digests(tables, "table"), other.digests(tables, "table"), strict=True)
    unequal = [of_one.table for of_one, of_other in pairs if of_one.sha256 != of_other.sha256]
    depth = DEPTHS[min(DEPTHS.index(one.depth), DEPTHS.index(other.depth))]
    found: list[Unequal] = []
    for name in unequal:
        (of_one,), (of_other,) = one.digests([name], depth), other.digests([name], depth)
        found.append(
            Unequal(
                name,
                (of_one.rows, of_other.rows),
                _unequal(of_one.conversations, of_other.conversations),
                _unequal(of_one.keys, of_other.keys),
            )
        )
    return found


def encoded(found: Sequence[TableDigest], owner_id: str | None, depth: Depth) -> dict[str, Any]:
    """Digests as a JSON object."""
    return {"format": FORMAT, "owner": owner_id, "by": depth, "tables": {one.table: _encoded(one) for one in found}}


def _encoded(one: TableDigest) -> dict[str, Any]:
    result: dict[str, Any] = {"rows": one.rows, "sha256": one.sha256}
    if one.conversations is not None:
        result["conversations"] = [[*key, part.rows, part.sha256] for key, part in one.conversations.items()]
    if one.keys is not None:
        result["keys"] = [[*key, sha256] for key, sha256 in one.keys.items()]
    return result


def _decoded(name: str, table: dict[str, Any]) -> TableDigest:
    conversations, keys = table.get("conversations"), table.get("keys")
    return TableDigest(
        name,
        table["rows"],
        table["sha256"],
        None if conversations is None else {tuple(key): Digest(rows, digest) for *key, rows, digest in conversations},
        None if keys is None else {tuple(key): digest for *key, digest in keys},
    )


def _unequal(one: Mapping[Key, V] | None, other: Mapping[Key, V] | None) -> list[Key]:
    if one is None or other is None:
        return []
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
