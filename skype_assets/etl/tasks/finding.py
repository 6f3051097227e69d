"""Finding the checkpoints of an export in output folders, by what their states say."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.parts import PhaseTables
from skype_assets.etl.checkpoints.phase_checkpoint import damaged_file, open_complete
from skype_assets.etl.checkpoints.state import PhaseState
from skype_assets.etl.database.registered import Registered, all_registered
from skype_assets.etl.database.session import Session
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.task import export_id_for
from skype_assets.etl.tasks import layout


class Tasks:
    """The tasks in some output folders; those set aside, too.

    Attributes:
        folders: the output folders.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders

    def tasks_about(self, export_id: str) -> Iterator[Directory]:
        """The tasks that have transformed an export, or are about to."""
        return (folder for folder, state in self.known if export_id_of(state) == export_id)

    @cached_property
    def known(self) -> list[tuple[Directory, PhaseState]]:
        """The tasks of which some state can be read."""
        found = (Directory(path) for folder in self.folders for path in layout.tasks(folder))
        return [(folder, state) for folder in found if (state := known_state(folder)) is not None]


def export_id_of(state: PhaseState) -> str:
    """The export that a phase is about."""
    return export_id_for(state.inputs["source_sha256"])


def is_loaded(state: PhaseState | None) -> bool:
    """Whether the load that has this state has come to its end."""
    return state is not None and state.status == "complete"


def loader_of(session: Session, task: Directory) -> Registered | None:
    """Whoever has loaded the export that a task is about; None if nobody has, or it is not known which it is."""
    state = known_state(task)
    wanted = export_id_of(state) if state is not None else None
    return next((one for one in all_registered(session) if one.export_id == wanted), None)


def known_state(task: Directory) -> PhaseState | None:
    """A state that tells which export a task is about."""
    for kind in reversed(tuple(PHASE_CLASSES.values())):
        folder = task.folder(kind.facts.asset)
        try:
            if state := states.read(folder):
                return state
        except CheckpointError:
            if state := states.previous(folder):
                return state
    return None


def load_state(task: Directory) -> PhaseState | None:
    """The state of a task's load; None if there is none, or it cannot be read."""
    try:
        return states.read(task.folder(FOLDERS["load"]))
    except CheckpointError:
        return None


def whole(task: Directory) -> PhaseTables:
    """The tables of transform, every file of which was read."""
    kind = PHASE_CLASSES["transform"]
    folder = task.folder(kind.facts.asset)
    tables = open_complete(folder, kind.schemas)
    if tables is None:
        raise CheckpointError(f"{folder.path} is not complete")
    for record in tables.state.records:
        if path := damaged_file(folder, record):
            raise CheckpointError(f"{path} is damaged")
    return tables
