"""What T18 interrupts: with what each command begins, how it is called, and what must hold afterwards.

What a command changes, in the database or in a folder, is old or new when it was interrupted, never half. The next
command - mostly the same one again - succeeds, and leaves what an undisturbed one leaves, and nothing beside it.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.checkpoints.directory import sha256_of
from skype_assets.etl.checkpoints.hold import FILE as HOLD
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.tasks.layout import manifest_name
from tests.engine.database_content import digests, query
from tests.faults.beginnings import HOLD_ADD, completed, kept_database, put_back, where
from tests.faults.checks import after_a_fault, after_success, resumed, torn_files, torn_parts, unloaded
from tests.faults.children import UNLOAD, Armed, Outcome, run
from tests.faults.world import CHUNK_SIZE, TASK, Place

Bugs = tuple[str, ...]
Wrong = list[str]
Arguments = Callable[[Place], list[str]]

NOTHING: Final = "nothing"

_HELD: Final = """
SELECT (SELECT count(*) FILTER (WHERE action = 'hold') - count(*) FILTER (WHERE action = 'release') FROM skype.holds),
       (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'skype'::regnamespace AND c.relname <> 'holds' AND NOT t.tgisinternal)"""
"""Holds that are not released, and triggers that keep what is held."""


@dataclass(frozen=True)
class Command:
    """A command that is interrupted.

    Attributes:
        arguments: what it is called with.
        begins: what is there before it: ``NOTHING``, or one of the ``beginnings``.
        left: what is wrong with what an interruption left.
        after: does the next command, and says what is wrong then.
        changes: whether database or checkpoints are others afterwards.
        prepare: what else is there before it.
    """

    arguments: Arguments
    begins: str
    left: Callable[[Place], Wrong]
    after: Callable[[Place, Bugs], Wrong]
    changes: bool = True
    prepare: Callable[[Place], None] = lambda place: None


def begin(place: Place, command: Command) -> None:
    """Let a place be what a command begins with."""
    if command.begins == NOTHING:
        place.begin()
    elif command.changes or place.folder not in _unchanged_places:
        put_back(place, command.begins)
    if command.changes:
        _unchanged_places.discard(place.folder)
    else:
        _unchanged_places.add(place.folder)
    shutil.rmtree(_outside(place), ignore_errors=True)
    command.prepare(place)


def not_as_it_was(place: Place) -> None:
    """Something was wrong: let everything be put back before the next command."""
    _unchanged_places.discard(place.folder)


_unchanged_places: set[Path] = set()
"""Where everything is loaded, and nobody has changed anything since."""


def _as_a_kill_leaves(place: Place) -> Wrong:
    return after_a_fault(place, Outcome("interrupted"))


def _resumed(place: Place, bugs: Bugs) -> Wrong:
    """Resume; to the end if a load was begun: what was disturbed before shows in the checksums of parts."""
    is_begun = states.read(place.task().folder.folder(FOLDERS["load"])) is not None
    return resumed(place, bugs, "load" if is_begun else "transform")


def _still_complete(place: Place, bugs: Bugs) -> Wrong:
    return after_success(place, run(place.task(), armed=Armed(bugs=bugs)))


def _unchanged(place: Place, _bugs: Bugs = ()) -> Wrong:
    return after_success(place, Outcome("done"))


def _again(arguments: Arguments) -> Callable[[Place, Bugs], Wrong]:
    """Do the same again; everything is as after an undisturbed run then."""
    return lambda place, bugs: completed(place, arguments(place), bugs) or _unchanged(place)


# Commands that load, or take out.


def _run(place: Place, workers: int = 1) -> list[str]:
    settings = ["--chunk-size", str(CHUNK_SIZE), "--max-workers", str(workers)]
    return ["run", str(place.world.export), *where(place), "--task-id", TASK, "--no-report", *settings]


def _resume(place: Place) -> list[str]:
    return ["resume", str(place.folder / manifest_name(TASK)), "--max-workers", "1", "--no-report"]


def _media_keep(place: Place) -> list[str]:
    return ["media", "keep", str(place.world.export), *where(place), "--no-report"]


def _torn_but_for_media(place: Place) -> Wrong:
    """What is wrong where some objects are lost from the beginning."""
    place.wait_for_silence()
    return torn_files(place.task()) + torn_parts(place)


# Commands that put right.


def _repair(place: Place) -> list[str]:
    return ["verify", "--repair", *where(place)]


def _half_repaired(place: Place) -> Wrong:
    place.wait_for_silence()
    found, altered = digests(place.url), digests(kept_database(place, "altered"))
    is_one = found in (altered, place.world.expected)
    return torn_files(place.task()) + ([] if is_one else ["some rows are put right and others are not"])


# Commands that hold.


def _hold_release(place: Place) -> list[str]:
    return ["hold", "release", "1", "--reason", "closed", "--by", "a judge", *where(place)]


def _held(url: str) -> tuple[int, int]:
    [(holds, triggers)] = query(url, _HELD)
    return holds, triggers


def _half_held(place: Place) -> Wrong:
    wrong = _as_a_kill_leaves(place)
    found, all_of_them = _held(place.url), _held(kept_database(place, "held"))
    return wrong + ([] if found in ((0, 0), all_of_them) else [f"{found[0]} holds with {found[1]} triggers"])


def _holding(arguments: Arguments, begins: str, *, is_held: bool) -> Command:
    def after(place: Place, bugs: Bugs) -> Wrong:
        wrong = _again(arguments)(place, bugs)
        found, wanted = _held(place.url), _held(kept_database(place, "held" if is_held else "loaded"))
        if found != wanted:
            wrong.append(f"{found[0]} holds with {found[1]} triggers, not {wanted}")
        marks = [path.name for path in (place.folder / TASK).iterdir() if path.is_file() and HOLD in path.name]
        if marks != ([HOLD] if is_held else []):
            wrong.append(f"the task has {marks}")
        return wrong

    return Command(arguments, begins, _half_held, after)


# Commands that write beside the checkpoints, in a folder or a file.


def _outside(place: Place) -> Path:
    return place.folder.with_name(f"{place.folder.name}-outside")


def _tree(folder: Path) -> dict[str, str]:
    """All that is in a folder, by name; files with their hashes."""
    there = sorted(folder.rglob("*"))
    return {str(path.relative_to(folder)): sha256_of(path) if path.is_file() else "" for path in there}


_written: dict[tuple[Path, tuple[str, ...]], Path] = {}


def _undisturbed(place: Place, command: Sequence[str]) -> Path:
    """What a command writes that nobody disturbs: a folder, which every place has, as it is loaded at another time."""
    key = (place.folder, tuple(command))
    if key not in _written:
        folder = place.folder.with_name(f"{place.folder.name}-written-{len(_written)}")
        folder.mkdir()
        wrong = completed(place, _to(command, folder, place))
        assert not wrong, wrong
        _written[key] = folder
    return _written[key]


def _to(command: Sequence[str], folder: Path, place: Place) -> list[str]:
    return [*command, str(folder / "written"), *where(place)]


def _writing(*command: str, earlier: Sequence[str] = (), is_file_by_file: bool = False) -> Command:
    """A command that writes what its last argument names, perhaps in the place of an earlier one's."""

    def arguments(place: Place) -> list[str]:
        return _to(command, _outside(place), place)

    def prepare(place: Place) -> None:
        _undisturbed(place, command)
        if earlier:
            shutil.copytree(_undisturbed(place, earlier), _outside(place), dirs_exist_ok=True)
        else:
            _outside(place).mkdir()

    def left(place: Place) -> Wrong:
        wrong, found, whole = _as_a_kill_leaves(place), _tree(_outside(place)), _tree(_undisturbed(place, command))
        before = _tree(_undisturbed(place, earlier)) if earlier else {}
        named = {name: hashed for name, hashed in found.items() if not any(p[0] == "." for p in Path(name).parts)}
        is_one = named.items() <= whole.items() if is_file_by_file else named in (before, whole)
        return wrong + ([] if is_one else [f"what is written is not whole: {sorted(named)}"])

    def after(place: Place, bugs: Bugs) -> Wrong:
        wrong, whole = _again(arguments)(place, bugs), _tree(_undisturbed(place, command))
        if (found := _tree(_outside(place))) != whole:
            other = sorted(name for name in {*found, *whole} if found.get(name) != whole.get(name))
            wrong.append(f"done again, it has not written what it should: {other}")
        return wrong

    return Command(arguments, "loaded", left, after, changes=False, prepare=prepare)


