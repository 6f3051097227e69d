"""A checkpoint file appears whole or not at all, for its owner only (promises I3, I15)."""

import errno
import fcntl
import os
import resource
import stat
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from skype_assets.etl.checkpoints.directory import Directory, sha256_of
from skype_assets.etl.errors import CheckpointDamaged

OLD, NEW = b"old " * 1000, b"new " * 2000

CALLS = ["open", "fsync", "rename", "open", "fsync"]
"""Bytes first, then the name, then the folder that has the name; nothing is synchronised twice."""


@pytest.fixture
def folder(tmp_path: Path) -> Directory:
    return Directory(tmp_path / "checkpoints").make()


@pytest.fixture
def _no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_no_umask")
def test_files_and_folders_are_for_their_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    folder = Directory(tmp_path / "a" / "b" / "c").make()
    folder.put("file", NEW)
    with folder.lock("lock"):
        pass
    for path in (tmp_path / "a", tmp_path / "a" / "b", folder.path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ("file", "lock"):
        assert stat.S_IMODE(folder.file(name).stat().st_mode) == 0o600


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    Directory(tmp_path / "a").make().make()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_what_is_put_is_what_is_got(folder: Directory) -> None:
    folder.put("b", OLD)
    folder.put("a", b"")
    folder.put("b", NEW)
    assert (folder.get("a"), folder.get("b"), folder.names()) == (b"", NEW, ["a", "b"])
    folder.remove("a")
    folder.remove("a")
    assert folder.names() == ["b"]
    with pytest.raises(FileNotFoundError):
        folder.get("a")


def test_a_reader_of_the_old_file_never_sees_the_new_one(folder: Directory) -> None:
    folder.put("file", OLD)
    with folder.file("file").open("rb") as reader:
        folder.put("file", NEW)
        assert reader.read() == OLD


def test_nothing_is_to_be_seen_before_the_block_ends(folder: Directory) -> None:
    with folder.create("file") as stream:
        stream.write(NEW)
        assert folder.names() == []
    assert folder.get("file") == NEW


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_block_leaves_no_trace(error: type[BaseException], folder: Directory) -> None:
    folder.put("file", OLD)

    def fail() -> None:
        with folder.create("file") as stream:
            stream.write(NEW)
            raise error

    with pytest.raises(error):
        fail()
    assert [path.name for path in folder.path.iterdir()] == ["file"]
    assert folder.get("file") == OLD


def test_a_file_system_that_takes_no_more_bytes_leaves_the_old_file(folder: Directory) -> None:
    folder.put("file", OLD)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(OLD) - 1, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            folder.put("file", NEW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in folder.path.iterdir()] == ["file"]
    assert folder.get("file") == OLD


def test_whichever_call_fails_the_file_is_the_old_or_the_new_one(
    folder: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails the first call to the system, then the second, ... and at last none."""
    for number in range(len(CALLS) + 1):
        folder.put("file", OLD)
        failed = pytest.raises(OSError, match="Input/output error")
        with _failing_call(number, monkeypatch) as calls, failed if number < len(CALLS) else nullcontext():
            folder.put("file", NEW)
        assert calls == CALLS[: number + 1]
        assert folder.get("file") == (NEW if "rename" in CALLS[:number] else OLD)
        assert [path.name for path in folder.path.iterdir()] == ["file"]


@contextmanager
def _failing_call(failing: int, monkeypatch: pytest.MonkeyPatch) -> Generator[list[str]]:
    """Lets one of the calls that make a file durable fail; yields the names of those that were made."""
    calls: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def made(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            if len(calls) == failing + 1:
                raise OSError(errno.EIO, "Input/output error")
            return call(*args, **kwargs)

        return made

    with monkeypatch.context() as patched:
        for owner, name in ((os, "open"), (os, "fsync"), (Path, "rename")):
            patched.setattr(owner, name, counted(name, getattr(owner, name)))
        yield calls


def _link(path: Path) -> None:
    path.with_name("target").write_bytes(OLD)
    path.symlink_to(path.with_name("target"))


def _dangling_link(path: Path) -> None:
    path.symlink_to(path.with_name("nothing"))


@pytest.mark.parametrize("make", [_link, _dangling_link, Path.mkdir, os.mkfifo])
def test_what_is_no_regular_file_is_not_read(make: Callable[[Path], None], folder: Directory) -> None:
    make(folder.file("file"))
    with pytest.raises(CheckpointDamaged, match="file is not a regular file"):
        folder.get("file")


def test_a_link_in_the_place_of_a_file_is_replaced_and_its_target_left_alone(folder: Directory) -> None:
    _link(folder.file("file"))
    folder.put("file", NEW)
    assert not folder.file("file").is_symlink()
    assert (folder.get("file"), folder.get("target")) == (NEW, OLD)


def test_a_link_in_the_place_of_a_lock_is_refused(folder: Directory) -> None:
    _link(folder.file("lock"))
    with pytest.raises(OSError, match="symbolic links"), folder.lock("lock"):
        pass


def test_a_link_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(CheckpointDamaged, match="symbolic link"):
        Directory(tmp_path / "link").make()


def test_what_killed_writers_left_is_no_file_and_is_swept_away(folder: Directory) -> None:
    folder.put("file", OLD)
    folder.file(".partial-0123456789abcdef").write_bytes(NEW)
    assert folder.names() == ["file"]
    folder.sweep()
    assert [path.name for path in folder.path.iterdir()] == ["file"]
    assert Directory(folder.path / "missing").names() == []


def test_what_a_killed_writer_of_one_file_left_is_swept_away_and_not_that_of_another(folder: Directory) -> None:
    for name in ("file", "another"):
        _killed_in_the_midst(folder, name)
    before = set(folder.path.iterdir())
    folder.sweep("file")
    after = set(folder.path.iterdir())
    assert (len(before), len(after)) == (2, 1)
    folder.sweep("another")
    assert list(folder.path.iterdir()) == []


def test_where_no_attempt_owns_the_folder_the_next_writer_of_a_file_removes_what_a_killed_one_left(
    folder: Directory,
) -> None:
    for name in ("file", "another"):
        _killed_in_the_midst(folder, name)
    folder.put_unowned("file", NEW)
    assert folder.get("file") == NEW
    assert len(list(folder.path.iterdir())) == 2


def test_writers_where_no_attempt_owns_the_folder_take_turns(folder: Directory) -> None:
    with ThreadPoolExecutor(8) as writers:
        for _ in writers.map(lambda number: folder.put_unowned("file", bytes([number])), range(200)):
            pass
    assert [path.name for path in folder.path.iterdir()] == ["file"]


def _killed_in_the_midst(folder: Directory, name: str) -> None:
    pid = os.fork()
    if pid == 0:
        with folder.create(name):
            os._exit(0)
    os.waitpid(pid, 0)


def test_a_lock_is_held_for_the_block(folder: Directory) -> None:
    def is_free() -> bool:
        with folder.file("lock").open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    with folder.lock("lock"):
        assert not is_free()
    assert is_free()


def test_the_checksum_of_a_file_is_that_of_its_bytes(folder: Directory) -> None:
    folder.put("file", b"abc")
    assert sha256_of(folder.file("file")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_what_root_makes_in_the_folder_of_another_user_is_that_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = tmp_path / "project"
    others.mkdir()
    if os.geteuid() == 0:
        os.chown(others, 65534, 65534)
    owner = others.stat()
    given: list[tuple[int, int]] = []
    chown = os.chown

    def watched(path: Any, uid: int, gid: int) -> None:
        given.append((uid, gid))
        chown(path, uid, gid)

    monkeypatch.setattr(os, "chown", watched)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    made = Directory(others / "output" / "task").make()
    with made.create("part"), made.lock("lock"):
        pass
    made.put("attempt.json", b"{}")
    made.keep("attempt.json", "attempt.previous.json")
    for path in others.rglob("*"):
        assert (path.stat().st_uid, path.stat().st_gid) == (owner.st_uid, owner.st_gid), path
    assert given == [(owner.st_uid, owner.st_gid)] * 5
