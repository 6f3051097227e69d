"""A hand-over is there whole, or what was there before is; nobody else's file is ever touched."""

import hashlib
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from skype_assets.etl import crash_points
from skype_assets.etl.errors import NotEnoughSpace, TaskBusy, UsageError
from skype_assets.etl.handing import output as outputs
from skype_assets.etl.handing.output import DOCUMENT, SUMS, Output, output

WRITE = """
import sys
from pathlib import Path
from skype_assets.etl.handing import output as outputs
if sys.argv[3] == "cannot":
    outputs._renameat2 = None
with outputs.output(Path(sys.argv[1])) as new:
    new.put("a/file", sys.argv[2].encode())
"""


def written(target: Path, text: str, *, exchange: str = "can", point: str | None = None, fault: str = "kill") -> int:
    environment = {**os.environ, **({crash_points.VARIABLE: f"{point}:{fault}:1"} if point else {})}
    command = [sys.executable, "-c", WRITE, target, text, exchange]
    return subprocess.run(command, env=environment, stderr=subprocess.DEVNULL, check=False).returncode


def test_what_is_broken_off_does_not_wait_for_a_slow_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(paths: Sequence[Path]) -> dict[Path, str]:
        time.sleep(0.5)
        return dict.fromkeys(paths, "")

    monkeypatch.setattr(outputs, "_AT_ONCE", 1)
    monkeypatch.setattr(outputs, "_hashed", slow)

    def broken_off() -> None:
        with output(tmp_path / "out") as new:
            for number in range(200):
                new.put(str(number), b"x")
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert time.monotonic() - began < 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exchange", ["can", "cannot"])
@pytest.mark.parametrize("point", ["hand-over written", "hand-over moved aside", "hand-over in place"])
def test_killed_at_any_point_the_old_or_the_new_is_there(tmp_path: Path, point: str, exchange: str) -> None:
    target = tmp_path / "out"
    assert written(target, "old") == 0
    killed = written(target, "new", exchange=exchange, point=point)
    if (point, exchange) == ("hand-over moved aside", "can"):
        assert killed == 0  # there is no such instant
    else:
        assert killed == -9
    between = (point, exchange) == ("hand-over moved aside", "cannot")
    if not between:
        assert (target / "a/file").read_text() == ("old" if point == "hand-over written" else "new")
    else:
        assert (tmp_path / ".out.old" / "a/file").read_text() == "old"
    assert written(target, "newest", point="hand-over written") == -9
    assert (target / "a/file").read_text() == ("old" if point == "hand-over written" or between else "new")
    assert written(target, "newest") == 0
    assert (target / "a/file").read_text() == "newest"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def write_twice(new: Output) -> None:
    new.put("file", b"new")
    new.put("file", b"a second of its name")


def test_an_error_leaves_nothing_and_what_was_there(tmp_path: Path) -> None:
    with output(tmp_path / "out") as new:
        new.put("file", b"old")
    with pytest.raises(FileExistsError), output(tmp_path / "out") as new:
        write_twice(new)
    assert (tmp_path / "out/file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _with_a_note(target: Path) -> None:
    with output(target) as new:
        new.put("file", b"old")
    (target / "my notes.txt").write_text("mine")


def _of_somebody(target: Path) -> None:
    target.mkdir()
    (target / "thesis.doc").write_text("mine")


def _file(target: Path) -> None:
    target.write_text("mine")


@pytest.mark.parametrize("there", [_with_a_note, _of_somebody, _file])
def test_what_no_hand_over_wrote_is_refused_and_stays(tmp_path: Path, there: Callable[[Path], None]) -> None:
    target = tmp_path / "out"
    there(target)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UsageError), output(target) as new:
        new.put("file", b"new")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_writer_left_goes_with_the_next_one_even_if_that_is_refused(tmp_path: Path) -> None:
    assert written(tmp_path / "out", "new", point="hand-over written") == -9
    assert [path.name for path in tmp_path.iterdir()] == [".out.new"]
    _of_somebody(tmp_path / "out")
    with pytest.raises(UsageError), output(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("exchange", ["can", "cannot"])
@pytest.mark.parametrize("point", ["hand-over written", "hand-over moved aside", "hand-over in place"])
@pytest.mark.parametrize("fault", ["exception", "ENOSPC"])
def test_failing_at_any_point_leaves_the_old_or_the_new_and_nothing_beside(
    tmp_path: Path, point: str, exchange: str, fault: str
) -> None:
    target = tmp_path / "out"
    assert written(target, "old") == 0
    failed = written(target, "new", exchange=exchange, point=point, fault=fault)
    is_no_instant = (point, exchange) == ("hand-over moved aside", "can")
    assert failed == (0 if is_no_instant else 1)
    assert (target / "a/file").read_text() == ("new" if is_no_instant or point == "hand-over in place" else "old")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with output(tmp_path / "out") as new:
        with pytest.raises(TaskBusy), output(tmp_path / "out"):
            pass
        new.put("file", b"first")
    assert (tmp_path / "out/file").read_bytes() == b"first"


def test_every_file_has_its_hash_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    os.umask(old := os.umask(0))
    with output(tmp_path / "out") as new:
        os.umask(0)
        for name in ("b", "a/file", "a/b/c"):
            new.put(name, name.encode())
    os.umask(old)
    out = tmp_path / "out"
    listed = [line.partition("  ") for line in (out / SUMS).read_text().splitlines()]
    sums = {name: sha256 for sha256, _, name in listed}
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert sums == {n: hashlib.sha256(path.read_bytes()).hexdigest() for n, path in files.items() if n != SUMS}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (out, out / "a", out / "a/b")} == {0o700}
    assert subprocess.run(["sha256sum", "-c", "--quiet", SUMS], cwd=out, check=False).returncode == 0


def test_without_room_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotEnoughSpace, match="make room"), output(tmp_path / "out") as new:
        new.require_room(1 << 60)
    assert list(tmp_path.iterdir()) == []


def test_no_hand_over_is_written_within_another_nor_below_a_file(tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    with output(outer) as new:
        new.put(DOCUMENT, b"{}")
    for inner in (outer / "inner", outer / "deep" / "inner"):
        with pytest.raises(UsageError, match="a hand-over itself"), output(inner):
            pass
    with pytest.raises(UsageError, match="is a file"), output(outer / DOCUMENT / "inner"):
        pass
    assert sorted(path.name for path in outer.iterdir()) == [SUMS, DOCUMENT]
    with output(outer) as new:
        new.put(DOCUMENT, b"[]")
    assert (outer / DOCUMENT).read_bytes() == b"[]"


def test_a_disk_that_becomes_full_is_named_and_what_was_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "out"
    assert written(target, "old") == 0
    with pytest.raises(NotEnoughSpace, match=f"{target} .* make room"), output(target):
        Path("/dev/full").write_bytes(b"x")
    assert (target / "a/file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_folders_around_it_are_made_and_go_again_if_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError), output(tmp_path / "a" / "b" / "out") as new:
        write_twice(new)
    assert list(tmp_path.iterdir()) == []
    with output(tmp_path / "a" / "b" / "out") as new:
        new.put("file", b"new")
    assert (tmp_path / "a/b/out/file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
