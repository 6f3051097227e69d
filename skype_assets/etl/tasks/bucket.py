"""Exports that lie in a bucket: which there are, and what tasks are called that load them.

An object is whole when it is listed, and has another version when it has other bytes: nothing of it is read before it
is worked on. What makes it an export, and which, is its version and its size, whatever it is called; its content, which
is what tasks are told apart by everywhere else, is known once it was got.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from skype_assets.etl.checkpoints import store as stores
from skype_assets.etl.checkpoints.store import Stored
from skype_assets.etl.export.source import Source
from skype_assets.etl.task import ENDINGS, end_of_task_id, task_id_for, task_ids_by_end
from skype_assets.etl.tasks.inbox import Arrival


def arrivals(url: str, registered: Iterable[str]) -> list[Arrival]:
    """The exports in a bucket, one for each version and size, by digest.

    Args:
        url: address of the bucket, or of a folder in it; those in its folders belong to it.
        registered: task ids that are known already: an export that was given another name is still theirs.

    Raises:
        UsageError: the address is none, or what reaches it is not installed.
        StoreUnavailable, StoreRefused: the store does not answer, or will not list it.
    """
    of_digest: dict[str, list[str]] = {}
    for one in _exports(url):
        of_digest.setdefault(_digest(one), []).append(one.name)
    known = task_ids_by_end(registered)
    return [
        Arrival(known.get(end_of_task_id(digest)) or _task_id(names[0], digest), None, digest, tuple(names))
        for digest, names in sorted(of_digest.items())
    ]


def find(url: str, task_id: str, likely: str | None = None) -> str | None:
    """The name of a task's export in a bucket; None if it is not there, or has other bytes by now.

    Args:
        url: as above.
        task_id: the task.
        likely: a name that it probably has; then nothing has to be listed.
    """
    if likely is not None:
        with suppress(FileNotFoundError):
            if _is_of(task_id, stores.opened(stores.checked_url(url)).look(likely)):
                return likely
    return next((one.name for one in _exports(url) if _is_of(task_id, one)), None)


def _exports(url: str) -> Iterator[Stored]:
    for one in stores.opened(stores.checked_url(url)).entries(""):
        base = one.name.rpartition("/")[2]
        if base.lower().endswith(ENDINGS) and not base.startswith("."):
            yield one


def _digest(one: Stored) -> str:
    return hashlib.sha256(f"{one.version or one.modified.isoformat()} {one.size}".encode()).hexdigest()


def _task_id(name: str, digest: str) -> str:
    return task_id_for(Source(name.rpartition("/")[2], 0, digest))


def _is_of(task_id: str, one: Stored) -> bool:
    return task_id.endswith(end_of_task_id(_digest(one)))
