"""A copy of a phase's checkpoint in another folder, from which the task can go on by itself."""

import os
import shutil
from pathlib import Path

from skype_assets.etl.checkpoints import parts
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory


def copy_phase(phase: Directory, to: Directory) -> None:
    """Copy what the phase's state names, and the state last: nobody takes a copy that was cut short for a checkpoint.

    A phase without a state is not copied.
    """
    state = states.read(phase)
    if state is None:
        return
    to.make()
    for record in state.records:
        for file in record.files.values():
            _link(parts.here(phase.path, file), to, file.name)
    if state.status == "complete":
        to.put(states.CHECKSUM_FILE, states.checksum_lines(state))
    to.put(states.STATE_FILE, states.encode(state))


def _link(file: Path, to: Directory, name: str) -> None:
    """Part files never change, so that a link is as good as a copy, and free."""
    to.remove(name)
    try:
        os.link(file, to.file(name))
    except OSError:  # another file system, or one without links
        with to.create(name) as stream, file.open("rb") as original:
            shutil.copyfileobj(original, stream)