# Commands that read.


def _show(place: Place) -> list[str]:
    texts = "SELECT owner_id, conversation_id, message_id FROM skype.messages WHERE kind = 'text'"
    [key] = query(place.url, f"{texts} ORDER BY message_id LIMIT 1")
    return ["show", *key, *where(place), "--json"]


def _reading(arguments: Arguments) -> Command:
    return Command(arguments, "loaded", _as_a_kill_leaves, _unchanged, changes=False)


_RUN: Final = Command(_run, NOTHING, _as_a_kill_leaves, _resumed)

CHANGING: Final[Mapping[str, Command]] = {
    "run": _RUN,
    "run by two": Command(lambda place: _run(place, 2), NOTHING, _as_a_kill_leaves, _resumed),
    "resume": Command(_resume, "killed", _as_a_kill_leaves, _resumed),
    "reset": Command(lambda place: [*_run(place), "--reset"], "loaded", _as_a_kill_leaves, _resumed),
    "clean": Command(
        lambda place: ["clean", *where(place), "--older-than", "0"], "three_tasks", _as_a_kill_leaves, _still_complete
    ),
    UNLOAD: Command(lambda place: ["unload", TASK, *where(place), "--yes"], "loaded", _as_a_kill_leaves, unloaded),
    "media keep": Command(_media_keep, "without_media", _as_a_kill_leaves, _again(_media_keep)),
    "media keep of lost ones": Command(_media_keep, "media_lost", _torn_but_for_media, _again(_media_keep)),
    "verify --repair": Command(_repair, "altered", _half_repaired, _again(_repair)),
    "hold add": _holding(lambda place: [*HOLD_ADD, *where(place)], "loaded", is_held=True),
    "hold list": _holding(lambda place: ["hold", "list", *where(place)], "not_marked", is_held=True),
    "hold release": _holding(_hold_release, "held", is_held=False),
}
"""Commands that change the database or checkpoints."""

