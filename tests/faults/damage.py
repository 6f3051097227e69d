"""T5: checkpoint files that were damaged, exchanged or tampered with. T9: damaged exports, and exports that changed."""

import gzip
import io
import json
import os
import random
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from skype_assets.etl import engine
from skype_assets.etl.checkpoints import state as states
from skype_assets.etl.phases import FOLDERS
from skype_assets.etl.tasks.layout import manifest_name
from tests.engine.database_content import query
from tests.faults.cases import Case, Report, Size, Test
from tests.faults.checks import after_success
from tests.faults.children import Armed, run
from tests.faults.world import TASK, Place, World, copy_checkpoints

Damage = Callable[[Path, random.Random], None]


def _truncate(path: Path, rng: random.Random) -> None:
    data = path.read_bytes()
    _replace(path, data[: rng.randrange(len(data))])


def _flip(path: Path, rng: random.Random) -> None:
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    _replace(path, bytes(data))


def _exchange(path: Path, rng: random.Random) -> None:
    """Another file of the same kind in its place."""
    others = [p for p in path.parent.parent.rglob(f"*{path.suffix}") if p.name != path.name and p.is_file()]
    _replace(path, rng.choice(others).read_bytes() if others else b"{}")


def _other_version(path: Path, rng: random.Random) -> None:
    old, new = (
        (b'"format_version":1', b'"format_version":%d') if path.name != "attempt.json" else (b'"epoch":', b'"e%d":')
    )
    data = path.read_bytes().replace(b'"checkpoint_version": "', b'"checkpoint_version": "9')
    _replace(path, data.replace(old, new % rng.choice((0, 2, 99))))


def _link(path: Path, rng: random.Random) -> None:
    moved = path.with_name("moved")
    path.rename(moved)
    path.symlink_to(moved)


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _remove(path: Path, rng: random.Random) -> None:
    path.unlink()


def _replace(path: Path, data: bytes) -> None:
    path.unlink()  # it may be a link to a file of the world
    path.write_bytes(data)


DAMAGES: Final[dict[str, Damage]] = {
    "truncated": _truncate, "bit flipped": _flip, "exchanged": _exchange, "other version": _other_version,
    "symbolic link": _link, "folder": _folder, "pipe": _pipe, "missing": _remove,
}  # fmt: skip
_ONLY_BYTES = ("truncated", "bit flipped", "exchanged", "missing")
_TARGETS = ("state", "both generations", "part", "manifest", "attempt.json")


def _damage_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    every = [
        (target, phase, damage)
        for target in _TARGETS
        for phase in engine.PHASES
        for damage in (_ONLY_BYTES if target == "part" else DAMAGES)
    ]
    rng.shuffle(every)
    chosen = [every[number % len(every)] for number in range(size.damages)]
    return [*((*case, rng.randrange(2**32)) for case in chosen), ("tampered", "transform", "status", 0)]


