"""What commands begin with: places in which something was loaded, held, altered or lost, made once and copied."""

import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from skype_assets.etl.checkpoints.hold import FILE as HOLD
from skype_assets.etl.checkpoints.media_store import MediaStore
from tests.engine.database_content import query
from tests.faults.children import Armed, run
from tests.faults.commands import Sent, interrupted
from tests.faults.world import TASK, Place, copy_checkpoints

HOLD_ADD: Final = ("hold", "add", "--export", TASK, "--reason", "case 12/2026", "--by", "Theo Brannock")

_ALTERATIONS: Final = (
    "UPDATE skype.messages SET text = 'forged' WHERE kind = 'text'",
    "DELETE FROM skype.links",
    "UPDATE skype.conversations SET title = 'forged'",
)


def put_back(place: Place, name: str) -> None:
    """Let a place be what one of ``_MADE`` makes of it: once, and from then on a copy."""
    kept = place.folder.with_name(f"{place.folder.name}-{name}")
    if not kept.exists():
        _MADE[name](place)
        place.keep_database(name)
        copy_checkpoints(place.folder, kept)
    place.clear()
    copy_checkpoints(kept, place.folder)
    place.put_back(name)


def kept_database(place: Place, name: str) -> str:
    """URL of the database that a beginning has."""
    if not place.folder.with_name(f"{place.folder.name}-{name}").exists():
        put_back(place, name)
    return place.world.url(f"{place.folder.name}_{name}")


def completed(place: Place, arguments: Sequence[str], bugs: tuple[str, ...] = ()) -> list[str]:
    """Let a command come to its end, and say if it does not succeed."""
    end = interrupted(place, arguments, Sent(signal.SIGINT, False, False), at=("nowhere", 1), bugs=bugs)
    return [] if end.code == 0 else [f"done again it ends with {end.code}: {end.said[-1:]}"]


def where(place: Place) -> list[str]:
    """The option of all commands that names the folder of checkpoints."""
    return ["--output-dir", str(place.folder)]


def _killed(place: Place) -> None:
    place.begin("extract")
    made = run(place.task(), ("extract",), Armed(("part recorded", "kill", 2)))
    assert made.how == "killed", made


def _loaded(place: Place) -> None:
    place.begin("load")
    made = run(place.task(), ("load",))
    assert made.how == "done", made


def _without_media(place: Place) -> None:
    task = place.begin()
    made = run(replace(task, settings=replace(task.settings, keep_media=False)))
    assert made.how == "done", made


def _media_lost(place: Place) -> None:
    put_back(place, "loaded")
    store = MediaStore(place.folder)
    (lost, _), (spoilt, _), *_ = store.objects()
    store.remove(lost)
    data = bytearray(store.path(spoilt).read_bytes())
    data[-1] ^= 1
    store.path(spoilt).write_bytes(data)


def _three_tasks(place: Place) -> None:
    put_back(place, "loaded")
    for name in ("older", "oldest"):
        shutil.copytree(place.folder / TASK, place.folder / name, copy_function=shutil.copy2)


def _altered(place: Place) -> None:
    put_back(place, "loaded")
    for statement in _ALTERATIONS:
        query(place.url, statement)


def _held(place: Place) -> None:
    put_back(place, "loaded")
    wrong = completed(place, [*HOLD_ADD, *where(place)])
    assert not wrong, wrong


def _not_marked(place: Place) -> None:
    put_back(place, "held")
    Path(place.folder, TASK, HOLD).unlink()


_MADE: Final[Mapping[str, Callable[[Place], None]]] = {
    "killed": _killed,
    "loaded": _loaded,
    "without_media": _without_media,
    "media_lost": _media_lost,
    "three_tasks": _three_tasks,
    "altered": _altered,
    "held": _held,
    "not_marked": _not_marked,
}
