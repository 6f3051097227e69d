"""``skype-assets show``: from a row of messages back to its bytes, with all that belongs to it."""

import base64
import json
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import Ambiguous, NotAllChecked, UsageError, VerificationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skype_assets.etl.database.session import Session
    from skype_assets.etl.reading.copies import OfExport
    from skype_assets.etl.reading.evidence import Evidence
    from skype_assets.etl.reading.meant import Candidate
    from skype_assets.etl.reading.whole import Row, Whole

NOT_FOUND = 1
"""Exit code if there is no such message."""

_INDENT: Final = "  "
_TEXTS: Final = ("text", "content")
_KEY: Final = ("owner_id", "conversation_id", "message_id")
_DECIDED: Final = {
    "version": "its version is greater",
    "exported_at": "the versions are equal; it was exported later",
    "raw_sha256": "version and time of export are equal; the hash of its bytes is greater",
    "export_id": "it is the same copy in both; the id of its export is greater",
    "source_offset": "it is the same copy; it comes first in the export",
}
"""By what ``message_history`` says: why the copy that is loaded wins."""


@click.command()
@click.argument("message", nargs=-1, required=True)
@options.output_dir
@options.checkpoints
@click.option("--owner", help="The account: its id or name. [default: all]")
@click.option("--bytes", "only_bytes", is_flag=True, help="Write the object's bytes to stdout, and nothing else.")
@options.as_json
@debug
@click.pass_context
@options.placed
def show(
    context: click.Context,
    message: tuple[str, ...],
    output_dir: Path,
    checkpoints: tuple[Path, ...],
    owner: str | None,
    only_bytes: bool,
    as_json: bool,
) -> None:
    """Show a message: its row, what belongs to it, and the bytes that it was made from. Exit code 1: there is none.

    MESSAGE is its address in the reader, its id, or the ids of account, conversation and message, with slashes between
    or as three arguments. If several messages have an id, they are listed (exit code 16).

    Shown are the row with its flags explained, the rows of all tables that have its key, the copies that edits left,
    every export of the account with the copies that it has, what they say otherwise, and why the one that is loaded
    wins; the place of the object in the export, and its bytes: from the export where it lies, else from the raw
    checkpoint. They are compared with the hash that was recorded when they were read; exit code 11: they have another
    one. Times are UTC.
    """
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.reading.accounts import chosen
    from skype_assets.etl.reading.meant import meant
    from skype_assets.etl.reading.snapshots import Snapshots

    if only_bytes and (as_json or sys.stdout.isatty()):
        raise UsageError("--bytes is for a file or a pipe: bytes of an export may command a terminal")
    snapshots = Snapshots(lambda: open_database(create=False))
    with snapshots.snapshot() as session:
        candidates = meant(session, message, chosen(session, owner).owner_id if owner is not None else None)
        found = _look_up(session, candidates[0], [output_dir, *checkpoints]) if len(candidates) == 1 else None
    snapshots.close()
    if not candidates:
        terminal.say(f"there is no message {' '.join(message)}")
        context.exit(NOT_FOUND)
    if found is None:
        _list(candidates, as_json=as_json)
        raise Ambiguous(f"{len(candidates)} messages have the id {message[0]}: name one of them as it is listed")
    if only_bytes:
        _write(found)
    elif as_json:
        terminal.write_json(_as_json(found))
    else:
        _show(found)
    _conclude(found.objects)


@dataclass(frozen=True)
class _Found:
    """A message, what the tables have of it, its objects (and those of copies that edits left), and the exports."""

    meant: "Candidate"
    whole: "Whole"
    objects: "Sequence[Evidence]"
    exports: "Sequence[OfExport]"


def _look_up(session: "Session", meant: "Candidate", folders: "Sequence[Path]") -> _Found:
    from skype_assets.etl.reading.conversations import conversation
    from skype_assets.etl.reading.copies import copies
    from skype_assets.etl.reading.evidence import evidence
    from skype_assets.etl.reading.whole import whole

    key = (meant.owner_id, meant.conversation_id, meant.message_id)
    rows, of = whole(session, *key), conversation(session, *key[:2])
    assert rows is not None, "it was found just now, in the same snapshot"
    objects = evidence(session, of, meant.message_id, *folders, in_place=True) if of is not None else []
    return _Found(meant, rows, objects, copies(session, *key))


def _conclude(known: "Sequence[Evidence]") -> None:
    """Whether the bytes are those that were exported."""
    if not known or known[0].raw is None:
        raise NotAllChecked(
            "the object's bytes are not at hand: neither the export nor its raw checkpoint is where it was; name the "
            "folder of the checkpoint with --checkpoints"
        )
    if not known[0].is_as_exported:
        raise VerificationFailed(
            f"the bytes in {known[0].found_in} do not have the hash that was recorded: `skype-assets verify "
            f"{known[0].task_id}` shows what else is damaged"
        )


def _write(found: _Found) -> None:
    if found.objects and found.objects[0].raw is not None:
        sys.stdout.buffer.write(found.objects[0].raw)
        sys.stdout.buffer.flush()