def _damaged(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    target, phase, damage, seed = case
    rng = random.Random(seed)
    if target == "tampered":
        _half_done(place)
        files = [place.folder / TASK / FOLDERS[phase] / states.STATE_FILE]
        files[0].write_bytes(files[0].read_bytes().replace(b'"running"', b'"complete"'))
        files[0].with_name(states.PREVIOUS_FILE).unlink()
    else:
        place.begin()
        copy_checkpoints(place.world.after("load"), place.folder)
        files = _files(place, target, phase, rng)
        for file in files:
            DAMAGES[damage](file, rng)
    outcome = run(place.task(), armed=Armed(bugs=bugs))
    report = Report(1, {f"{target}, {phase}: {damage}"})
    if outcome.how == "done":
        report.wrong += after_success(place, outcome)
    elif outcome.exit_code != 4:
        report.wrong.append(f"ended with {outcome.how}: {outcome.message}")
    elif not any(str(file.parent) in outcome.message for file in files):
        report.wrong.append(f"the file is not named: {outcome.message}")
    elif _loaded(place):
        report.wrong.append("refused, but rows were loaded")
    return report


def _half_done(place: Place) -> None:
    """A transform that was killed before its end."""
    place.begin("transform")
    killed = run(place.task(), ("transform",), Armed(("part recorded", "kill", 2)))
    assert killed.how == "killed", killed


def _files(place: Place, target: str, phase: str, rng: random.Random) -> list[Path]:
    folder = place.folder / TASK / FOLDERS[phase]
    if target == "part":
        return [rng.choice(sorted(folder.glob("*.parquet")))]
    if target == "manifest":
        return [place.folder / manifest_name(TASK)]
    if target == "attempt.json":
        return [place.folder / TASK / target]
    state, previous = folder / states.STATE_FILE, folder / states.PREVIOUS_FILE
    return [state] if target == "state" else [state, previous]


def _loaded(place: Place) -> bool:
    there = query(place.url, "SELECT to_regclass('skype.messages')") != [(None,)]
    return there and query(place.url, "SELECT count(*) FROM skype.messages") != [(0,)]


_VALUES: Final = (None, True, 0, -1, 1e308, "", "x", "\0", "\ud800", [], {}, [[]], {"id": None}, "2024-13-45T99:99:99Z")


def _input_cases(world: World, size: Size, seed: int) -> Sequence[Case]:
    rng = random.Random(seed)
    kinds = ("value", "bytes", "truncated", "utf-8", "twice", "archive")
    inputs = [(kinds[number % len(kinds)], rng.randrange(2**32)) for number in range(size.inputs)]
    return [*inputs, *(("changed", number) for number in range(3 if size.every else 1))]


def _input(place: Place, case: Case, bugs: tuple[str, ...]) -> Report:
    kind, seed = case
    rng = random.Random(seed)
    if kind == "changed":
        return _changed(place, seed, bugs)
    place.begin()
    place.folder.mkdir(mode=0o700)
    export = place.folder / "export"
    export.write_bytes(_spoilt(place.world, kind, rng))
    task = replace(place.task(), source=export)
    phases = engine.PHASES if seed % 8 == 0 else engine.PHASES[:2]
    outcome = run(task, phases, Armed(bugs=bugs))
    report = Report(1, {f"{kind} {seed}"})
    if outcome.how == "done":
        report.wrong += _unbalanced(place, loaded=phases == engine.PHASES)
    elif outcome.how != "InvalidExport":
        report.wrong.append(f"ended with {outcome.how}: {outcome.message}")
    return report


def _changed(place: Place, seed: int, bugs: tuple[str, ...]) -> Report:
    """The export becomes another one between two attempts."""
    place.begin()
    place.folder.mkdir(mode=0o700)
    export = place.folder / "export.json"
    task = replace(place.task(), source=export)
    document = json.loads(json.dumps(_document(place.world)))
    export.write_bytes(json.dumps(document).encode())
    killed = run(task, ("extract",), Armed(("part recorded", "kill", 1 + seed), bugs=bugs))
    assert killed.how == "killed", killed
    [*_, last] = (found["MessageList"] for found in document["conversations"] if found.get("MessageList"))
    last[-1]["content"] = "changed"
    export.write_bytes(json.dumps(document).encode())
    outcome = run(task, armed=Armed(bugs=bugs))
    wrong = [] if outcome.how == "CheckpointMismatch" else [f"a changed export: {outcome.how}: {outcome.message}"]
    return Report(1, {f"changed after part {seed}"}, wrong)


def _spoilt(world: World, kind: str, rng: random.Random) -> bytes:
    if kind == "value":
        document = json.loads(json.dumps(_document(world)))
        holder, key = rng.choice(_places(document))
        holder[key] = rng.choice(_VALUES)
        return json.dumps(document).encode()
    data = bytearray(world.export.read_bytes() if kind == "archive" else json.dumps(_document(world)).encode())
    place = rng.randrange(len(data))
    if kind == "truncated":
        return bytes(data[:place])
    if kind == "utf-8":
        data[place:place] = rng.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\0"))
    elif kind == "twice":
        place = data.rindex(b'"id"', 0, max(place, data.index(b'"id"') + 4))
        data[place:place] = b'"id": "again", '
    else:
        data[place] ^= 1 << rng.randrange(8)
    return bytes(data)


@cache
def _document(world: World) -> dict[str, Any]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(world.export.read_bytes()))) as archive:
        member = archive.extractfile("messages.json")
        assert member
        return json.load(member)


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a document where a value stands."""
    found: list[tuple[Any, Any]] = []
    stack = [value]
    while stack:
        holder = stack.pop()
        items = list(holder.items()) if isinstance(holder, dict) else list(enumerate(holder))
        found += [(holder, key) for key, _ in items]
        stack += [item for _, item in items if isinstance(item, (dict, list))]
    return found


def _unbalanced(place: Place, *, loaded: bool) -> list[str]:
    counts = {
        phase: state.counts()
        for phase in engine.PHASES
        if (state := states.read(place.task().folder.folder(FOLDERS[phase])))
    }
    seen = counts["extract"].get("messages", 0)
    kept, duplicate, rejected = (counts["transform"].get(name, 0) for name in ("messages", "duplicate", "rejected"))
    wrong = [] if seen == kept + duplicate + rejected else [f"{seen} seen, {kept} + {duplicate} + {rejected} kept"]
    if loaded and (found := query(place.url, "SELECT count(*) FROM skype.messages")) != [(kept,)]:
        wrong.append(f"{kept} messages, {found} loaded")
    return wrong


TESTS = (
    Test("T5", "damaged, exchanged and tampered checkpoint files", _damage_cases, _damaged),
    Test("T9", "damaged exports, and one that changes between attempts", _input_cases, _input),
)
