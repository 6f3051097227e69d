"""The numbered log of a task in a store: who owns the task, and what its small files hold (promise I5, I16).

``<task id>/log/00000000.json``, ``00000001.json``, ...: an entry is created and never changed; the newest one is the
truth. To take a task over and to commit to it are the same act: the next number is created. Whoever finds it taken by
another has been taken over, whatever he knew before; no check that comes before a write can be out of date, no lock can
be left behind, and no two clocks are compared.
"""

import logging
import re
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints.store import Store, Stored
from skype_assets.etl.errors import CheckpointDamaged, CheckpointMismatch, TaskBusy
from skype_assets.etl.processes import Process

logger = logging.getLogger(__name__)

FORMAT: Final = 1
"""Version of an entry's shape. A reader refuses any other."""
LEASE_SECONDS: Final = 60.0
"""How long an attempt that says nothing counts as alive."""

WORTH_EMPTYING: Final = 4096
"""Bytes of an entry above which it is emptied once it was replaced."""

_LOOK_SECONDS: Final = 1.0
_LOG: Final = "log"
_BEAT: Final = "beat"
_NUMBERED: Final = re.compile(r"[^/]+/log/([0-9]{8,})\.json")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry.

    Attributes:
        kind: ``take`` and ``release`` begin and end an attempt, ``commit`` changes files, ``reset`` forgets them so
            that the task begins anew, ``removed`` is all that is left of a task.
        epoch: number of the attempt.
        log: drawn with the first entry of all, and the same in all others: names the log for good.
        life: drawn when the task was begun: one that was removed and is begun again is another.
        begun: number of the entry that the task began with, or began anew: what it had before is not its own.
        process: of the attempt.
        host: where it runs, for people.
        since: when the attempt began, in seconds since 1970, for people.
        nonce: of this entry alone, so that its writer knows it again.
        files: what this entry changes: contents by name, relative to the output folder.
        where: all files of the task, with the number of the entry that has their contents.
    """

    kind: Literal["take", "commit", "release", "reset", "removed"]
    epoch: int
    log: str
    life: str
    begun: int
    process: Process
    host: str
    since: float
    nonce: str
    files: dict[str, str] = {}
    where: dict[str, int] = {}
    format: int = FORMAT

    @property
    def is_free(self) -> bool:
        """Whether the attempt has ended by itself."""
        return self.kind in ("release", "removed")

    def follow(self, kind: Literal["commit", "release", "reset", "removed"], **changed: object) -> "Entry":
        """The entry of the same attempt that comes after this one."""
        fresh = {"files": {}, "nonce": secrets.token_hex(16)}
        return msgspec.structs.replace(self, kind=kind, **(fresh | changed))

    def encoded(self) -> bytes:
        """Its bytes."""
        return msgspec.json.encode(self)


class Replaced(Exception):
    """An entry was emptied because later ones say what it said: the newest one is not the newest any more."""


class TaskLog:
    """The log of one task.

    Args:
        store: where it is.
        task_id: the task.
    """

    def __init__(self, store: Store, task_id: str) -> None:
        self._store = store
        self.task_id = task_id
        self._known = 0
        self._changed = 0.0
        self._has_said = False

    def newest(self) -> tuple[int, Entry] | None:
        """The newest entry and its number; None if the task is not there."""
        number = self.newest_number()
        return (number, self.entry(number)) if number is not None else None

    def newest_number(self) -> int | None:
        """The number of the newest entry; None if the task is not there."""
        # What is known to be there need not be listed again. Entries go only when a task is removed, which leaves one.
        found = self._store.entries(f"{self.task_id}/{_LOG}", self.name(self._known - 1) if self._known else "")
        entries = self.numbered(found)
        if not entries:
            return None
        self._known = max(entries)
        self._changed = entries[self._known].modified.timestamp()
        return self._known

    def newest_free(self) -> tuple[int, Entry] | None:
        """The newest entry of a task that nobody works on, and its number; None if the task is not there.

        Raises:
            TaskBusy: somebody does: he is known to live, or was heard of within a lease by this machine's own clock.
        """
        heard: object = None
        since = time.monotonic()
        while (newest := self.newest()) is not None:
            number, entry = newest
            if entry.is_free or entry.process.is_alive() is False:
                return newest
            now = (number, self.said())
            if heard is None:
                heard = now
                logger.warning(
                    "task %s: whether process %d on %s still works on it is not known; it is watched for up to %g s",
                    self.task_id, entry.process.pid, entry.host, LEASE_SECONDS,
                )  # fmt: skip
            elif heard != now:
                begun = datetime.fromtimestamp(entry.since, UTC)
                raise TaskBusy(
                    f"task {self.task_id} in {self._store.url} is in use by process {entry.process.pid} on "
                    f"{entry.host} since {begun:%Y-%m-%d %H:%M:%S} UTC; wait for it, stop it, or use another task id"
                )
            elif time.monotonic() - since >= LEASE_SECONDS:
                return newest
            interruption.sleep(min(_LOOK_SECONDS, LEASE_SECONDS))
        return None

    def entry(self, number: int) -> Entry:
        """An entry that is there.

        Raises:
            CheckpointDamaged: it is not what was written.
            CheckpointMismatch: another version of the format wrote it.
        """
        name = self.name(number)
        try:
            data = self._store.get(name)
            entry = msgspec.json.decode(data, type=Entry)
        except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CheckpointDamaged(f"{self._store.url}/{name} is damaged or missing ({error})") from None
        if entry.format != FORMAT:
            raise CheckpointMismatch(
                f"{self._store.url}/{name}: format is {entry.format}, this program reads {FORMAT}; "
                "use the program that wrote it"
            )
        return entry

    def content(self, number: int, name: str, newest: int) -> str:
        """What an entry says that a file holds, according to the newest one.

        Raises:
            Replaced: that one is not the newest any more, and the entry was emptied.
            CheckpointDamaged: the entry does not say it.
        """
        files = self.entry(number).files
        if name not in files:
            if (self.newest_number() or 0) > newest:
                raise Replaced(name)
            raise CheckpointDamaged(f"{self._store.url}/{self.name(number)} does not have {name}, which it should")
        return files[name]

    def numbered(self, stored: Iterable[Stored]) -> dict[int, Stored]:
        """The entries among objects, by number."""
        return {int(match[1]): one for one in stored if (match := _NUMBERED.fullmatch(one.name))}

    def is_replaced(self, number: int, stored: Stored, newest: int, entry: Entry) -> bool:
        """Whether an entry holds what a later one replaced, and so much that it is worth emptying."""
        return number < newest and number not in entry.where.values() and stored.size > WORTH_EMPTYING

    def empty(self, number: int) -> None:
        """Let an entry that was replaced hold no files any more; it stays, so that nobody creates its number again."""
        with suppress(CheckpointDamaged):  # the task was removed meanwhile
            emptied = msgspec.structs.replace(self.entry(number), files={}, where={})
            self._store.put(self.name(number), emptied.encoded())

    def append(self, number: int, data: bytes) -> None:
        """Create the entry of a number; done again with the same bytes it is one entry.

        Raises:
            Conflict: another's is there.
        """
        self._store.put_new(self.name(number), data)
        self._known = max(self._known, number)

    def say(self, epoch: int) -> None:
        """Say that an attempt lives. It is politeness: an attempt that is thought dead is fenced, and nothing worse."""
        self._has_said = True
        self._store.put(self._beat_name(epoch), secrets.token_bytes(8))

    def said(self) -> list[Stored]:
        """What attempts said last, as far as they have not ended: another answer means that one lives."""
        return self._store.entries(f"{self.task_id}/{_BEAT}")

    def fall_silent(self, epoch: int) -> None:
        """Say that an attempt has nothing more to say, if it said anything."""
        if self._has_said:
            self._store.remove(self._beat_name(epoch))

    def seen(self) -> float:
        """When anything was last heard of the task, by the clock of the store, in seconds since 1970; for people."""
        return max(self._changed, *(beat.modified.timestamp() for beat in self.said()), 0.0)

    def _beat_name(self, epoch: int) -> str:
        return f"{self.task_id}/{_BEAT}/{epoch:08d}"

    def name(self, number: int) -> str:
        """Name of the object of an entry."""
        return f"{self.task_id}/{_LOG}/{number:08d}.json"
