"""A damaged export, opened and read as far as it is whole; and how much that is, for whoever did not ask for it.

An export that is not damaged is opened and read as it always is.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from skype_assets.etl.errors import InvalidExport
from skype_assets.etl.export import salvage_copy
from skype_assets.etl.export.archive import Export, open_export
from skype_assets.etl.export.raw_part import Cursor, RawPart, Unreadable
from skype_assets.etl.export.salvage_copy import Damage
from skype_assets.etl.export.salvage_messages import salvaged_parts
from skype_assets.etl.export.source import is_folder
from skype_assets.etl.interruption import temporary_folder

_COUNTED_AT_A_TIME: Final = 10_000
_COUNTED_BYTES: Final = 64 << 20
_COUNTING_SECONDS: Final = 10.0
_WAYS: Final = "with --salvage (ETLPipeline(salvage=True); in Dagster SKYPE_SALVAGE=on)"


@contextmanager
def opened(path: Path, scratch: Path, *, salvage: bool, with_objects: bool = False) -> Generator[tuple[Export, Damage]]:
    """Open an export, as ``open_export`` does; with ``salvage`` a damaged one as far as it is whole.

    Raises:
        InvalidExport: it is damaged; also if that turns out while the block reads it. Without ``salvage`` it says how
            much could be read with it.
    """
    if salvage:
        with _opened(path, scratch, with_objects=with_objects) as found:
            yield found
        return
    try:
        with open_export(path, scratch, with_objects=with_objects) as export:
            yield export, Damage()
    except InvalidExport as error:
        raise told(error, path) from error


def parts(
    export: Export, damage: Damage, cursor: Cursor | None = None, *, max_messages: int, max_bytes: int
) -> Iterator[RawPart]:
    """The messages of a damaged export, as ``salvaged_parts`` reads them."""
    assert export.messages is not None, "it has some"
    return salvaged_parts(
        export.messages.buffer,
        cursor,
        max_messages=max_messages,
        max_bytes=max_bytes,
        member=export.messages.name,
        believed_from=damage.believed_from,
    )


def told(error: InvalidExport, path: Path) -> InvalidExport:
    """The refusal of an export, and how much of it could be read with ``salvage``, if anything could."""
    if _WAYS in error.remedy or not seems_damaged(path):
        return error
    # What cannot be unpacked, for want of room say, is not told.
    with (
        temporary_folder() as scratch,
        suppress(InvalidExport, OSError),
        _opened(path, scratch, only_messages=True) as (export, damage),
    ):
        if export.messages is not None and (count := _count(export, damage)):
            remedy = f"{error.remedy}. {count} can be read {_WAYS}"
            return InvalidExport(error.problem, member=error.member, offset=error.offset, remedy=remedy)
    return error


def seems_damaged(path: Path) -> bool:
    """Whether a file seems to be an export, whatever is wrong with it."""
    return is_folder(path) or salvage_copy.seems_damaged(path)


def _count(export: Export, damage: Damage) -> str:
    """How many messages can be read of a damaged export, as far as that can be told soon; empty if it is none."""
    until, messages, is_damaged = time.monotonic() + _COUNTING_SECONDS, 0, bool(damage.unreadable)
    at_least = ""
    for part in parts(export, damage, max_messages=_COUNTED_AT_A_TIME, max_bytes=_COUNTED_BYTES):
        messages += len(part.offsets)
        is_damaged = is_damaged or bool(part.unreadable)
        if time.monotonic() > until and not part.last:
            at_least = "At least "
            break
    if not messages or not (is_damaged or at_least):
        return ""
    return f"{at_least}{messages:,} {'message' if messages == 1 else 'messages'}"


@contextmanager
def _opened(
    path: Path, scratch: Path, *, only_messages: bool = False, with_objects: bool = False
) -> Generator[tuple[Export, Damage]]:
    with ExitStack() as resources:
        refusal: InvalidExport | None = None
        try:
            export = resources.enter_context(open_export(path, scratch, with_objects=with_objects))
        except InvalidExport as error:
            export, refusal = None, error
        if export is None or export.messages is None:
            copied = None
            if not is_folder(path) and path.stat().st_size:
                copied = salvage_copy.copied(path, scratch, resources, only_messages=only_messages)
            if copied is not None and (export is None or copied[0].messages is not None):
                rescued, damage = copied
                problem = refusal.problem if refusal is not None else "holds no messages.json"
                yield rescued, damage if damage.unreadable else Damage((Unreadable(path.name, 0, 0, problem),))
                return
        if export is None:
            assert refusal is not None, "one of both"
            raise refusal
        yield export, Damage()
