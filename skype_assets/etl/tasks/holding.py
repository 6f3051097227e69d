"""Holds of the database, told to the tasks: a file ``hold`` in each task whose export has what is held."""

from pathlib import Path

from skype_assets.etl.checkpoints import hold as files
from skype_assets.etl.database import holds
from skype_assets.etl.database.registered import all_registered
from skype_assets.etl.database.session import Session
from skype_assets.etl.tasks.finding import Tasks, export_id_of


def mark(session: Session, output_dir: Path) -> list[str]:
    """Put a file into each task about what is held, and take those of released holds away; the tasks that are held.

    A file that somebody put there by hand stays. So does that of a hold which was not released, although the database
    has no rows any more that it is about: somebody has deleted them, and the checkpoints are what is left.
    """
    known, held = holds.listed(session), holds.held_exports(session)
    released = {files.line(one.number, one.reason) for one in known if not one.is_active}
    active = [one for one in known if one.is_active]
    there = {export.export_id for export in all_registered(session)}
    for task, state in Tasks([output_dir]).known:
        export_id, said = export_id_of(state), files.hold_on(task)
        if (hold := held.get(export_id)) is not None:
            files.mark(task, hold.number, hold.reason)
        elif said in released and active and export_id not in there:  # nobody can tell whether these were on it as well
            files.mark(task, active[0].number, active[0].reason)
        elif said in released:
            files.release(task)
    return [task.path.name for task, _ in Tasks([output_dir]).known if files.hold_on(task) is not None]
