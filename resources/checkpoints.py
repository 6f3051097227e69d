"""Where the checkpoints are, and what Dagster needs to know of them."""

import os
from pathlib import Path
from typing import Final

import dagster as dg

from skype_assets.etl import engine, places
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.working_copy import refresh
from skype_assets.etl.errors import UsageError
from skype_assets.etl.phases import EXTRACT, FOLDERS, TRANSFORM
from skype_assets.etl.phases.extract import SALVAGE
from skype_assets.etl.task import Settings, Task, with_environment

PHASE_OF_ASSET: Final = {asset: name for name, asset in FOLDERS.items()}
"""The phase that makes each asset."""


class Checkpoints(dg.ConfigurableResource["Checkpoints"]):
    """The folder of all checkpoints, by the rule of ``skype_assets.etl.places`` for the process that runs the step.

    With ``SKYPE_OUTPUT_URL`` it is that machine's working copy of a store, which every machine of the instance has.

    ``SKYPE_MAX_WORKERS`` limits the processes of one step where several runs share a machine; else it is one per core.
    ``SKYPE_MEDIA_ONLY=on`` lets exports in that hold no message, ``SKYPE_SALVAGE=on`` those that are damaged, as far as
    they are whole; both are refused else. With ``SKYPE_KEEP_MEDIA=off`` the bytes of media are not kept.
    It has no fields, for the reason given at ``Database``.

    Example::

        tables = Checkpoints().open("ann-2f1c", "transformed_tables")
    """

    def folder(self) -> Path:
        """The folder, absolute; it need not exist."""
        return places.find().output_dir

    def task(self, task_id: str, source: Path | None = None, database: str | None = None) -> Task:
        """A task with its checkpoints here.

        The owner's name is part of what transform makes. Nobody can give one here, so the one that was given when the
        task was begun elsewhere (``skype-assets run``) holds, and the checkpoint fits. So does ``--salvage``.
        """
        task = Task(task_id, self.folder(), source, database)
        refresh(task.output_dir, task_id)
        extracted = states.read(task.folder.folder(EXTRACT.asset))
        is_salvaged = extracted is not None and SALVAGE in extracted.inputs
        recorded = states.read(task.folder.folder(TRANSFORM.asset))
        name = recorded.inputs.get("user_display_name") if recorded else None
        settings = Settings(user_display_name=name or None, max_workers=_max_workers(), salvage=is_salvaged)
        return Task(task_id, self.folder(), source, database, with_environment(settings))

    def open(self, task_id: str, asset: str) -> PhaseTables | None:
        """The tables of an asset of a task, read-only; None unless they are complete."""
        folder = self.folder()
        refresh(folder, task_id)  # the phase may have been done on another machine
        return engine.open_phase(Task(task_id, folder), PHASE_OF_ASSET[asset])


def _max_workers() -> int | None:
    text = os.environ.get("SKYPE_MAX_WORKERS")
    if text and not text.isdecimal():
        raise UsageError(f"SKYPE_MAX_WORKERS is {text!r}; it must be a number")
    return int(text) if text else None
