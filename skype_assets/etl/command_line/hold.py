"""``skype-assets hold``: what must be kept, by whom and why."""

import getpass
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skype_assets.etl.command_line import options, terminal
from skype_assets.etl.command_line.group import debug
from skype_assets.etl.errors import UsageError

if TYPE_CHECKING:
    from skype_assets.etl.database.holds import Hold
    from skype_assets.etl.database.session import Session

_reason = click.option("--reason", required=True, help="Why; kept for good.")
_by = click.option("--by", help="Who says so.  [default: user@host]")


@click.group()
def hold() -> None:
    """Keep what is needed as evidence: an account, a conversation, or an export.

    Of what is held no row can be deleted or replaced by a lesser copy; `unload`, `clean` and `--reset` refuse its
    tasks, and `verify` tells of it. Who held and released what, when and why, stays in the table holds for good.
    """


@hold.command()
@click.option("--owner", help="An account, by its id or name; or the account of the conversation.")
@click.option("--conversation", help="A conversation: its id or title, or a part of that.")
@click.option("--export", "export_id", metavar="ID", help="An export, by its id (see verify, report) or its task.")
@_reason
@_by
@options.output_dir
@options.as_json
@debug
@options.placed
def add(
    owner: str | None,
    conversation: str | None,
    export_id: str | None,
    reason: str,
    by: str | None,
    output_dir: Path,
    as_json: bool,
) -> None:
    """Hold an account, a conversation of it, or an export."""
    from skype_assets.etl.database import holds

    if (export_id is not None) == (owner is not None or conversation is not None):
        raise UsageError("say what to hold: --owner, --conversation (with --owner if several have it), or --export")
    _require_reason(reason)
    with _session() as session:
        meant = _meant(session, owner, conversation, export_id)
        number = holds.add(session, meant[0], reason, by or _whoever(), conversation_id=meant[1], export_id=meant[2])
        _tell(session, output_dir, as_json=as_json, number=number)


@hold.command("list")
@options.output_dir
@options.as_json
@debug
@options.placed
def list_(output_dir: Path, as_json: bool) -> None:
    """List all holds, the released ones too, and mark the tasks that are held."""
    with _session() as session:
        _tell(session, output_dir, as_json=as_json)


@hold.command()
@click.argument("number", type=click.IntRange(1))
@_reason
@_by
@options.output_dir
@options.as_json
@debug
@options.placed
def release(number: int, reason: str, by: str | None, output_dir: Path, as_json: bool) -> None:
    """Release the hold of that NUMBER; that it was there stays known."""
    from skype_assets.etl.database import holds

    _require_reason(reason)
    with _session() as session:
        holds.release(session, number, reason, by or _whoever())
        _tell(session, output_dir, as_json=as_json, number=number)


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("--reason must say something")


def _session() -> "Session":
    from skype_assets.etl.command_line.running import open_database
    from skype_assets.etl.database import upgrading
    from skype_assets.etl.database.loading import require_loaded
    from skype_assets.etl.database.session import Session

    session = Session(open_database(create=False))
    try:
        require_loaded(session)
        upgrading.bring_up_to_date(session)
    except BaseException:
        session.close()
        raise
    return session


def _meant(
    session: "Session", owner: str | None, conversation: str | None, export: str | None
) -> tuple[str, str | None, str | None]:
    """The account, and the conversation or export, that is meant."""
    from skype_assets.etl.database.registered import all_registered
    from skype_assets.etl.reading import accounts, conversations

    if export is not None:
        meant = [one for one in all_registered(session) if export in (one.export_id, one.task_id)]
        if len(meant) != 1:
            raise UsageError(f"--export {export} is {'several exports' if meant else 'no export in this database'}")
        return meant[0].owner_id, None, meant[0].export_id
    owner_id = accounts.chosen(session, owner).owner_id if owner is not None else None
    if conversation is not None:
        chat = conversations.chosen(session, owner_id, conversation)
        return chat.owner_id, chat.conversation_id, None
    assert owner_id is not None
    return owner_id, None, None


def _tell(session: "Session", output_dir: Path, *, as_json: bool, number: int | None = None) -> None:
    from skype_assets.etl.database import holds
    from skype_assets.etl.tasks.holding import mark

    marked = mark(session, output_dir)
    shown = [one for one in holds.listed(session) if number in (None, one.number)]
    if as_json:
        terminal.write_json({"holds": [_as_json(one) for one in shown], "held_tasks": marked})
        return
    for one in shown:
        print(terminal.printable(_line(one)))
    if not shown:
        print("nothing is held")
    if marked:
        terminal.say(f"held tasks: {', '.join(marked)}")


def _line(hold: "Hold") -> str:
    line = f"hold {hold.number} on {hold.on}, {terminal.when(hold.held_at)}, by {hold.held_by}: {hold.reason}"
    if hold.released_at is None:
        return line
    return f"{line}; released {terminal.when(hold.released_at)}, by {hold.released_by}: {hold.release_reason}"


def _as_json(hold: "Hold") -> dict[str, Any]:
    return {
        "number": hold.number,
        "owner_id": hold.owner_id,
        "conversation_id": hold.conversation_id,
        "export_id": hold.export_id,
        "reason": hold.reason,
        "by": hold.held_by,
        "at": hold.held_at.isoformat(),
        "is_active": hold.is_active,
        "released": None
        if hold.released_at is None
        else {"reason": hold.release_reason, "by": hold.released_by, "at": hold.released_at.isoformat()},
    }


def _whoever() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"
