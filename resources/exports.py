"""Where the exports are: one folder, in which a task's export has the task's name; or a bucket."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from skype_assets.etl import places
from skype_assets.etl.errors import InvalidExport, UsageError
from skype_assets.etl.task import ENDINGS, TASK_ID, check_task_id
from skype_assets.etl.tasks import bucket
from skype_assets.etl.tasks.spooling import spooled


class Exports(dg.ConfigurableResource["Exports"]):
    """The folder or bucket of exports, by the rule of ``skype_assets.etl.places`` for the process that runs the step.

    It has no fields, for the reason given at ``Database``: a path in run configuration would let
    whoever can start a run read any file.

    Example::

        source = Exports().find("ann-2f1c")     # exports/ann-2f1c.tar, or what `skype-assets add` linked there
        names = Exports().names("ann-2f1c")     # exports/ann-2f1c.names.csv, if it is there
    """

    def folder(self) -> Path:
        """The folder, absolute; it need not exist."""
        return places.find().exports_dir

    def url(self) -> str | None:
        """The address of the bucket of exports; None if there is only the folder.

        Raises:
            UsageError: it cannot be one.
        """
        place = places.find()
        return bucket.checked(place.exports_url, place.output_url) if place.exports_url is not None else None

    def where(self) -> str:
        """Where exports are looked for, for people."""
        return " and ".join(filter(None, (str(self.folder()), self.url())))

    @contextmanager
    def at_hand(self, task_id: str, likely: str | None = None) -> Generator[Path | None]:
        """The export of a task as a file of this machine; one that lies in a bucket goes when the block ends.

        Args:
            task_id: the task.
            likely: a name that the export probably has in the bucket.

        Raises:
            UsageError: the task id is not allowed, or there is more than one export of that name.
            NotEnoughSpace: there is no room for it; nothing was got.
            InvalidExport: it was replaced while it was got.
            StoreUnavailable, StoreRefused: the bucket does not answer, or will not give it.
        """
        path, url = self.find(task_id), self.url()
        if path is not None or url is None:
            yield path
            return
        name = bucket.find(url, task_id, likely)
        if name is None:
            yield None
            return
        with spooled(f"{url}/{name}") as got:
            if bucket.find(url, task_id, name) != name:
                raise InvalidExport("was replaced while it was got", member=name, remedy="The sensor finds it anew")
            yield got

    def names(self, task_id: str) -> Path | None:
        """The names file of a task, ``<task id>.names.csv``; None if there is none."""
        path = self.folder() / f"{check_task_id(task_id)}.names.csv"
        return path if path.is_file() else None

    def find(self, task_id: str) -> Path | None:
        """The export of a task: ``<task id><ending>`` or a folder ``<task id>``; None if there is none.

        A link is followed: people know the name of its target.

        Raises:
            UsageError: the task id is not allowed, or there is more than one export of that name.
        """
        inside = self.folder() / check_task_id(task_id)
        files = [inside.with_name(inside.name + ending) for ending in ENDINGS]
        found = [inside] * inside.is_dir() + [file for file in files if file.is_file()]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"task {task_id}: more than one export in {self.folder()}: {names}; leave one of them")
        if not found:
            return None
        return self.folder() / found[0].readlink() if found[0].is_symlink() else found[0]

    def links_to_nothing(self) -> dict[str, Path]:
        """Links of tasks to files of this very folder that are there no more, by task id.

        What `skype-assets add` linked lies elsewhere, and may only be away for a while.
        """
        folder = self.folder()
        links = [path for path in folder.iterdir() if path.is_symlink()] if folder.is_dir() else []
        found: dict[str, Path] = {}
        for path in links:
            endings = (ending for ending in sorted(ENDINGS, key=len, reverse=True) if path.name.endswith(ending))
            task_id = path.name.removesuffix(next(endings, ""))
            if not path.exists() and len(path.readlink().parts) == 1 and TASK_ID.fullmatch(task_id):
                found[task_id] = path
        return found
