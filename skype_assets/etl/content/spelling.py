"""Ids of documents as they are spelled: they differ in case where programs have changed it, and where they are others.

An id means what is spelled alike; only where nothing is, the one thing that differs from it in case alone.
"""

import string
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_FOLD: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def folded(id_: str) -> str:
    """Return an id without the case of its letters, which are of ASCII."""
    return id_.translate(_FOLD)


class Spelled(Generic[T]):
    """Values by the ids of documents.

    Args:
        values: by id.
        taken: ids that are something's own; no other one means their values.
    """

    def __init__(self, values: Mapping[str, T], taken: Container[str] = ()) -> None:
        self._values = values
        self._alike: dict[str, list[str]] = {}
        for id_ in values:
            if id_ not in taken:
                self._alike.setdefault(folded(id_), []).append(id_)

    def meant(self, id_: str) -> str | None:
        """Return the id that is meant by one; None if there is none, or may be several."""
        if id_ in self._values:
            return id_
        alike = self._alike.get(folded(id_), ())
        return alike[0] if len(alike) == 1 else None

    def get(self, id_: str) -> T | None:
        """Return the value of the id that is meant."""
        meant = self.meant(id_)
        return self._values[meant] if meant is not None else None


def unmentioned(ids: Iterable[str], mentioned: Collection[str | None]) -> list[str]:
    """Return the ids that mean none of those mentioned, each of which is meant by no second id if one spells it."""
    ids = list(ids)
    known = Spelled({id_: id_ for id_ in mentioned if id_ is not None}, set(ids))
    return [id_ for id_ in ids if known.meant(id_) is None]
