"""What is left over in a store: files that no state names and none will, and what old entries of logs hold.

A file that an attempt has put into the store, and did not come to record, stays. Its name has the attempt's epoch, and
only that attempt would ever record it: once another has taken over, or it has ended, nobody will. The same is so of
what was there before a task began anew. An entry of a log stays for good, so that nobody creates its number again, but
what it holds may go when a later entry replaced it: then the log of a task takes as much room as what it says last.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from skype_assets.etl import interruption
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.checkpoints.store import Store, Stored, side_by_side
from skype_assets.etl.checkpoints.task_log import Entry, Replaced, TaskLog
from skype_assets.etl.checkpoints.working_copy import object_name
from skype_assets.etl.errors import CheckpointError

AFTER: Final = timedelta(days=1)
"""Age, by the clock of the store, from which it goes: what was before ``--reset`` can be had back until then."""

_RECORDABLE: Final = re.compile(r"[^/]+/[^/]+/[^/]+-e([0-9]+)-[0-9a-f]{12}\.parquet")
_BEAT: Final = re.compile(r"[^/]+/beat/([0-9]+)")


class LeftOver(NamedTuple):
    """How many objects of a store are left over, and their bytes."""

    objects: int = 0
    bytes: int = 0


def remove(store: Store, task_ids: list[str], *, is_rehearsal: bool = False) -> LeftOver:
    """Remove what tasks have left over in a store; what a living attempt may still record stays.

    Args:
        store: the store.
        task_ids: folders of the store; those that are no tasks' have nothing left over.
        is_rehearsal: only count.
    """
    now, found = stores.now(store), LeftOver()
    for task_id in task_ids:
        interruption.check()
        log = TaskLog(store, task_id)
        # Listed before the entry is read that says what is recorded: what is put meanwhile is not among these.
        there = [entry for entry in store.entries(task_id) if now - entry.modified >= AFTER]
        if (newest := log.newest()) is None:
            continue
        with suppress(CheckpointError, Replaced):  # what cannot be told, or is being changed, stays
            left, emptied = _left(log, there, *newest)
            freed = sum(entry.size for entry in (*left, *emptied.values()))
            found = LeftOver(found.objects + len(left) + len(emptied), found.bytes + freed)
            if not is_rehearsal:
                side_by_side(partial(store.remove, entry.name) for entry in left)
                side_by_side(partial(log.empty, number) for number in emptied)
    return found


def remove_probes(store: Store) -> None:
    """Remove what processes have left that were ended while their store proved itself."""
    now = stores.now(store)
    for entry in store.entries(stores.PROBES):
        if now - entry.modified >= AFTER:
            store.remove(entry.name)


def _left(log: TaskLog, there: list[Stored], number: int, newest: Entry) -> tuple[list[Stored], dict[int, Stored]]:
    """What of a task's objects may go, and which entries of its log may be emptied."""
    entries = log.numbered(there)
    if newest.kind == "removed":  # whoever removed the task may have been ended before all had gone
        replaced = [one for at, one in entries.items() if at < number]
        return [*replaced, *(one for one in there if _epoch(one) is not None)], {}
    recorded = _recorded(log, number, newest)
    ended = newest.epoch + newest.is_free
    left = [one for one in there if one.name not in recorded and (epoch := _epoch(one)) is not None and epoch < ended]
    return left, {at: one for at, one in entries.items() if log.is_replaced(at, one, number, newest)}


def _epoch(stored: Stored) -> int | None:
    """The attempt that an object is of; None if it is of none."""
    by = _RECORDABLE.fullmatch(stored.name) or _BEAT.fullmatch(stored.name)
    return int(by[1]) if by is not None else None


def _recorded(log: TaskLog, number: int, entry: Entry) -> set[str]:
    """Names of the files that the states of a task name."""
    return {
        f"{log.task_id}/{object_name(name.split('/')[1], file)}"
        for name, state in _states(log, number, entry)
        for record in state.records
        for file in record.files.values()
    }


def _states(log: TaskLog, number: int, entry: Entry) -> Iterator[tuple[str, PhaseState]]:
    for name, at in entry.where.items():
        if name.endswith(f"/{states.STATE_FILE}"):
            yield name, states.decode(log.content(at, name, newest=number).encode(), states.STATE_FILE)