WRITING: Final[Mapping[str, Command]] = {
    "export html": _writing("export", "html"),
    "export text": _writing("export", "text"),
    "export csv": _writing("export", "csv"),
    "export parquet": _writing("export", "parquet"),
    "export rsmf": _writing("export", "rsmf"),
    "export over another": _writing("export", "csv", earlier=("export", "text")),
    "media extract": _writing("media", "extract", TASK, is_file_by_file=True),
    "report --html": _writing("report", TASK, "--no-compare", "--html"),
}
"""Commands that write something beside the checkpoints."""

READING: Final[Mapping[str, Command]] = {
    "digest": _reading(lambda place: ["digest"]),
    "digest by row": _reading(lambda place: ["digest", "--by", "row", "--json"]),
    "compare": _reading(lambda place: ["compare", place.url, place.url]),
    "search": _reading(lambda place: ["search", "a", "--json"]),
    "status": _reading(lambda place: ["status", *where(place)]),
    "show": _reading(_show),
    "report": _reading(lambda place: ["report", TASK, *where(place)]),
    "media status": _reading(lambda place: ["media", "status", *where(place)]),
    "unload --dry-run": _reading(lambda place: ["unload", TASK, *where(place), "--dry-run"]),
    "verify": _reading(lambda place: ["verify", TASK, *where(place)]),
    "verify --all": _reading(lambda place: ["verify", "--all", *where(place)]),
}
"""Commands that change nothing."""

COMMANDS: Final = {**CHANGING, **WRITING, **READING}
