"""Names that somebody gives beside an export: a contacts CSV as Skype delivered it, or any CSV of ids and names.

They are the weakest source: they name whom nothing in the account names. The names (not the file) belong to the task
and are kept in its folder, so that a resume needs no file; a task that is given none goes on with those that it has.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from skype_assets.etl.checkpoints import attempt
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.working_copy import refresh
from skype_assets.etl.content.cleaning import clean
from skype_assets.etl.content.names import bare, mri, without_prefix
from skype_assets.etl.errors import CheckpointDamaged, UsageError

KEPT: Final = "given_names.json"
"""Where a task has them, in its folder."""

_LARGEST: Final = 64 << 20
_IDS: Final = ("id", "user_id", "userid", "mri", "skype_id", "skypeid", "skype_name")
_NAMES: Final = ("display_name", "displayname", "name", "full_name")
_PARTS: Final = ("profile.name.first", "profile.name.surname")
_KIND: Final = "type"
_PHONE: Final = re.compile(r"profile\.phones\[[0-9]+\]\.number")
_NOT_DIALLED: Final = re.compile(r"[\s().\-]+")
_BETWEEN_WORDS: Final = re.compile(r"[\s\-]+")
_NUMBER: Final = re.compile(r"\+[0-9]{5,15}")


def read(path: Path) -> dict[str, str]:
    """Names by id (MRI), in the order of ids; of several for one id the first.

    Raises:
        UsageError: the file cannot be read, or has no ids and names.
    """
    found: dict[str, str] = {}
    try:
        rows = list(_rows(_text(path)))
        for user_id, name in _pairs(rows, path.name):
            found.setdefault(user_id, name)
    except csv.Error as error:
        raise UsageError(f"names file {path.name}: {error}") from None
    if not found and len(rows) > 1:
        raise UsageError(f"names file {path.name} names nobody; it needs a column of ids and one of names")
    return dict(sorted(found.items()))


def keep(folder: Directory, names: Mapping[str, str]) -> None:
    """Let a task have these names from now on."""
    refresh(folder.path.parent, folder.path.name)
    if kept(folder) != names:
        attempt.put(folder, folder, KEPT, json.dumps(names, ensure_ascii=False, indent=0).encode())


def kept(folder: Directory) -> dict[str, str]:
    """The names that a task has; none if none were given.

    Raises:
        CheckpointDamaged: the file is not what ``keep`` wrote.
    """
    try:
        return msgspec.json.decode(folder.get(KEPT), type=dict[str, str])
    except FileNotFoundError:
        return {}
    except msgspec.MsgspecError as error:
        raise CheckpointDamaged(f"{folder.file(KEPT)} cannot be read ({error}); give the names file again") from None


def digest(names: Mapping[str, str]) -> str:
    """SHA-256 of names, as hex: with others, what was made with them is made anew."""
    return hashlib.sha256(json.dumps(sorted(names.items()), ensure_ascii=False).encode()).hexdigest()


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"names file {path.name} is larger than {_LARGEST >> 20} MiB")
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"names file {path} cannot be read: {error.strerror}") from None
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    try:
        return clean(data.decode(encoding))[0]
    except UnicodeDecodeError:
        raise UsageError(f"names file {path.name} is no UTF-8 text; save it as CSV in UTF-8") from None


def _rows(text: str) -> Iterator[list[str]]:
    first = text.lstrip().partition("\n")[0]
    # What spreadsheets write between columns depends on their language.
    delimiter = max(",;\t", key=first.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    yield from (row for row in rows if any(cell.strip() for cell in row))


def _pairs(rows: Sequence[list[str]], file: str) -> Iterator[tuple[str, str]]:
    if not rows:
        return
    first = rows[0]
    names = [_BETWEEN_WORDS.sub("_", cell.strip().lower()) for cell in first]
    ids, called = (next((names.index(name) for name in known if name in names), None) for known in (_IDS, _NAMES))
    if ids is None:
        if len(first) != 2 or called is not None:
            raise UsageError(f"names file {file} has no column `id`; it needs `id` and `display_name` or `name`")
        ids, called = 0, 1
        yield from _pair(first, ids, called, {})
    columns = {name: place for place, name in enumerate(names)}
    for row in rows[1:]:
        yield from _pair(row, ids, called, columns)


def _pair(row: Sequence[str], ids: int, called: int | None, columns: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    def cell(place: int | None) -> str:
        return row[place].strip() if place is not None and place < len(row) else ""

    given = cell(ids)
    number = _NOT_DIALLED.sub("", given)
    if _NUMBER.fullmatch(number):
        given = f"4:{number}"
    elif cell(columns.get(_KIND)).lower() == "bot" and given == without_prefix(given):
        given = f"28:{given}" if given else ""
    user_id = mri(given)
    called_so = " ".join(cell(called).split())
    is_no_name = not called_so or bare(called_so) == bare(user_id)
    name = " ".join(filter(None, (cell(columns.get(part)) for part in _PARTS))) if is_no_name else called_so
    if not name:
        return
    if user_id is not None:
        yield user_id, name
    for column, place in columns.items():
        number = _NOT_DIALLED.sub("", cell(place)) if _PHONE.fullmatch(column) else ""
        if _NUMBER.fullmatch(number):
            yield f"4:{number}", name
