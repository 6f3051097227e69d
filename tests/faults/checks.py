"""What must hold after a fault, and after the resume that follows it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.attempt import read_owner
from skype_assets.etl.checkpoints.directory import Directory
from skype_assets.etl.checkpoints.media_store import FOLDER as MEDIA
from skype_assets.etl.checkpoints.media_store import MediaStore
from skype_assets.etl.checkpoints.phase_checkpoint import damaged_file
from skype_assets.etl.errors import CheckpointError
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.phases.kinds import PHASE_CLASSES
from skype_assets.etl.task import Task
from skype_assets.etl.tasks.layout import manifest_name
from skype_assets.etl.tasks.manifest import load
from skype_assets.etl.tasks.media import objects
from tests.engine.database_content import digests, query, row_versions
from tests.faults.children import UNLOAD, Armed, Outcome, run
from tests.faults.world import Place

# Rows of the tables that parts fill; what `finish` does changes none of these numbers.
_ROWS = (
    "SELECT (SELECT coalesce(sum(rows), 0)::bigint FROM skype.load_parts), "
    + " + ".join(
        f"(SELECT count(*) FROM skype.{name})"
        for name in (
            "conversations", "conversation_copies", "participants", "given_names", "messages", "attachments",
            "call_events", "call_participants", "reactions", "mentions", "links", "quotes", "thread_events",
            "media_files", "superseded_copies", "rejects",
        )
    )
)  # fmt: skip


def after_a_fault(place: Place, outcome: Outcome) -> list[str]:
    """What is wrong with what a run left that was disturbed once: files and rows are old or new, never in between."""
    place.wait_for_silence()
    wrong = [] if outcome.is_expected else [f"unexpected end: {outcome.how}: {outcome.message}"]
    return wrong + torn_files(place.task()) + _lost_objects(place) + torn_parts(place)


def torn_files(task: Task) -> list[str]:
    """What is wrong with the files of a task: they are old or new, and what is recorded is there."""
    wrong = _unreadable(task)
    for phase, kind in PHASE_CLASSES.items():
        folder = task.folder.folder(kind.facts.asset)
        state = _state(folder)
        if state is None:
            continue
        wrong += [
            f"{phase}: {path.name} is recorded and not whole"
            for r in state.records
            if (path := damaged_file(folder, r))
        ]
        if state.status == "complete" and not folder.file(states.CHECKSUM_FILE).is_file():
            wrong.append(f"{phase} is complete without its checksums")
    return wrong


def after_success(place: Place, outcome: Outcome, phase: str = "load") -> list[str]:
    """What is wrong after a run up to a phase that says it is done: it must be as if nothing had happened (I1, I16)."""
    if outcome.how != "done":
        return [f"the resume ended with {outcome.how}: {outcome.message}"]
    wrong: list[str] = []
    if phase == "load":
        found, expected = digests(place.url), place.world.expected
        wrong += [f"{name}: {found[name]}, not {rows}" for name, rows in expected.items() if found[name] != rows]
    stored, expected = objects_in(place.folder), objects_in(place.world.after("extract"))
    if stored != expected:
        wrong.append(f"the store of media has {len(stored)} files, not the {len(expected)} of an uninterrupted run")
    return wrong + _lost_objects(place) + not_as_undisturbed(place.task(), phase, place.world.checksums)


def not_as_undisturbed(task: Task, phase: str, checksums: Mapping[str, Sequence[str]]) -> list[str]:
    """What differs in the files of a task, up to a phase, from what an uninterrupted run leaves.

    ``checksums`` are those of its parts, by phase.
    """
    wrong = _unreadable(task)
    for done in engine.PHASES[: engine.PHASES.index(phase) + 1]:
        folder = task.folder.folder(FOLDERS[done])
        state = _state(folder)
        if state is None or state.status != "complete":
            wrong.append(f"{done} is not complete")
            continue
        if done != "load" and [record.checksum for record in state.records] != checksums[done]:
            wrong.append(f"{done}: its parts are not those of an uninterrupted run")
        named = {file.name for record in state.records for file in record.files.values()}
        left = {p.name for p in folder.path.iterdir()} - named
        left -= {states.STATE_FILE, states.PREVIOUS_FILE, states.CHECKSUM_FILE}
        wrong += [f"{done}: {name} is left over" for name in sorted(left)]
        wrong += [f"{done}: {path} is not whole" for r in state.records if (path := damaged_file(folder, r))]
    return wrong + _left_over(task)


def _left_over(task: Task) -> list[str]:
    """Files of killed writers in the folder of checkpoints and in that of the task."""
    return [
        f"{path} is left over"
        for folder in (task.output_dir, task.folder.path)
        for path in sorted(folder.glob(".partial-*"))
    ]


def resumed(
    place: Place, bugs: tuple[str, ...] = (), phase: str = "load", *, twice: bool = False, lease: float | None = None
) -> list[str]:
    """Resume up to a phase without any fault, and say what is wrong then.

    Equal parts have equal checksums, so that what was disturbed in a phase before the load shows without loading it.
    ``twice`` to see that a second run writes nothing (I6); ``lease`` as in ``Armed``.
    """
    phases = engine.PHASES[: engine.PHASES.index(phase) + 1]
    wrong = after_success(place, run(place.task(), phases, Armed(bugs=bugs, lease=lease)), phase)
    if twice and not wrong:
        rows = row_versions(place.url)
        again = run(place.task(), armed=Armed(bugs=bugs))
        if again.from_checkpoint != [True] * len(engine.PHASES) or row_versions(place.url) != rows:
            wrong.append(f"a second run was not a no-op: {again}")
    return wrong


def unloaded(place: Place, bugs: tuple[str, ...] = (), *, lease: float | None = None) -> list[str]:
    """Finish an unload without any fault, load the export again, and say what is wrong then."""
    outcome = run(place.task(), (UNLOAD,), Armed(bugs=bugs, lease=lease))
    if outcome.how != "done":
        return [f"the unload ended with {outcome.how}: {outcome.message}"]
    left = [name for name, (rows, _) in digests(place.url).items() if rows]
    state = _state(place.task().folder.folder(FOLDERS["load"]))
    wrong = [f"rows are left in {', '.join(left)}"] if left else []
    if state is None or state.status != "unloaded":
        wrong.append("the load checkpoint does not say that it was unloaded")
    return wrong + resumed(place, bugs, lease=lease)


def _state(folder: Directory) -> states.PhaseState | None:
    try:
        return states.read(folder)
    except CheckpointError:  # reported by _unreadable
        return None


def _unreadable(task: Task) -> list[str]:
    wrong: list[str] = []
    for kind in PHASE_CLASSES.values():
        try:
            states.read(task.folder.folder(kind.facts.asset))
        except CheckpointError as error:
            wrong.append(str(error))
    manifest = task.output_dir / manifest_name(task.task_id)
    try:
        if manifest.exists():
            load(manifest)
        read_owner(task.folder)
    except CheckpointError as error:
        wrong.append(str(error))
    return wrong


def objects_in(output_dir: Path) -> set[str]:
    """Names of all files in the store of media but its lock."""
    return {path.name for path in (output_dir / MEDIA).rglob("*") if path.is_file() and path.name != "lock"}


def _lost_objects(place: Place) -> list[str]:
    """Whether everything in the store is what its name says, and has all that is recorded."""
    store = MediaStore(place.folder)
    wrong = [
        f"the object {name.hex()} is not whole" for name, size in store.objects() if not store.is_whole(name, size)
    ]
    try:
        recorded = list(objects(place.task().folder))
    except CheckpointError:  # reported by _unreadable
        return wrong
    lost = [row["member"] for row in recorded if row["kept"] and not store.is_here(row["sha256"], row["size"])]
    return wrong + [f"{member} is recorded as kept, and is not there" for member in lost]


def torn_parts(place: Place) -> list[str]:
    """Whether rows and ledger tell the same (I2). For databases that have one export, loaded by one task."""
    if query(place.url, "SELECT to_regclass('skype.rejects')") == [(None,)]:
        return []
    [(recorded, found)] = query(place.url, _ROWS)
    return [] if recorded == found else [f"the ledger says {recorded} rows, the tables have {found}"]
