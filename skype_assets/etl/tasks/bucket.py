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
from skype_assets.etl.errors import UsageError
from skype_assets.etl.export.source import Source
from skype_assets.etl.task import ENDINGS, end_of_task_id, task_id_for, task_ids_by_end
from skype_assets.etl.tasks.inbox import Arrival


def checked(url: str, output_url: str | None) -> str:
    """The address of a bucket of exports.

    Args:
        url: as somebody has set it.
        output_url: address of the store of checkpoints, if there is one.

    Raises:
        UsageError: it is none; it is a folder, in which files grow; or the one is within the other, where the files of
            checkpoints would be taken for exports.
    """
    url = stores.checked_url(url)
    if url.startswith("file:"):
        raise UsageError("SKYPE_EXPORTS_URL names a folder (file://...), no bucket; SKYPE_EXPORTS_DIR is for folders")
    output = stores.checked_url(output_url) if output_url is not None else None
    if output is not None and (f"{output}/".startswith(f"{url}/") or f"{url}/".startswith(f"{output}/")):
        raise UsageError(
            f"exports ({url}) and checkpoints ({output}) must lie beside each other, not one within the other: name "
            "other folders in SKYPE_EXPORTS_URL and SKYPE_OUTPUT_URL"
        )
    return url


def arrivals(url: str, registered: Iterable[str]) -> list[Arrival]:
    """The exports in a bucket, one for each version and size, by digest.

    Args:
        url: address of the bucket, or of a folder in it, as ``checked`` gives it; those in its folders belong to it.
        registered: task ids that are known already: an export that was given another name is still theirs.

    Raises:
        UsageError: what reaches it is not installed.
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
            if _is_of(task_id, stores.opened(url).look(likely)):
                return likely
    return next((one.name for one in _exports(url) if _is_of(task_id, one)), None)


def _exports(url: str) -> Iterator[Stored]:
    for one in stores.opened(url).entries(""):
        base = one.name.rpartition("/")[2]
        if base.lower().endswith(ENDINGS) and not base.startswith("."):
            yield one


def _digest(one: Stored) -> str:
    return hashlib.sha256(f"{one.version or one.modified.isoformat()} {one.size}".encode()).hexdigest()


def _task_id(name: str, digest: str) -> str:
    return task_id_for(Source(name.rpartition("/")[2], 0, digest))


def _is_of(task_id: str, one: Stored) -> bool:
    return task_id.endswith(end_of_task_id(_digest(one)))
