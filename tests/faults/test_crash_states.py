"""What a machine that loses its power may leave: the rules that T4 builds its states by."""

import random
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.faults.crash_states import PAGE, Call, Machine, lay_out

OLD, NEW = b"o" * 10, b"n" * (2 * PAGE + 10)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one file, which is safe."""
    folder = tmp_path / "disk"
    folder.mkdir()
    (folder / "file").write_bytes(OLD)
    return folder


def _left(folder: Path, calls: Iterable[tuple[str, str, str, bytes]]) -> list[dict[str, bytes]]:
    """All that the disk may have after calls (name, path, other path, bytes); an inode for every temporary file."""
    machine = Machine(folder)
    for name, path, other, data in calls:
        inode = (folder / "file").stat().st_ino if path == "file" else hash(path)
        machine.do(Call(name, inode, 0, data, f"{folder}/{path}", f"{folder}/{other}"))
    trees = machine.after_a_crash(10_000, random.Random(1))
    return [{path: machine.contents[sha256] for path, sha256 in tree if sha256 is not None} for tree in trees]


def test_bytes_that_were_not_synchronised_are_missing_torn_at_pages_or_zeros(folder: Path) -> None:
    left = _left(folder, [("open", "new", "", b""), ("write", "new", "", NEW), ("fsync", "", "", b"")])
    zeros = bytes(len(NEW))
    assert {state["new"] for state in left} == {
        b"", NEW, NEW[:PAGE], NEW[: 2 * PAGE], zeros, NEW[:PAGE] + zeros[PAGE:], NEW[: 2 * PAGE] + zeros[2 * PAGE :],
        zeros[:PAGE] + NEW[PAGE:], zeros[: 2 * PAGE] + NEW[2 * PAGE :],
    }  # fmt: skip


def test_bytes_that_replace_others_are_there_or_not(folder: Path) -> None:
    assert {state["file"] for state in _left(folder, [("write", "file", "", b"n")])} == {OLD, b"n" + OLD[1:]}


def test_names_that_were_not_synchronised_may_be_lost_though_the_bytes_were(folder: Path) -> None:
    written = [("open", "new", "", b""), ("write", "new", "", NEW), ("fsync", "new", "", b"")]
    assert _left(folder, written) == [{"file": OLD}, {"file": OLD, "new": NEW}]
    assert _left(folder, [*written, ("fsync", "", "", b"")]) == [{"file": OLD, "new": NEW}]


def test_of_two_renames_either_may_come_first_and_none_is_done_by_half(folder: Path) -> None:
    left = _left(folder, [("rename", "file", "a", b""), ("link", "a", "b", b""), ("rename", "b", "c", b"")])
    assert {tuple(sorted(state)) for state in left} == {
        ("file",), ("a",), ("b", "file"), ("c", "file"), ("a", "b"), ("a", "c"),
    }  # fmt: skip


def test_replaced_and_synchronised_in_order_it_is_old_or_new(folder: Path) -> None:
    calls = [
        ("open", "new", "", b""),
        ("write", "new", "", NEW),
        ("fsync", "new", "", b""),
        ("rename", "new", "file", b""),
    ]
    assert {state["file"] for state in _left(folder, calls)} == {OLD, NEW}
    torn = [call for call in calls if call[0] != "fsync"]
    assert {OLD, NEW, b"", bytes(len(NEW))} < {state["file"] for state in _left(folder, torn)}


def test_a_folder_that_was_not_synchronised_is_lost_with_all_that_is_in_it(folder: Path) -> None:
    calls = [("mkdir", "below", "", b""), ("open", "below/new", "", b""), ("fsync", "below", "", b"")]
    assert _left(folder, calls) == [{"file": OLD}, {"file": OLD, "below/new": b""}]


def test_a_state_is_laid_out_as_it_is(folder: Path, tmp_path: Path) -> None:
    machine = Machine(folder)
    (tmp_path / "again").mkdir()
    lay_out(machine.in_memory(), machine.contents, tmp_path / "again")
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == {"file": OLD}