def _list(candidates: "Sequence[Candidate]", *, as_json: bool) -> None:
    if as_json:
        listed = [{name: _plain(value) for name, value in vars(one).items()} for one in candidates]
        terminal.write_json({"candidates": listed})
        return
    for one in candidates:
        print(terminal.printable(f"{one}  {one.sent_at or 'no time'}  {one.title}  {one.sender_id}  {one.kind}"))


def _as_json(found: _Found) -> dict[str, Any]:
    rows = found.whole
    return {
        "conversation": found.meant.title,
        "message": _plain_row(rows.message),
        "flags": _flags(rows.message),
        "children": {name: [_plain_row(row) for row in of_table] for name, of_table in rows.children.items()},
        "edits": [_plain_row(row) for row in rows.edits],
        "calls": [_plain_row(row) for row in rows.calls],
        "exports": [
            {name: _plain(value) for name, value in vars(export).items() if name != "copies"}
            | {"copies": [_plain_row(row) for row in export.copies]}
            for export in found.exports
        ],
        "objects": [_object(one) for one in found.objects],
    }


def _object(one: "Evidence") -> dict[str, Any]:
    """Where an object is and what it is; as text only if it is UTF-8."""
    return {
        "message_id": one.message_id,
        "export_id": one.export_id,
        "source_name": one.source_name,
        "source_sha256": one.source_sha256,
        "member": one.member,
        "offset": one.offset,
        "length": one.length,
        "sha256": one.sha256,
        "is_as_exported": one.is_as_exported,
        "found_in": str(one.found_in) if one.found_in is not None else None,
        "bytes": base64.b64encode(one.raw).decode() if one.raw is not None else None,
        "text": _decoded(one.raw) if one.raw is not None else None,
    }


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _plain_row(row: "Row") -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    """A value of a column as JSON has it."""
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, datetime) else value


def _flags(row: "Row") -> "Mapping[str, str]":
    from skype_assets.etl.schema.flags import FLAGS

    return {flag: FLAGS.get(flag, "a flag of a newer program") for flag in row["flags"]}


def _show(found: _Found) -> None:
    rows = found.whole
    _line(0, f"{found.meant}  ({found.meant.title})")
    for name, value in rows.message.items():
        if name not in (*_KEY, *_TEXTS, "flags") and value is not None:
            _line(1, f"{name:<16}{_said(value)}")
    for name in _TEXTS:
        if rows.message[name]:
            _title(name)
            _show_text(rows.message[name])
    if flags := _flags(rows.message):
        _title("flags")
        for flag, meaning in flags.items():
            _line(1, f"{flag}: {meaning}")
    for name, of_table in {**rows.children, "edits": rows.edits, "calls": rows.calls}.items():
        if of_table:
            _title(f"{name} ({len(of_table)})")
        for row in of_table:
            columns = row if name == "edits" else [column for column in row if column not in _KEY]
            _line(1, ", ".join(f"{column} {_said(row[column])}" for column in columns if row[column] is not None))
    _title("exports of the account")
    for export in found.exports:
        _show_export(export, rows.message)
    for one in found.objects:
        _show_object(one, is_other=one.message_id != found.meant.message_id)


def _show_export(export: "OfExport", message: "Row") -> None:
    """An export with its copies; what one says otherwise than the message is shown with it."""
    from skype_assets.etl.schema.tables import WORDING

    when = f", exported {_said(export.exported_at)}" if export.exported_at else ""
    has = "" if export.copies else " no copy"
    loading = "" if export.status == "complete" else f" ({export.status}: not all of it is here)"
    _line(1, f"{export.export_id} ({export.source_name}{when}, task {export.task_id}):{has}{loading}")
    for copy in export.copies:
        where = f"{copy['source_length']} bytes at {copy['source_offset']} of {copy['source_member']}"
        what = f"version {copy['version']}, {where}, SHA-256 {_said(copy['raw_sha256'])}"
        if copy["is_current"]:
            _line(2, f"{what}; this one is loaded")
            continue
        kind = "; a duplicate in its export" if copy["is_duplicate"] else ""
        _line(2, f"{what}{kind}; the one that is loaded wins: {_DECIDED.get(copy['decided_by'], 'not known why')}")
        if other := [name for name in WORDING if copy[name] != message[name]]:
            _line(2, f"it differs in {', '.join(other)}")
        if copy["text"] != message["text"]:
            _show_text(copy["text"] or "", 2)


def _show_object(one: "Evidence", *, is_other: bool) -> None:
    _title(f"object of {one.message_id}" if is_other else "object")
    _line(1, f"export {one.export_id}: {one.source_name}, {one.source_size:,} bytes, SHA-256 {one.source_sha256}")
    _line(1, f"{one.member}, {one.length} bytes at {one.offset}, SHA-256 {one.sha256}")
    if one.raw is None:
        _line(1, "its bytes are not at hand")
        return
    _line(1, f"found in {one.found_in}: {'with this SHA-256' if one.is_as_exported else 'NOT with this SHA-256'}")
    _show_text(one.raw.decode("utf-8", "backslashreplace"))


def _show_text(text: str, depth: int = 1) -> None:
    for line in text.splitlines():
        _line(depth, f"| {line}")


def _said(value: Any) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _title(text: str) -> None:
    print()
    _line(0, text)


def _line(depth: int, text: str) -> None:
    print(_INDENT * depth + terminal.printable(text))
